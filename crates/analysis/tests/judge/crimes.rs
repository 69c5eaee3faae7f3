//! One crime of each kind, committed on one shopper in the middle of a trial, and nothing but that: what the stories tell and
//! what the property tests plant.

use crate::history::{Effect, History};
use analysis::AnomalyKind;

/// The shopper logs in, the crime is committed on its session, and its story goes on to the end. Line ids carry the shopper's
/// number, so that many can be told in one trial.
pub fn commit(kind: AnomalyKind, story: History, shopper: u32) -> History {
    let [a, b, c] = ["a", "b", "c"].map(|name| format!("{name}-{shopper}"));
    let (a, b, c) = (a.as_str(), b.as_str(), c.as_str());
    let story = story.shopper(shopper).logs_in().adds(a).reads();
    match kind {
        AnomalyKind::CrossUserLeak => {
            story.reads().but(|step| step.view.as_mut().unwrap().owner = Some("shopper-999999".to_owned()))
        }
        AnomalyKind::Phantom => story.reads().but_sees(&[a, &format!("ghost-{shopper}")]),
        AnomalyKind::AbortedRead => story.adds(b).but_refused(409, "conflict").reads(),
        AnomalyKind::ResurrectedSession => {
            let cookie = story.cookie();
            story.logs_out().reads().but_with_cookie(&cookie).but_answers(2, &[a])
        }
        AnomalyKind::ReplayedCookie => {
            let cookie = story.cookie();
            story.adds(b).reads().but_with_cookie(&cookie).but_answers(2, &[a]).reads()
        }
        AnomalyKind::DuplicateEffect => story.adds(b).tier_holds(&[a, b, b]).reads(),
        AnomalyKind::ForkedSession => {
            let story = story.adds(b).tier_holds(&[a]).adds(c).tier_holds(&[a, b]).reads();
            story.reads().but_sees(&[a, c]).reads()
        }
        AnomalyKind::LostSession => story.loses_the_session().reads(),
        AnomalyKind::LostWrite => story.adds(b).loses_the_line(b).reads(),
        AnomalyKind::LostUpdate => {
            // Tab 1 reads version 2, tab 0 writes b, tab 1 writes c: both answers say version 3.
            let story = story.adds(b).tab(1).adds(c).but_slow(60).but_at_version(3).but_sees(&[a, c]);
            story.tier_holds(&[a, c]).reads().tab(0).reads()
        }
        AnomalyKind::ReadYourWrites => story.adds(b).reads().but_sees(&[a]).reads(),
        AnomalyKind::NonMonotonicRead => story.adds(b).reads().reads().but_sees(&[a]).reads(),
        AnomalyKind::MonotonicWrites => story.adds(b).adds(c).tier_holds(&[a, c, b]).reads(),
        AnomalyKind::WritesFollowReads => {
            // Tab 1 reads b, which tab 0 wrote, and writes c; a third tab sees c without b.
            let story = story.adds(b).tab(1).reads().adds(c);
            story.tab(2).reads().but_sees(&[a, c]).reads()
        }
        AnomalyKind::MisroutedSession => story.elsewhere().reads().reads(),
        AnomalyKind::StaleRead => story.adds(b).tab(1).reads().but_sees(&[a]).reads(),
    }
}

/// The nearest that an honest tier comes to the crime: nothing may be found.
pub fn nearly_commit(kind: AnomalyKind, story: History, shopper: u32) -> History {
    let [a, b, c] = ["a", "b", "c"].map(|name| format!("{name}-{shopper}"));
    let (a, b, c) = (a.as_str(), b.as_str(), c.as_str());
    let story = story.shopper(shopper).logs_in().adds(a).reads();
    match kind {
        // An empty session is nobody's.
        AnomalyKind::CrossUserLeak => story.logs_out().reads().logs_in(),
        // Another tab's write shows before its own answer comes.
        AnomalyKind::Phantom => story.reads().but_sees(&[a, b]).tab(1).adds(b).but_slow(60),
        // The refused write is tried again, and that try is under way when it shows.
        AnomalyKind::AbortedRead => {
            let story = story.adds(b).but_refused(503, "no_server").tier_holds(&[a]);
            let story = story.tab(1).reads().but_sees(&[a, b]);
            story.tab(0).adds(b).but_slow(60).but_retries(3, true)
        }
        // A slow write was sent before the log-out was acknowledged.
        AnomalyKind::ResurrectedSession => {
            let cookie = story.cookie();
            let story = story.logs_out().tab(1).adds(b).but_slow(60);
            story.but_with_cookie(&cookie).but_answers(3, &[a, b]).tab(0).logs_in()
        }
        // An older seal of the same id shows the newest state.
        AnomalyKind::ReplayedCookie => {
            let cookie = story.cookie();
            story.adds(b).reads().but_with_cookie(&cookie)
        }
        // A retry with a key has no second effect.
        AnomalyKind::DuplicateEffect => {
            let story = story.adds_without_an_answer(b, Effect::Happens).but(|step| step.idempotent = true);
            story.adds(b).but_retries(3, true).but_sees(&[a, b]).tier_holds(&[a, b]).reads()
        }
        // A line is lost, or late, and the reads after it do not fit to those before it.
        AnomalyKind::ForkedSession => story.adds(b).checks_out().adds(c).reads(),
        // The request overlaps the log-out, and may come after it.
        AnomalyKind::LostSession => {
            let story =
                story.tab(1).reads().but_sees(&[]).but(|step| step.view.as_mut().unwrap().owner = None);
            story.tab(0).logs_out().but_slow(60).logs_in()
        }
        // The look overlaps the check-out, and may come after it.
        AnomalyKind::LostWrite => story.tab(1).reads().but_sees(&[]).tab(0).checks_out().but_slow(60),
        // Two tabs write at the same time, one after the other.
        AnomalyKind::LostUpdate => story.adds(b).tab(1).adds(c).but_slow(60).reads(),
        // The read was sent before the write was acknowledged.
        AnomalyKind::ReadYourWrites | AnomalyKind::StaleRead => {
            story.adds(b).tab(1).reads().but_sees(&[a]).but_slow(60).reads()
        }
        // The later read was sent before the earlier one was answered.
        AnomalyKind::NonMonotonicRead => {
            story.adds(b).but_slow(60).tab(1).reads().tab(2).reads().but_sees(&[a]).but_slow(110).reads()
        }
        // The later write was sent before the earlier one was acknowledged.
        AnomalyKind::MonotonicWrites => {
            story.adds(b).tab(1).adds(c).but_slow(60).tier_holds(&[a, c, b]).tab(0).reads()
        }
        // The writer had not read it.
        AnomalyKind::WritesFollowReads => {
            story.adds(b).tab(1).adds(c).but_slow(60).tier_holds(&[a, c, b]).tab(2).reads()
        }
        // Nothing but an error page.
        AnomalyKind::MisroutedSession => story.reads().but_gets_503().reads(),
    }
}

/// A trial in which nothing but this happens.
pub fn alone(kind: AnomalyKind) -> History {
    commit(kind, History::new(), 1).fault().ends()
}
