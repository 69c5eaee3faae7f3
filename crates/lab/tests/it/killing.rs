//! However the lab is ended, nothing of it is left running, and the next run works.

use crate::bench::{Bench, KILL, Said};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How often each signal is sent.
const TIMES: u32 = 25;
/// One run takes about this long; a signal comes at any moment of it.
const RUN: Duration = Duration::from_millis(6_500);

/// Moments spread over a run without a pattern (the golden ratio's multiples), the same in every run of the tests.
fn moment(number: u32) -> Duration {
    RUN.mul_f64((f64::from(number) * 0.618_034).fract())
}

fn stack(number: u32) -> &'static str {
    ["stateless-postgres", "stateful", "stateless-redis", "stateless-sqlite"][number as usize % 4]
}

/// Starts a comparison and sends it a signal at a moment.
fn signalled(bench: &Bench, scenario: &str, number: u32, signal: Signal) -> Said {
    let mut command = bench.lab(&["compare", scenario, "--stack", stack(number)]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(moment(number));
    let pid = Pid::from_raw(child.id().cast_signed());
    // It may have ended by itself; it has not been reaped, so the id is still its own.
    kill(pid, signal).unwrap();
    Said::from(child.wait_with_output().unwrap())
}

/// Waits until nothing with the bench's mark runs any more.
#[track_caller]
fn nothing_left(bench: &Bench, number: u32, signal: Signal) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let left = bench.processes();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{signal} number {number} at {:?} left {left:?}", moment(number));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_interrupted_lab_ends_its_processes_saves_what_there_is_and_says_130() {
    let bench = Bench::new();
    let scenario = bench.scenario("small-kill", KILL);
    for number in 0..TIMES {
        let said = signalled(&bench, &scenario, number, Signal::SIGINT);
        nothing_left(&bench, number, Signal::SIGINT);
        // 0 when it was over already; no code when the signal came before anything listened for it.
        assert!(matches!(said.code, Some(130 | 0) | None), "{:?}\n{}{}", said.code, said.out, said.err);
        assert!(
            fs::read_dir(bench.path().join("tmp")).unwrap().next().is_none(),
            "no private folder is left"
        );
        if said.code == Some(130) {
            let run = fs::read_to_string(bench.latest().join("run.json")).unwrap();
            assert!(run.contains("\"interrupted\": true"), "{run}");
            assert!(bench.latest().join("report.html").exists());
        }
    }
    bench.run(&["compare", &scenario, "--stack", "stateful"]).exits(0);
}

#[test]
fn a_killed_lab_takes_its_processes_along_and_the_next_run_works() {
    let bench = Bench::new();
    let scenario = bench.scenario("small-kill", KILL);
    for number in 0..TIMES {
        signalled(&bench, &scenario, number, Signal::SIGKILL);
        nothing_left(&bench, number, Signal::SIGKILL);
    }
    let said = bench.run(&["compare", &scenario, "--stack", "stateful"]).exits(0);
    assert!(said.err.contains("left behind by a run that was killed"), "{}", said.err);
    bench.run(&["clean"]).exits(0);
    assert!(
        fs::read_dir(bench.path().join("tmp")).unwrap().next().is_none(),
        "'clean' removes what was left"
    );
}

#[test]
fn a_second_interrupt_ends_everything_at_once() {
    let bench = Bench::new();
    let scenario = bench.scenario("small-kill", KILL);
    let mut command = bench.lab(&["compare", &scenario, "--stack", "stateless-postgres"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !bench.processes().iter().any(|command| command.contains("stateless-server")) {
        assert!(Instant::now() < deadline, "no server was started");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = Pid::from_raw(child.id().cast_signed());
    kill(pid, Signal::SIGINT).unwrap();
    kill(pid, Signal::SIGTERM).unwrap();
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(130), "{}", said.err);
    nothing_left(&bench, 0, Signal::SIGTERM);
}
