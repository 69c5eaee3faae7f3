//! Stories about recovery objectives: which losses break them, which stack may be advised where they count, and what is said of a service
//! that was away.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod fixture;

use analysis::{ServiceRecovery, TrialFindings};
use fixture::services::{advice, bank, core, start_up, state};
use report::{Advice, Choice, Facts, Known, Results, Service, State, Style, advice_terminal};

const PLAIN: Style = Style { color: false, width: 100 };

/// The trial of a stack in a scenario.
fn trial<'a>(results: &'a mut Results, scenario: &str, stack: &str) -> &'a mut TrialFindings {
    let scenario = results.scenarios.iter_mut().find(|s| s.name == scenario).unwrap();
    scenario.trials.iter_mut().find(|t| t.identity.column() == stack).unwrap()
}

/// Lines vanish from carts that live, the oldest so many seconds old.
fn loses_lines(trial: &mut TrialFindings, lines: u64, oldest_s: u64) {
    let point = &mut trial.recovery.as_mut().unwrap().point;
    (point.writes_lost, point.oldest_age_us) = (lines, Some(oldest_s * 1_000_000));
}

/// Everything, and the drills dr-hot and dr-cold.
fn drilled() -> Results {
    let mut results = core();
    results.scenarios.extend(fixture::sites().scenarios);
    results
}

/// A second stateless stack, as good as the first wherever it was run: in every scenario, or in all but the drills.
fn beside(results: &mut Results, name: &str, in_drills: bool) {
    for scenario in results.scenarios.iter_mut().filter(|s| in_drills || s.setting.standby_site.is_none()) {
        let mut column = scenario.stacks[1].clone();
        name.clone_into(&mut column.stack);
        let mut trial = scenario.trials[1].clone();
        trial.identity.stack = fixture::stack(name);
        scenario.stacks.push(column);
        scenario.trials.push(trial);
    }
}

fn told(advice: &Advice, id: &str) -> String {
    advice.signals.iter().find(|signal| signal.id == id).unwrap().why.clone()
}

#[test]
fn a_stack_that_lost_lines_in_the_drill_that_makes_t4_fire_is_not_advised() {
    let mut results = drilled();
    beside(&mut results, "stateless-postgres", true);
    for drill in ["dr-hot", "dr-cold"] {
        loses_lines(trial(&mut results, drill, "stateless-redis"), 154, 2);
    }
    let advice = Advice::new(Facts::of(&results), bank());
    assert_eq!(state(&advice, "T4"), State::Fires);
    assert_eq!(advice.decision.candidates, ["stateless-postgres"]);
    let text = advice_terminal(&advice, PLAIN);
    assert!(
        text.contains(
            "Not stateless-redis: it lost 154 acknowledged lines, the oldest 2 s old in dr-hot, and you allow"
        ),
        "{text}"
    );
}

#[test]
fn a_stack_without_the_drill_is_not_advised_and_the_command_that_drills_it_is_printed() {
    let mut results = drilled();
    beside(&mut results, "stateless-postgres", false);
    let advice = Advice::new(Facts::of(&results), bank());
    assert_eq!(advice.decision.candidates, ["stateless-redis"]);
    let text = advice_terminal(&advice, PLAIN);
    assert!(text.contains("Not stateless-postgres: it was not put through dr-hot, dr-cold"), "{text}");
    let gap = advice.gaps.iter().find(|gap| gap.stack == "stateless-postgres").unwrap();
    assert!(gap.run.ends_with("--stack stateful --stack stateless-postgres dr-hot dr-cold"), "{}", gap.run);
}

#[test]
fn a_store_that_cannot_stand_at_two_sites_is_refused_and_no_drill_is_asked_of_it() {
    let mut results = drilled();
    beside(&mut results, "stateless-sqlite", false);
    let advice = Advice::new(Facts::of(&results), bank());
    assert_eq!(advice.decision.candidates, ["stateless-redis"]);
    assert!(advice_terminal(&advice, PLAIN).contains("Not stateless-sqlite: no second site can have"));
    assert!(advice.gaps.iter().all(|gap| !gap.what.contains("site")), "{:?}", advice.gaps);
}

