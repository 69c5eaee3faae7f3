//! Stories about what machines are given to read: the formats of other tools, the diff of two runs, and the index of many.

mod fixture;

use report::{
    Diff, FoundRun, Gate, GateOutcome, Given, Index, Results, Unreadable, bencher, csv_head, diff_json,
    diff_markdown, diff_terminal, github_action_benchmark, index_html, index_json, junit, markdown,
    step_summary,
};
use std::collections::BTreeMap;

fn diff(before: &Results, after: &Results, gates: &str) -> Diff {
    let none = BTreeMap::new();
    let gates =
        if gates.is_empty() { Vec::new() } else { Gate::list(gates).expect("the gates of a test are right") };
    let given = |name, results| Given { name, results, scenarios: &none };
    Diff::new(given("runs/a", before), given("runs/b", after), &gates)
}

fn outcome(diff: &Diff) -> GateOutcome {
    diff.gates[0].outcome
}

#[test]
fn junit_tells_each_promise_of_each_stack() {
    insta::assert_snapshot!("junit_mixture", junit(&fixture::mixture()));
    insta::assert_snapshot!("junit_inconclusive", junit(&fixture::inconclusive()));
}

#[test]
fn junit_is_well_formed_and_its_counts_are_true() {
    for results in [
        fixture::loss(),
        fixture::inconclusive(),
        fixture::mixture(),
        fixture::hostile(),
        fixture::one_failed(),
        fixture::different_plans(),
    ] {
        let text = junit(&results);
        let document = roxmltree::Document::parse(&text).unwrap();
        let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
        let root = document.root_element();
        for (attribute, element) in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")] {
            assert_eq!(root.attribute(attribute).unwrap(), count(element).to_string(), "{attribute}");
        }
        let red = count("failure") + count("error") > 0;
        let good = results.exit_code() == 0;
        assert_eq!(red, !good, "red exactly when the lab does not exit with 0: {text}");
    }
}

