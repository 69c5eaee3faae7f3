//! A session is over: what became of it, and of what was in it, is filed.

use super::{Session, Shopper};
use crate::anomaly::{Absence, Anomaly, AnomalyKind};
use crate::cart::LostLine;
use crate::ledger::Ledger;
use crate::session::{Absent, End, Outlook, Strayed, Verified};
use crate::wording::{counted, how, seconds};
use std::collections::BTreeSet;

impl Shopper {
    /// The journal is over.
    pub(crate) fn finishes(&mut self, end_us: u64, ledger: &mut Ledger) {
        self.ends(end_us, End::Journal, ledger);
    }

    /// The session is over: what became of it, and of what was in it?
    pub(super) fn ends(&mut self, at_us: u64, end: End, ledger: &mut Ledger) {
        let Some(mut session) = self.session.take() else { return };
        let Some(acknowledged) = session.presence.acknowledged() else {
            // Nobody promised this session. What it may have acknowledged all the same is looked for by nobody.
            return;
        };
        ledger.sessions.acknowledged += 1;
        ledger.began_us.push(acknowledged.at_us);
        match session.presence.verified(end, ledger.watch) {
            Verified::Yes => ledger.sessions.verified += 1,
            Verified::OverBefore => ledger.sessions.over_before_fault += 1,
            Verified::No => {}
        }
        let outlook = session.presence.outlook(end);
        match outlook {
            Outlook::Lost(absent) => self.loses(&mut session, absent, end, ledger),
            Outlook::Lived(strayed) => {
                if end == End::Shopper {
                    ledger.ended_us.push(at_us);
                }
                self.lives(&mut session, strayed, end, ledger);
            }
        }
        ledger.comebacks.add(&session.comeback, matches!(outlook, Outlook::Lost(_)), ledger.watch);
        ledger.sessions.harmed += u64::from(session.harmed);
    }

    fn loses(&mut self, session: &mut Session, absent: Absent, end: End, ledger: &mut Ledger) {
        let mut lines = 0;
        for acknowledged in session.cart.gone() {
            lines += 1;
            ledger.write_gone(acknowledged);
        }
        ledger.writes.in_lost_sessions += lines;
        ledger.writes.verified += session.cart.verified_before();
        session.harmed = true;
        if session.leaked {
            ledger.ended_us.push(absent.first.at_us);
            return;
        }
        ledger.lost_us.push(absent.first.at_us);
        ledger.sessions.lost += 1;
        match absent.how {
            Absence::Loud => ledger.sessions.lost_loud += 1,
            Absence::Silent => ledger.sessions.lost_silent += 1,
        }
        let last_here = session.presence.last_here().unwrap_or(session.began);
        let text = format!(
            "Shopper {}'s session {} was last there at {}; from {} on it was gone ({}), in {} to the last one{}. {} went \
             with it.",
            self.number,
            self.sessions,
            seconds(last_here.at_us),
            seconds(absent.first.at_us),
            how(absent.how),
            counted(u64::from(absent.answers), "answer"),
            if end == End::Journal { ", the final read" } else { " before its end" },
            counted(lines, "acknowledged line"),
        );
        let evidence = ascending([session.began.seq, last_here.seq, absent.first.seq, absent.last.seq]);
        let anomaly = self.anomaly(AnomalyKind::LostSession, absent.first.at_us, evidence, text, None);
        ledger.file(Anomaly { absence: Some(absent.how), ..anomaly });
    }

    fn lives(&mut self, session: &mut Session, strayed: Option<Strayed>, end: End, ledger: &mut Ledger) {
        let settled = std::mem::take(&mut session.cart).settled(end, ledger.watch);
        ledger.writes.verified += settled.verified;
        for line in settled.lost {
            ledger.write_gone(line.acknowledged);
            session.harmed = true;
            if self.told.insert(line.op.clone()) {
                ledger.writes.lost += 1;
                ledger.file(self.lost_write(&line));
            }
        }
        let Some(Strayed { absent, back }) = strayed else { return };
        session.harmed = true;
        if session.leaked {
            return;
        }
        ledger.sessions.misrouted += 1;
        let text = format!(
            "Shopper {}'s session {} was absent at {} ({}) and back at {}; this happened {}.",
            self.number,
            self.sessions,
            seconds(absent.first.at_us),
            how(absent.how),
            seconds(back.at_us),
            counted(u64::from(session.presence.times_strayed()), "time"),
        );
        let evidence = ascending([session.began.seq, absent.first.seq, back.seq]);
        let anomaly = self.anomaly(AnomalyKind::MisroutedSession, absent.first.at_us, evidence, text, None);
        ledger.file(Anomaly { absence: Some(absent.how), ..anomaly });
    }

    fn lost_write(&self, line: &LostLine) -> Anomaly {
        let (first, last) = line.missing;
        let text = format!(
            "Shopper {}'s {} was acknowledged at {} and is missing from {} on, although the session lives.",
            self.number,
            line.op,
            seconds(line.acknowledged.at_us),
            seconds(first.at_us),
        );
        let evidence = ascending([line.acknowledged.seq, first.seq, last.seq]);
        self.anomaly(AnomalyKind::LostWrite, first.at_us, evidence, text, Some(&line.op))
    }
}

fn ascending<const N: usize>(seqs: [u64; N]) -> Vec<u64> {
    BTreeSet::from(seqs).into_iter().collect()
}
