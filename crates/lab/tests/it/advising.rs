//! The advice as it is typed, and its sliders in a real browser.

use crate::bench::{Bench, Said};
use crate::browser::{ConsoleLog, Driver, script};
use report::{Advice, Facts, Results, Service, State};
use scenario::{StandbySite, Strategy};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// Three short scenarios that together say what an advice needs.
const DEPLOY: &str = r#"
name = "small-deploy"
question = "What does a deployment cost?"
story = "Every server is replaced."
stacks = ["stateful", "stateless-postgres"]
topology = { servers = 3 }
load = { shoppers = 60, think_time_ms = 200, mix = { read = 5, add = 4, check-out = 1 } }
phases = { warm_up_s = 1, baseline_s = 1, fault_s = 2, recovery_s = 0.5, quiet_s = 0.5 }
steady_state = { ok_ratio = 0.5, p99_ms = 5000, sustain_s = 0.5 }

[[faults]]
at_s = 2
action = "rolling-restart"
target = "servers"
"#;

/// A run's results, judged by hand where no process is needed: the same as `lab report` reads.
fn results(bench: &Bench) -> (PathBuf, Results) {
    let kill = crate::bench::KILL
        .replace("\"stateless-redis\", \"stateless-postgres\", ", "\"stateless-postgres\", ");
    let kill = bench.scenario("small-kill", &kill);
    let deploy = bench.scenario("small-deploy", DEPLOY);
    let outage = DEPLOY.replace("small-deploy", "small-outage").replace("rolling-restart", "kill").replace(
        "\"servers\"\n",
        "\"store\"\n\n[[faults]]\nat_s = 2.5\naction = \"start\"\ntarget = \"store\"\n",
    );
    let outage = bench.scenario("small-outage", &outage);
    let stacks = ["--stack", "stateful", "--stack", "stateless-postgres"];
    let said = bench.run(&[&["compare", &kill, &deploy, &outage][..], &stacks].concat());
    assert!(said.code == Some(0), "{}{}", said.out, said.err);
    let folder = bench.latest();
    let text = fs::read_to_string(folder.join("results.json")).unwrap();
    (folder, report::read(&text).unwrap())
}

const START_UP: &str = "servers = 2\nsessions = 20\ndeploys_per_week = 2\nserver_crashes_per_year = 4\n\
    session_cost = 0.05\nstore_cost_per_year = 600\n";

#[test]
fn what_is_wrong_is_told_with_file_line_and_key() {
    let bench = Bench::new();
    let wrong = |text: &str, parts: &[&str]| {
        let file = bench.scenario("mine", text);
        bench.run(&["advise", &file]).exits(2).tells(parts);
    };
    wrong("servers = 2\nsesions = 20\n", &["mine.toml:2: unknown key 'sesions'", "did you mean 'sessions'"]);
    wrong("store_cost = 1\n", &["mine.toml:1: ", "did you mean 'store_cost_per_year'"]);
    wrong("\n\nservers = 0\n", &["mine.toml:3: servers is 0; 1 to 10000, whole is possible"]);
    wrong("servers = \"two\"\n", &["mine.toml:1: servers is a string; a number is needed"]);
    wrong("servers = [2]\n", &["mine.toml:1: servers is an array; a number is needed"]);
    wrong("servers = 2.5\n", &["mine.toml:1: servers is 2.5"]);
    wrong(
        "today = \"yesterday\"\n",
        &["mine.toml:1: today is 'yesterday'; one of not-built, stateful, stateless"],
    );
    wrong("servers = \n", &["mine.toml:1: "]);
    wrong(
        "servers = 2\n",
        &["mine.toml: sessions, deploys_per_week", " are missing; write 'sessions = ...'"],
    );
    bench.run(&["advise", "no-such.toml"]).exits(2).tells(&["no-such.toml", "docs/advice.md"]);
    bench.run(&["advise", "--servers", "0"]).exits(2).tells(&["servers is 0; 1 to 10000"]);
}

#[test]
fn without_a_terminal_nothing_waits_for_an_answer() {
    let bench = Bench::new();
    bench.run(&["advise"]).exits(2).tells(&["nothing is known of your service", "--servers, --sessions"]);
    let some = bench.run(&["advise", "--servers", "3"]).exits(2);
    some.tells(&["not enough is known of your service: give --sessions, --deploys-per-week"]);
}

