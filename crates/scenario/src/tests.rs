//! Stories about scenario files, stacks and plans.

use crate::{
    Action, Edge, Mode, Phase, Plan, Probe, ProbeKind, Retries, Scenario, Shape, Stack, StoreKind, Strategy,
};
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
fn a_text_that_would_command_a_terminal_is_refused() {
    tells(&wrong("Who loses what?", "Who \\u001b[2J loses what?"), &["mine.toml:2:", "control character"]);
    tells(&wrong("the store is shared", "bell \\u0007"), &["control character"]);
    assert!(Scenario::parse("mine.toml", &GOOD.replace("Who loses what?", "Who \\u00e9t\\u00e9?")).is_ok());
}

#[test]
fn looking_after_a_log_out_needs_log_outs() {
    let looks = "think_time_ms = 200\nlook_after_log_out = true";
    let without = GOOD.replace(", log-out = 1", "").replace("think_time_ms = 200", looks);
    let error = Scenario::parse("mine.toml", &without).unwrap_err().to_string();
    tells(&error, &["mine.toml:10:", "load.mix has no log-out"]);
}

#[test]
fn a_store_without_versions_cannot_be_optimistic() {
    for store in ["stateless-cookie", "stateless-redis-actix", "cookie-actix+round-robin"] {
        let message = ["mine.toml:4:", "cannot be optimistic", "last-write-wins"];
        tells(&wrong("\"stateless-redis\"", &format!("\"{store}+optimistic\"")), &message);
        let everywhere = GOOD.replace("servers = 3\n", "servers = 3\nconflict_policy = \"optimistic\"\n");
        let everywhere = everywhere.replace("\"stateless-redis\"", &format!("\"{store}\""));
        tells(&Scenario::parse("mine.toml", &everywhere).unwrap_err().to_string(), &message);
    }
}

#[test]
fn a_promise_of_no_stack_is_refused() {
    tells(&wrong("[\"stateless-*\"]", "[]"), &["expectation on", "is of no stack"]);
}