#[test]
fn junit_of_hostile_names_is_only_text() {
    let text = junit(&fixture::hostile());
    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn an_inconclusive_promise_never_passes() {
    let text = junit(&fixture::inconclusive());
    let document = roxmltree::Document::parse(&text).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let doubtful: Vec<_> =
        cases.filter(|case| case.attribute("classname") == Some("server-kill.stateful")).collect();
    assert_eq!(doubtful.len(), 3);
    assert!(doubtful.iter().all(|case| case.children().any(|child| child.has_tag_name("error"))));
}

#[test]
fn github_action_benchmark_has_its_three_fields_and_no_doubtful_point() {
    let all: serde_json::Value =
        serde_json::from_str(&github_action_benchmark(&fixture::repeated())).unwrap();
    for entry in all.as_array().unwrap() {
        assert!(
            entry["name"].is_string() && entry["unit"].is_string() && entry["value"].is_number(),
            "{entry}"
        );
        assert!(!entry["name"].as_str().unwrap().contains("again"), "that column is inconclusive: {entry}");
    }
    insta::assert_snapshot!("github_action_benchmark", github_action_benchmark(&fixture::loss()));
}

#[test]
fn bencher_fits_its_schema() {
    // As published at https://bencher.dev/docs/reference/bencher-metric-format
    let metric = serde_json::json!({
        "type": "object",
        "properties": {
            "value": { "type": "number" }, "lower_value": { "type": "number" }, "upper_value": { "type": "number" }
        },
        "required": ["value"]
    });
    let measures = serde_json::json!({ "type": "object", "patternProperties": { ".+": metric } });
    let schema = serde_json::json!({ "type": "object", "patternProperties": { ".+": measures } });
    let validator = jsonschema::validator_for(&schema).unwrap();
    for results in [fixture::loss(), fixture::repeated(), fixture::hostile(), fixture::inconclusive()] {
        let value: serde_json::Value = serde_json::from_str(&bencher(&results)).unwrap();
        assert!(validator.is_valid(&value), "{value}");
        for (name, measures) in value.as_object().unwrap() {
            assert!(name.chars().count() <= 1_024);
            assert!(measures.as_object().unwrap().keys().all(|slug| slug.len() <= 64));
        }
    }
    insta::assert_snapshot!("bencher", bencher(&fixture::loss()));
}

#[test]
fn the_series_names_its_columns() {
    assert_eq!(csv_head().matches(',').count(), 16);
}

#[test]
fn a_step_summary_holds_more_than_a_comment_and_never_too_much() {
    let mut results = fixture::mixture();
    let one = results.scenarios[0].clone();
    results.scenarios.extend(vec![one.clone(); 30]);
    let text = step_summary(&results);
    assert!(text.len() > markdown(&results).len() && !text.contains("did not fit here"));
    results.scenarios.extend(vec![one; 1_600]);
    let text = step_summary(&results);
    assert!(text.len() < 1 << 20 && text.contains("did not fit here"), "{}", text.len());
}

#[test]
fn a_run_against_itself_shows_no_difference() {
    for results in [fixture::loss(), fixture::repeated(), fixture::hostile()] {
        let diff = diff(&results, &results, "");
        assert!(diff.comparable, "{:?}", diff.differences);
        assert!(diff.differences.is_empty() && diff.conclusion.starts_with("No difference seen"));
        assert_eq!(diff.exit_code(false), 0);
    }
    let repeated = fixture::repeated();
    let gated = diff(&repeated, &repeated, "stateful:verdict,stateless-*:p99-ms,stateful:sessions-lost");
    assert_eq!(gated.exit_code(false), 0, "{:?}", gated.gates);
}

#[test]
fn a_slower_build_is_told_and_gated() {
    let (before, after) = (fixture::later(0.0, false), fixture::later(0.3, false));
    let slower = diff(&before, &after, "p99-ms>10%,p50-ms>50%,stateful:p99-ms,verdict,sessions-lost");
    assert!(slower.comparable);
    let outcomes: Vec<GateOutcome> = slower.gates.iter().map(|gate| gate.outcome).collect();
    use GateOutcome::{Failed, Passed};
    assert_eq!(outcomes, [Failed, Passed, Passed, Passed, Passed], "{:#?}", slower.gates);
    assert_eq!(slower.exit_code(false), 1);
    assert!(slower.scenarios[0].stacks.iter().all(|stack| stack.paired));
    insta::assert_snapshot!("diff_terminal", diff_terminal(&slower));
    insta::assert_snapshot!("diff_markdown", diff_markdown(&slower));
}

#[test]
fn trials_with_other_seeds_are_no_pairs_and_still_tell() {
    let (before, mut after) = (fixture::later(0.0, false), fixture::later(0.3, false));
    for trial in &mut after.scenarios[0].trials {
        trial.identity.seed += 100;
        trial.identity.plan_sha256 = format!("{:064}", trial.identity.seed);
    }
    let unpaired = diff(&before, &after, "stateless-redis:p99-ms");
    assert!(unpaired.comparable, "{:?}", unpaired.differences);
    assert!(unpaired.scenarios[0].stacks.iter().all(|stack| !stack.paired));
    assert_eq!(outcome(&unpaired), GateOutcome::Failed, "{:#?}", unpaired.gates);
    assert!(diff_terminal(&unpaired).contains("7 and 7 trials with different plans, so no pairs"));
}

#[test]
fn one_new_loss_in_seven_trials_is_a_fact() {
    let lossy = diff(&fixture::later(0.0, false), &fixture::later(0.0, true), "stateless-*:sessions-lost");
    assert_eq!(outcome(&lossy), GateOutcome::Failed);
    assert!(lossy.conclusion.contains("stateless-redis in server-kill (sessions lost, none before)"));
    let fewer = diff(&fixture::later(0.0, true), &fixture::later(0.0, false), "stateless-*:sessions-lost");
    assert_eq!(outcome(&fewer), GateOutcome::Passed);
}

#[test]
fn few_trials_or_a_missing_stack_never_pass() {
    let one = fixture::loss();
    assert_eq!(diff(&one, &one, "p99-ms").exit_code(false), 3, "one trial carries no claim");
    let mut without = fixture::loss();
    without.scenarios[0].stacks.pop();
    let missing = diff(&one, &without, "sessions-lost");
    assert_eq!(missing.exit_code(false), 3, "{:?}", missing.gates);
    assert!(missing.gates[0].because[0].contains("it was not run after"), "{:?}", missing.gates);
    assert_eq!(diff(&one, &one, "stateles:verdict").exit_code(false), 3, "a gate that covers nothing");
}

#[test]
fn evidence_that_vanished_never_passes_a_gate() {
    let whole = fixture::later(0.0, false);
    let mut more = whole.clone();
    let mut second = more.scenarios[0].clone();
    "server-restart".clone_into(&mut second.name);
    more.scenarios.push(second);
    let gone = diff(&more, &whole, "verdict,sessions-lost");
    assert_eq!(gone.exit_code(false), 3, "{:?}", gone.gates);
    let why = &gone.gates[0].because[0];
    assert_eq!(why, "stateful in server-restart: the scenario was not run after");

    let mut broken_off = whole.clone();
    broken_off.run.interrupted = true;
    assert_eq!(diff(&whole, &broken_off, "sessions-lost").exit_code(false), 3);

    let mut failed = whole.clone();
    failed.run.failed = fixture::one_failed().run.failed;
    let covered = diff(&whole, &failed, "stateless-*:sessions-lost");
    assert_eq!(covered.exit_code(false), 3, "{:?}", covered.gates);
    assert!(covered.gates[0].because[0].ends_with("repeat 1 failed: redis-server did not answer within 5 s"));
    assert_eq!(
        diff(&whole, &failed, "stateful:sessions-lost").exit_code(false),
        0,
        "it covers another stack"
    );

    failed.scenarios = fixture::later(0.0, true).scenarios;
    assert_eq!(diff(&whole, &failed, "sessions-lost").exit_code(false), 1, "what is shown is shown");
}

#[test]
fn what_markdown_leaves_out_it_counts() {
    let (mut before, mut after) = (fixture::later(0.0, false), fixture::later(0.0, false));
    for n in 0..70 {
        after.run.environment.programs.insert(format!("program-{n}"), "1".to_owned());
        let mut scenario = before.scenarios[0].clone();
        scenario.name = format!("gone-{n}");
        before.scenarios.push(scenario);
    }
    let text = diff_markdown(&diff(&before, &after, "verdict"));
    assert!(text.contains("_and 11 more; `--format json` has them._"), "{text}");
    assert!(text.contains("; and 121 more"), "{text}");
}

#[test]
fn the_first_line_of_a_barred_comparison_says_so() {
    let (before, mut after) = (fixture::later(0.0, false), fixture::later(0.0, false));
    after.run.environment.cpus = 64;
    assert_eq!(diff(&before, &after, "").conclusion, "Not comparable: No difference seen.");
}

#[test]
fn a_service_that_left_the_steady_state_later_is_back_after_no_time_at_all_nowhere() {
    let mut results = fixture::loss();
    let recovery = results.scenarios[0].stacks[1].recovery.as_mut().unwrap();
    (recovery.service, recovery.service_back_us) = (analysis::ServiceRecovery::LeftLater, Some(0));
    let points = github_action_benchmark(&results) + &bencher(&results);
    assert_eq!(
        points.matches("service back").count() + points.matches("service-back-s").count(),
        2,
        "stateful's"
    );
    let found = vec![FoundRun { folder: "a".to_owned(), has_report: true, results }];
    let index = Index::new(found, Vec::new());
    assert_eq!(index.runs[0].scenarios[0].stacks[1].service_back_us, None);
    assert!(index.runs[0].scenarios[0].stacks[0].service_back_us.is_some());
}

#[test]
fn another_machine_store_load_or_profile_bars_the_comparison() {
    type Change = fn(&mut Results);
    let changes: [(&str, Change); 8] = [
        ("CPU model", |r| r.run.environment.cpu_model = "Other".to_owned()),
        ("CPUs", |r| r.run.environment.cpus = 64),
        ("kernel", |r| r.run.environment.kernel = "Linux 5".to_owned()),
        ("build profile", |r| r.run.environment.profile = "debug".to_owned()),
        ("version of redis-server", |r| {
            r.run.environment.programs.insert("redis-server".to_owned(), "9".to_owned());
        }),
        ("server-kill: shoppers", |r| r.scenarios[0].setting.shoppers = 3),
        ("times halved by --quick", |r| r.run.quick = true),
        ("server-kill: plan of seed", |r| r.scenarios[0].trials[0].identity.plan_sha256 = "00".repeat(32)),
    ];
    let before = fixture::later(0.0, false);
    for (what, change) in changes {
        let mut after = fixture::later(0.0, false);
        change(&mut after);
        let barred = diff(&before, &after, "");
        assert!(!barred.comparable, "{what}");
        assert!(barred.differences[0].what.starts_with(what), "{what}: {:?}", barred.differences);
        assert_eq!((barred.exit_code(false), barred.exit_code(true)), (3, 0));
        assert!(
            diff_terminal(&barred).contains("NOT COMPARABLE")
                && diff_markdown(&barred).contains("NOT COMPARABLE")
        );
    }
    let mut other_commit = fixture::later(0.0, false);
    other_commit.run.environment.git_commit = "another".to_owned();
    other_commit.run.environment.git_clean = false;
    let noted = diff(&before, &other_commit, "");
    assert!(noted.comparable && noted.differences.len() == 2, "{:?}", noted.differences);
}

#[test]
fn another_mix_in_the_scenario_file_bars_even_with_another_seed() {
    let results = fixture::later(0.0, false);
    let name = "server-kill".to_owned();
    let before = BTreeMap::from([(name.clone(), fixture::SCENARIO.to_owned())]);
    let after = BTreeMap::from([(name, fixture::SCENARIO.replace("read = 6", "read = 60"))]);
    let diff = Diff::new(
        Given { name: "a", results: &results, scenarios: &before },
        Given { name: "b", results: &results, scenarios: &after },
        &[],
    );
    assert!(!diff.comparable && diff.differences[0].what == "server-kill: load", "{:?}", diff.differences);
}

#[test]
fn a_hostile_diff_is_only_text() {
    let diff = diff(&fixture::hostile(), &fixture::loss(), "verdict");
    assert!(!diff.comparable);
    let text = diff_markdown(&diff);
    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("@all"), "{text}");
    for text in [diff_markdown(&diff), diff_terminal(&diff)] {
        assert!(!text.contains('\u{1b}'), "no name commands the terminal");
    }
    let value: serde_json::Value = serde_json::from_str(&diff_json(&diff)).unwrap();
    assert_eq!(value["diff_version"], 1);
}

