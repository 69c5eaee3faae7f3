//! What goes to the user: text on standard output, progress on standard error.

use driver::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Prints to standard output. Whoever closes it early (`| head`) has read enough: that is no error.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether to colour what goes to standard output: on a terminal, and unless `NO_COLOR` is set (no-color.org).
pub fn coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The width of the terminal in columns; 100 where there is none.
pub fn width() -> usize {
    if !std::io::stdout().is_terminal() {
        return std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100);
    }
    usize::from(console::Term::stdout().size().1)
}

/// Tells how a run goes: a bar with the time left on a terminal, a line a trial elsewhere.
pub struct Teller {
    bar: Option<ProgressBar>,
    done_us: u64,
}

impl Teller {
    /// For trials whose loads add up to `total_us`.
    pub fn new(total_us: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total_us / 1_000);
            let template = "{bar:24} {percent:>3}%  {msg}";
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar, done_us: 0 }
    }

    /// A trial begins.
    pub fn begin(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => note(text),
        }
    }

    /// A trial goes on.
    pub fn go_on(&self, name: &str, progress: Progress) {
        let Some(bar) = &self.bar else { return };
        let what = match progress {
            Progress::Starting => "starting".to_owned(),
            Progress::Running { at_us, end_us, phase } => {
                bar.set_position((self.done_us + at_us.min(end_us)) / 1_000);
                phase.name().to_owned()
            }
            Progress::FinalReads => "final reads".to_owned(),
            Progress::Stopping => "stopping".to_owned(),
        };
        let left_s = bar.length().unwrap_or(0).saturating_sub(bar.position()) / 1_000;
        bar.set_message(format!("about {left_s} s left  {name}: {what}"));
    }

    /// A trial's load is over.
    pub fn end(&mut self, load_us: u64) {
        self.done_us += load_us;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done_us / 1_000);
        }
    }

    /// Says something without disturbing the bar.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(text)),
            None => note(text),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line on standard error.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
