//! Lines for people, on standard error. Nothing parses them; standard output belongs to the Ready line.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// While the store is down every request fails for one reason; saying it once in this long is enough.
const QUIET: Duration = Duration::from_secs(1);

/// One process's log.
pub(crate) struct Log {
    instance: String,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    told_at: Option<Instant>,
    untold: u64,
}

impl Log {
    pub(crate) fn new(instance: &str) -> Self {
        Self { instance: instance.to_owned(), failures: Mutex::default() }
    }

    pub(crate) fn say(&self, line: &str) {
        // A log that nobody takes is no reason to stop serving.
        let _ = writeln!(std::io::stderr(), "{}: {line}", self.instance);
    }

    /// A request failed through no fault of its client; at most one line a second, with the number left out.
    pub(crate) fn failure(&self, why: &dyn std::fmt::Display) {
        if let Some(untold) = self.untold_failures(Instant::now()) {
            match untold {
                0 => self.say(&why.to_string()),
                _ => self.say(&format!("{why} (and {untold} failures since the last line)")),
            }
        }
    }

    fn untold_failures(&self, now: Instant) -> Option<u64> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.told_at.is_some_and(|told_at| now.duration_since(told_at) < QUIET) {
            failures.untold += 1;
            return None;
        }
        failures.told_at = Some(now);
        Some(std::mem::take(&mut failures.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_a_second_with_the_number_that_was_left_out() {
        let (log, start) = (Log::new("s1"), Instant::now());
        assert_eq!(log.untold_failures(start), Some(0));
        assert_eq!(log.untold_failures(start + QUIET / 2), None);
        assert_eq!(log.untold_failures(start + QUIET / 2), None);
        assert_eq!(log.untold_failures(start + QUIET), Some(2));
        assert_eq!(log.untold_failures(start + QUIET * 2), Some(0));
    }
}
