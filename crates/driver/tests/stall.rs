//! A server that stands still: from the plan it is seen in full, from the sending hardly at all.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use driver::{Clock, LoadSpec, Recorder, Stage, drive};
use journal::{Event, Header, Outcome, Reader, StepEvent};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::process::Ready;
use scenario::{Phase, Plan, Scenario, Stack};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

const SHOPPERS: usize = 10;

/// 500 requests a second.
const SCENARIO: &str = r#"
name = "stall"
question = "?"
story = "."
stacks = ["stateful"]
topology = { servers = 1, service_time_ms = 0 }
load = { shoppers = 10, think_time_ms = 20, timeout_ms = 60000, mix = { read = 5, add = 4, check-out = 1 } }
phases = { warm_up_s = 0.5, baseline_s = 2, fault_s = 0, recovery_s = 0, quiet_s = 0 }
steady_state = { ok_ratio = 0.9, p99_ms = 500, sustain_s = 0.5 }
"#;

/// A server that ends with its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start() -> (Self, SocketAddr) {
        let mut command = Command::new(driver::own("stateful-server").unwrap());
        command.args(["--plain-http-cookies", "--service-time-ms=0"]).stdout(Stdio::piped());
        let mut server = Self(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(Ready::Server { addr, .. }) = Ready::from_line(&line) else { panic!("{line}") };
        (server, addr)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    /// Stops it, and waits until the kernel says that no thread of it runs.
    fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let stopped = |thread: &Path| {
            let stat = std::fs::read_to_string(thread.join("stat")).unwrap();
            stat[stat.rfind(')').unwrap()..].starts_with(") T")
        };
        let threads = || std::fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        while !threads().all(|thread| stopped(&thread.unwrap().path())) {
            std::thread::yield_now();
        }
    }
}

fn header(scenario: &Scenario, plan: &Plan) -> Header {
    Header {
        format: journal::FORMAT,
        run: "stall".to_owned(),
        order: 1,
        repeat: 1,
        stack: Stack::stateful(),
        replica: 0,
        router: "none".to_owned(),
        seed: 1,
        plan_sha256: plan.digest(),
        planned_steps: plan.steps() as u64,
        scenario: scenario.clone(),
        store: BTreeMap::new(),
        start_up_ms: None,
        growth: None,
        started_unix_ms: 0,
    }
}

/// Runs the plan at a server that stands still from 1 s to 1.5 s; answers from when to when, and the steps after the warm-up.
fn run(journal: &Path) -> (u64, u64, Vec<StepEvent>) {
    let (server, addr) = Server::start();
    let scenario = Scenario::parse("stall.toml", SCENARIO).unwrap();
    let plan = Arc::new(Plan::new(&scenario, 1));
    let (recorder, thread) = Recorder::begin(journal, &header(&scenario, &plan)).unwrap();
    let clock = Clock::starting_at(Instant::now());
    let (running, stage) = watch::channel(Stage::Running);
    let (timetable_done, done) = oneshot::channel();
    let timeout = Duration::from_millis(scenario.load.timeout_ms);
    let load = LoadSpec { plan, addr, timeout, clock, recorder, stage, timetable_done };
    let load = std::thread::spawn(move || drive(load));
    std::thread::sleep(clock.at(1_000_000).saturating_duration_since(Instant::now()));
    server.stop();
    let stopped_us = clock.now_us();
    std::thread::sleep(Duration::from_millis(500));
    let goes_on_us = clock.now_us();
    server.signal(Signal::SIGCONT);
    let account = done.blocking_recv().unwrap();
    drop(running);
    load.join().unwrap().unwrap();
    thread.finish().unwrap();
    assert_eq!(account.unsent, 0);
    let events =
        Reader::new(BufReader::new(File::open(journal).unwrap())).unwrap().map(|entry| entry.unwrap().event);
    let steps = events.filter_map(|event| match event {
        Event::Step(step) if step.phase != Phase::WarmUp => Some(step),
        _ => None,
    });
    (stopped_us, goes_on_us, steps.collect())
}

#[test]
fn from_the_plan_everybody_waits_for_a_server_that_stands_still_and_from_the_sending_one_a_connection() {
    let folder = tempfile::Builder::new().prefix("stall").tempdir().unwrap();
    let (stopped_us, goes_on_us, steps) = run(&folder.path().join("journal.jsonl"));
    assert!(steps.iter().all(|step| step.outcome == Outcome::Ok));
    let met: Vec<_> = steps.iter().filter(|s| (stopped_us..goes_on_us).contains(&s.planned_us)).collect();
    assert!(met.len() > 5 * SHOPPERS, "{} steps came while the server stood still", met.len());
    assert!(met.iter().all(|step| step.done_us >= goes_on_us), "a stopped server answered");
    // What a tool that waits for its answers sees of it.
    let waited = steps.iter().filter(|s| s.sent_us.unwrap() < goes_on_us && s.done_us >= goes_on_us).count();
    assert!((1..=SHOPPERS).contains(&waited), "{waited} of {SHOPPERS} connections");
    let longest = met.iter().map(|step| step.done_us - step.planned_us).max().unwrap();
    let first = met.iter().map(|step| step.planned_us).min().unwrap();
    assert!(longest >= goes_on_us - first);
    let mut service: Vec<_> = steps.iter().map(|step| step.done_us - step.sent_us.unwrap()).collect();
    service.sort_unstable();
    assert!(service[service.len() / 2] < longest / 2, "{} of {longest}", service[service.len() / 2]);
}
