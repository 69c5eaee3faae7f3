//! Stories about the advice: what it says to whom, that its numbers follow from the measured ones, and that it keeps silent
//! where nothing was measured.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod fixture;

use analysis::{LookupRound, Verdict};
use fixture::services::{advice, bank, core, start_up, state};
use proptest::prelude::*;
use report::{
    Advice, Cause, Choice, Facts, KEYS, Known, Service, State, Style, advice_json, advice_terminal,
};
use std::collections::BTreeMap;

const PLAIN: Style = Style { color: false, width: 100 };

#[test]
fn a_start_up_keeps_its_sessions_and_knows_what_a_restart_costs() {
    let advice = advice(start_up());
    assert_eq!(advice.decision.choice, Choice::Stateful);
    assert!(advice.signals.iter().all(|signal| signal.state != State::Fires), "{:?}", advice.signals);
    insta::assert_snapshot!(advice_terminal(&advice, PLAIN));
}

#[test]
fn a_growing_shop_moves_and_is_told_why() {
    let advice = advice(Service::example());
    assert_eq!(advice.decision.choice, Choice::Stateless);
    assert_eq!((state(&advice, "T1"), state(&advice, "T3")), (State::Fires, State::Fires));
    assert_eq!(advice.decision.candidates, ["stateless-redis"]);
    insta::assert_snapshot!(advice_terminal(&advice, PLAIN));
}

#[test]
fn a_bank_must_not_lose_what_it_has_acknowledged_whatever_it_costs() {
    let free = Service { session_cost: 0.0, growth_percent_per_year: None, ..bank() };
    let advice = advice(free);
    assert_eq!(advice.decision.choice, Choice::Stateless);
    assert_eq!((state(&advice, "T2"), state(&advice, "T3")), (State::Fires, State::Fires));
    assert_eq!(state(&advice, "T4"), State::NotMeasured, "no drill was run, and that is said");
    assert!(advice.gaps.iter().any(|gap| gap.what.contains("site")), "{:?}", advice.gaps);
}

#[test]
fn a_drill_of_a_lost_site_is_held_against_the_objectives() {
    let mut results = core();
    results.scenarios.extend(fixture::sites().scenarios);
    let advice = Advice::new(Facts::of(&results), bank());
    let told = advice.signals.iter().find(|signal| signal.id == "T4").unwrap();
    assert_eq!(told.state, State::Fires, "{told:?}");
    assert!(told.why.starts_with("In dr-hot the stateful tier "), "{}", told.why);
    assert!(told.why.ends_with("stateless-redis met your objectives."), "{}", told.why);
    assert!(advice.gaps.is_empty(), "{:?}", advice.gaps);
}

#[test]
fn how_many_places_had_to_be_asked_is_told_with_what_was_found() {
    let round = |places_most, found| LookupRound {
        lookup: 1,
        planned_us: 9_000_000,
        after_fault: true,
        planned: 50,
        looked_up: 50,
        found,
        nowhere: 0,
        untold: 50 - found,
        places_most,
        answered_least: 1,
        questions: 50 * u64::from(places_most),
        took_p50_us: Some(1_000),
        took_max_us: Some(2_000),
    };
    let mut results = core();
    for (trial, (places, found)) in results.scenarios[0].trials.iter_mut().zip([(3, 33), (1, 50)]) {
        trial.lookups = vec![round(places, found)];
    }
    let advice = Advice::new(Facts::of(&results), start_up());
    let told = advice.signals.iter().find(|signal| signal.id == "T5").unwrap();
    for words in [
        "3 places had to be asked on stateful, and 33 of 50 sessions were found once something was broken.",
        "1 place had to be asked on stateless-redis, and 50 of 50 sessions were found",
    ] {
        assert!(told.why.contains(words), "{}", told.why);
    }
}

#[test]
fn a_session_shorter_than_the_objective_does_not_break_it() {
    let short = Service { session_minutes: Some(1.0), rpo_s: Some(120.0), session_cost: 0.0, ..start_up() };
    assert_eq!(state(&advice(short), "T2"), State::Silent);
}

