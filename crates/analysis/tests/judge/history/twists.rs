//! What a story changes in the latest request or its answer.

use super::History;
use journal::{Event, Outcome, StepEvent, View};

impl History {
    /// The latest request was sent so much earlier, while others were under way.
    pub fn but_slow(self, ms: u64) -> Self {
        self.but(|step| {
            step.planned_us -= ms * 1_000;
            step.sent_us = step.sent_us.map(|us| us - ms * 1_000);
        })
    }

    /// The latest answer names this version.
    pub fn but_at_version(self, version: u64) -> Self {
        self.but(|step| {
            if let Some(view) = &mut step.view {
                view.version = version;
            }
        })
    }

    /// The latest request carried this cookie.
    pub fn but_with_cookie(self, sid: &str) -> Self {
        self.but(|step| step.sid = Some(sid.to_owned()))
    }

    /// The latest request was refused, and nothing happened as far as the shopper is told.
    pub fn but_refused(self, status: u16, word: &str) -> Self {
        self.but(|step| {
            step.outcome = Outcome::Failed;
            step.status = Some(status);
            step.error = Some(word.to_owned());
            step.view = None;
            step.new_sid = None;
        })
    }

    /// The latest answer is this view of the shopper's.
    pub fn but_answers(self, version: u64, ops: &[&str]) -> Self {
        self.but(|step| {
            step.outcome = Outcome::Ok;
            step.status = Some(200);
            step.error = None;
            let ops = ops.iter().map(|op| (*op).to_owned()).collect();
            step.view =
                Some(View { owner: Some(format!("shopper-{}", step.shopper)), epoch: 1, version, ops });
        })
    }

    /// The latest request is another try of an earlier step.
    pub fn but_retries(self, step_number: u32, idempotent: bool) -> Self {
        self.but(|step| {
            step.retry_of = Some(step_number);
            step.idempotent = idempotent;
        })
    }

    /// Changes the latest answer.
    pub fn but(mut self, change: impl FnOnce(&mut StepEvent)) -> Self {
        match self.events.last_mut() {
            Some(Event::Step(step)) => change(step),
            other => panic!("no answer to change: {other:?}"),
        }
        self
    }

    /// The latest answer shows this cart.
    pub fn but_sees(self, ops: &[&str]) -> Self {
        self.but(|step| {
            if let Some(view) = &mut step.view {
                view.ops = ops.iter().map(|op| (*op).to_owned()).collect();
            }
        })
    }

    /// The latest answer was an error page.
    pub fn but_gets_503(self) -> Self {
        self.but(|step| {
            step.outcome = if step.action.is_write() { Outcome::Unknown } else { Outcome::Failed };
            step.status = Some(503);
            step.error = Some("store_unavailable".to_owned());
            step.view = None;
        })
    }
}
