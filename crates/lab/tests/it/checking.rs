//! What `lab check` and `lab list` say of scenarios, and the documents that are made from them.

use crate::bench::{Bench, KILL};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// Demands that a document is what the lab prints; `UPDATE_DOCS=1` makes it so.
#[track_caller]
fn is_current(name: &str, now: &str, command: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(docs(name), now).unwrap();
    }
    let kept = fs::read_to_string(docs(name)).unwrap_or_default();
    assert!(kept == now, "docs/{name} has drifted: {command} > docs/{name}");
}

#[test]
fn the_table_of_claims_is_made_from_the_scenarios() {
    let said = Bench::new().run(&["list", "--claims", "--markdown"]).exits(0);
    is_current("claims.md", &said.out, "lab list --claims --markdown");
}

/// No claim waits for its scenario.
const NOT_YET: [&str; 0] = [];

#[test]
fn every_claim_but_those_that_wait_has_a_scenario_that_promises_something() {
    let said = Bench::new().run(&["list", "--claims", "--json"]).exits(0);
    let claims: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    let has = |claim: &Value, what: &str| {
        let scenarios = claim["scenarios"].as_array().unwrap().iter();
        scenarios.filter(|scenario| what.is_empty() || !scenario[what].as_array().unwrap().is_empty()).count()
            > 0
    };
    let missing: Vec<&Value> =
        claims.iter().filter(|claim| !has(claim, "stacks")).map(|claim| &claim["claim"]).collect();
    assert_eq!(missing, NOT_YET, "whatever has a scenario is told, and whatever has none");
    let unknown: Vec<&Value> =
        claims.iter().filter(|claim| claim["text"].is_null()).map(|claim| &claim["claim"]).collect();
    assert!(unknown.is_empty(), "scenarios name claims that there are not: {unknown:?}");
}

#[test]
fn the_kept_schema_is_that_of_the_types() {
    let said = Bench::new().run(&["schema", "scenario"]).exits(0);
    is_current("scenario.schema.json", &said.out, "lab schema scenario");
}

/// Every key that a schema knows, wherever it stands.
fn keys(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                into.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, into)),
        _ => {}
    }
}

#[test]
fn the_example_has_every_key_and_is_right() {
    let bench = Bench::new();
    let text = fs::read_to_string(docs("example.toml")).unwrap();
    let schema: Value = serde_json::from_str(&bench.run(&["schema", "scenario"]).exits(0).out).unwrap();
    let mut all = Vec::new();
    keys(&schema, &mut all);
    assert!(all.len() > 40, "{all:?}");
    let is_there = |key: &String| {
        text.lines().any(|line| {
            let line = line.trim_start_matches("# ");
            line == format!("[{key}]")
                || line == format!("[[{key}]]")
                || line.starts_with(&format!("{key} ="))
                || line.contains(&format!("{{ {key} ="))
                || line.contains(&format!(", {key} ="))
        })
    };
    let missing: Vec<&String> = all.iter().filter(|key| !is_there(key)).collect();
    assert!(missing.is_empty(), "docs/example.toml lacks {missing:?}");

    let told = bench.run(&["check", &bench.scenario("example", &text)]).exits(0).out;
    for part in [
        "stateful: spared: its sessions are in each server's memory",
        "between the servers and its Redis: every byte takes 20 to 30 ms longer",
        "forgets 10 of every hundred sessions",
        "server-4, server-5 join the tier",
        "at 3.5 s tamper, 2 times: cookies that are bit-flipped",
        "at 7.5 s where the sessions of 10 shoppers are",
        "stateful: every server is asked",
    ] {
        assert!(told.contains(part), "'{part}' is not in: {told}");
    }
    // What the lines in the comments show: what excludes the lines before them.
    let stairs = text
        .replace("shape = \"spike\"\npeak = 1.5\nspike_at_s = 8\nspike_for_s = 2\n", "")
        .replace("# shape = ", "shape = ")
        .replace("# peak = ", "peak = ")
        .replace("# stairs = ", "stairs = ");
    assert!(!stairs.contains("\"spike\""));
    bench.run(&["check", &bench.scenario("stairs", &stairs)]).exits(0);
    let (head, rest) = text.split_once("# [standby_site]").unwrap();
    let (site, rest) = rest.split_once("\n\n").unwrap();
    let site = format!("[standby_site]{}", site.replace("\n# ", "\n")).replace("link_delay_ms = 150\n", "");
    let (load, faults) = rest.split_once("# Edges between processes").unwrap();
    let (_, beside) = faults.split_once("# Somebody who is not honest").unwrap();
    let one_store = head.replace("\"stateless-redis-aof-everysec\"", "\"stateless-redis\"");
    let two_sites = format!("{one_store}{site}\n{load}#{beside}");
    let told = bench.run(&["check", &bench.scenario("two-sites", &two_sites)]).exits(0).out;
    assert!(told.contains("at 8 s disaster site-a"), "{told}");
}

