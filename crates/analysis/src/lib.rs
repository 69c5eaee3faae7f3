//! Judges a journal: what happened to every session, and whether the promises were kept.
//!
//! Every answer is compared with what that shopper is owed; a status code cannot judge a session. Start reading at
//! `session.rs`, the lost-session check, and `cart.rs`, which says how lost writes, lost updates and the session guarantees are
//! read; `shopper.rs` feeds them and files what they find, with `shopper/sighted.rs` (aborted reads, phantoms) and
//! `shopper/afterlife.rs` (resurrected sessions, replayed cookies) beside it, and `cart/fork.rs` (forked sessions).
//! `probes.rs` reads what became of those who tried what no shopper does.
//! [`AnomalyKind`] lists everything that can happen, and [`AnomalyKind::CHECKED`] what is looked for: all of it.
//!
//! Architecture invariant: pure. No file is opened here and no clock is read; the same journal gives the same findings, byte for
//! byte. A journal that is not whole is never judged as fine.

mod anomaly;
mod answer;
mod attempts;
mod cart;
mod clopper_pearson;
mod comparable;
mod cookies;
mod environs;
mod expectations;
mod fate;
mod findings;
mod interim;
mod judge;
mod latency;
mod ledger;
mod lookups;
mod measured;
mod phases;
mod probes;
mod recovery;
mod seconds;
mod session;
mod shopper;
mod site;
pub mod statistics;
mod timeline;
mod verdict;
mod wording;

pub use anomaly::{Absence, Anomaly, AnomalyKind, Check};
pub use answer::is_answered;
pub use clopper_pearson::clopper_pearson;
pub use comparable::comparable;
pub use fate::fate;
pub use findings::*;
pub use interim::{Interim, SessionState};
pub use judge::{Judge, Judged};
pub use latency::support;
pub use lookups::LookupRound;
pub use measured::*;
pub use phases::PhaseHistograms;
pub use probes::{Acceptance, ProbeFindings};
pub use seconds::IntervalHistograms;
pub use site::{SiteFindings, SiteMoment};
pub use timeline::MOST_SERVERS_TOLD;
pub use verdict::{LEAST_VERIFIED, MOST_CPU_CORES, MOST_LAG_P99_US};

use journal::{Entry, Header, JournalError};

/// Judges a whole journal. An error among the entries makes the trial inconclusive, and what came before it is shown.
pub fn judge(header: &Header, entries: impl Iterator<Item = Result<Entry, JournalError>>) -> TrialFindings {
    judge_with_histograms(header, entries).findings
}

/// The same, with the histograms of each phase.
pub fn judge_with_histograms(
    header: &Header,
    entries: impl Iterator<Item = Result<Entry, JournalError>>,
) -> Judged {
    let mut judge = Judge::new(header);
    for entry in entries {
        match entry {
            Ok(entry) => judge.push(&entry),
            Err(error) => {
                judge.fail(&error);
                break;
            }
        }
    }
    judge.finish()
}
