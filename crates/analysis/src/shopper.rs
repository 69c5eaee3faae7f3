//! One shopper: takes its requests in order, keeps the session that it believes to have, and files what went wrong with it.
//!
//! A session begins with a log-in that was acknowledged (or may have been), and ends with a log-out that was (or may have been)
//! carried out, or with the next log-in, whatever came of that. For one session, and for one operation, the most specific cause
//! is reported once: a session that leaked is not reported lost too, and the lines that went with a lost session are part of
//! its loss.

mod closing;

use crate::anomaly::{Anomaly, AnomalyKind};
use crate::answer::{Moment, Says, is_answered, sent_us};
use crate::cart::Cart;
use crate::ledger::Ledger;
use crate::recovery::Comeback;
use crate::session::{End, Presence};
use crate::wording::seconds;
use journal::{Outcome, StepEvent, View};
use scenario::{Action, Phase};
use std::collections::BTreeSet;

/// The session that a shopper believes to have.
#[derive(Debug)]
struct Session {
    began: Moment,
    /// The cookie that the log-in was sent with, as issued since. While nobody knows whether the log-in happened, an answer to
    /// this same cookie shows what was there before it: a log-in that happens issues a new one.
    older_sid: Option<Box<str>>,
    presence: Presence,
    cart: Cart,
    comeback: Comeback,
    leaked: bool,
    harmed: bool,
}

impl Session {
    /// Whether an answer shows what was there before this session, for all that anybody knows. Some middleware issues a cookie
    /// anew with every write, and the one that follows an older one is an older one too.
    fn is_older(&mut self, step: &StepEvent) -> bool {
        let older =
            self.presence.acknowledged().is_none() && self.older_sid.as_deref() == step.sid.as_deref();
        if let (true, Some(reissued)) = (older, &step.new_sid) {
            self.older_sid = Some(reissued.as_str().into());
        }
        older
    }
}

/// A shopper so far.
#[derive(Debug)]
pub(crate) struct Shopper {
    number: u32,
    sessions: u32,
    session: Option<Session>,
    /// Operations that were reported already.
    told: BTreeSet<Box<str>>,
    leaked_outside: bool,
}

/// What a step meant to the shopper: the raw material of its story.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// The session had been absent, and is back.
    pub(crate) back: bool,
    /// Known lines that the answer should have shown and did not.
    pub(crate) missing: Vec<String>,
    /// An answer, an operation or a cookie of somebody else, an operation of nobody, or one held twice.
    pub(crate) foreign: bool,
    /// How many acknowledged lines the shopper was owed before the step.
    pub(crate) owed_before: usize,
}

impl Shopper {
    pub(crate) fn new(number: u32) -> Self {
        Self { number, sessions: 0, session: None, told: BTreeSet::new(), leaked_outside: false }
    }

    /// The number of the session that it believes to have, or had last.
    pub(crate) fn session_number(&self) -> u32 {
        self.sessions
    }

    /// How many acknowledged lines it is owed.
    pub(crate) fn owed(&self) -> usize {
        self.session.as_ref().map_or(0, |session| session.cart.owed())
    }

