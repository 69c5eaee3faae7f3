//! `lab demo --tui`: the live demo in a terminal. It is one more viewer of the same messages, and gives its orders where the page does.
//!
//! Architecture invariant: it draws on a thread of its own, so that a terminal that does not take what is written holds up no tier.

mod draw;
mod model;
#[cfg(test)]
mod tests;
mod view;

use crate::failure::Failure;
use ::demo::control::Control;
use ::demo::{Demo, Orders, Refusal, Viewer};
use anyhow::{Context, anyhow};
use model::Model;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use view::{Answer, Then, View};

/// The reader of keys looks so often whether anybody wants them.
const LOOK: Duration = Duration::from_millis(100);
/// So many keys may wait.
const MOST_KEYS: usize = 32;

/// Whether there is anything to draw on.
///
/// # Errors
/// When there is not.
pub fn needs_a_terminal() -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(anyhow!(
        "--tui draws on a terminal, and standard output is none: do not redirect it, or leave --tui out and open the page"
    )))
}

/// Shows a demo until the user ends it, here or from outside.
///
/// # Errors
/// Those of the terminal.
pub async fn show(demo: &Demo, interrupt: watch::Receiver<bool>) -> anyhow::Result<()> {
    let viewer = demo.viewer().context("too many watch already")?;
    let mut addresses = vec![String::new(), format!("The page, with all controls: {}", demo.url())];
    addresses.extend(
        demo.class().map(|(addr, code)| format!("The class votes at http://{addr}/ with the code {code}")),
    );
    let page = format!("http://{}/", demo.addr());
    let orders = demo.orders();
    let shown = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(watch(viewer, orders, interrupt, page, addresses))
    });
    shown.await.context("the terminal view broke")?
}

/// The terminal while it is ours. It is given back however this ends; on a panic, before the panic is told.
struct Screen(DefaultTerminal);

impl Screen {
    fn take() -> anyhow::Result<Self> {
        ratatui::try_init().map(Self).context("the terminal cannot be drawn on")
    }

    fn draw(&mut self, view: &View) -> anyhow::Result<()> {
        let drawn = self.0.draw(|frame| draw::draw(view, frame.area(), frame.buffer_mut()));
        drawn.map(drop).context("the terminal cannot be drawn on")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Whoever closed the terminal needs nothing given back.
        let _ = ratatui::try_restore();
    }
}

async fn watch(
    mut viewer: Viewer,
    orders: Orders,
    mut interrupt: watch::Receiver<bool>,
    page: String,
    addresses: Vec<String>,
) -> anyhow::Result<()> {
    let (kind, data) = viewer.message().await.context("the demo says nothing")?;
    anyhow::ensure!(kind == "snapshot", "the demo begins with {kind}, and not with a whole picture");
    let mut view = View::new(Model::new(&data)?, page, addresses);
    let (send, mut keys) = mpsc::channel(MOST_KEYS);
    let mut screen = Screen::take()?;
    let reader = std::thread::spawn(move || read_keys(&send));
    let mut answers: JoinSet<Answer> = JoinSet::new();
    loop {
        screen.draw(&view)?;
        tokio::select! {
            _ = interrupt.wait_for(|raised| *raised) => break,
            message = viewer.message() => {
                let Some((kind, data)) = message else { break };
                view.newest.apply(&kind, &data)?;
            }
            event = keys.recv() => match event {
                Some(Event::Key(key)) => match view.press(key) {
                    Then::Draw => {}
                    Then::Order(wanted) => drop(answers.spawn(give(orders.clone(), wanted))),
                    Then::Quit => break,
                },
                Some(_) => {}
                // Nobody can press anything any more.
                None => break,
            },
            Some(answer) = answers.join_next() => view.answer = answer.ok(),
        }
    }
    drop(screen);
    drop(keys);
    let _ = reader.join();
    Ok(())
}

/// Gives orders one after the other, and says what came of them.
async fn give(orders: Orders, wanted: Vec<Control>) -> Answer {
    let (mut said, mut refused) = (Vec::new(), false);
    for control in wanted {
        let answer = orders.give(control).await;
        refused |= answer.is_err();
        said.push(answer.unwrap_or_else(|refusal: Refusal| refusal.to_string()));
    }
    Answer { text: said.join("; "), refused }
}

/// Reads keys until nobody wants them, or the terminal is gone.
fn read_keys(to: &mpsc::Sender<Event>) {
    while !to.is_closed() {
        let read = event::poll(LOOK).and_then(|ready| if ready { event::read().map(Some) } else { Ok(None) });
        match read {
            Ok(None) => {}
            Ok(Some(event)) => drop(to.blocking_send(event)),
            Err(_) => return,
        }
    }
}
