//! One shopper: takes its requests in order of their outcomes, keeps the session that it believes to have, and files what went
//! wrong with it.
//!
//! A session begins with a log-in that was acknowledged (or may have been), and ends with a log-out that was (or may have been)
//! carried out, or with the next log-in, whatever came of that. For one session, and for one operation, the most specific cause
//! is reported once: a session that leaked, was replayed or forked is not reported lost too, and the lines that went with a lost
//! session are part of its loss.
//!
//! A shopper may have several tabs, which share its cookies and overlap in time. Which session an answer speaks of is told by the
//! cookie that its request carried, and by when it was sent: see [`Whose`].

mod afterlife;
mod closing;
mod sighted;

use self::afterlife::Ended;
use self::closing::Past;
use self::sighted::{Sighted, Tried};
use crate::anomaly::{Anomaly, AnomalyKind};
use crate::answer::{Moment, Reply, Says, is_answered};
use crate::attempts::named_after;
use crate::cart::{Cart, Write};
use crate::cookies::Cookie;
use crate::interim::SessionState;
use crate::ledger::Ledger;
use crate::recovery::Comeback;
use crate::session::{End, Presence};
use crate::wording::{seconds, tries};
use journal::{Outcome, StepEvent, View};
use scenario::{Action, Phase};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// So many of the latest cookies of a shopper are known, and the first one of its session.
const MOST_COOKIES: usize = 64;

/// So many sessions that are over wait for requests that may have been under way when they ended.
const MOST_PAST: usize = 4;

/// The session that a shopper believes to have.
#[derive(Clone, Debug)]
struct Session {
    number: u32,
    began: Moment,
    /// The log-in was sent without a cookie.
    came_without: bool,
    /// A slow answer may have taken or replaced the cookie of this session.
    cookie_in_doubt: bool,
    presence: Presence,
    cart: Cart,
    comeback: Comeback,
    /// The newest state that was acknowledged, and when.
    newest: Option<(u64, Moment)>,
    /// What was reported of the session as a whole.
    told: Option<AnomalyKind>,
}

/// What an answer speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The session that the shopper believes to have.
    Current,
    /// What was before it, or nobody knows what.
    Other,
}

/// A shopper so far.
#[derive(Clone, Debug)]
pub(crate) struct Shopper {
    number: u32,
    sessions: u32,
    session: Option<Session>,
    /// The latest ones before it. They are judged some sessions later, for a request that ended one of them or cleared its cart
    /// may still be on its way.
    past: VecDeque<Past>,
    /// The latest session that a log-out ended.
    ended: Option<Ended>,
    /// Operations that were reported already.
    told: BTreeSet<Box<str>>,
    /// Operations that showed and had not been attempted, or had failed, as far as the journal had told.
    sighted: BTreeMap<Box<str>, Sighted>,
    /// Sessions with a finding.
    harmed: BTreeSet<u32>,
    unacknowledged: BTreeSet<u32>,
    cookies: VecDeque<u64>,
    forgot_cookies: bool,
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
        Self {
            number,
            sessions: 0,
            session: None,
            past: VecDeque::new(),
            ended: None,
            told: BTreeSet::new(),
            sighted: BTreeMap::new(),
            harmed: BTreeSet::new(),
            unacknowledged: BTreeSet::new(),
            cookies: VecDeque::new(),
            forgot_cookies: false,
            leaked_outside: false,
        }
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

    /// What its latest answers say of its session.
    pub(crate) fn state(&self) -> SessionState {
        match &self.session {
            None if self.sessions == 0 => SessionState::NotYet,
            None => SessionState::LoggedOut,
            Some(session) if session.presence.acknowledged().is_none() => SessionState::Unsure,
            Some(session) if session.presence.is_gone() => SessionState::Lost,
            Some(_) => SessionState::Alive,
        }
    }

    /// Takes the next of its requests.
    pub(crate) fn takes(&mut self, seq: u64, step: &StepEvent, ledger: &mut Ledger) -> Met {
        let reply = Reply::of(seq, step);
        let mut met = Met { owed_before: self.owed(), ..Met::default() };
        let cookie = step.sid.as_deref().and_then(|sid| ledger.cookies.of(sid, self.number));
        let tried = self.attempts(&reply, step, ledger);
        let says = Says::of(step);
        if step.outcome != Outcome::Failed && !matches!(step.action, Action::Read | Action::Add) {
            self.excuses(reply.sent_us);
        }
        if step.action == Action::LogIn {
            self.logs_in(&reply, step, says, ledger);
        }
        let whose = self.whose(&reply, step, cookie);
        if whose == Whose::Current && !self.is_replayed(&reply, step, says, cookie, ledger) {
            self.writes(&reply, step, tried, ledger);
            self.hears(&reply, step, says, ledger, &mut met);
        } else {
            self.overhears(&reply, step, says, cookie, ledger, &mut met);
        }
        self.counts(step, tried, ledger);
        self.watches_cookies(&reply, step, cookie, ledger, &mut met);
        if step.action == Action::LogOut && step.outcome != Outcome::Failed {
            self.logs_out(&reply, step, whose, ledger);
        }
        met
    }

