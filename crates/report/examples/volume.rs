//! How long judge and report take for ten million operations, and how much memory: `just volume`. No file is read: what a journal of
//! so many lines costs to parse is not in it.

use analysis::judge;
use journal::{Entry, Environment, Event, Header, Outcome, Run, StepEvent, View};
use report::{JudgedTrial, Results};
use scenario::{Action, Scenario, Stack};
use std::time::Instant;

const SHOPPERS: u64 = 20_000;
const OPERATIONS: u64 = 10_000_000;
/// A check-out follows every so many adds.
const LINES: u64 = 10;

/// Everybody logs in, and then reads and adds in turn.
fn step(n: u64) -> StepEvent {
    let (shopper, turn) = (n % SHOPPERS, n / SHOPPERS);
    let (shopper, round) = (shopper as u32, (turn.saturating_sub(1)) % (2 * LINES + 1));
    let action = match (turn, round) {
        (0, _) => Action::LogIn,
        (_, round) if round == 2 * LINES => Action::CheckOut,
        (_, round) if round % 2 == 0 => Action::Add,
        _ => Action::Read,
    };
    let op = |turn: u64| format!("s{shopper}-{turn}");
    let held = (0..=round).filter(|r| r % 2 == 0 && turn > 0 && action != Action::CheckOut);
    let planned_us = n * 18_000_000 / OPERATIONS;
    StepEvent {
        tab: 0,
        retry_of: None,
        idempotent: false,
        shopper,
        step: turn as u32,
        phase: scenario::Phase::Baseline,
        action,
        op: matches!(action, Action::Add | Action::CheckOut).then(|| op(turn)),
        planned_us,
        sent_us: Some(planned_us),
        first_byte_us: None,
        done_us: planned_us + 500 + n % 9_000,
        outcome: Outcome::Ok,
        status: Some(200),
        error: None,
        server: Some("server-1.1".to_owned()),
        view: Some(View {
            owner: Some(format!("shopper-{shopper}")),
            epoch: 1,
            version: turn,
            ops: held.map(|r| op(turn - round + r)).collect(),
        }),
        // As the application does it: every write seals the session's cookie anew.
        sid: (turn > 0).then(|| format!("sid-{shopper}-{}", written(turn - 1))),
        new_sid: action.is_write().then(|| format!("sid-{shopper}-{turn}")),
    }
}

/// The latest turn up to this one that wrote something.
fn written(turn: u64) -> u64 {
    let round = turn.saturating_sub(1) % (2 * LINES + 1);
    if turn > 0 && round % 2 == 1 { turn - 1 } else { turn }
}

const SCENARIO: &str = r#"
name = "volume"
question = "How long does the judge take?"
story = "Everybody reads and adds in turn."
stacks = ["stateful"]
topology = { servers = 1 }
load = { shoppers = 20000, think_time_ms = 100, mix = { read = 1, add = 1 } }
phases = { warm_up_s = 2, baseline_s = 16, fault_s = 0, recovery_s = 0, quiet_s = 0 }
steady_state = { ok_ratio = 0.9, p99_ms = 100, sustain_s = 1 }
"#;

fn header() -> Header {
    Header {
        format: journal::FORMAT,
        run: "volume".to_owned(),
        order: 1,
        repeat: 1,
        stack: Stack::stateful(),
        replica: 0,
        router: "builtin".to_owned(),
        seed: 1,
        plan_sha256: "none".to_owned(),
        planned_steps: OPERATIONS,
        scenario: Scenario::parse("volume.toml", SCENARIO).expect("the scenario is right"),
        store: Default::default(),
        start_up_ms: None,
        growth: None,
        started_unix_ms: 0,
    }
}

fn run() -> Run {
    Run {
        format: journal::RUN_FORMAT,
        id: "volume".to_owned(),
        started_unix_ms: 0,
        command: "just volume".to_owned(),
        quick: false,
        environment: Environment::default(),
        trials: Vec::new(),
        left_out: Vec::new(),
        interrupted: false,
        request: None,
        resumed: Vec::new(),
    }
}

#[expect(clippy::print_stdout, reason = "it is for people to read")]
fn main() {
    let entry = |n| Ok(Entry { seq: n + 1, event: Event::Step(step(n)) });
    let begun = Instant::now();
    let made = (0..OPERATIONS).map(|n| u64::from(step(n).shopper)).fold(0, u64::wrapping_add);
    let making = begun.elapsed();
    assert!(made > 0);
    let begun = Instant::now();
    let findings = judge(&header(), (0..OPERATIONS).map(entry));
    let judging = begun.elapsed().saturating_sub(making);
    assert_eq!(findings.anomalies, []);
    let begun = Instant::now();
    let results = Results::new(&run(), vec![JudgedTrial { header: header(), findings }], Vec::new());
    let sizes =
        [report::html(&results), report::markdown(&results), report::json(&results)].map(|text| text.len());
    let rendering = begun.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{OPERATIONS} operations judged in {judging:?}, besides {making:?} for making them");
    println!(
        "rendered in {rendering:?}: HTML {}, Markdown {}, JSON {} bytes; {peak}",
        sizes[0], sizes[1], sizes[2]
    );
}