#[test]
fn the_sum_is_the_product_of_what_is_shown() {
    let advice = advice(Service::example());
    let stateful = &advice.outlooks[0];
    let Known::Measured(crashes) = &stateful.server_crashes else { panic!("measured") };
    // 6 crashes, 2,000 sessions, 104 of 300 lost on 3 servers, 4 servers now.
    let expected = 6.0 * 2_000.0 * (104.0 / 300.0 * 3.0 / 4.0);
    assert!((crashes.expected - expected).abs() < 1e-9, "{} is not {expected}", crashes.expected);
    // 2 and 11 crashes; 29.3% and 40.3% by Clopper and Pearson.
    assert!((crashes.low - 2.0 * 2_000.0 * 0.293 * 0.75).abs() < 2.0, "{}", crashes.low);
    assert!((crashes.high - 11.0 * 2_000.0 * 0.403 * 0.75).abs() < 11.0, "{}", crashes.high);
    let Known::Measured(deployments) = &stateful.deployments else { panic!("measured") };
    assert!((deployments.expected - 5.0 * 52.0 * 2_000.0).abs() < 1e-6);
    assert_eq!(stateful.store_crashes, Known::DoesNotApply);
    let total = stateful.total.unwrap();
    assert!((total.expected - crashes.expected - deployments.expected).abs() < 1e-6);
    assert!((stateful.cost.unwrap().expected - total.expected * 0.5).abs() < 1e-6);
}

#[test]
fn none_of_300_is_never_zero() {
    let advice = advice(Service::example());
    let stateless = advice.outlooks[1].total.unwrap();
    assert!(stateless.expected == 0.0 && stateless.high > 1_000.0, "{stateless:?}");
    let text = advice_terminal(&advice, PLAIN);
    assert!(!text.contains("0 (0 to 0)"), "{text}");
}

#[test]
fn what_was_not_measured_is_asked_for_and_not_guessed() {
    // Only the killed server was measured: a deployment is asked for by its command.
    let advice = Advice::new(Facts::of(&fixture::loss()), Service::example());
    assert_eq!(advice.decision.choice, Choice::NoAdvice);
    assert_eq!(advice.outlooks[0].deployments, Known::NotMeasured);
    assert_eq!(advice.outlooks[0].total, None);
    let text = advice_terminal(&advice, PLAIN);
    assert!(text.contains("lab compare server-kill rolling-deploy scale-out store-outage"), "{text}");
    assert!(text.contains("No advice: what it depends on was not measured."), "{text}");
}

#[test]
fn what_a_service_never_does_need_not_be_measured() {
    let quiet = Service { deploys_per_week: 0.0, store_crashes_per_year: Some(0.0), ..start_up() };
    let advice = Advice::new(Facts::of(&fixture::loss()), quiet);
    assert_eq!(advice.decision.choice, Choice::Stateful, "{:?}", advice.decision);
    assert!(advice.gaps.is_empty(), "{:?}", advice.gaps);
}

#[test]
fn an_inconclusive_trial_counts_as_not_measured_and_a_conclusive_one_beside_it_counts() {
    let mut results = core();
    results.scenarios[1].trials[0].verdict = Verdict::Inconclusive;
    let advice = Advice::new(Facts::of(&results), start_up());
    assert_eq!(advice.decision.choice, Choice::NoAdvice);
    assert!(matches!(advice.outlooks[0].deployments, Known::Inconclusive { .. }));
    assert!(advice_terminal(&advice, PLAIN).contains("inconclusive in rolling-deploy"));

    let mut second = results.scenarios[1].trials[0].clone();
    (second.verdict, second.identity.repeat) = (Verdict::Holds, 2);
    results.scenarios[1].trials.push(second);
    let advice = Advice::new(Facts::of(&results), start_up());
    assert_eq!(advice.decision.choice, Choice::Stateful);
    assert_eq!(advice.facts.stateful.unwrap().deployment.measured().unwrap().trials, 1);
}