#[test]
fn results_that_are_not_there_or_newer_are_refused() {
    let bench = Bench::new();
    let file = bench.scenario("mine", START_UP);
    bench.run(&["advise", &file]).exits(2).tells(&["results/latest/results.json", "lab report"]);
    let newer = bench.scenario("newer", "{\"schema_version\": 99}");
    bench.run(&["advise", &file, "--results", &newer]).exits(2).tells(&["schema_version 99"]);
}

#[test]
fn the_example_in_the_documents_is_taken_and_so_is_every_flag() {
    let bench = Bench::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/advice-example.toml");
    // It is read to its end before the results are looked for.
    bench.run(&["advise", example]).exits(2).tells(&["results.json"]);
    let mut flags = vec!["advise".to_owned(), "--today".to_owned(), "stateless".to_owned()];
    for key in report::KEYS {
        flags.extend([format!("--{}", key.name.replace('_', "-")), key.most.to_string()]);
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    bench.run(&flags).exits(2).tells(&["results.json"]);
    let schema: Value = serde_json::from_str(&bench.run(&["schema", "advice"]).exits(0).out).unwrap();
    assert_eq!(schema["properties"].as_object().unwrap().len(), report::KEYS.len() + 1);
}

/// The same run, as if it had also drilled the loss of a site, and had run a stack that is as good as the other but lacks the deployment.
/// In one drill every stateless stack loses a line, in the other none does.
fn with_drills_and_a_gap(mut results: Results) -> Results {
    let kill = results.scenarios[0].clone();
    for (name, lines) in [("dr-lossy", 7), ("dr-whole", 0)] {
        let mut drill = kill.clone();
        name.clone_into(&mut drill.name);
        drill.setting.standby_site = Some(StandbySite {
            strategy: Strategy::Warm,
            link_delay_ms: 50,
            dump_every_ms: None,
            probe_every_ms: 500,
            misses: 3,
            declare_ms: 1_000,
        });
        let point = &mut drill.trials[1].recovery.as_mut().unwrap().point;
        (point.writes_lost, point.oldest_age_us) = (lines, (lines > 0).then_some(120_000));
        results.scenarios.push(drill);
    }
    for scenario in results.scenarios.iter_mut().filter(|s| s.name != "small-deploy" && s.name != "dr-whole")
    {
        let (mut column, mut trial) = (scenario.stacks[1].clone(), scenario.trials[1].clone());
        "stateless-redis".clone_into(&mut column.stack);
        trial.identity.stack = "stateless-redis".parse().unwrap();
        scenario.stacks.push(column);
        scenario.trials.push(trial);
    }
    results
}

/// What the page says now.
const SEEN: &str = "
    const texts = selector => [...document.querySelectorAll('#advice ' + selector)].map(e => e.textContent);
    return {
        cells: [...document.querySelectorAll('#advice .board tbody tr')].map(tr => [...tr.cells].slice(1).map(td => [td.querySelector('.main').textContent, td.querySelector('.sub').textContent])),
        states: [...document.querySelectorAll('#advice [data-signal]')].map(li => [li.dataset.signal, li.dataset.state, li.querySelector('.why').textContent]),
        advised: texts('.advised')[0], because: texts('.because')[0], choice: document.querySelector('#advice .advised').dataset.choice,
    };";

/// Sets each slider to its place and tells the values that it stands on.
fn set(places: &[usize; 7], must_not: bool) -> String {
    format!(
        "const places = {places:?}, values = {{}};
        document.querySelectorAll('#advice input[data-key]').forEach((input, at) => {{
            const stops = JSON.parse(input.dataset.stops);
            input.value = Math.min(places[at], stops.length - 1);
            values[input.dataset.key] = stops[Number(input.value)];
        }});
        document.querySelector('#advice-rpo').checked = {must_not};
        document.querySelector('#advice input').dispatchEvent(new Event('input', {{ bubbles: true }}));
        return values;"
    )
}

/// The same as the page shows it, by the arithmetic of `lab advise`.
fn told(results: &Results, values: &Value, must_not: bool) -> Value {
    let of = |key: &str| values[key].as_f64().unwrap();
    let service = Service {
        servers: of("servers"),
        sessions: of("sessions"),
        deploys_per_week: of("deploys_per_week"),
        server_crashes_per_year: of("server_crashes_per_year"),
        session_cost: of("session_cost"),
        store_cost_per_year: Some(of("store_cost_per_year")),
        growth_percent_per_year: Some(of("growth_percent_per_year")),
        rpo_s: must_not.then_some(0.0),
        ..Service::example()
    };
    let advice = Advice::new(Facts::of(results), service);
    let state = |state: State| serde_json::to_value(state).unwrap();
    let states: Vec<Value> = advice.signals.iter().map(|s| json!([s.id, state(s.state), s.why])).collect();
    let cells = report::advice_cells(&advice);
    json!({
        "cells": cells,
        "states": states,
        "advised": advice.decision.answer,
        "because": advice.decision.because.join(" "),
        "choice": serde_json::to_value(advice.decision.choice).unwrap(),
    })
}

#[test]
fn the_page_and_the_command_work_out_the_same() {
    let bench = Bench::new();
    let (folder, results) = results(&bench);
    let file = bench.scenario("start-up", START_UP);
    let said = bench.run(&["advise", &file]).exits(0);
    assert!(said.out.contains("know what a restart costs"), "{}", said.out);
    let bank = bench.run(&["advise", &file, "--rpo-s", "0", "--json"]).exits(0);
    let bank: Value = serde_json::from_str(&bank.out).unwrap();
    assert_eq!(bank["decision"]["choice"], "stateless");
    // Nobody has asked for servers that are added.
    let grows: Said = bench.run(&["advise", &file, "--growth-percent-per-year", "200"]).exits(3);
    assert!(
        grows.out.contains("lab compare server-kill rolling-deploy scale-out store-outage"),
        "{}",
        grows.out
    );

    let pages = [("report.html", results.clone()), ("with-a-gap.html", with_drills_and_a_gap(results))];
    let pages = pages.map(|(name, results)| {
        let path = folder.join(name);
        fs::write(&path, report::html(&results)).unwrap();
        (format!("file://{}", path.display()), results)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let driver = Driver::start();
    runtime.block_on(async {
        let browser = driver.browser(1440).await;
        let settings = [
            ([3, 8, 6, 6, 6, 7, 0], false),
            ([1, 2, 4, 5, 3, 3, 0], false),
            ([2, 14, 9, 2, 2, 0, 3], false),
            ([0, 5, 0, 0, 9, 9, 0], true),
            ([13, 16, 11, 12, 14, 11, 7], true),
            ([4, 0, 3, 1, 1, 1, 0], false),
            ([5, 7, 2, 3, 7, 8, 0], true),
            // Nobody deploys, and then somebody does: what was not measured is not known again.
            ([3, 8, 0, 6, 6, 6, 0], true),
            ([3, 8, 6, 0, 6, 7, 0], false),
            ([3, 8, 6, 6, 6, 7, 0], true),
        ];
        let mut choices = Vec::new();
        for (page, results) in &pages {
            browser.goto(page).await.unwrap();
            for (places, must_not) in settings {
                let values = script(&browser, &set(&places, must_not)).await;
                let (seen, told) = (script(&browser, SEEN).await, told(results, &values, must_not));
                assert_eq!(seen, told, "with {values} and {must_not} on {page}");
                choices.push(seen["choice"].as_str().unwrap().to_owned());
            }
        }
        let folded = "return [...document.querySelectorAll('#advice .board th.folded')].map(th => [th.textContent, th.offsetWidth])";
        assert_eq!(script(&browser, folded).await, json!([["stateless-redis", 0]]), "the stack with a gap is folded away");
        let shown = "document.querySelector('#advice-all').click(); \
            return document.querySelector('#advice .board th.folded').offsetWidth > 0";
        assert_eq!(script(&browser, shown).await, json!(true));
        choices.sort();
        choices.dedup();
        assert!(choices.len() >= 2, "the settings do not tell the choices apart: {choices:?}");
        assert_eq!(browser.issue_cmd(ConsoleLog).await.unwrap(), json!([]));
        let fetched = script(&browser, "return performance.getEntriesByType('resource').length").await;
        assert_eq!(fetched, 0, "the page fetches nothing");
        browser.close().await.unwrap();
    });
}
