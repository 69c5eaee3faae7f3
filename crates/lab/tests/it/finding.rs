//! `lab find`, asked while a comparison runs.

use crate::bench::{Bench, KILL, Said};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);

/// A comparison of one stack that goes on until it is told to stop: a server dies early, and nobody replaces it.
struct Running {
    bench: Bench,
    child: Child,
}

impl Running {
    fn start(stack: &str) -> Self {
        let bench = Bench::new();
        let phases = "warm_up_s = 1, baseline_s = 1, fault_s = 1, recovery_s = 0.5, quiet_s = 0.5";
        let text =
            KILL.replace(phases, "warm_up_s = 1, baseline_s = 3, fault_s = 120, recovery_s = 1, quiet_s = 1");
        let text = text.replace("at_s = 2", "at_s = 12").replace("shoppers = 60", "shoppers = 24");
        let scenario = bench.scenario("small-kill", &text);
        let mut command = bench.lab(&["compare", &scenario, "--stack", stack]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { bench, child }
    }

    fn find(&self, owner: &str) -> (Option<i32>, Value) {
        let said = self.bench.run(&["find", owner, "--json"]);
        let rows: Value = serde_json::from_str(&said.out).unwrap_or_default();
        (said.code, rows[0].clone())
    }

    /// Looks for somebody again and again, until the answer is the one that is waited for.
    #[track_caller]
    fn until(&self, owner: &str, is_so: impl Fn(Option<i32>, &Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (code, found) = self.find(owner);
            if is_so(code, &found) {
                return found;
            }
            assert!(Instant::now() < deadline, "{owner}: still {code:?} {found}");
        }
    }

    fn tier(&self) -> Value {
        let private =
            fs::read_dir(self.bench.path().join("tmp")).unwrap().flatten().map(|entry| entry.path());
        let files: Vec<PathBuf> = private.map(|folder| folder.join("trial-1").join("tier.json")).collect();
        serde_json::from_slice(&fs::read(&files[0]).unwrap()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has not been waited for, so the id is still its own.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT);
        let _ = self.child.wait();
    }
}

#[test]
fn in_memory_every_server_must_be_asked_and_a_dead_one_takes_the_answer_with_it() {
    let running = Running::start("stateful");
    let owners: Vec<String> = (0..24).map(|n| format!("shopper-{n}")).collect();
    let found = running.until(&owners[0], |code, _| code == Some(0));
    assert_eq!(
        (&found["reach"], &found["places"], &found["answered"]),
        (&"process".into(), &3.into(), &3.into())
    );
    assert_eq!((&found["whereabouts"], &found["stack"]), (&"found".into(), &"stateful".into()));

    // The server has died: one of three places is silent.
    running.until(&owners[0], |_, found| found["answered"] == 2);
    let answers: Vec<(Option<i32>, Value)> = owners.iter().map(|owner| running.find(owner)).collect();
    let codes: Vec<Option<i32>> = answers.iter().map(|(code, _)| *code).collect();
    let told = |code: i32| codes.iter().filter(|c| **c == Some(code)).count();
    assert_eq!(
        told(0) + told(3),
        owners.len(),
        "nobody may say 'nowhere' while a server is silent: {codes:?}"
    );
    assert!(told(0) > 0 && told(3) > 0, "some lived there and some did not: {codes:?}");
    let lost = codes.iter().position(|code| *code == Some(3)).unwrap();
    let words = running.bench.run(&["find", &owners[lost]]).exits(3).out;
    for part in [
        "no answer: nobody listens there",
        "cannot be told: 2 of 3 places answered",
        "for the post-mortem: its log, ",
    ] {
        assert!(words.contains(part), "'{part}' is not in: {words}");
    }
    running
        .bench
        .run(&["find", "shopper-0", "--run", "another"])
        .exits(2)
        .tells(&["no trial of a run 'another'"]);
}

#[test]
fn with_a_shared_store_one_question_to_any_server_is_enough_and_it_outlives_the_server() {
    let running = Running::start("stateless-sqlite");
    let found = running.until("shopper-0", |code, _| code == Some(0));
    assert_eq!(
        (&found["reach"], &found["places"], &found["answered"]),
        (&"shared".into(), &1.into(), &1.into())
    );
    assert_eq!(found["replies"].as_array().unwrap().len(), 1, "one question: {found}");
    assert!(found["replies"][0]["said"]["sessions"][0]["version"].as_u64().unwrap() > 0, "{found}");
    let said: Said = running.bench.run(&["find", "nobody"]).exits(1);
    assert!(said.out.contains("nowhere: 1 of 1 place answered"), "{}", said.out);

    // The same by hand, at one server, with the token and with another.
    let tier = running.tier();
    let (server, token) =
        (tier["servers"][2]["addr"].as_str().unwrap(), tier["token_file"].as_str().unwrap());
    running.bench.run(&["find", "shopper-0", "--server", server, "--token-file", token]).exits(0);
    let wrong = running.bench.path().join("wrong");
    fs::write(&wrong, "w".repeat(40)).unwrap();
    let said = running
        .bench
        .run(&["find", "shopper-0", "--server", server, "--token-file", wrong.to_str().unwrap()])
        .exits(3);
    assert!(said.out.contains("no answer: 401: operators show a token here"), "{}", said.out);

    // One of them dies, the one that was asked first perhaps; the answer stays.
    let dead = tier["servers"].as_array().unwrap().len();
    assert_eq!(dead, 3);
    let deadline = Instant::now() + PATIENCE;
    while running.bench.processes().iter().filter(|command| command.contains("stateless-server")).count() == 3
    {
        assert!(Instant::now() < deadline, "no server dies");
    }
    for n in 0..24 {
        let (code, found) = running.find(&format!("shopper-{n}"));
        assert_eq!((code, &found["places"]), (Some(0), &1.into()), "{found}");
    }
}

#[test]
fn where_nothing_runs_it_says_what_to_run() {
    let bench = Bench::new();
    bench.run(&["find", "shopper-17"]).exits(4).tells(&["no tier of yours runs", "lab compare server-kill"]);
    bench.run(&["find", "shopper-17", "--server", "127.0.0.1:1"]).exits(2).tells(&["--token-file"]);
    bench.run(&["find", ""]).exits(2).tells(&["1 to 128 bytes"]);
}
