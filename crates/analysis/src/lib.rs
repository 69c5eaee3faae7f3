//! Judges a journal.
mod anomaly;
mod findings;
mod measured;

pub use anomaly::{Absence, Anomaly, AnomalyKind, Check};
pub use findings::*;
pub use measured::*;

use journal::{Entry, Header, JournalError};

/// Judges a whole journal. An error among the entries makes the trial inconclusive.
pub fn judge(_header: &Header, _entries: impl Iterator<Item = Result<Entry, JournalError>>) -> TrialFindings {
    unimplemented!("being written")
}

/// One shopper's trial, step by step.
pub fn fate(
    _header: &Header,
    _entries: impl Iterator<Item = Result<Entry, JournalError>>,
    _shopper: u32,
) -> Fate {
    unimplemented!("being written")
}

/// Whether trials may stand side by side: those of one scenario and repeat were given the same plan.
///
/// # Errors
/// Which trials were not.
pub fn comparable(_trials: &[&TrialFindings]) -> Result<(), String> {
    unimplemented!("being written")
}
