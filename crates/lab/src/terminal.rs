//! What goes to the user: text on standard output, progress on standard error.

use crate::pace::{Pace, about};
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
    pace: Pace,
    done: Duration,
}

impl Teller {
    /// For trials that are to take so long together.
    pub fn new(total: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::try_from(total.as_millis()).unwrap_or(u64::MAX));
            let template = "{bar:24} {percent:>3}%  {msg}";
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar, pace: Pace::new(total), done: Duration::ZERO }
    }

    /// A trial begins that is to take so long.
    pub fn begin(&self, text: &str, estimated: Duration) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => {
                let left = about(self.pace.left(Duration::ZERO));
                note(&format!("{text}, {}; {left} left", about(estimated)));
            }
        }
    }

    /// A trial goes on.
    pub fn go_on(&self, name: &str, progress: Progress) {
        let Some(bar) = &self.bar else { return };
        let mut gone = Duration::ZERO;
        let what = match progress {
            Progress::Starting => "starting".to_owned(),
            Progress::Running { at_us, end_us, phase } => {
                gone = Duration::from_micros(at_us.min(end_us));
                bar.set_position(u64::try_from((self.done + gone).as_millis()).unwrap_or(u64::MAX));
                phase.name().to_owned()
            }
            Progress::FinalReads => "final reads".to_owned(),
            Progress::Stopping => "stopping".to_owned(),
        };
        bar.set_message(format!("{} left  {name}: {what}", about(self.pace.left(gone))));
    }

    /// A trial that was to take so long is over.
    pub fn end(&mut self, estimated: Duration) {
        self.done += estimated;
        self.pace.end(estimated);
        if let Some(bar) = &self.bar {
            bar.set_position(u64::try_from(self.done.as_millis()).unwrap_or(u64::MAX));
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
