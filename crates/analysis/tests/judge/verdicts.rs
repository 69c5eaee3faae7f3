//! A verdict is never better than its evidence.

use crate::history::History;
use analysis::{Cause, TrialFindings, Verdict, comparable, judge};
use journal::{Event, FaultStage, JournalError, ProcessChange};

fn causes(findings: &TrialFindings) -> Vec<Cause> {
    findings.reasons.iter().map(|reason| reason.cause).collect()
}

#[track_caller]
fn is_inconclusive(story: &History, cause: Cause) -> String {
    let findings = story.judged();
    assert_eq!((findings.verdict, causes(&findings)), (Verdict::Inconclusive, vec![cause]));
    assert!(findings.expectations.iter().all(|promise| promise.verdict == Verdict::Inconclusive));
    findings.reasons[0].text.clone()
}

fn well() -> History {
    History::promising(&[("sessions-lost", 0.0)]).busy_shop().ends()
}

fn no_healing(event: &Event) -> bool {
    matches!(event, Event::Healthy { .. })
}

#[test]
fn kept_promises_hold() {
    let findings = well().judged();
    assert_eq!((findings.verdict, findings.reasons.len()), (Verdict::Holds, 0));
    assert_eq!(findings.expectations[0].verdict, Verdict::Holds);
    assert_eq!(findings.expectations[0].text, "sessions-lost is 0; promised: at most 0.");
}

#[test]
fn a_broken_promise_breaks_the_trial() {
    let story = History::promising(&[("sessions-lost", 0.0), ("sessions-misrouted", 0.0)]).busy_shop();
    let findings = story.shopper(103).loses_the_session().ends().judged();
    assert_eq!((findings.verdict, causes(&findings)), (Verdict::Broken, vec![Cause::PromiseBroken]));
    assert_eq!(findings.reasons[0].text, "sessions-lost is 1; promised: at most 0.");
    let verdicts: Vec<Verdict> = findings.expectations.iter().map(|promise| promise.verdict).collect();
    assert_eq!(verdicts, [Verdict::Broken, Verdict::Holds]);
    assert_eq!((findings.sessions.loss, findings.sessions.loss_below), (Some(0.05), None));
}

#[test]
fn where_nothing_is_promised_nothing_holds() {
    assert_eq!(History::with_a_busy_shop().ends().judged().verdict, Verdict::Unpromised);
}

#[test]
fn promises_for_another_stack_are_not_judged() {
    let mut story = well();
    story.header.stack = "stateless-redis".parse().unwrap();
    let findings = story.judged();
    assert_eq!((findings.verdict, findings.expectations.len()), (Verdict::Unpromised, 0));
}

#[test]
fn a_promise_that_cannot_be_measured_is_inconclusive() {
    let findings = History::promising(&[("baseline-p99-ms", 50.0)]).logs_in().at(3.0).reads().fault().reads();
    let findings = findings.ends().judged();
    assert_eq!(
        (findings.verdict, causes(&findings)),
        (Verdict::Inconclusive, vec![Cause::PromiseUnmeasured])
    );
    assert_eq!(findings.expectations[0].measured, None);
}

#[test]
fn a_leak_breaks_any_trial_whatever_was_promised() {
    let leak = |story: History| {
        let story = story.shopper(105).reads();
        story.but(|step| step.view.as_mut().unwrap().owner = Some("shopper-106".to_owned()))
    };
    let unpromised = leak(History::with_a_busy_shop()).ends().judged();
    assert_eq!((unpromised.verdict, causes(&unpromised)), (Verdict::Broken, vec![Cause::CrossUserLeak]));
    let doubtful = leak(History::with_a_busy_shop()).ends().without(no_healing).judged();
    assert_eq!(doubtful.verdict, Verdict::Broken);
    assert_eq!(causes(&doubtful), [Cause::CrossUserLeak, Cause::HealingNotProved]);
}