#[test]
fn a_store_that_forgets_when_it_dies_is_counted_and_refused_where_nothing_may_be_lost() {
    let mut results = core();
    results.scenarios[3].trials[1].sessions.lost = 300;
    let shop = Advice::new(Facts::of(&results), Service::example());
    let Known::Measured(lost) = &shop.outlooks[1].store_crashes else { panic!("measured") };
    assert!(
        (lost.expected - 6.0 / 4.0 * 2_000.0).abs() < 1e-6,
        "every session, as often as one server crashes"
    );
    let bank = Advice::new(Facts::of(&results), bank());
    assert_eq!((bank.decision.choice, bank.decision.candidates.len()), (Choice::NoAdvice, 0));
    assert!(advice_terminal(&bank, PLAIN).contains(
        "Not stateless-redis: it lost 300 of 300 sessions in store-outage, and you allow the loss of 0 s"
    ));
}

#[test]
fn a_store_that_stays_away_for_too_long_is_refused() {
    let mut results = core();
    let recovery = results.scenarios[3].trials[1].recovery.as_mut().unwrap();
    recovery.service_back_us = Some(90_000_000);
    let late = Advice::new(Facts::of(&results), bank());
    assert!(late.decision.candidates.is_empty());
    assert!(advice_terminal(&late, PLAIN).contains("away for 90 s in store-outage, and you allow 60 s"));

    let recovery = results.scenarios[3].trials[1].recovery.as_mut().unwrap();
    (recovery.service, recovery.service_back_us) = (analysis::ServiceRecovery::NotBack, None);
    let never = Advice::new(Facts::of(&results), bank());
    assert_eq!(never.decision.choice, Choice::NoAdvice, "a store that nobody saw back is not advised");
    let text = advice_terminal(&never, PLAIN);
    assert!(
        text.contains("none was shown to be fit for it")
            && text.contains("nobody saw the service back in store-outage"),
        "{text}"
    );
}

#[test]
fn six_trials_bring_their_interval_and_the_price_its_claim() {
    let facts = Facts::of(&fixture::repeated());
    let stateful = facts.stateful.unwrap();
    let loss = stateful.server_crash.measured().unwrap();
    assert!(loss.trials >= 6 && loss.low < loss.share && loss.share < loss.high);
    let redis = facts.stateless.iter().find(|a| a.stack == "stateless-redis").unwrap();
    let price = redis.price.as_ref().unwrap();
    assert!(price.differences.iter().all(|d| d.by.low.is_some()), "{price:?}");
    assert_eq!(
        facts.stateless.len(),
        1,
        "the column that runs the stateful stack again is nobody's architecture"
    );
}

#[test]
fn hostile_results_are_read_and_told_safely() {
    let advice = Advice::new(Facts::of(&fixture::hostile()), Service::example());
    let text = advice_terminal(&advice, PLAIN);
    assert!(!text.contains('\u{1b}'));
    assert!(
        text.lines().filter(|line| !line.contains("lab compare")).all(|line| line.chars().count() <= 100),
        "{text}"
    );
    serde_json::from_str::<serde_json::Value>(&advice_json(&advice)).unwrap();
}

#[test]
fn the_page_shows_the_example_and_runs_the_one_script_that_its_policy_names() {
    use base64::Engine;
    use sha2::Digest;
    let page = report::html(&core());
    assert_eq!(page.matches("<script").count(), 1);
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(
        page.contains("default-src 'none'") && page.contains(&format!("script-src 'sha256-{digest}'")),
        "{digest}"
    );
    assert!(page.contains("An example: web servers 4, sessions open at a time 2,000"));
    assert!(
        page.contains("It is time")
            || page.contains("Put the sessions into a shared store from the start: stateless-redis.")
    );
    let silent = report::html(&fixture::loss());
    assert!(
        !silent.contains("<script") && !silent.contains("script-src") && !silent.contains("id=\"advice\"")
    );
}

