//! One shopper's story: the same judge, told step by step.

use crate::anomaly::Absence;
use crate::answer::Says;
use crate::cookies::{Cookie, Cookies};
use crate::findings::{Fate, FateStep};
use crate::judge::identity;
use crate::ledger::Ledger;
use crate::session::Watch;
use crate::shopper::{Met, Shopper};
use crate::wording::counted;
use journal::{Entry, Event, FaultStage, Header, JournalError, Outcome, StepEvent};
use scenario::Action;

/// One shopper's steps in order, each with what it got and what that meant. A journal that is not whole is told as far as it goes,
/// and [`Fate::cut_short`] says why.
pub fn fate(
    header: &Header,
    entries: impl Iterator<Item = Result<Entry, JournalError>>,
    shopper: u32,
) -> Fate {
    let mut who = Shopper::new(shopper);
    let mut ledger = Ledger::new(!header.scenario.faults.is_empty());
    let mut fate = Fate { identity: identity(header), shopper, steps: Vec::new(), cut_short: None };
    for entry in entries {
        match entry {
            Ok(Entry { seq, event: Event::Step(step) }) if step.shopper == shopper => {
                fate.steps.push(tell(&mut who, &mut ledger, seq, &step));
            }
            // Cookies of the others must be known, or one of theirs would look like this shopper's own.
            Ok(Entry { seq, event: Event::Step(step) }) => {
                if let Some(sid) = &step.new_sid {
                    let seq = u32::try_from(seq).unwrap_or(u32::MAX);
                    let cookie = Cookie { shopper: step.shopper, session: 0, version: 0, seq };
                    ledger.cookies.issue(Cookies::key(sid), cookie);
                }
            }
            Ok(Entry { event: Event::Fault(fault), .. }) if fault.stage == FaultStage::Called => {
                if ledger.watch.t0_us().is_none() {
                    ledger.watch = Watch::Since(fault.at_us);
                }
            }
            Ok(Entry { event: Event::Steered { .. }, .. }) => ledger.watch = Watch::NotYet,
            Ok(_) => {}
            Err(error) => {
                fate.cut_short = Some(error.to_string());
                break;
            }
        }
    }
    fate
}

fn tell(who: &mut Shopper, ledger: &mut Ledger, seq: u64, step: &StepEvent) -> FateStep {
    // A log-in ends whatever was before it, so nothing is owed to it.
    let was_logged_in = who.is_logged_in() && step.action != Action::LogIn;
    let met = who.takes(seq, step, ledger);
    let says = Says::of(step);
    let absent = matches!(says, Says::Absent(_)) && was_logged_in;
    FateStep {
        seq,
        planned_us: step.planned_us,
        sent_us: step.sent_us,
        done_us: step.done_us,
        phase: step.phase,
        session: who.session_number(),
        action: step.action,
        op: step.op.clone(),
        outcome: step.outcome,
        status: step.status,
        server: step.server.clone(),
        cart: if let Says::Here(view) = says { Some(view.ops.clone()) } else { None },
        owed: u32::try_from(who.owed()).unwrap_or(u32::MAX),
        harmed: absent || met.foreign || !met.missing.is_empty(),
        note: note(step, says, &met, was_logged_in),
    }
}

fn note(step: &StepEvent, says: Says<'_>, met: &Met, was_logged_in: bool) -> String {
    match says {
        Says::Stranger(owner) => format!("somebody else's session: {owner}"),
        _ if met.foreign => "it carries what is not this shopper's own, or one operation twice".to_owned(),
        Says::Absent(Absence::Loud) if was_logged_in => "the session is gone: 401".to_owned(),
        Says::Absent(Absence::Silent) if was_logged_in && met.owed_before > 0 => {
            format!("an empty cart for somebody who had {}", counted(met.owed_before as u64, "line"))
        }
        Says::Absent(Absence::Silent) if was_logged_in => {
            "the session is gone: an empty one for somebody who is logged in".to_owned()
        }
        Says::Absent(_) => "no session, and none was due".to_owned(),
        Says::Here(view) => {
            let holds = format!("the cart holds {}", counted(view.ops.len() as u64, "line"));
            match (met.missing.as_slice(), met.back, step.action) {
                ([], true, _) => format!("the session is back: {holds}"),
                ([], false, Action::Read) => holds,
                ([], false, _) => "acknowledged".to_owned(),
                (missing, _, _) => format!("missing: {}; {holds}", missing.join(", ")),
            }
        }
        Says::Left => "acknowledged".to_owned(),
        Says::Nothing => match (step.outcome, step.status) {
            (Outcome::Ok, _) => "answered; what it holds was not said".to_owned(),
            (Outcome::Unknown, _) => "no complete answer: it may have happened".to_owned(),
            (Outcome::Failed, Some(status)) => match &step.error {
                Some(word) => format!("no: {status} {word}"),
                None => format!("no: {status}"),
            },
            (Outcome::Failed, None) => match &step.error {
                Some(word) => format!("no answer: {word}"),
                None => "no answer".to_owned(),
            },
        },
    }
}