#[test]
fn lines_that_vanish_from_living_carts_break_an_objective_too() {
    let mut results = core();
    loses_lines(trial(&mut results, "store-outage", "stateless-redis"), 135, 4);
    let candidates = |rpo_s: f64| {
        let service = Service { rpo_s: Some(rpo_s), ..bank() };
        Advice::new(Facts::of(&results), service).decision.candidates
    };
    assert!(candidates(0.0).is_empty(), "nothing may be lost");
    assert!(candidates(3.0).is_empty(), "the oldest was 4 s old");
    assert_eq!(candidates(5.0), ["stateless-redis"], "as old as that is allowed");
}

#[test]
fn lines_so_young_that_they_have_no_age_are_still_lost() {
    let mut results = core();
    loses_lines(trial(&mut results, "store-outage", "stateless-redis"), 1, 0);
    let advice = Advice::new(Facts::of(&results), bank());
    assert!(advice.decision.candidates.is_empty());
    assert!(advice_terminal(&advice, PLAIN).contains("it lost 1 acknowledged line, the oldest 0 s old"));
}

#[test]
fn every_drill_is_looked_at_and_not_only_the_first_that_was_missed() {
    let mut results = drilled();
    loses_lines(trial(&mut results, "dr-hot", "stateless-redis"), 154, 2);
    let advice = Advice::new(Facts::of(&results), bank());
    assert_eq!(state(&advice, "T4"), State::Fires);
    let why = told(&advice, "T4");
    for words in [
        "sessions; no stateless stack that was drilled met your objectives either. In dr-cold the stateful tier ",
        "sessions; stateless-redis met your objectives.",
    ] {
        assert!(why.contains(words), "{why}");
    }
    assert_eq!(advice.decision.candidates, ["stateless-redis"], "it met them in dr-cold");
}

#[test]
fn a_drill_of_the_stateful_tier_alone_says_nothing_of_a_store() {
    let mut results = drilled();
    for scenario in results.scenarios.iter_mut().filter(|s| s.setting.standby_site.is_some()) {
        scenario.stacks.truncate(1);
    }
    let advice = Advice::new(Facts::of(&results), bank());
    assert_eq!(state(&advice, "T4"), State::NotMeasured);
    assert!(told(&advice, "T4").ends_with("no stateless stack was put through it."));
}

#[test]
fn a_session_that_cannot_outlive_the_objective_breaks_it_in_no_drill() {
    let half_an_hour = Service { session_minutes: Some(30.0), rpo_s: Some(3_600.0), ..bank() };
    let advice = Advice::new(Facts::of(&drilled()), half_an_hour);
    assert_eq!(state(&advice, "T4"), State::Silent, "{}", told(&advice, "T4"));
    assert_eq!(told(&advice, "T4"), "The stateful tier met your objectives in 2 drills.");
}

#[test]
fn a_service_that_left_the_steady_state_later_was_away_for_so_long_and_came_back() {
    let mut results = core();
    let recovery = trial(&mut results, "store-outage", "stateless-redis").recovery.as_mut().unwrap();
    (recovery.service, recovery.service_back_us) = (ServiceRecovery::LeftLater, Some(0));
    recovery.unsteady_us = 600_000;
    let soon = Advice::new(Facts::of(&results), bank());
    assert_eq!(soon.decision.candidates, ["stateless-redis"], "0.6 s of 60 that are allowed");
    assert!(advice_terminal(&soon, PLAIN).contains("0.6 s"));
    let hurry = Service { rto_s: Some(0.5), ..bank() };
    let text = advice_terminal(&Advice::new(Facts::of(&results), hurry), PLAIN);
    assert!(text.contains("the service was away for 0.6 s in store-outage, and you allow 0.5 s"), "{text}");
}