#[test]
fn every_key_is_documented_and_the_schema_takes_the_documented_example() {
    let schema = report::service_schema();
    let document = include_str!("../../../docs/advice.md");
    for key in KEYS {
        assert!(document.contains(&format!("`{}`", key.name)), "{} is not in docs/advice.md", key.name);
        assert!(schema["properties"][key.name]["description"].as_str().is_some_and(|text| text.len() > 10));
    }
    let example: toml::Value = toml::from_str(include_str!("../../../docs/advice-example.toml")).unwrap();
    let example = serde_json::to_value(example).unwrap();
    let names: Vec<&String> = example.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), KEYS.len() + 1, "the example uses every key: {names:?}");
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.validate(&example).unwrap();
    let mut wrong = example;
    wrong["deploys"] = serde_json::json!(3);
    assert!(!validator.is_valid(&wrong), "an unknown key is no key");
}

fn services() -> impl Strategy<Value = Service> {
    let number = |most: f64| 0.0..most;
    (1_u32..50, 0_u32..100_000, number(50.0), number(200.0), number(50.0), number(50_000.0), 0.0..300.0_f64)
        .prop_map(|(servers, sessions, deploys, crashes, cost, store, growth)| Service {
            servers: servers.into(),
            sessions: sessions.into(),
            deploys_per_week: deploys,
            server_crashes_per_year: crashes,
            session_cost: cost,
            store_cost_per_year: Some(store),
            growth_percent_per_year: Some(growth),
            ..Service::example()
        })
}

fn of(advice: &Advice, cause: Cause) -> report::Range {
    match advice.outlooks[0].of(cause) {
        Known::Measured(range) => *range,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn more_crashes_and_more_sessions_never_lose_less(service in services(), more in 0.0..100.0_f64) {
        let before = of(&advice(service.clone()), Cause::ServerCrash);
        let crashes = Service { server_crashes_per_year: service.server_crashes_per_year + more, ..service.clone() };
        let sessions = Service { sessions: service.sessions + more.floor(), ..service.clone() };
        for after in [crashes, sessions].map(|service| of(&advice(service), Cause::ServerCrash)) {
            prop_assert!(after.expected >= before.expected && after.low >= before.low && after.high >= before.high);
        }
        // A larger tier loses a smaller part by each crash.
        let wider = of(&advice(Service { servers: service.servers + 1.0, ..service }), Cause::ServerCrash);
        prop_assert!(wider.expected <= before.expected);
    }

    #[test]
    fn what_never_happens_loses_nothing(service in services()) {
        let quiet = advice(Service { server_crashes_per_year: 0.0, deploys_per_week: 0.0, store_crashes_per_year: None, ..service });
        for outlook in &quiet.outlooks {
            prop_assert_eq!(outlook.total, Some(report::Range::default()));
        }
        prop_assert!(state(&quiet, "T2") == State::Silent && state(&quiet, "T3") == State::Silent);
    }

    #[test]
    fn every_interval_holds_what_is_expected_and_none_exceeds_everybody(service in services()) {
        let found = advice(service.clone());
        for outlook in &found.outlooks {
            let total = outlook.total.unwrap();
            prop_assert!(total.low <= total.expected && total.expected <= total.high);
        }
        let deployments = of(&found, Cause::Deployment);
        prop_assert!(deployments.high <= service.sessions * service.deploys_per_week * 52.0 + 1e-6);
        serde_json::to_string(&found).unwrap();
    }

    #[test]
    fn a_dearer_session_never_argues_for_the_servers_memory(service in services()) {
        let rank = |advice: &Advice| match advice.decision.choice {
            Choice::Stateful => 0,
            Choice::Either => 1,
            Choice::Stateless => 2,
            Choice::NoAdvice => 3,
        };
        let dearer = Service { session_cost: service.session_cost * 2.0 + 1.0, ..service.clone() };
        prop_assert!(rank(&advice(dearer)) >= rank(&advice(service)));
    }
}

#[test]
fn values_make_a_service_and_missing_ones_are_named() {
    let values = BTreeMap::from([("servers", 3.0), ("sessions", 100.0)]);
    let missing = Service::new(&values, report::Today::Stateful).unwrap_err();
    assert_eq!(missing, ["deploys_per_week", "server_crashes_per_year", "session_cost"]);
    let key = |name: &str| KEYS.iter().find(|key| key.name == name).unwrap();
    assert!(key("servers").takes(3.0) && !key("servers").takes(2.5) && !key("servers").takes(0.0));
    assert!(!key("session_cost").takes(f64::NAN));
}
