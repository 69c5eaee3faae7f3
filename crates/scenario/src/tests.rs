//! Stories about scenario files, stacks and plans.

use crate::{Action, Phase, Plan, Scenario, Stack, StoreKind};
use proptest::prelude::*;
use protocol::admin::Policy;

const GOOD: &str = r#"name = "mine"
question = "Who loses what?"
story = "A server dies."
stacks = ["stateful", "stateless-redis", "memory+round-robin"]
[topology]
servers = 3
[load]
shoppers = 50
think_time_ms = 200
mix = { read = 5, add = 4, check-out = 1, log-out = 1 }
[phases]
warm_up_s = 2
baseline_s = 2
fault_s = 4
recovery_s = 2
quiet_s = 1
[steady_state]
ok_ratio = 0.99
p99_ms = 250
sustain_s = 1
[[faults]]
at_s = 5
action = "kill"
target = "busiest-server"
[[expect]]
stacks = ["stateless-*"]
metric = "sessions-lost"
max = 0
because = "the store is shared"
"#;

fn good() -> Scenario {
    Scenario::parse("mine.toml", GOOD).unwrap()
}

/// The error that comes of replacing a piece of the good file.
#[track_caller]
fn wrong(piece: &str, by: &str) -> String {
    assert!(GOOD.contains(piece), "{piece}");
    Scenario::parse("mine.toml", &GOOD.replacen(piece, by, 1)).unwrap_err().to_string()
}

#[track_caller]
fn tells(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "'{part}' is not in: {error}");
    }
}

#[test]
fn a_good_file_is_resolved_with_its_defaults() {
    let scenario = good();
    assert_eq!(scenario.topology.service_time_ms, 10);
    assert_eq!(scenario.load.timeout_ms, 4_000);
    assert_eq!(scenario.faults[0].at_us, 5_000_000);
    assert_eq!(scenario.stacks[2], Stack::new(StoreKind::Memory, Policy::RoundRobin));
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_right_name() {
    tells(
        &wrong("shoppers = 50", "shopers = 50"),
        &["mine.toml:8:", "unknown field `shopers`", "did you mean 'shoppers'"],
    );
}

#[test]
fn an_unknown_stack_is_told_with_its_line_and_the_nearest_right_name() {
    tells(
        &wrong("\"stateful\"", "\"statefull\""),
        &["mine.toml:4:", "unknown stack 'statefull'", "did you mean 'stateful'"],
    );
}

#[test]
fn a_time_below_zero_is_refused_with_its_key() {
    tells(&wrong("baseline_s = 2", "baseline_s = -2"), &["mine.toml:13:", "phases.baseline_s is -2"]);
}

#[test]
fn a_time_that_is_no_number_is_refused() {
    tells(&wrong("fault_s = 4", "fault_s = nan"), &["mine.toml:14:", "phases.fault_s"]);
}

#[test]
fn a_fault_after_the_fault_window_is_refused_and_the_window_named() {
    tells(&wrong("at_s = 5", "at_s = 30"), &["mine.toml:22:", "fault at 30 s", "4 s to 8 s"]);
}

#[test]
fn a_fault_on_a_server_that_does_not_exist_is_refused() {
    tells(&wrong("busiest-server", "server-4"), &["mine.toml:24:", "server-4 does not exist", "3 servers"]);
}

#[test]
fn a_fault_that_undoes_nothing_is_refused() {
    tells(&wrong("\"kill\"", "\"start\""), &["start of busiest-server means nothing"]);
    tells(&wrong("busiest-server", "same-server"), &["needs a fault before it"]);
}

#[test]
fn a_promise_that_covers_no_stack_of_the_scenario_is_refused() {
    tells(&wrong("stateless-*", "stateless-mysql"), &["covers none of this scenario's stacks"]);
}

#[test]
fn a_promise_without_bounds_is_refused() {
    tells(&wrong("max = 0\n", ""), &["neither min nor max"]);
}

#[test]
fn a_key_that_is_missing_is_named() {
    tells(&wrong("question = \"Who loses what?\"\n", ""), &["missing field `question`"]);
}

#[test]
fn every_stack_is_found_by_the_name_it_prints() {
    for store in StoreKind::ALL {
        for policy in Policy::ALL {
            let stack = Stack::new(store, policy);
            assert_eq!(stack.to_string().parse::<Stack>().unwrap(), stack);
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_plan_and_another_seed_another() {
    let digest = |seed| Plan::new(&good(), seed).digest();
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
}

#[test]
fn everybody_has_logged_in_before_the_baseline() {
    let scenario = good();
    let warm_up = scenario.phases.span(Phase::WarmUp).unwrap();
    let plan = Plan::new(&scenario, 1);
    assert_eq!(plan.shoppers.len(), 50);
    assert!(
        plan.shoppers.iter().all(|s| s.steps[0].action == Action::LogIn && s.steps[0].at_us < warm_up.end_us)
    );
}

#[test]
fn quick_halves_every_time_and_keeps_faults_in_their_window() {
    let (whole, quick) = (good(), good().quick());
    assert_eq!(quick.phases.end_us() * 2, whole.phases.end_us());
    assert_eq!(quick.phases.at(quick.faults[0].at_us), Phase::Fault);
}

proptest! {
    #[test]
    fn steps_are_in_order_within_the_load_and_a_logout_is_followed_by_a_login(seed: u64) {
        let scenario = good();
        for shopper in Plan::new(&scenario, seed).shoppers {
            prop_assert!(shopper.steps.windows(2).all(|w| w[0].at_us < w[1].at_us));
            prop_assert!(shopper.steps.iter().all(|step| step.at_us < scenario.phases.end_us()));
            for pair in shopper.steps.windows(2) {
                prop_assert_eq!(pair[0].action == Action::LogOut, pair[1].action == Action::LogIn);
            }
        }
    }

    #[test]
    fn any_text_is_answered_with_a_scenario_or_an_error_with_a_line(text in "\\PC{0,400}") {
        if let Err(e) = Scenario::parse("any.toml", &text) {
            prop_assert!(e.line >= 1);
        }
    }

    #[test]
    fn a_damaged_file_never_panics(at in 0..GOOD.len(), with in "[-0-9a-z\"\\[\\]= .\n]{0,6}") {
        let mut text = GOOD.to_owned();
        text.replace_range(at..=at, &with);
        let _ = Scenario::parse("damaged.toml", &text).map(|scenario| Plan::new(&scenario, 1));
    }
}