    fn logs_in(&mut self, reply: &Reply, step: &StepEvent, says: Says<'_>, ledger: &mut Ledger) {
        self.ends(reply.at.at_us, End::Shopper { sent_us: reply.sent_us }, ledger);
        if step.outcome == Outcome::Failed {
            return;
        }
        let acknowledged = matches!(says, Says::Here(_));
        self.sessions += 1;
        if let (true, Some(sid), None) = (acknowledged, &step.sid, &step.new_sid) {
            ledger.cookies.goes_on(crate::cookies::Cookies::key(sid), self.number, self.sessions);
        }
        self.session = Some(Session {
            number: self.sessions,
            began: reply.at,
            came_without: step.sid.is_none(),
            cookie_in_doubt: false,
            presence: Presence::begins(acknowledged.then_some(reply.at)),
            cart: Cart::default(),
            comeback: Comeback::default(),
            newest: None,
            told: None,
        });
    }

    /// Which session an answer speaks of. While nobody knows whether a log-in happened, an answer to the cookie that it was sent
    /// with shows what was there before it: a log-in that happens issues a new one.
    fn whose(&self, reply: &Reply, step: &StepEvent, cookie: Option<Cookie>) -> Whose {
        let Some(session) = &self.session else { return Whose::Other };
        let unsure = session.presence.acknowledged().is_none();
        let current = match (step.action, cookie, &step.sid) {
            (Action::LogIn, ..) => true,
            _ if reply.sent_us < session.began.at_us => false,
            (_, Some(cookie), _) => cookie.session == self.sessions,
            (_, None, Some(_)) => !self.forgot_cookies,
            (_, None, None) => !(session.cookie_in_doubt || unsure && session.came_without),
        };
        if current { Whose::Current } else { Whose::Other }
    }

    fn counts(&mut self, step: &StepEvent, tried: Tried, ledger: &mut Ledger) {
        if step.action == Action::Add {
            let writes = &mut ledger.writes;
            writes.attempted += 1;
            writes.acknowledged += u64::from(step.outcome == Outcome::Ok);
            writes.unknown += u64::from(step.outcome == Outcome::Unknown);
            writes.recovered += u64::from(step.outcome == Outcome::Unknown && tried.sighted.is_some());
        }
    }

    /// What the request itself does to what the shopper is owed.
    fn writes(&mut self, reply: &Reply, step: &StepEvent, tried: Tried, ledger: &mut Ledger) {
        let Some(session) = &mut self.session else { return };
        match (step.action, step.outcome, &step.op) {
            (Action::Add, Outcome::Ok | Outcome::Unknown, Some(op)) => session.cart.adds(&Write {
                op,
                reply: *reply,
                acknowledged: step.outcome == Outcome::Ok,
                retry: step.retry_of.is_some(),
                idempotent: step.idempotent,
                tried_before: tried.before,
                sighted: tried.sighted.map(|sighted| sighted.first),
            }),
            (Action::CheckOut, Outcome::Ok, _) => session.cart.checked_out(reply, ledger.watch),
            (Action::CheckOut, Outcome::Unknown, _) => session.cart.maybe_checked_out(reply),
            _ => {}
        }
    }

