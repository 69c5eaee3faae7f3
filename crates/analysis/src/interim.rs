//! The standing of a trial that is still running: what would be found if its journal ended here, and every final read said what
//! the latest answer says.
//!
//! Invariant: it is the judge's own closing of a session, carried out on copies; nothing is counted here in another way. So at the
//! end of the journal, the final reads included, it is what is found.

use crate::findings::{Sessions, Writes};
use crate::ledger::Ledger;
use std::collections::BTreeMap;

/// What would be found so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interim {
    /// Log-ins that were acknowledged.
    pub acknowledged: u64,
    /// Sessions that are absent in the latest answer that speaks of them, and in every one since some moment.
    pub lost: u64,
    /// Of these, those that took acknowledged lines with them.
    pub lost_with_lines: u64,
    /// Acknowledged lines that went with lost sessions.
    pub lines_in_lost_sessions: u64,
    /// Acknowledged lines that are missing although their session lives.
    pub writes_lost: u64,
    /// Writes without a complete answer.
    pub writes_unknown: u64,
    /// Sessions that were absent and came back.
    pub misrouted: u64,
}

/// What the latest answers say of a shopper's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// The shopper has not logged in yet.
    NotYet,
    /// Nobody knows whether the log-in happened.
    Unsure,
    /// It is there.
    Alive,
    /// It is absent in the latest answer that speaks of it.
    Lost,
    /// The shopper logged out.
    LoggedOut,
}

/// What one shopper's open sessions would add.
#[derive(Clone, Debug, Default)]
pub(crate) struct SoFar {
    pub(crate) sessions: Sessions,
    pub(crate) writes: Writes,
}

/// What the open sessions would add, shopper by shopper. It is counted anew for those who were heard of.
#[derive(Debug, Default)]
pub(crate) struct Interims {
    known: BTreeMap<u32, Option<SoFar>>,
}

impl Interims {
    /// A shopper was heard of.
    pub(crate) fn forget(&mut self, shopper: u32) {
        self.known.insert(shopper, None);
    }

    /// What was filed already, and what the open sessions would add.
    pub(crate) fn sum(&mut self, filed: &Ledger, count: impl Fn(u32) -> Option<SoFar>) -> Interim {
        let mut interim = Interim { writes_unknown: filed.writes.unknown, ..Interim::default() };
        interim.add(&filed.sessions, &filed.writes);
        for (number, known) in &mut self.known {
            if known.is_none() {
                *known = count(*number);
            }
            if let Some(SoFar { sessions, writes }) = known {
                interim.add(sessions, writes);
            }
        }
        interim
    }
}

impl Interim {
    fn add(&mut self, sessions: &Sessions, writes: &Writes) {
        self.acknowledged += sessions.acknowledged;
        self.lost += sessions.lost;
        self.lost_with_lines += sessions.lost_with_lines;
        self.misrouted += sessions.misrouted;
        self.lines_in_lost_sessions += writes.in_lost_sessions;
        self.writes_lost += writes.lost;
    }
}
