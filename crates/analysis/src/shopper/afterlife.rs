//! Cookies that should be worth nothing any more: `resurrected_session` and `replayed_cookie`.
//!
//! - **`resurrected_session`**: a request that was *sent after* a log-out was acknowledged carries a cookie of the session that
//!   ended with it (the last one, or one that a slow write's answer brought afterwards), and is accepted as its owner. A request
//!   that was sent before may be accepted: log-out and slow write overlap, and either may come first.
//! - **`replayed_cookie`**: a request carries a cookie that had been replaced by a newer one before it was sent, and the answer
//!   shows the state that came with the old cookie (or, for a write, one version more) although a newer one had been
//!   acknowledged. Likewise after a log-out. A tier that keeps
//!   state on the server and merely seals the same id anew shows the newest state to every seal: no finding.
//!
//! A jar holds the newest cookie that a complete answer brought, so no finding comes of an honest shopper with an honest tier.

use super::{Shopper, Whose};
use crate::anomaly::{Anomaly, AnomalyKind};
use crate::answer::{Moment, Reply, Says};
use crate::cookies::Cookie;
use crate::ledger::Ledger;
use crate::session::End;
use crate::wording::seconds;
use journal::{Outcome, StepEvent};
use scenario::Action;
use std::collections::BTreeSet;

/// A session that an acknowledged log-out ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    session: u32,
    at: Moment,
    newest: Option<(u64, Moment)>,
    told: BTreeSet<AnomalyKind>,
}

impl Shopper {
    /// A log-out was carried out, or may have been.
    pub(super) fn logs_out(&mut self, reply: &Reply, step: &StepEvent, whose: Whose, ledger: &mut Ledger) {
        match &mut self.session {
            Some(session) if whose == Whose::Other => {
                // It ended what was before, and its answer took the cookie of this one out of the jar.
                session.cookie_in_doubt = true;
            }
            Some(session) => {
                let acknowledged = step.outcome == Outcome::Ok && session.presence.acknowledged().is_some();
                self.ended = acknowledged.then(|| Ended {
                    session: self.sessions,
                    at: reply.at,
                    newest: session.newest,
                    told: BTreeSet::new(),
                });
                self.ends(reply.at.at_us, End::Shopper { sent_us: reply.sent_us }, ledger);
            }
            None => {}
        }
    }

    /// Whether the answer shows an older state of the current session, because the cookie is an older one.
    pub(super) fn is_replayed(
        &mut self,
        reply: &Reply,
        step: &StepEvent,
        says: Says<'_>,
        cookie: Option<Cookie>,
        ledger: &mut Ledger,
    ) -> bool {
        let (Some(session), Some(cookie), Says::Here(_)) = (&mut self.session, cookie, says) else {
            return false;
        };
        if step.action == Action::LogIn || !shows_old_state(reply, step, cookie, session.newest) {
            return false;
        }
        let newest = session.newest;
        let told = session.told.is_some_and(|told| told <= AnomalyKind::ReplayedCookie);
        if !told {
            session.told = Some(AnomalyKind::ReplayedCookie);
            self.accepts(AnomalyKind::ReplayedCookie, self.sessions, reply, cookie, newest, ledger);
        }
        true
    }

    /// An answer that speaks of another session than the one that the shopper believes to have.
    pub(super) fn overhears(
        &mut self,
        reply: &Reply,
        step: &StepEvent,
        says: Says<'_>,
        cookie: Option<Cookie>,
        ledger: &mut Ledger,
        met: &mut super::Met,
    ) {
        let view = match says {
            Says::Here(view) => view,
            Says::Stranger(owner) => {
                let text = format!("an answer that was {owner}'s");
                return self.leak(reply.at, vec![reply.at.seq], &text, ledger, met);
            }
            _ => return,
        };
        let mut seen = BTreeSet::new();
        for op in &view.ops {
            if seen.insert(op) {
                self.meets_a_strange_line(reply, op, ledger, met);
            } else {
                self.meets_a_line_twice(reply, op, ledger, met);
            }
        }
        if let Some(cookie) = cookie.filter(|_| step.action != Action::LogIn) {
            self.meets_the_dead(reply, step, cookie, ledger);
        }
    }

    fn meets_the_dead(&mut self, reply: &Reply, step: &StepEvent, cookie: Cookie, ledger: &mut Ledger) {
        if let Some(ended) = &mut self.ended
            && ended.session == cookie.session
            && reply.sent_us > ended.at.at_us
        {
            let old = shows_old_state(reply, step, cookie, ended.newest);
            let kind = if old { AnomalyKind::ReplayedCookie } else { AnomalyKind::ResurrectedSession };
            if ended.told.iter().all(|told| *told > kind) {
                ended.told.insert(kind);
                let (session, at) = (ended.session, Some((0, ended.at)));
                self.accepts(kind, session, reply, cookie, at, ledger);
            }
        }
    }

    fn accepts(
        &mut self,
        kind: AnomalyKind,
        session: u32,
        reply: &Reply,
        cookie: Cookie,
        since: Option<(u64, Moment)>,
        ledger: &mut Ledger,
    ) {
        self.harmed.insert(session);
        let (at, number) = (seconds(reply.at.at_us), self.number);
        let since_us = since.map_or(0, |(_, at)| at.at_us);
        let text = if kind == AnomalyKind::ResurrectedSession {
            format!(
                "Shopper {number}'s session {session} was logged out at {}; a request that was sent after that was accepted \
                 as its owner's at {at}.",
                seconds(since_us),
            )
        } else {
            format!(
                "At {at}, an older cookie of shopper {number}'s session {session} was accepted, although a newer state had \
                 been acknowledged at {}.",
                seconds(since_us),
            )
        };
        let seqs = [u64::from(cookie.seq), since.map_or(reply.at.seq, |(_, at)| at.seq), reply.at.seq];
        let seqs: BTreeSet<u64> = seqs.into();
        let anomaly = self.anomaly(kind, reply.at.at_us, seqs.into_iter().collect(), text, None);
        ledger.file(Anomaly { session, ..anomaly });
    }
}

/// Whether an answer shows the state that came with an older cookie, and not the newest that was acknowledged before.
fn shows_old_state(reply: &Reply, step: &StepEvent, cookie: Cookie, newest: Option<(u64, Moment)>) -> bool {
    let (Some(shown), Some((newest, at))) = (reply.version, newest) else { return false };
    let issued = u64::from(cookie.version);
    // A retry may have written nothing, and then says nothing of the version that it began from.
    cookie.version > 0
        && step.retry_of.is_none()
        && u64::from(cookie.seq) < at.seq
        && at.at_us < reply.sent_us
        && issued < newest
        && shown == issued + u64::from(step.action.is_write())
}
