//! The lost-session check: one session of one shopper, from its log-in to its end, as its answers tell it.
//!
//! A session is **lost** when its log-in was acknowledged, the shopper did not log out, and it is absent in some later answer
//! *and in every one after it*, to the last answer that could have shown it:
//!
//! - for a session that was open when the load ended, that is the final read, after everything was healed. Without a complete
//!   final read an absent session is *unverified*: perhaps it would have come back;
//! - for a session that ended earlier, by a log-out or by another log-in, it is the last answer before that end. A log-out that
//!   is itself answered 401 is such an answer: the shopper was owed a session and was told that there is none.
//!
//! Absent, and back later, is **misrouted**: the session lived all the time, and the answer came from a place that did not know
//! it.
//!
//! ```text
//!             here                    absent                absent
//!           .------.                .--------.            .--------.
//!  log-in   v      |     absent     v        |   the last v answer |
//! --------> [ here ] -----------> [ absent ] ------------> [ LOST ]
//!  ok         ^                       |
//!             `-----------------------'
//!               here: it was MISROUTED
//! ```
//!
//! What says nothing of a session changes nothing here: no answer, 500 and above, 409. So does everything before a log-in of
//! unknown outcome has been confirmed by an answer that shows its session; from then on it counts as acknowledged.
//!
//! A shopper's tabs share the session and overlap in time. An answer to a request that was sent before the log-in was answered, or
//! that carried a cookie of another session, tells nothing of this one; nor does an absence that was answered after the request
//! was sent that ended the session.
//!
//! A session is **verified** when a complete answer spoke of it after the first fault: the answer to a request that was *sent*
//! after it, for an answer that was under way may tell of before. Without a fault it is the final read, or any answer for a
//! session that had ended by then. A session that ended before the first fault was never at risk and is counted apart, unless
//! it was lost even so.

use crate::anomaly::Absence;
use crate::answer::Moment;

/// When the judge began to watch for harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// No fault is planned: all of the trial counts.
    Always,
    /// A fault is planned and has not been called yet.
    NotYet,
    /// The first fault was called then.
    Since(u64),
}

impl Watch {
    /// The first fault's moment, once it is known.
    pub(crate) fn t0_us(self) -> Option<u64> {
        match self {
            Watch::Since(t0_us) => Some(t0_us),
            Watch::Always | Watch::NotYet => None,
        }
    }
}

/// Answers without the session, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Absent {
    /// The first of them.
    pub(crate) first: Moment,
    /// The latest of them.
    pub(crate) last: Moment,
    /// How the first one looked: that is what the shopper met.
    pub(crate) how: Absence,
    /// How many there are.
    pub(crate) answers: u32,
}

/// Absent, and then back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strayed {
    /// The absence.
    pub(crate) absent: Absent,
    /// The answer that showed the session again.
    pub(crate) back: Moment,
}

/// A session as far as its answers have told.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    acknowledged: Option<Moment>,
    last_here: Option<Moment>,
    absent: Option<Absent>,
    strayed: Option<Strayed>,
    times_strayed: u32,
    last_spoken_sent_us: Option<u64>,
    finally_read: bool,
}

/// What became of an acknowledged session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It was absent in the last answer that could have shown it, and in every one since this began.
    Lost(Absent),
    /// It was there when last seen; the first time that it was not before, if ever.
    Lived(Option<Strayed>),
}

/// Whether an acknowledged session was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    /// An answer after the first fault speaks for it.
    Yes,
    /// None does.
    No,
    /// It was over before the first fault.
    OverBefore,
}

/// How a session came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The shopper logged out, or logged in again, with a request sent then. What was answered after that moment may show the
    /// session's end, for tabs overlap, and counts against nobody.
    Shopper {
        /// When.
        sent_us: u64,
    },
    /// The journal was over.
    Journal,
    /// It is not over: what would be found if every final read said what the latest answer says.
    SoFar,
}

impl End {
    /// No answer after this moment counts against the session.
    pub(crate) fn by_us(self) -> u64 {
        match self {
            End::Shopper { sent_us } => sent_us,
            End::Journal | End::SoFar => u64::MAX,
        }
    }
}

impl Presence {
    /// A session begins with a log-in that was acknowledged, or whose outcome nobody knows.
    pub(crate) fn begins(acknowledged: Option<Moment>) -> Self {
        Self {
            acknowledged,
            last_here: acknowledged,
            absent: None,
            strayed: None,
            times_strayed: 0,
            last_spoken_sent_us: None,
            finally_read: false,
        }
    }

    /// An answer to a request sent at `sent_us` shows the session.
    pub(crate) fn is_here(&mut self, at: Moment, sent_us: u64, final_read: bool) {
        self.acknowledged.get_or_insert(at);
        self.last_here = Some(at);
        self.spoken_of(sent_us, final_read);
        if let Some(absent) = self.absent.take() {
            self.times_strayed += 1;
            self.strayed.get_or_insert(Strayed { absent, back: at });
        }
    }

    /// An answer to a request sent at `sent_us` shows that the session is not there.
    pub(crate) fn is_absent(&mut self, at: Moment, sent_us: u64, final_read: bool, how: Absence) {
        if self.acknowledged.is_none() {
            return; // Nobody promised that there is a session.
        }
        self.spoken_of(sent_us, final_read);
        let absent = self.absent.get_or_insert(Absent { first: at, last: at, how, answers: 0 });
        absent.last = at;
        absent.answers += 1;
    }

    fn spoken_of(&mut self, sent_us: u64, final_read: bool) {
        self.last_spoken_sent_us = self.last_spoken_sent_us.max(Some(sent_us));
        self.finally_read |= final_read;
    }

    /// What became of it.
    pub(crate) fn outlook(&self, end: End) -> Outlook {
        let by_us = end.by_us();
        match self.absent.filter(|absent| absent.first.at_us <= by_us) {
            Some(absent) if end != End::Journal || self.finally_read => Outlook::Lost(absent),
            _ => Outlook::Lived(self.strayed.filter(|strayed| strayed.absent.first.at_us <= by_us)),
        }
    }

    /// Whether somebody looked, when it is over. A lost session was looked at: that is how the loss is known.
    pub(crate) fn verified(&self, end: End, watch: Watch) -> Verified {
        let yes = match (end, watch, self.outlook(end)) {
            (_, _, Outlook::Lost(_)) => true,
            (End::Shopper { .. }, Watch::NotYet, _) => return Verified::OverBefore,
            (End::Journal | End::SoFar, _, _) if self.absent.is_some() => false,
            (_, Watch::Since(t0_us), _) => self.last_spoken_sent_us.is_some_and(|sent_us| sent_us >= t0_us),
            (End::Shopper { .. }, Watch::Always, _) => self.last_spoken_sent_us.is_some(),
            (End::Journal | End::SoFar, Watch::Always | Watch::NotYet, _) => self.finally_read,
        };
        if yes { Verified::Yes } else { Verified::No }
    }

    /// When it was acknowledged, or first seen after a log-in of unknown outcome.
    pub(crate) fn acknowledged(&self) -> Option<Moment> {
        self.acknowledged
    }

    /// The latest answer that showed it, its log-in's included.
    pub(crate) fn last_here(&self) -> Option<Moment> {
        self.last_here
    }

    /// Whether the latest answer that speaks of it says that it is not there.
    pub(crate) fn is_gone(&self) -> bool {
        self.absent.is_some()
    }

    /// How many times it was absent and came back.
    pub(crate) fn times_strayed(&self) -> u32 {
        self.times_strayed
    }
}