    /// Whether it believes to have a session that was acknowledged.
    pub(crate) fn is_logged_in(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.presence.acknowledged().is_some())
    }

    /// Takes the next of its requests.
    pub(crate) fn takes(&mut self, seq: u64, step: &StepEvent, ledger: &mut Ledger) -> Met {
        let at = Moment { seq, at_us: step.done_us };
        let mut met = Met { owed_before: self.owed(), ..Met::default() };
        if let Some(op) = &step.op {
            ledger.attempts.record(self.number, op);
        }
        let says = Says::of(step);
        if step.action == Action::LogIn {
            self.logs_in(at, step, says, ledger);
        }
        self.writes(at, step, ledger);
        self.hears(at, step, says, ledger, &mut met);
        self.watches_cookies(at, step, ledger, &mut met);
        if step.action == Action::LogOut && step.outcome != Outcome::Failed {
            self.ends(at.at_us, End::Shopper, ledger);
        }
        met
    }

    fn logs_in(&mut self, at: Moment, step: &StepEvent, says: Says<'_>, ledger: &mut Ledger) {
        self.ends(at.at_us, End::Shopper, ledger);
        if step.outcome == Outcome::Failed {
            return;
        }
        let acknowledged = matches!(says, Says::Here(_));
        self.sessions += 1;
        self.session = Some(Session {
            began: at,
            older_sid: step.sid.as_deref().map(Into::into),
            presence: Presence::begins(acknowledged.then_some(at)),
            cart: Cart::default(),
            comeback: Comeback::default(),
            leaked: false,
            harmed: false,
        });
    }

    /// What the request itself does to what the shopper is owed.
    fn writes(&mut self, at: Moment, step: &StepEvent, ledger: &mut Ledger) {
        let writes = &mut ledger.writes;
        if step.action == Action::Add {
            writes.attempted += 1;
            writes.acknowledged += u64::from(step.outcome == Outcome::Ok);
            writes.unknown += u64::from(step.outcome == Outcome::Unknown);
        }
        let Some(session) = &mut self.session else { return };
        match (step.action, step.outcome, &step.op) {
            (Action::Add, Outcome::Ok, Some(op)) => session.cart.adds(op, Some(at)),
            (Action::Add, Outcome::Unknown, Some(op)) => session.cart.adds(op, None),
            // A write that certainly failed must never be seen: `aborted_read` is not looked for yet.
            (Action::CheckOut, Outcome::Ok, _) => session.cart.checked_out(ledger.watch),
            (Action::CheckOut, Outcome::Unknown, _) => session.cart.maybe_checked_out(),
            _ => {}
        }
    }

    fn hears(&mut self, at: Moment, step: &StepEvent, says: Says<'_>, ledger: &mut Ledger, met: &mut Met) {
        let (sent_us, final_read) = (sent_us(step), step.phase == Phase::Final);
        let mut intact = false;
        match says {
            Says::Here(view) => intact = self.sees(at, step, view, ledger, met),
            Says::Left => {
                if let Some(session) = self.session.as_mut().filter(|s| s.presence.acknowledged().is_some()) {
                    met.back = session.presence.is_gone();
                    session.presence.is_here(at, sent_us, final_read);
                }
            }
            Says::Absent(how) => {
                if let Some(session) = &mut self.session {
                    session.presence.is_absent(at, sent_us, final_read, how);
                }
            }
            Says::Stranger(owner) => {
                let text = format!("an answer that was {owner}'s");
                self.leak(at, vec![at.seq], &text, ledger, met);
            }
            Says::Nothing => {}
        }
        let well = match says {
            Says::Here(_) => intact,
            Says::Left => true,
            Says::Nothing => is_answered(step),
            Says::Absent(_) | Says::Stranger(_) => false,
        };
        if let (Some(session), Some(t0_us)) = (&mut self.session, ledger.watch.t0_us())
            && sent_us >= t0_us
            && session.presence.acknowledged().is_some()
        {
            session.comeback.hears(well, intact.then(|| at.at_us.saturating_sub(t0_us)));
        }
    }

    /// The answer shows the shopper's own cart. Answers whether every known line is in it.
    fn sees(
        &mut self,
        at: Moment,
        step: &StepEvent,
        view: &View,
        ledger: &mut Ledger,
        met: &mut Met,
    ) -> bool {
        let older = self.session.as_mut().is_some_and(|session| session.is_older(step));
        // Outside of a session there is nothing to miss: `resurrected_session` is not looked for yet.
        let mut empty = Cart::default();
        let (sent_us, final_read) = (sent_us(step), step.phase == Phase::Final);
        let look = match &mut self.session {
            Some(session) if !older => {
                if session.presence.acknowledged().is_none() {
                    session.began = at;
                }
                met.back = session.presence.is_gone();
                if step.action != Action::LogIn {
                    session.presence.is_here(at, sent_us, final_read);
                }
                let look = session.cart.shows(at, sent_us, final_read, &view.ops);
                if !look.intact {
                    met.missing = session.cart.missing().map(str::to_owned).collect();
                }
                look
            }
            _ => empty.shows(at, sent_us, final_read, &view.ops),
        };
        ledger.writes.recovered += look.recovered;
        for op in look.strange {
            // The shopper's own: cleared before, of an earlier session, or failed.
            let own = ledger.attempts.by(op) == Some(self.number);
            if !own && self.told.insert(op.into()) {
                met.foreign = true;
                self.harm();
                ledger.foreign(self.number, self.sessions, op, at);
            }
        }
        for op in look.twice {
            if self.told.insert(op.into()) {
                met.foreign = true;
                self.harm();
                let text =
                    format!("At {}, shopper {}'s cart held {op} twice.", seconds(at.at_us), self.number);
                ledger.file(self.anomaly(
                    AnomalyKind::DuplicateEffect,
                    at.at_us,
                    vec![at.seq],
                    text,
                    Some(op),
                ));
            }
        }
        look.intact
    }

    fn watches_cookies(&mut self, at: Moment, step: &StepEvent, ledger: &mut Ledger, met: &mut Met) {
        let fresh = step.new_sid.as_ref().filter(|fresh| step.sid.as_ref() != Some(*fresh));
        if let Some(first) = fresh.and_then(|sid| ledger.issued(sid, self.number, at.seq)) {
            self.leak(
                at,
                vec![first, at.seq],
                "a session id that had been issued to another shopper",
                ledger,
                met,
            );
        }
    }

    /// An answer carried what is somebody else's. Reported once a session.
    fn leak(&mut self, at: Moment, evidence: Vec<u64>, what: &str, ledger: &mut Ledger, met: &mut Met) {
        met.foreign = true;
        let told = match &mut self.session {
            Some(session) => &mut session.leaked,
            None => &mut self.leaked_outside,
        };
        if std::mem::replace(told, true) {
            return;
        }
        self.harm();
        let text = format!("At {}, shopper {} was given {what}.", seconds(at.at_us), self.number);
        ledger.file(self.anomaly(AnomalyKind::CrossUserLeak, at.at_us, evidence, text, None));
    }

    fn harm(&mut self) {
        if let Some(session) = &mut self.session {
            session.harmed = true;
        }
    }

    fn anomaly(
        &self,
        kind: AnomalyKind,
        at_us: u64,
        evidence: Vec<u64>,
        text: String,
        op: Option<&str>,
    ) -> Anomaly {
        let op = op.map(str::to_owned);
        Anomaly {
            kind,
            shopper: self.number,
            session: self.sessions,
            op,
            absence: None,
            at_us,
            evidence,
            text,
        }
    }
}
