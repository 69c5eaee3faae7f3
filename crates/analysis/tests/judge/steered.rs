//! Trials that somebody steers while they run.

use crate::history::History;
use analysis::{Cause, Interim, Judge, SessionState, TrialFindings, judge};
use journal::{Entry, Event, FaultEvent, FaultStage, OrderEvent};
use scenario::{FaultAction, Target};

/// A quiet shop in which a server is killed by order.
fn killed_by_order() -> History {
    let mut story = History::without_a_fault().busy_shop();
    // Those of the busy shop have numbers from 100 to 119, and nobody is a guest.
    story.header.scenario.load.shoppers = 120;
    let at_us = 6_000_000;
    let order = OrderEvent { fault: 0, at_us, action: FaultAction::Kill, target: Target::Server(1) };
    let stage = |stage, at_us| {
        Event::Fault(FaultEvent {
            fault: 0,
            at_us,
            stage,
            process: "server-1.1".to_owned(),
            detail: "killed by signal 9".to_owned(),
        })
    };
    let place = story.events.iter().position(|event| event.at_us() >= at_us).unwrap();
    let order =
        [Event::Ordered(order), stage(FaultStage::Called, at_us), stage(FaultStage::Landed, at_us + 1_000)];
    story.events.retain(|event| !matches!(event, Event::Fault(_)));
    let place = place.min(story.events.len());
    story.events.splice(place..place, order);
    story.ends()
}

fn steered(story: &History) -> TrialFindings {
    let first = Entry { seq: 0, event: Event::Steered { at_us: 0 } };
    judge(&story.header, [Ok(first)].into_iter().chain(story.entries()))
}

fn causes(findings: &TrialFindings) -> Vec<Cause> {
    findings.reasons.iter().map(|reason| reason.cause).collect()
}

#[test]
fn a_fault_that_was_ordered_is_as_good_as_a_planned_one_when_the_trial_is_steered() {
    let findings = steered(&killed_by_order());
    assert_eq!(causes(&findings), []);
    assert_eq!(findings.faults.len(), 1);
    assert_eq!(
        (findings.faults[0].action, findings.faults[0].landed_us),
        (FaultAction::Kill, Some(6_001_000))
    );
    assert_eq!(findings.recovery.as_ref().map(|recovery| recovery.t0_us), Some(6_000_000));
}

#[test]
fn in_a_trial_that_nobody_steers_an_ordered_fault_is_one_that_is_not_in_the_plan() {
    assert!(causes(&killed_by_order().judged()).contains(&Cause::FaultNotProved));
}

#[test]
fn what_is_due_after_the_first_order_is_no_baseline() {
    let findings = steered(&killed_by_order());
    let [_, baseline, fault, ..] = &findings.phases[..] else { panic!("six phases") };
    assert_eq!((baseline.start_us, baseline.end_us), (Some(2_000_000), Some(6_000_000)));
    assert!(fault.requests.sent > 0 && fault.start_us == Some(6_000_000));
    let baselines: u64 = baseline.requests.sent;
    assert!(baselines < findings.phases.iter().map(|phase| phase.requests.sent).sum());
}

#[test]
fn the_load_may_end_early_but_every_step_that_was_sent_must_be_told() {
    let mut story = killed_by_order();
    story.header.planned_steps += 5_000;
    assert_eq!(causes(&steered(&story)), [], "the presenter ended it");
    assert!(causes(&story.judged()).contains(&Cause::StepsUnaccounted), "nobody may, otherwise");
    let missing = story.clone().generator(|generator| generator.sent += 1);
    assert!(causes(&steered(&missing)).contains(&Cause::StepsUnaccounted));
}

#[test]
fn a_guest_is_judged_and_is_in_no_plan() {
    // The last of the busy shop, number 119, is not in the plan.
    let mut story = killed_by_order();
    story.header.scenario.load.shoppers = 119;
    let story = story.generator(|generator| generator.sent -= 42);
    let steps_of_the_guest = story
        .events
        .iter()
        .filter(
            |e| matches!(e, Event::Step(step) if step.shopper == 119 && step.phase != scenario::Phase::Final),
        )
        .count();
    assert_eq!(steps_of_the_guest, 42);
    let findings = steered(&story);
    assert_eq!(causes(&findings), []);
    assert_eq!(findings.sessions.acknowledged, 20, "the guest's session too");
}

#[test]
fn the_standing_follows_a_session_from_log_in_to_loss_and_back() {
    let story = History::new().shopper(1).logs_in().adds("s1-1").fault().elsewhere().reads().reads();
    let story = story.loses_the_session().reads();
    let mut judge = Judge::new(&story.header);
    judge.push(&Entry { seq: 0, event: Event::Steered { at_us: 0 } });
    let mut told = Vec::new();
    for entry in story.entries().map(Result::unwrap) {
        judge.push(&entry);
        if matches!(entry.event, Event::Step(_)) {
            let Interim { lost, lines_in_lost_sessions, misrouted, .. } = judge.interim();
            told.push((judge.session_state(1), lost, lines_in_lost_sessions, misrouted));
        }
    }
    let (alive, lost) = (SessionState::Alive, SessionState::Lost);
    assert_eq!(
        told,
        [(alive, 0, 0, 0), (alive, 0, 0, 0), (lost, 1, 1, 0), (alive, 0, 0, 1), (lost, 1, 1, 0)]
    );
    assert_eq!(judge.session_state(2), SessionState::NotYet);
}