    /// An answer that speaks of the session that the shopper believes to have.
    fn hears(&mut self, reply: &Reply, step: &StepEvent, says: Says<'_>, ledger: &mut Ledger, met: &mut Met) {
        let (at, sent_us, final_read) = (reply.at, reply.sent_us, step.phase == Phase::Final);
        let mut intact = false;
        match says {
            Says::Here(view) => intact = self.sees(reply, step, view, ledger, met),
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
        reply: &Reply,
        step: &StepEvent,
        view: &View,
        ledger: &mut Ledger,
        met: &mut Met,
    ) -> bool {
        let (at, final_read) = (reply.at, step.phase == Phase::Final);
        let Some(session) = &mut self.session else { return false };
        if session.presence.acknowledged().is_none() {
            session.began = at;
        }
        met.back = session.presence.is_gone();
        if step.action != Action::LogIn {
            session.presence.is_here(at, reply.sent_us, final_read);
        }
        if step.action.is_write() && session.newest.is_none_or(|(version, _)| version < view.version) {
            session.newest = Some((view.version, at));
        }
        let look = session.cart.shows(reply, final_read, &view.ops);
        if !look.intact {
            met.missing = session.cart.missing().map(str::to_owned).collect();
        }
        ledger.writes.recovered += look.recovered;
        for op in look.strange {
            self.meets_a_strange_line(reply, op, ledger, met);
        }
        for op in look.twice {
            self.meets_a_line_twice(reply, op, ledger, met);
        }
        look.intact
    }

    /// An operation that is no line of this cart, as far as its shopper knows.
    fn meets_a_strange_line(&mut self, reply: &Reply, op: &str, ledger: &mut Ledger, met: &mut Met) {
        let own = ledger.attempts.by(op) == Some(self.number);
        let failed = own && ledger.attempts.failed(op);
        if own && !failed {
            return; // Cleared before, or of an earlier session.
        }
        met.foreign |= failed || named_after(op) != Some(self.number);
        if !self.told.contains(op) {
            let first = Sighted { first: *reply, session: self.sessions, tried: failed };
            self.sighted.entry(op.into()).or_insert(first);
        }
    }

    fn meets_a_line_twice(&mut self, reply: &Reply, op: &str, ledger: &mut Ledger, met: &mut Met) {
        met.foreign = true;
        if self.sighted.contains_key(op) || !self.told.insert(op.into()) {
            return;
        }
        self.harmed.insert(self.sessions);
        let tried = self.session.as_ref().map_or((1, false), |session| session.cart.tries(op));
        let text = format!(
            "At {}, shopper {}'s cart held {op} twice{}.",
            seconds(reply.at.at_us),
            self.number,
            tries(tried)
        );
        let seqs = vec![reply.at.seq];
        ledger.file(self.anomaly(AnomalyKind::DuplicateEffect, reply.at.at_us, seqs, text, Some(op)));
    }

    fn watches_cookies(
        &mut self,
        reply: &Reply,
        step: &StepEvent,
        sent: Option<Cookie>,
        ledger: &mut Ledger,
        met: &mut Met,
    ) {
        let Some(fresh) = step.new_sid.as_ref().filter(|fresh| step.sid.as_ref() != Some(*fresh)) else {
            return;
        };
        let session = match (step.action, sent, &self.session) {
            (Action::LogIn, ..) => self.sessions,
            (_, Some(sent), _) => sent.session,
            (_, None, Some(_)) => self.sessions,
            (_, None, None) => 0,
        };
        let key = crate::cookies::Cookies::key(fresh);
        let cookie = Cookie {
            shopper: self.number,
            session,
            version: reply.version.map_or(0, |version| u32::try_from(version).unwrap_or(u32::MAX)),
            seq: u32::try_from(reply.at.seq).unwrap_or(u32::MAX),
        };
        match ledger.cookies.issue(key, cookie) {
            Some(first) if first.shopper != self.number => {
                let seqs = vec![u64::from(first.seq), reply.at.seq];
                let text = "a session id that had been issued to another shopper";
                self.leak(reply.at, seqs, text, ledger, met);
            }
            Some(_) => {}
            None => self.remembers(key, step.action, ledger),
        }
        if session != self.sessions
            && let Some(current) = &mut self.session
        {
            current.cookie_in_doubt = true;
        }
    }

    /// Keeps the first cookie of the session and the latest ones.
    fn remembers(&mut self, key: u64, action: Action, ledger: &mut Ledger) {
        if action != Action::LogIn {
            self.cookies.push_back(key);
        }
        if self.cookies.len() > MOST_COOKIES
            && let Some(oldest) = self.cookies.pop_front()
        {
            ledger.cookies.forget(oldest);
            self.forgot_cookies = true;
        }
    }

    /// An answer carried what is somebody else's. Reported once a session.
    fn leak(&mut self, at: Moment, evidence: Vec<u64>, what: &str, ledger: &mut Ledger, met: &mut Met) {
        met.foreign = true;
        let told = match &mut self.session {
            Some(session) => {
                session.told.replace(AnomalyKind::CrossUserLeak) == Some(AnomalyKind::CrossUserLeak)
            }
            None => std::mem::replace(&mut self.leaked_outside, true),
        };
        if told {
            return;
        }
        self.harmed.insert(self.sessions);
        let text = format!("At {}, shopper {} was given {what}.", seconds(at.at_us), self.number);
        ledger.file(self.anomaly(AnomalyKind::CrossUserLeak, at.at_us, evidence, text, None));
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
