//! Lines that show before the journal has told of their write: `aborted_read`, `phantom`, and the innocent.
//!
//! The journal tells of a request when it ends, so one tab's answer can show what another tab's request, still under way, has
//! written. Whether a line that shows was attempted at all, and whether every try of it failed, is therefore known at the end:
//!
//! - some try that was sent before the line showed was acknowledged, or may have happened: innocent;
//! - every try that was sent before it showed certainly failed: **`aborted_read`** (Adya G1a);
//! - none was sent before it showed: **`phantom`**, or **`cross_user_leak`** when somebody else had attempted it.

use super::Shopper;
use crate::anomaly::{Anomaly, AnomalyKind};
use crate::answer::Reply;
use crate::ledger::Ledger;
use crate::wording::seconds;
use journal::{Outcome, StepEvent};

/// A line that showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighted {
    /// The first answer that showed it.
    pub(super) first: Reply,
    /// In which session.
    pub(super) session: u32,
    /// A try that failed had been sent before.
    pub(super) tried: bool,
}

/// What was known of an operation when a try of it got its outcome.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    /// An earlier try was acknowledged, or may have happened.
    pub(super) before: bool,
    /// How it had shown, if that is explained by this try.
    pub(super) sighted: Option<Sighted>,
}

impl Shopper {
    /// A request names an operation.
    pub(super) fn attempts(&mut self, reply: &Reply, step: &StepEvent, ledger: &mut Ledger) -> Tried {
        let Some(op) = step.op.as_deref() else { return Tried::default() };
        let failed = step.outcome == Outcome::Failed;
        let before = ledger.attempts.by(op) == Some(self.number) && !ledger.attempts.failed(op);
        ledger.attempts.record(self.number, op, failed);
        let sighted = self.sighted.get_mut(op).filter(|sighted| reply.sent_us < sighted.first.at.at_us);
        let sighted = match sighted {
            Some(sighted) if failed => {
                sighted.tried = true;
                None
            }
            Some(_) => self.sighted.remove(op),
            None => None,
        };
        Tried { before, sighted }
    }

    /// The journal is over: whatever no try explains.
    pub(super) fn accuses(&mut self, ledger: &mut Ledger) {
        for (op, Sighted { first, session, tried }) in std::mem::take(&mut self.sighted) {
            if !self.told.insert(op.clone()) {
                continue;
            }
            self.harmed.insert(session);
            if !tried {
                ledger.foreign(self.number, session, &op, first.at);
                continue;
            }
            let text = format!(
                "At {}, shopper {}'s cart held {op}, although every try to add it was refused.",
                seconds(first.at.at_us),
                self.number,
            );
            let seqs = vec![first.at.seq];
            let anomaly = self.anomaly(AnomalyKind::AbortedRead, first.at.at_us, seqs, text, Some(&op));
            ledger.file(Anomaly { session, ..anomaly });
        }
    }
}