#[test]
fn a_journal_that_was_cut_short_is_inconclusive_and_shown() {
    let story = well();
    let cut = story.entries().chain([Err(JournalError::CutShort { line: 900 })]);
    let findings = judge(&story.header, cut);
    assert_eq!((findings.verdict, causes(&findings)), (Verdict::Inconclusive, vec![Cause::Journal]));
    assert_eq!(findings.sessions.acknowledged, 20);
    assert_eq!(findings.expectations[0].within, Some(true));
    assert_eq!(findings.expectations[0].verdict, Verdict::Inconclusive);
}

#[test]
fn nothing_is_judged_after_a_damaged_line() {
    let story = well();
    let damaged = story.entries().take(30).chain([Err(JournalError::BrokenSeal { line: 32 })]);
    let findings = judge(&story.header, damaged.chain(story.entries().skip(30)));
    assert_eq!(findings.verdict, Verdict::Inconclusive);
    assert!(findings.generator.is_none());
}

#[test]
fn an_empty_journal_is_inconclusive() {
    let findings = judge(&well().header, std::iter::empty());
    assert_eq!(findings.verdict, Verdict::Inconclusive);
    assert!(causes(&findings).contains(&Cause::NothingAcknowledged));
    assert_eq!(findings.sessions.loss_below, None);
}

#[test]
fn a_fault_that_did_not_land_is_inconclusive() {
    let landed = |event: &Event| matches!(event, Event::Fault(f) if f.stage == FaultStage::Landed);
    let text = is_inconclusive(&well().without(landed), Cause::FaultNotProved);
    assert_eq!(text, "Fault 0 (kill busiest-server) was not proved to have landed.");

    let mut story = well();
    for event in &mut story.events {
        if let Event::Fault(fault) = event
            && fault.stage == FaultStage::Landed
        {
            fault.stage = FaultStage::Failed;
            fault.detail = "no such process.".to_owned();
        }
    }
    let text = is_inconclusive(&story, Cause::FaultNotProved);
    assert_eq!(text, "Fault 0 (kill busiest-server) failed at 6.001 s: no such process.");

    let text =
        is_inconclusive(&well().without(|event| matches!(event, Event::Fault(_))), Cause::FaultNotProved);
    assert_eq!(text, "Fault 0 (kill busiest-server) was never called.");
}

#[test]
fn a_fault_that_came_late_is_inconclusive() {
    let mut story = well();
    for event in &mut story.events {
        if let Event::Fault(fault) = event {
            fault.at_us += 300_000;
        }
    }
    let text = is_inconclusive(&story, Cause::FaultNotProved);
    assert!(text.contains("called at 6.300 s and was due at 6.000 s"), "{text}");
}

#[test]
fn a_fault_that_landed_when_the_load_was_over_is_inconclusive_unless_it_mends() {
    let mut story = well();
    let end_us = story.header.scenario.phases.end_us();
    for event in &mut story.events {
        if let Event::Fault(fault) = event
            && fault.stage == FaultStage::Landed
        {
            fault.at_us = end_us + 1_000_000;
        }
    }
    let text = is_inconclusive(&story, Cause::FaultNotProved);
    assert!(text.contains("after the load had ended"), "{text}");
    for fault in &mut story.header.scenario.faults {
        fault.action = scenario::FaultAction::Start;
    }
    assert_eq!(story.judged().verdict, Verdict::Holds);
}

#[test]
fn a_fault_that_nobody_planned_is_inconclusive() {
    let mut story = well();
    story.header.scenario.faults.clear();
    assert!(is_inconclusive(&story, Cause::FaultNotProved).contains("not in the plan"));
}

#[test]
fn an_unsteady_baseline_is_inconclusive_and_states_both_figures() {
    let mut story = well();
    for event in story
        .events
        .iter_mut()
        .filter(|event| matches!(event, Event::Step(s) if s.done_us > 5_900_000))
        .take(9)
    {
        if let Event::Step(step) = event {
            step.planned_us = 5_000_000;
            step.phase = scenario::Phase::Baseline;
        }
    }
    let text = is_inconclusive(&story, Cause::BaselineUnsteady);
    assert!(text.contains("100.00 % of 208 requests were answered (99.00 % are asked)"), "{text}");
    assert!(text.contains("and 9 took longer than 100 ms (too few for a 99th percentile"), "{text}");
}