#[test]
fn a_time_that_nobody_measured_is_told_as_that_and_asked_for() {
    let mut results = core();
    let recovery = trial(&mut results, "store-outage", "stateless-redis").recovery.as_mut().unwrap();
    (recovery.service, recovery.service_back_us) = (ServiceRecovery::NotMeasured, None);
    let advice = Advice::new(Facts::of(&results), bank());
    let text = advice_terminal(&advice, PLAIN);
    assert!(text.contains("how long the service was away was not measured in store-outage"), "{text}");
    assert!(!text.contains("not back") && !text.contains("service back"), "{text}");
}

#[test]
fn where_every_store_misses_an_objective_that_is_the_reason_and_not_a_want_of_measurements() {
    let mut results = core();
    let recovery = trial(&mut results, "store-outage", "stateless-redis").recovery.as_mut().unwrap();
    recovery.service_back_us = Some(90_000_000);
    let service = Service {
        // Neither crashes nor deployments cost as much as the store; both together may.
        session_cost: 0.05,
        store_cost_per_year: Some(26_100.0),
        growth_percent_per_year: None,
        rto_s: Some(60.0),
        ..Service::example()
    };
    let mut facts = Facts::of(&results);
    // Drilled and met, so that nothing is left to be measured.
    facts.stateful.as_mut().unwrap().drills =
        vec![facts.stateful.as_ref().unwrap().server_crash.measured().unwrap().clone()];
    let advice = Advice::new(facts, service);
    assert!(advice.signals.iter().all(|s| !matches!(s.state, State::Fires | State::NotMeasured)));
    assert_eq!(advice.decision.choice, Choice::NoAdvice);
    assert_eq!(
        advice.decision.answer,
        "No advice: what you lose may be worth a shared store, and none that was measured meets your objectives."
    );
}

#[test]
fn where_nobody_is_there_a_crash_costs_nothing_whatever_was_measured() {
    let nobody = Service { sessions: 0.0, ..bank() };
    assert_eq!(state(&advice(nobody.clone()), "T2"), State::Silent);
    let mut unmeasured = core();
    unmeasured.scenarios.remove(0);
    let advice = Advice::new(Facts::of(&unmeasured), Service { rpo_s: None, rto_s: None, ..nobody });
    assert_eq!(told(&advice, "T2"), "Nobody is there when a server crashes.");
}

#[test]
fn new_servers_that_answer_nothing_on_either_side_are_no_signal() {
    let mut results = core();
    let idle = trial(&mut results, "scale-out", "stateless-redis");
    idle.expectations.iter_mut().for_each(|e| e.measured = Some(0.0));
    let grows = Service { growth_percent_per_year: Some(50.0), ..start_up() };
    assert_eq!(state(&Advice::new(Facts::of(&results), grows), "T1"), State::Silent);
}

#[test]
fn the_largest_service_that_is_possible_keeps_its_interval() {
    let largest =
        Service { sessions: 1e9, deploys_per_week: 1_000.0, session_cost: 1e6, ..Service::example() };
    let mut results = core();
    trial(&mut results, "rolling-deploy", "stateful").sessions.lost = 150;
    let advice = Advice::new(Facts::of(&results), largest);
    let Known::Measured(deployments) = advice.outlooks[0].deployments.clone() else { panic!("measured") };
    let cells = report::advice_cells(&advice);
    let (expected, interval) = &cells[4][0];
    assert!(deployments.high > 2e13 && expected.starts_with("26,"), "{expected}");
    let (low, high) = interval.split_once(" to ").unwrap();
    assert!(low != high && high.len() == "29,000,000,000,000,000,000".len(), "{interval}");
}

#[test]
fn where_there_is_one_it_is_told_as_one() {
    let mut results = drilled();
    results.scenarios.pop();
    let single = Service { servers: 1.0, growth_percent_per_year: None, rpo_s: Some(86_400.0), ..bank() };
    let advice = Advice::new(Facts::of(&results), Service { session_minutes: Some(30.0), ..single });
    assert_eq!(told(&advice, "T1"), "A year from now 1 of your 1 server will do.");
    assert_eq!(told(&advice, "T4"), "The stateful tier met your objectives in 1 drill.");
}
