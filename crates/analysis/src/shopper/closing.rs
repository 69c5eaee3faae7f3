//! A session is over: what became of it, and of what was in it, is filed.

use super::{MOST_PAST, Session, Shopper};
use crate::anomaly::{Absence, Anomaly, AnomalyKind};
use crate::cart::{Fork, LostLine, Miss};
use crate::interim::SoFar;
use crate::ledger::Ledger;
use crate::session::{Absent, End, Outlook, Strayed, Verified, Watch};
use crate::wording::{counted, how, seconds};
use std::collections::BTreeSet;

/// A session that is over and not judged yet.
#[derive(Clone, Debug)]
pub(super) struct Past {
    session: Session,
    at_us: u64,
    end: End,
    /// Whether the first fault had been called when it ended.
    watch: Watch,
}

impl Shopper {
    /// The journal is over.
    pub(crate) fn finishes(&mut self, end_us: u64, ledger: &mut Ledger) {
        self.ends(end_us, End::Journal, ledger);
        while let Some(past) = self.past.pop_front() {
            self.judges(past, ledger);
        }
        self.accuses(ledger);
        let harmed = self.harmed.iter().filter(|n| **n > 0 && !self.unacknowledged.contains(n));
        ledger.sessions.harmed += harmed.count() as u64;
    }

    /// What would be found of it if every final read said what the latest answer says: the same judgement, on a copy.
    pub(crate) fn so_far(&self, watch: Watch) -> SoFar {
        let mut ledger = Ledger::new(false);
        ledger.watch = watch;
        let mut copy = self.clone();
        copy.ends(0, End::SoFar, &mut ledger);
        while let Some(past) = copy.past.pop_front() {
            copy.judges(past, &mut ledger);
        }
        SoFar { sessions: ledger.sessions, writes: ledger.writes }
    }

    /// The session is over. What became of it is judged later.
    pub(super) fn ends(&mut self, at_us: u64, end: End, ledger: &mut Ledger) {
        let Some(session) = self.session.take() else { return };
        self.past.push_back(Past { session, at_us, end, watch: ledger.watch });
        if self.past.len() > MOST_PAST
            && let Some(past) = self.past.pop_front()
        {
            self.judges(past, ledger);
        }
    }

    /// A request that ends a session or clears its cart was on its way since then, and the journal tells it only now.
    pub(super) fn excuses(&mut self, since_us: u64) {
        for past in &mut self.past {
            past.end = End::Shopper { sent_us: past.end.by_us().min(since_us) };
        }
    }

    /// What became of the session, and of what was in it?
    fn judges(&mut self, past: Past, ledger: &mut Ledger) {
        let Past { mut session, at_us, end, watch } = past;
        let Some(acknowledged) = session.presence.acknowledged() else {
            // Nobody promised this session. What it may have acknowledged all the same is looked for by nobody.
            self.unacknowledged.insert(session.number);
            return;
        };
        let now = std::mem::replace(&mut ledger.watch, watch);
        ledger.sessions.acknowledged += 1;
        ledger.began_us.push(acknowledged.at_us);
        match session.presence.verified(end, watch) {
            Verified::Yes => ledger.sessions.verified += 1,
            Verified::OverBefore => ledger.sessions.over_before_fault += 1,
            Verified::No => {}
        }
        if let Some(fork) = session.cart.fork()
            && session.told.is_none()
        {
            session.told = Some(AnomalyKind::ForkedSession);
            self.harmed.insert(session.number);
            ledger.file(Anomaly { session: session.number, ..self.forked(&session, &fork) });
        }
        let outlook = session.presence.outlook(end);
        match outlook {
            Outlook::Lost(absent) => self.loses(&mut session, absent, end, ledger),
            Outlook::Lived(strayed) => {
                if matches!(end, End::Shopper { .. }) {
                    ledger.ended_us.push(at_us);
                }
                self.lives(&mut session, strayed, end, ledger);
            }
        }
        ledger.comebacks.add(&session.comeback, matches!(outlook, Outlook::Lost(_)), watch);
        ledger.watch = now;
    }

    fn loses(&mut self, session: &mut Session, absent: Absent, end: End, ledger: &mut Ledger) {
        let mut lines = 0;
        for acknowledged in session.cart.gone() {
            lines += 1;
            ledger.write_gone(acknowledged);
        }
        ledger.writes.in_lost_sessions += lines;
        ledger.writes.verified += session.cart.verified_before();
        self.harmed.insert(session.number);
        if session.told.is_some() {
            ledger.ended_us.push(absent.first.at_us);
            return;
        }
        ledger.lost_us.push(absent.first.at_us);
        ledger.sessions.lost += 1;
        ledger.sessions.lost_with_lines += u64::from(lines > 0);
        match absent.how {
            Absence::Loud => ledger.sessions.lost_loud += 1,
            Absence::Silent => ledger.sessions.lost_silent += 1,
        }
        let last_here = session.presence.last_here().unwrap_or(session.began);
        let text = format!(
            "Shopper {}'s session {} was last there at {}; from {} on it was gone ({}), in {} to the last one{}. {} went \
             with it.",
            self.number,
            session.number,
            seconds(last_here.at_us),
            seconds(absent.first.at_us),
            how(absent.how),
            counted(u64::from(absent.answers), "answer"),
            if matches!(end, End::Shopper { .. }) { " before its end" } else { ", the final read" },
            counted(lines, "acknowledged line"),
        );
        let evidence = ascending([session.began.seq, last_here.seq, absent.first.seq, absent.last.seq]);
        let anomaly = self.anomaly(AnomalyKind::LostSession, absent.first.at_us, evidence, text, None);
        ledger.file(Anomaly { session: session.number, absence: Some(absent.how), ..anomaly });
    }