#[test]
fn a_bound_that_bounds_nothing_is_refused() {
    for bound in ["nan", "inf", "-inf"] {
        tells(&wrong("max = 0\n", &format!("max = {bound}\n")), &["which is no limit"]);
    }
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
fn a_scenario_without_the_newer_keys_has_the_plan_that_it_always_had() {
    let was = "77016cee99aa5c68ed835bab36738446641a32c1290c8636a3f5e2591938d4f1";
    assert_eq!(Plan::new(&good(), 7).digest(), was);
}

/// The good file with a second site and its disaster.
fn two_sites(site: &str) -> String {
    let text = GOOD.replacen("[load]", &format!("[standby_site]\n{site}\n[load]"), 1);
    text.replacen(
        "action = \"kill\"\ntarget = \"busiest-server\"",
        "action = \"disaster\"\ntarget = \"site-a\"",
        1,
    )
}

#[track_caller]
fn wrong_site(text: &str) -> String {
    Scenario::parse("mine.toml", text).unwrap_err().to_string()
}

#[test]
fn a_second_site_is_resolved_with_its_defaults_and_belongs_to_the_plan() {
    let hot = Scenario::parse("mine.toml", &two_sites("strategy = \"hot\"\nlink_delay_ms = 150")).unwrap();
    let site = hot.standby_site.unwrap();
    assert_eq!((site.strategy, site.link_delay_ms, site.dump_every_ms), (Strategy::Hot, 150, None));
    assert_eq!((site.probe_every_ms, site.misses, site.declare_ms), (500, 3, 0));
    assert_eq!(hot.edges(), [Edge::ClientRouter], "the entrance is there for the whole trial");
    let cold = "strategy = \"cold\"\ndump_every_s = 3\ndeclare_s = 2";
    let cold = Scenario::parse("mine.toml", &two_sites(cold)).unwrap();
    assert_ne!(Plan::new(&hot, 7).digest(), Plan::new(&cold, 7).digest());
    let quick = cold.quick().standby_site.unwrap();
    assert_eq!((quick.dump_every_ms, quick.declare_ms, quick.probe_every_ms), (Some(1_500), 1_000, 500));
}

#[test]
fn each_strategy_has_its_own_key_and_needs_it() {
    tells(
        &wrong_site(&two_sites("strategy = \"warm\"")),
        &["mine.toml:7:", "needs standby_site.link_delay_ms"],
    );
    tells(&wrong_site(&two_sites("strategy = \"cold\"")), &["needs standby_site.dump_every_s"]);
    let both = "strategy = \"cold\"\ndump_every_s = 3\nlink_delay_ms = 5";
    tells(&wrong_site(&two_sites(both)), &["standby_site.link_delay_ms means nothing", "no replica"]);
    let both = "strategy = \"hot\"\ndump_every_s = 3\nlink_delay_ms = 5";
    tells(&wrong_site(&two_sites(both)), &["standby_site.dump_every_s means nothing", "has a replica"]);
    tells(&wrong_site(&two_sites("strategy = \"luke-warm\"")), &["mine.toml:8:", "unknown variant"]);
    tells(&wrong_site(&two_sites("strategy = \"hot\"\nlink_dela_ms = 5")), &["did you mean 'link_delay_ms'"]);
}

#[test]
fn a_dump_that_would_come_too_late_is_refused() {
    let late = two_sites("strategy = \"cold\"\ndump_every_s = 4.5");
    tells(&wrong_site(&late), &["mine.toml:9:", "first dump is begun at 4.5 s", "the disaster is at 5 s"]);
}

#[test]
fn a_disaster_needs_a_second_site_and_is_the_only_fault_where_there_is_one() {
    let site = "strategy = \"hot\"\nlink_delay_ms = 5";
    let alone = GOOD.replacen(
        "action = \"kill\"\ntarget = \"busiest-server\"",
        "action = \"disaster\"\ntarget = \"site-a\"",
        1,
    );
    tells(&wrong_site(&alone), &["mine.toml:24:", "needs a second site", "[standby_site]"]);
    let kill = GOOD.replacen("[load]", &format!("[standby_site]\n{site}\n[load]"), 1);
    tells(&wrong_site(&kill), &["the only fault is a disaster"]);
    let twice = two_sites(site).replacen(
        "[[expect]]",
        "[[faults]]\nat_s = 6\naction = \"disaster\"\ntarget = \"site-a\"\n[[expect]]",
        1,
    );
    tells(&wrong_site(&twice), &["one disaster"]);
    tells(
        &wrong_site(&two_sites(site).replacen("\"disaster\"", "\"kill\"", 1)),
        &["the only fault is a disaster"],
    );
    tells(
        &wrong_site(&two_sites(site).replacen("site-a", "store", 1)),
        &["a disaster of store means nothing", "site-a"],
    );
}

#[test]
fn a_store_that_cannot_stand_at_two_sites_is_refused_and_those_that_can_are_named() {
    let text =
        two_sites("strategy = \"hot\"\nlink_delay_ms = 5").replacen("stateless-redis", "stateless-sqlite", 1);
    tells(&wrong_site(&text), &["mine.toml:7:", "stateless-sqlite cannot stand at two sites", "postgres"]);
}

#[test]
fn a_promise_about_a_second_site_needs_one() {
    tells(&wrong("sessions-lost", "standby-processes"), &["mine.toml:26:", "needs a [standby_site]"]);
}

/// The good file with more keys in its load.
fn with_load(keys: &str) -> Scenario {
    Scenario::parse("mine.toml", &GOOD.replacen("shoppers = 50", &format!("shoppers = 50\n{keys}"), 1))
        .unwrap()
}

#[track_caller]
fn wrong_load(keys: &str) -> String {
    wrong("shoppers = 50", &format!("shoppers = 50\n{keys}"))
}

#[test]
fn load_keys_are_resolved() {
    let load = with_load(
        "shape = \"spike\"\npeak = 4\nspike_at_s = 5\nspike_for_s = 2\nskew = 0.5\ntabs = 2\n\
         retries = { max = 2, after_ms = 50, idempotency_key = true }",
    )
    .load;
    assert_eq!(load.shape, Shape::Spike { peak: 4.0, at_us: 5_000_000, for_us: 2_000_000 });
    assert_eq!((load.skew, load.tabs, load.mode), (0.5, 2, Mode::Open));
    assert_eq!(load.retries, Some(Retries { max: 2, after_ms: 50, idempotency_key: true }));
    assert_eq!(with_load("shape = \"steps\"\npeak = 3\nstairs = 4").load.shape.name(), "steps");
}

#[test]
fn a_key_of_another_shape_is_refused_and_a_missing_one_named() {
    tells(&wrong_load("peak = 3"), &["mine.toml:9:", "load.peak means nothing"]);
    tells(&wrong_load("shape = \"ramp\""), &["mine.toml:9:", "needs load.peak"]);
    tells(&wrong_load("shape = \"steps\"\npeak = 3"), &["mine.toml:9:", "needs load.stairs"]);
    tells(&wrong_load("shape = \"spkie\""), &["mine.toml:9:", "did you mean 'spike'"]);
    tells(
        &wrong_load("shape = \"spike\"\npeak = 3\nspike_at_s = 10\nspike_for_s = 2"),
        &["mine.toml:11:", "not within 2 s to 11 s"],
    );
}

#[test]
fn a_skew_that_makes_a_shopper_queue_on_itself_is_refused() {
    tells(&wrong_load("skew = 1"), &["mine.toml:9:", "load.skew 1", "queue on itself"]);
}

#[test]
fn the_closed_mode_knows_one_tab_and_promises_no_latency() {
    tells(&wrong_load("mode = \"closed\"\ntabs = 2"), &["mine.toml:9:", "one tab"]);
    let text = GOOD.replacen("shoppers = 50", "shoppers = 50\nmode = \"closed\"", 1);
    let text = text.replacen("sessions-lost", "baseline-p99-ms", 1);
    tells(&Scenario::parse("mine.toml", &text).unwrap_err().to_string(), &["mine.toml:27:", "closed"]);
}

#[test]
fn tabs_and_skew_keep_the_total_rate_and_a_spike_multiplies_it() {
    let steps = |keys: &str| Plan::new(&with_load(keys), 3).steps() as f64;
    let plain = steps("");
    for keys in ["tabs = 4", "skew = 0.5"] {
        assert!((steps(keys) / plain - 1.0).abs() < 0.1, "{keys}: {} of {plain}", steps(keys));
    }
    let spike = with_load("shape = \"spike\"\npeak = 5\nspike_at_s = 6\nspike_for_s = 2");
    let plan = Plan::new(&spike, 3);
    let due = |from: u64, to: u64| {
        let all = plan.shoppers.iter().flat_map(|s| &s.steps);
        all.filter(|step| (from..to).contains(&(step.at_us / 1_000_000))).count() as f64
    };
    let ratio = due(6, 8) / due(8, 10);
    assert!((4.0..6.0).contains(&ratio), "{ratio}");
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
    assert_eq!(quick.topology.service_time_ms * 2, whole.topology.service_time_ms);
}

#[test]
fn quick_asks_for_half_of_what_takes_at_least_so_long_and_leaves_the_rest() {
    let back = "metric = \"service-back-s\"\nmin = 2.5\nmax = 10";
    let text = GOOD.replacen("metric = \"sessions-lost\"\nmax = 0", back, 1);
    let promised = Scenario::parse("mine.toml", &text).unwrap().quick().expect[0].clone();
    assert_eq!((promised.min, promised.max), (Some(1.25), Some(10.0)));
    let lost = GOOD.replacen("max = 0", "min = 40", 1);
    assert_eq!(Scenario::parse("mine.toml", &lost).unwrap().quick().expect[0].min, Some(40.0));
}

#[test]
fn a_file_with_the_line_ends_of_windows_is_the_same_scenario() {
    let windows = GOOD.replace('\n', "\r\n");
    assert_eq!(Scenario::parse("mine.toml", &windows).unwrap(), good());
}

#[test]
fn a_load_that_no_plan_could_hold_is_refused() {
    let error = wrong("shoppers = 50\nthink_time_ms = 200", "shoppers = 100000\nthink_time_ms = 1");
    tells(&error, &["mine.toml:8:", "load.think_time_ms 1", "requests"]);
}

#[test]
fn a_promise_that_could_never_be_measured_or_kept_is_refused() {
    let promise = "metric = \"sessions-lost\"\nmax = 0";
    for (metric, part) in [
        ("server-bytes-per-session", "needs load.sleepers"),
        ("store-bytes-per-session", "needs load.sleepers"),
    ] {
        tells(&wrong(promise, &format!("metric = \"{metric}\"\nmax = 5")), &[metric, part]);
    }
    tells(&wrong(promise, "metric = \"sessions-lost-percent\"\nmin = 125"), &["can never hold"]);
    tells(&wrong(promise, "metric = \"sessions-lost\"\nmax = -1"), &["can never hold"]);
    let no_recovery = GOOD.replacen("recovery_s = 2", "recovery_s = 0", 1);
    let late = no_recovery.replacen(promise, "metric = \"recovery-p99-ms\"\nmax = 100", 1);
    tells(
        &Scenario::parse("mine.toml", &late).unwrap_err().to_string(),
        &["the phase recovery, which is 0 s long"],
    );
    let sustained = GOOD.replacen("sustain_s = 1", "sustain_s = 500", 1);
    let back = sustained.replacen(promise, "metric = \"service-back-s\"\nmax = 5", 1);
    tells(
        &Scenario::parse("mine.toml", &back).unwrap_err().to_string(),
        &["steady_state.sustain_s", "6 s in all"],
    );
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
    fn log_ins_are_in_the_first_tab_and_every_tab_has_work(seed: u64) {
        let steps: Vec<_> = Plan::new(&with_load("tabs = 3"), seed).shoppers.into_iter().flat_map(|s| s.steps).collect();
        prop_assert!(steps.iter().all(|step| step.tab < 3 && (step.action != Action::LogIn || step.tab == 0)));
        prop_assert!((0..3).all(|tab| steps.iter().any(|step| step.tab == tab)));
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

/// The good file with a probe at its end.
fn probed(probe: &str) -> Result<Scenario, String> {
    let text = format!("{GOOD}[[probes]]\n{probe}\n");
    Scenario::parse("mine.toml", &text).map_err(|e| e.to_string())
}

#[test]
fn a_probe_is_tried_once_unless_it_says_otherwise_and_quick_halves_its_time() {
    let scenario = probed("at_s = 5\nkind = \"rollback\"").unwrap();
    let expected = Probe { at_us: 5_000_000, kind: ProbeKind::Rollback, times: 1 };
    assert_eq!(scenario.probes, [expected]);
    assert_eq!(scenario.quick().probes[0].at_us, 2_500_000);
}

#[test]
fn a_probe_that_is_misspelt_or_out_of_time_is_told() {
    tells(
        &probed("at_s = 5\nkind = \"tampr\"").unwrap_err(),
        &["unknown variant `tampr`", "did you mean 'tamper'"],
    );
    tells(
        &probed("at_s = 5\nkind = \"tamper\"\ntime = 3").unwrap_err(),
        &["unknown field `time`", "did you mean 'times'"],
    );
    tells(&probed("at_s = 1\nkind = \"tamper\"").unwrap_err(), &["probe at 1 s", "2 s to 11 s"]);
    tells(&probed("at_s = 5\nkind = \"tamper\"\ntimes = 0").unwrap_err(), &["probes.times is 0", "1 to 100"]);
    let two = "at_s = 5\nkind = \"tamper\"\n[[probes]]\nat_s = 4\nkind = \"tamper\"";
    tells(&probed(two).unwrap_err(), &["in order of at_s"]);
}

#[test]
fn a_promise_of_what_no_probe_tries_is_refused() {
    let promise = "\"tampers-refused-percent\"";
    tells(&wrong("\"sessions-lost\"", promise), &["needs a probe of kind tamper, and there is none"]);
    tells(&wrong("\"sessions-lost\"", "\"probe-errors\""), &["needs a probe, and there is none"]);
    let text = GOOD.replacen("\"sessions-lost\"", promise, 1);
    let other = format!("{text}[[probes]]\nat_s = 5\nkind = \"overgrow\"\n");
    tells(&Scenario::parse("mine.toml", &other).unwrap_err().to_string(), &["needs a probe of kind tamper"]);
    let right = other.replace("overgrow", "tamper");
    assert!(Scenario::parse("mine.toml", &right).is_ok());
}

#[test]
fn probes_are_a_part_of_the_plan_and_change_no_shopper() {
    let (without, with) = (good(), probed("at_s = 5\nkind = \"tamper\"\ntimes = 2").unwrap());
    let (before, after) = (Plan::new(&without, 7), Plan::new(&with, 7));
    assert_eq!(before.shoppers, after.shoppers);
    assert_eq!((before.probes.len(), after.probes.len()), (0, 1));
    assert_ne!(before.digest(), after.digest());
    assert_eq!(after, Plan::new(&with, 7), "what it draws is drawn from the seed");
    assert_ne!(after.probes[0].dice, Plan::new(&with, 8).probes[0].dice);
}

/// The good file with rounds of look-ups before its promise.
fn with_lookups(rounds: &[(&str, u32)]) -> Result<Scenario, crate::ScenarioError> {
    let rounds: String =
        rounds.iter().map(|(at_s, n)| format!("[[lookups]]\nat_s = {at_s}\nshoppers = {n}\n")).collect();
    Scenario::parse("mine.toml", &GOOD.replacen("[[expect]]", &format!("{rounds}[[expect]]"), 1))
}

#[test]
fn every_round_of_look_ups_asks_for_the_same_shoppers_whom_the_seed_chooses_and_nobody_else_notices() {
    let scenario = with_lookups(&[("3", 10), ("5.5", 4), ("10.5", 10)]).unwrap();
    let plan = Plan::new(&scenario, 7);
    let [first, second, third] = plan.lookups.as_slice() else { panic!("{:?}", plan.lookups) };
    assert_eq!((first.lookup, second.at_us, third.shoppers.len()), (0, 5_500_000, 10));
    assert_eq!(first.shoppers, third.shoppers);
    assert_eq!(second.shoppers, first.shoppers[..4]);
    let mut distinct = first.shoppers.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() == 10 && distinct[9] < 50, "{distinct:?}");
    assert_ne!(first.shoppers, Plan::new(&scenario, 8).lookups[0].shoppers, "the seed chooses");
    assert_eq!(plan.shoppers, Plan::new(&good(), 7).shoppers, "the load is as it was");
    assert_eq!(scenario.quick().lookups[1].at_us, 2_750_000);
}

#[test]
fn look_ups_that_nobody_can_make_are_refused_with_their_line() {
    let refused = |rounds: &[(&str, u32)]| with_lookups(rounds).unwrap_err().to_string();
    tells(&refused(&[("1.9", 10)]), &["mine.toml:26:", "before 2 s not everybody has logged in"]);
    tells(&refused(&[("11", 10)]), &["at 11 s the load is over"]);
    tells(&refused(&[("4", 10), ("3", 10)]), &["mine.toml:29:", "in order of at_s"]);
    tells(&refused(&[("4", 51)]), &["mine.toml:27:", "lookups.shoppers is 51; 1 to 50 is possible"]);
    tells(&refused(&[("4", 0)]), &["lookups.shoppers is 0"]);
    tells(&wrong("sessions-lost", "places-asked"), &["needs a round of [[lookups]]"]);
}