/// The kill, but of a whole site beside which another stands.
fn disaster(site: &str) -> String {
    let text = KILL.replace("action = \"kill\"", "action = \"disaster\"");
    let text = text.replace("target = \"busiest-server\"", "target = \"site-a\"");
    let text = text.replace(", \"stateless-sqlite\"]", "]");
    text.replacen("load = {", &format!("standby_site = {{ {site} }}\nload = {{"), 1)
}

#[test]
fn a_check_says_what_stands_by_and_how_it_takes_over() {
    let bench = Bench::new();
    let site = r#"strategy = "warm", link_delay_ms = 150, declare_s = 2"#;
    let told = bench.run(&["check", &bench.scenario("mine", &disaster(site))]).exits(0).out;
    for part in [
        "what stands by at a second site, warm",
        "stateless-postgres: a replica of the store, 150 ms away; a router and 1 server",
        "stateful: a router and 1 server",
        "at 2 s disaster site-a",
        "router, server-1, server-2, server-3, its PostgreSQL are killed (SIGKILL)",
        "Once 3 probes of site A in a row, one every 500 ms, have not been answered, and 2 s have passed",
        "promotes its replica of the store and starts 2 more servers beside the 1 that ran",
        "Every session was in the memory of a server that is gone",
    ] {
        assert!(told.contains(part), "'{part}' is not in: {told}");
    }
    let plan = bench.run(&["plan", &bench.scenario("mine", &disaster(site))]).exits(0).out;
    assert!(plan.contains("site B     warm: 3 probes in a row"), "{plan}");
}

#[test]
fn a_check_says_what_each_fault_will_do_to_which_process() {
    let bench = Bench::new();
    let scenario = bench.scenario("mine", KILL);
    let told = bench.run(&["check", &scenario]).exits(0).out;
    for part in [
        "at 2 s kill busiest-server",
        "stateful: the one of server-1, server-2, server-3 with the most sessions bound to it is killed (SIGKILL)",
        "stateless-redis, stateless-postgres, stateless-sqlite: the one of server-1, server-2, server-3 that has served the most",
        "stateful: sessions-lost-percent is 25 to 42",
        "because a third lived there",
    ] {
        assert!(told.contains(part), "'{part}' is not in: {told}");
    }
    let json: Value = serde_json::from_str(&bench.run(&["check", &scenario, "--json"]).exits(0).out).unwrap();
    assert!(json[0]["faults"][0]["stacks"]["stateful"].as_str().unwrap().contains("SIGKILL"), "{json}");
}

/// The kill, with one promise that can break and one that never will.
const VACUOUS: &str = r#"
[[expect]]
stacks = ["stateful", "stateless-*"]
metric = "start-up-ms"
max = 600000
because = "nothing takes ten minutes"

[[expect]]
stacks = ["stateful", "stateless-*"]
metric = "sessions-verified"
min = 1
because = "somebody has looked"
"#;

#[test]
fn a_promise_that_nothing_can_break_is_found() {
    let bench = Bench::new();
    let text = KILL.replace(
        r#"["stateful", "stateless-redis", "stateless-postgres", "stateless-sqlite"]"#,
        r#"["stateful", "stateless-sqlite"]"#,
    );
    // Mutated trials take half the time, and these promises need as many requests as the whole has.
    let text = text.replace(
        "warm_up_s = 1, baseline_s = 1, fault_s = 1, recovery_s = 0.5, quiet_s = 0.5",
        "warm_up_s = 2, baseline_s = 2, fault_s = 2, recovery_s = 1, quiet_s = 1",
    );
    let text = text.replace("at_s = 2", "at_s = 4").replace("think_time_ms = 200", "think_time_ms = 400");
    let can_break = bench.scenario("can-break", &text);
    let said = bench.run(&["check", "--mutate", &can_break]).exits(0);
    assert!(!said.err.contains("without its faults"), "the pair of stacks settles it: {}", said.err);
    let never = bench.scenario("never", &(text + VACUOUS));
    let said = bench.run(&["check", "--mutate", &never, "--json"]).exits(1);
    let rows: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    let standings: Vec<&str> = rows.iter().map(|row| row["standing"].as_str().unwrap()).collect();
    assert_eq!(standings, ["notices", "notices", "does-not-notice", "guard"], "{rows:#?}");
    for how in ["without its faults", "without a shared store and stickiness"] {
        assert!(said.err.contains(how), "{}", said.err);
    }
    assert_eq!(bench.processes(), Vec::<String>::new());
    assert!(!bench.path().join("results").exists(), "a check leaves no run behind");
}