    fn lives(&mut self, session: &mut Session, strayed: Option<Strayed>, end: End, ledger: &mut Ledger) {
        let settled = std::mem::take(&mut session.cart).settled(end, ledger.watch);
        ledger.writes.verified += settled.verified;
        // A leaked session says nothing of what its own lines came to, but they are gone all the same. Whoever was given an
        // older state, or one of two, misses lines because of that.
        let explained = session.told.is_some_and(|told| told != AnomalyKind::CrossUserLeak);
        for line in settled.lost.into_iter().filter(|_| !explained) {
            ledger.write_gone(line.acknowledged);
            self.harmed.insert(session.number);
            if self.tells(&line.op) {
                ledger.writes.lost += u64::from(line.rival.is_none());
                ledger.file(Anomaly { session: session.number, ..self.lost_write(&line) });
            }
        }
        for (op, miss) in settled.broken.into_iter().filter(|_| !explained) {
            if self.tells(&op) {
                self.harmed.insert(session.number);
                ledger.file(Anomaly { session: session.number, ..self.broken(&op, &miss) });
            }
        }
        let Some(Strayed { absent, back }) = strayed else { return };
        self.harmed.insert(session.number);
        if session.told.is_some() {
            return;
        }
        ledger.sessions.misrouted += 1;
        let text = format!(
            "Shopper {}'s session {} was absent at {} ({}) and back at {}; this happened {}.",
            self.number,
            session.number,
            seconds(absent.first.at_us),
            how(absent.how),
            seconds(back.at_us),
            counted(u64::from(session.presence.times_strayed()), "time"),
        );
        let evidence = ascending([session.began.seq, absent.first.seq, back.seq]);
        let anomaly = self.anomaly(AnomalyKind::MisroutedSession, absent.first.at_us, evidence, text, None);
        ledger.file(Anomaly { session: session.number, absence: Some(absent.how), ..anomaly });
    }

    /// Whether nothing more specific is told of the operation.
    fn tells(&mut self, op: &str) -> bool {
        !self.sighted.contains_key(op) && self.told.insert(op.into())
    }

    fn lost_write(&self, line: &LostLine) -> Anomaly {
        let (first, last) = line.missing;
        let (op, acknowledged) = (&line.op, seconds(line.acknowledged.at_us));
        let missing = seconds(first.at_us);
        let whose = format!("Shopper {}'s {op} was acknowledged at {acknowledged}", self.number);
        let (kind, text) = match line.rival {
            None => (
                AnomalyKind::LostWrite,
                format!("{whose} and is missing from {missing} on, although the session lives."),
            ),
            Some(rival) => (
                AnomalyKind::LostUpdate,
                format!(
                    "{whose}; a write that began from the same version, acknowledged at {}, overwrote it: it is missing from \
                     {missing} on.",
                    seconds(rival.at_us),
                ),
            ),
        };
        let rival = line.rival.unwrap_or(line.acknowledged);
        let evidence = ascending([line.acknowledged.seq, rival.seq, first.seq, last.seq]);
        self.anomaly(kind, first.at_us, evidence, text, Some(op))
    }

    fn broken(&self, op: &str, miss: &Miss) -> Anomaly {
        let (due, at, number) = (seconds(miss.due.at_us), seconds(miss.at.at_us), self.number);
        let again = match miss.again {
            Some(again) => format!("it was there again at {}", seconds(again.at_us)),
            None => "it was never seen again".to_owned(),
        };
        let text = match miss.kind {
            AnomalyKind::ReadYourWrites => format!(
                "Shopper {number}'s {op} was acknowledged at {due}; the same tab's answer at {at} lacked it, and {again}."
            ),
            AnomalyKind::NonMonotonicRead => {
                format!(
                    "Shopper {number} had read {op} at {due}; the same tab's answer at {at} lacked it, and {again}."
                )
            }
            AnomalyKind::MonotonicWrites => format!(
                "Shopper {number}'s {op} was acknowledged at {due}; at {at} a line that the same tab wrote later was shown \
                 without it or before it."
            ),
            AnomalyKind::WritesFollowReads => format!(
                "Shopper {number} had read {op} at {due}; at {at} a line that the same tab wrote later was shown without it."
            ),
            _ => format!(
                "Shopper {number}'s {op} was known at {due}; another tab's answer at {at}, sent later, lacked it, and {again}."
            ),
        };
        let again = miss.again.unwrap_or(miss.at);
        let evidence = ascending([miss.due.seq, miss.at.seq, again.seq]);
        self.anomaly(miss.kind, miss.at.at_us, evidence, text, Some(op))
    }

    fn forked(&self, session: &Session, fork: &Fork) -> Anomaly {
        let [x, y] = &fork.lines;
        let how = match fork.again {
            Some(again) => format!(
                "{x} without {y}, at {} {y} without {x}, and at {} {x} without {y} again",
                seconds(fork.second.at_us),
                seconds(again.at_us),
            ),
            None => format!("{x} and {y} in one order, at {} in the other", seconds(fork.second.at_us)),
        };
        let text = format!(
            "Shopper {}'s session {} has two histories: at {} it held {how}.",
            self.number,
            session.number,
            seconds(fork.first.at_us),
        );
        let again = fork.again.unwrap_or(fork.second);
        let evidence = ascending([fork.first.seq, fork.second.seq, again.seq]);
        self.anomaly(AnomalyKind::ForkedSession, fork.second.at_us, evidence, text, None)
    }
}

fn ascending<const N: usize>(seqs: [u64; N]) -> Vec<u64> {
    BTreeSet::from(seqs).into_iter().collect()
}