fn index() -> Index {
    let mut elsewhere = fixture::later(0.1, true);
    elsewhere.run.environment.cpu_model = "Another CPU".to_owned();
    elsewhere.run.started_unix_ms += 86_400_000;
    let found = |folder: &str, results| FoundRun { folder: folder.to_owned(), has_report: true, results };
    Index::new(
        vec![
            found("published/elsewhere", elsewhere),
            found("published/second", fixture::later(0.1, false)),
            found("published/first", fixture::repeated()),
        ],
        vec![Unreadable { folder: "broken".to_owned(), why: "results.json: it is damaged".to_owned() }],
    )
}

#[test]
fn an_index_is_in_order_of_time_and_joins_like_with_like() {
    let index = index();
    let told: Vec<(&str, u32)> =
        index.runs.iter().map(|run| (run.folder.as_str(), run.scenarios[0].conditions)).collect();
    assert_eq!(told, [("published/first", 1), ("published/second", 1), ("published/elsewhere", 2)]);
    insta::assert_snapshot!("index_json", index_json(&index));
    let page = index_html(&index);
    assert_eq!(page, index_html(&self::index()));
    assert!(page.contains("default-src 'none'") && page.contains("href=\"./published/first/report.html\""));
    let line =
        page.split("<path class=\"dash\" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(line.matches('M').count(), 1, "the other machine's run is not joined: {line}");
    if let Some(path) = std::env::var_os("INDEX_PAGE") {
        std::fs::write(path, page).unwrap();
    }
}

#[test]
fn a_hostile_index_is_only_text() {
    let evil = "\"><script>alert(1)</script>";
    let found = vec![FoundRun { folder: evil.to_owned(), has_report: true, results: fixture::hostile() }];
    let why = "x".repeat(1_000_000);
    let page = index_html(&Index::new(found, vec![Unreadable { folder: evil.to_owned(), why }]));
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{1b}'));
    assert!(page.len() < 60_000, "{}", page.len());
}

#[test]
fn the_same_results_give_the_same_bytes_in_every_format() {
    let both = || (fixture::repeated(), fixture::later(0.3, true));
    let written = |(before, after): (Results, Results)| {
        let diff = diff(&before, &after, "verdict,p99-ms>10%");
        [
            junit(&after),
            step_summary(&after),
            github_action_benchmark(&after),
            bencher(&after),
            diff_json(&diff),
            diff_terminal(&diff),
        ]
    };
    assert_eq!(written(both()), written(both()));
}