#[test]
fn without_any_acknowledged_session_nothing_is_known() {
    let mut story = History::promising(&[("sessions-lost", 0.0)]);
    for n in 0..10 {
        story = story.at(2.0 + f64::from(n) * 0.4).reads();
    }
    is_inconclusive(&story.fault().ends(), Cause::NothingAcknowledged);
}

#[test]
fn too_few_verified_sessions_are_inconclusive() {
    let story =
        History::promising(&[("sessions-lost", 0.0)]).shopper(1).logs_in().shopper(2).logs_in().busy_shop();
    let text = is_inconclusive(&story.heals().gives_account(), Cause::TooFewVerified);
    assert_eq!(text, "Only 20 of 22 sessions were verified (90.9 %; 95 % are needed).");
}

#[test]
fn unproved_healing_is_inconclusive() {
    is_inconclusive(&well().without(no_healing), Cause::HealingNotProved);
}

#[test]
fn a_generator_that_cannot_be_trusted_is_inconclusive() {
    let lagging = well().generator(|account| account.lag_p99_us = 50_001);
    assert!(is_inconclusive(&lagging, Cause::Generator).contains("50.0 ms (at most 50 ms"));
    // 18 s of load.
    let overloaded = well().generator(|account| account.cpu_us = 14_500_000);
    assert!(is_inconclusive(&overloaded, Cause::Generator).contains("0.81 cores"));
    let unsent = well().generator(|account| account.unsent = 1);
    assert_eq!(is_inconclusive(&unsent, Cause::Generator), "1 step was planned and never sent.");
    is_inconclusive(&well().without(|event| matches!(event, Event::Generator(_))), Cause::Generator);
}

#[test]
fn unsent_steps_are_inconclusive_counted_and_errors() {
    let mut story = well();
    story.header.planned_steps += 1;
    story.events.push(Event::Unsent { shopper: 3, step: 9, planned_us: 17_000_000 });
    is_inconclusive(&story, Cause::Generator);
    let quiet = story.judged().phases[4].requests;
    assert_eq!((quiet.unsent, quiet.planned - quiet.sent, quiet.errors()), (1, 1, 1));
}

#[test]
fn steps_that_nobody_accounts_for_are_inconclusive() {
    let mut story = well();
    story.header.planned_steps += 3;
    is_inconclusive(&story, Cause::StepsUnaccounted);
}

#[test]
fn an_unordered_exit_is_inconclusive_and_an_ordered_one_is_not() {
    let exit = |ordered| ProcessChange::Exited { ordered, status: "signal 11".to_owned() };
    let text = is_inconclusive(&well().process("server-2.1", exit(false)), Cause::UnorderedExit);
    assert!(text.starts_with("server-2.1 exited at "), "{text}");
    assert_eq!(well().process("server-2.1", exit(true)).judged().verdict, Verdict::Holds);
}

#[test]
fn a_void_an_interrupted_and_an_unplanned_trial_are_inconclusive() {
    let mut story = well();
    story.events.push(Event::Void { at_us: 9, reason: "the port was taken".to_owned() });
    is_inconclusive(&story, Cause::Void);
    is_inconclusive(&well().generator(|account| account.interrupted = true), Cause::Interrupted);
    let mut story = well();
    story.header.plan_sha256.clear();
    is_inconclusive(&story, Cause::PlanMissing);
}

#[test]
fn only_trials_of_one_plan_are_comparable() {
    let trial = |repeat, plan: &str| {
        let mut story = History::new();
        story.header.repeat = repeat;
        story.header.plan_sha256 = plan.to_owned();
        story.judged()
    };
    let (one, same, other, next, none) =
        (trial(1, "aa"), trial(1, "aa"), trial(1, "bb"), trial(2, "bb"), trial(1, ""));
    assert_eq!(comparable(&[&one, &same, &next]), Ok(()));
    assert!(
        comparable(&[&one, &other]).unwrap_err().contains("given another plan than stateful (bb and aa)")
    );
    assert!(comparable(&[&one, &none]).unwrap_err().contains("names no plan"));
}
