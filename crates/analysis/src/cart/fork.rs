//! The forked-session check: two reads of one cart, neither a prefix of the other, and both histories alive.
//!
//! A line that is lost makes the reads after it incompatible with those before it too, and so does a read that lags. Both have
//! names of their own. So a pair of incompatible reads is a **fork** when
//!
//! - they show the same two lines in different orders, for a list that only grows never does that; or
//! - the first holds x without y, the second y without x, and a third one, sent after the second was answered, holds x without
//!   y again: neither branch is dead, and neither is merely late.
//!
//! Lines of which one was overwritten by the other are a lost update and prove no fork; nor does anything after a check-out of
//! unknown outcome, or across a check-out.

use super::line::Line;
use crate::answer::{Moment, Reply};

/// Two reads that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fork {
    pub(crate) first: Moment,
    pub(crate) second: Moment,
    /// The read that showed the first branch again; none for two orders.
    pub(crate) again: Option<Moment>,
    /// A line of each branch.
    pub(crate) lines: [Box<str>; 2],
}

/// The reads of a cart since its last check-out.
#[derive(Clone, Debug, Default)]
pub(super) struct ForkWatch {
    last_read: Option<Moment>,
    candidate: Option<Fork>,
    pub(super) found: Option<Fork>,
}

impl ForkWatch {
    /// The cart was cleared, or nobody knows what it should hold.
    pub(super) fn forget(&mut self) {
        self.last_read = None;
        self.candidate = None;
    }

    /// Whether a line that was last read by this entry was in the latest read.
    pub(super) fn is_of_last_read(&self, seq: u64) -> bool {
        self.last_read.is_some_and(|last| last.seq == seq)
    }

    /// A read held those of the lines whose `held_by` is its own; their `place` and `read_by` still tell of the read before.
    /// `order` is a pair of lines that it shows the other way round than that one.
    pub(super) fn reads(&mut self, reply: &Reply, lines: &[Line], order: Option<[Box<str>; 2]>) {
        let Some(last) = self.last_read.replace(reply.at) else { return };
        if self.found.is_some() {
            return;
        }
        if let Some(lines) = order {
            self.found = Some(Fork { first: last, second: reply.at, again: None, lines });
            return;
        }
        if let Some(candidate) = self.candidate.take_if(|c| c.second.at_us <= reply.sent_us) {
            let held = |op: &str| lines.iter().find(|l| *l.op == *op).map(|l| l.held_by == reply.at.seq);
            match candidate.lines.each_ref().map(|op| held(op)) {
                [Some(true), Some(false)] => {
                    self.found = Some(Fork { again: Some(reply.at), ..candidate });
                    return;
                }
                [Some(false), Some(true)] => self.candidate = Some(candidate),
                _ => {}
            }
        }
        if self.candidate.is_none() && last.at_us <= reply.sent_us {
            let sure = |line: &&Line| line.rival.is_none() && !line.may_be_gone;
            let only = |first: bool, second: bool| {
                let fits = move |line: &&Line| {
                    (line.read_by == last.seq) == first && (line.held_by == reply.at.seq) == second
                };
                lines.iter().filter(sure).find(fits).map(|line| line.op.clone())
            };
            if let (Some(x), Some(y)) = (only(true, false), only(false, true)) {
                let fork = Fork { first: last, second: reply.at, again: None, lines: [x, y] };
                self.candidate = Some(fork);
            }
        }
    }

    /// A line of the pair turned out to have been overwritten by another writer.
    pub(super) fn settled(&self, lines: &[Line]) -> Option<&Fork> {
        let overwritten = |op: &str| lines.iter().any(|line| line.rival.is_some() && *line.op == *op);
        self.found.as_ref().filter(|fork| !fork.lines.iter().any(|op| overwritten(op)))
    }
}
