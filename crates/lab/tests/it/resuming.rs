//! A run that was broken off is gone on with, and refused when it could not be the same run any more.

use crate::bench::{Bench, KILL, Said};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Three short trials.
fn scenario(bench: &Bench) -> String {
    let (head, _) = KILL.split_once("[[expect]]").unwrap();
    let text = head.replace(
        r#"["stateful", "stateless-redis", "stateless-postgres", "stateless-sqlite"]"#,
        r#"["stateful", "memory+consistent-hash", "stateless-sqlite"]"#,
    );
    bench.scenario("small-kill", &text)
}

/// Starts a run and ends it by a signal once its first trial is over and the second has a journal.
fn broken_off(bench: &Bench, mut command: Command, signal: Signal) -> PathBuf {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let results = bench.path().join("results/latest");
    let second = || {
        let folders = fs::read_dir(&results).into_iter().flatten().flatten();
        folders.map(|e| e.path()).any(|path| {
            path.file_name().unwrap().to_str().unwrap().starts_with("002-")
                && path.join("journal.jsonl").exists()
        })
    };
    while !second() {
        assert!(Instant::now() < deadline, "the second trial does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    // It has not been reaped, so the id is still its own.
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    let said = Said::from(child.wait_with_output().unwrap());
    match signal {
        Signal::SIGINT => {
            said.exits(130).tells(&["go on with: lab compare --resume"]);
        }
        _ => assert_eq!(said.code, None),
    }
    bench.latest()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn trials(run: &Value) -> Vec<(u64, String)> {
    let trials = run["trials"].as_array().unwrap().iter();
    trials.map(|t| (t["order"].as_u64().unwrap(), t["stack"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn what_is_whole_is_kept_and_the_rest_is_run() {
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let bench = Bench::new();
        let scenario = scenario(&bench);
        let folder = broken_off(&bench, bench.lab(&["compare", &scenario]), signal);
        let before = json(&folder.join("run.json"));
        let first = folder.join("001-small-kill-stateful/journal.jsonl");
        let evidence = fs::read(&first).unwrap();

        let said = bench.run(&["compare", "--resume", "results/latest", "--json"]).exits(0);
        let said = said.tells(&[
            "1 of 3 trials are there",
            "trial 2 was not completed",
            "trial 2 of 3",
            "trial 3 of 3",
        ]);
        assert!(!said.err.contains("trial 1 of 3"), "{}", said.err);
        assert_eq!(fs::read(&first).unwrap(), evidence, "the first trial is as it was");
        let after = json(&folder.join("run.json"));
        assert_eq!((&after["id"], &after["started_unix_ms"]), (&before["id"], &before["started_unix_ms"]));
        assert_eq!(after["resumed"][0]["kept"], 1);
        assert_eq!(after["interrupted"], false);
        let names = ["stateful", "memory+consistent-hash", "stateless-sqlite"].map(str::to_owned);
        assert_eq!(trials(&after), (1..=3).zip(names).collect::<Vec<_>>());
        let results: Value = serde_json::from_str(&said.out).unwrap();
        let judged = results["scenarios"][0]["trials"].as_array().unwrap();
        assert!(
            judged
                .iter()
                .all(|trial| trial["identity"]["plan_sha256"] == judged[0]["identity"]["plan_sha256"])
        );
        assert_eq!(judged.len(), 3);

        // Once more: nothing is left to do, and the verdict is the same.
        let again = bench.run(&["compare", "--resume", "results/latest"]).exits(0);
        again.tells(&["3 of 3 trials are there"]);
        assert_eq!(bench.processes(), Vec::<String>::new());
    }
}

#[test]
fn a_run_is_refused_when_something_is_another_now() {
    let bench = Bench::new();
    let scenario = scenario(&bench);
    let (lab, programs) = bench.own_copy();
    let folder = broken_off(&bench, bench.program(&lab, &["compare", &scenario]), Signal::SIGINT);
    let run = fs::read_to_string(folder.join("run.json")).unwrap();
    let resume = |parts: &[&str]| {
        let output = bench.program(&lab, &["compare", "--resume", "results/latest"]).output().unwrap();
        Said::from(output).exits(2).tells(parts);
        assert_eq!(fs::read_to_string(folder.join("run.json")).unwrap(), run, "nothing was touched");
    };
    let with_more = |path: &Path, more: &str, parts: &[&str]| {
        let old = fs::read(path).unwrap();
        let mode = fs::metadata(path).unwrap().permissions();
        // A file that runs may not be written to, but another one may take its place.
        fs::remove_file(path).unwrap();
        fs::write(path, [&old[..], more.as_bytes()].concat()).unwrap();
        fs::set_permissions(path, mode.clone()).unwrap();
        resume(parts);
        fs::remove_file(path).unwrap();
        fs::write(path, old).unwrap();
        fs::set_permissions(path, mode).unwrap();
    };
    with_more(&programs.join("router"), "x", &["router was SHA-256", "cannot be gone on with"]);
    with_more(&lab, "x", &["lab (SHA-256) was"]);
    with_more(Path::new(&scenario), "\n# edited\n", &["small-kill.toml", "was SHA-256"]);
    with_more(&folder.join("small-kill.toml"), "\n# edited\n", &["its copy of the scenario"]);

    let seeded = run.replacen("\"seed\": 1", "\"seed\": 2", 1);
    assert_ne!(seeded, run);
    fs::write(folder.join("run.json"), seeded).unwrap();
    let output = bench.program(&lab, &["compare", "--resume", "results/latest"]).output().unwrap();
    Said::from(output).exits(2).tells(&["001-small-kill-stateful", "its seed is another one"]);
    fs::write(folder.join("run.json"), &run).unwrap();

    let output =
        bench.program(&lab, &["compare", "--resume", "results/latest", "--seed", "2"]).output().unwrap();
    Said::from(output).exits(2).tells(&["--seed", "--resume"]);
    let redis = ["compare", "--resume", "results/latest", "--redis-url", "redis://:secret@127.0.0.1:1/"];
    let said = Said::from(bench.program(&lab, &redis).output().unwrap()).exits(2);
    let said = said.tells(&["--redis-url was none", "redis://:***@127.0.0.1:1/"]);
    assert!(!said.err.contains("secret"), "{}", said.err);
    bench
        .program(&lab, &["compare", "--resume", "results/latest"])
        .output()
        .map(Said::from)
        .unwrap()
        .exits(0);
}

#[test]
fn a_run_that_is_going_on_is_left_alone() {
    let bench = Bench::new();
    let scenario = scenario(&bench);
    let mut child = bench
        .lab(&["compare", &scenario, "--repeat", "9"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let run_file = bench.path().join("results/latest/run.json");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !run_file.exists() {
        assert!(Instant::now() < deadline, "the run does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    bench.run(&["compare", "--resume", "results/latest"]).exits(2).tells(&["another lab is running"]);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
