//! Does the judge accuse anybody who is innocent? `just soak-real [OPERATIONS] [REQUESTS_PER_SECOND]`.
//!
//! Real trials, one stack after another, until a million operations are journalled and judged: three servers without service time,
//! two tabs a shopper, check-outs, log-outs, retries with their key, the optimistic policy. Servers are killed, told to stop and
//! paused. Where the store is shared, nothing may be found. The stateful servers are only ended, never paused, and nothing may be
//! found but lost sessions whose last server was ended, or was taken for dead by the router, which then sends its sessions
//! elsewhere: on a machine that is starved, a server may be silent for too long. Anything else is printed, its journal is kept, and
//! the exit code is 1. A trial that its evidence makes void does not count; several in a row end the soak with exit code 3.
#![expect(clippy::print_stdout, reason = "it is for people to read")]

use analysis::{Anomaly, AnomalyKind, Cause, RouterChangeKind, TrialFindings, judge};
use driver::{ExternalStores, JOURNAL_FILE, RouterKind, Scratch, TrialSpec};
use journal::{Event, Reader, StepEvent};
use scenario::{FaultAction, Plan, Scenario, Stack};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

const STACKS: [&str; 4] = ["stateless-redis", "stateful", "stateless-postgres", "stateless-sqlite"];

/// Where the store is shared: each of these undoes itself before the next.
const SHARED: [(f64, &str, &str); 14] = [
    (12.0, "kill", "busiest-server"),
    (14.0, "start", "same-server"),
    (17.0, "pause", "busiest-server"),
    (19.5, "resume", "same-server"),
    (22.0, "terminate", "busiest-server"),
    (24.0, "start", "same-server"),
    (27.0, "kill", "busiest-server"),
    (29.0, "start", "same-server"),
    (32.0, "pause", "server-2"),
    (35.0, "resume", "same-server"),
    (38.0, "kill", "server-3"),
    (40.0, "start", "same-server"),
    (43.0, "pause", "busiest-server"),
    (45.5, "resume", "same-server"),
];

/// Where each server has its own: a pause would make the router send its sessions elsewhere, and be the cause of more than losses.
const OWN: [(f64, &str, &str); 4] = [
    (15.0, "kill", "busiest-server"),
    (18.0, "start", "same-server"),
    (32.0, "terminate", "busiest-server"),
    (35.0, "start", "same-server"),
];

fn scenario(stack: Stack, per_s: u64) -> Result<Scenario, Box<dyn Error>> {
    let faults: &[_] = if stack.is_stateful() { &OWN } else { &SHARED };
    let faults = faults.iter().map(|(at_s, action, target)| {
        format!("[[faults]]\nat_s = {at_s}\naction = \"{action}\"\ntarget = \"{target}\"\n")
    });
    let text = format!(
        r#"
name = "soak"
question = "Is anybody accused who is innocent?"
story = "Much is broken, and little may be lost."
stacks = ["{stack}"]
[topology]
servers = 3
service_time_ms = 0
conflict_policy = "optimistic"
[load]
shoppers = {}
think_time_ms = 100
timeout_ms = 1000
tabs = 2
mix = {{ read = 10, add = 8, check-out = 2, log-out = 1 }}
retries = {{ max = 3, after_ms = 100, idempotency_key = true }}
[phases]
warm_up_s = 2
baseline_s = 8
fault_s = 40
recovery_s = 4
quiet_s = 4
[steady_state]
ok_ratio = 0.99
p99_ms = 500
sustain_s = 1
{}"#,
        per_s / 10,
        faults.collect::<String>()
    );
    Ok(Scenario::parse("soak.toml", &text)?)
}

/// The router's view is sampled ten times a second; twice that, for a sample may be late too.
const ROUTER_SAMPLE_US: u64 = 200_000;
/// So many void trials in a row, and the machine does not carry the rate.
const MOST_VOID: u32 = 3;

#[derive(Default)]
struct Sum {
    operations: u64,
    trials: u32,
    void_in_a_row: u32,
    found: BTreeMap<String, u64>,
    unexplained: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let wanted = numbers.next().transpose()?.unwrap_or(1_000_000);
    let per_s = numbers.next().transpose()?.unwrap_or(2_500);
    let mut sum = Sum::default();
    while sum.operations < wanted && sum.void_in_a_row < MOST_VOID {
        let stack = STACKS[sum.trials as usize % STACKS.len()];
        sum.trials += 1;
        let dir = std::env::temp_dir().join(format!("lab-soak-{}-{}", std::process::id(), sum.trials));
        std::fs::create_dir_all(&dir)?;
        run(stack.parse()?, per_s, sum.trials, &dir).await?;
        if sum.add(stack, &Judged::of(&dir.join(JOURNAL_FILE))?) {
            std::fs::remove_dir_all(&dir)?;
        } else {
            println!("  its journal is kept: {}", dir.join(JOURNAL_FILE).display());
        }
    }
    let Sum { operations, trials, .. } = sum;
    println!("{operations} operations in {trials} trials at {per_s}/s; findings:");
    sum.found.iter().for_each(|(what, count)| println!("  {count} {what}"));
    println!("unexplained: {}", sum.unexplained);
    if sum.void_in_a_row == MOST_VOID {
        println!("{MOST_VOID} void trials in a row: this machine does not carry {per_s}/s now, try fewer");
        return Ok(ExitCode::from(3));
    }
    Ok(if sum.unexplained == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Sum {
    /// Adds a trial; whether all that was found in it is explained.
    fn add(&mut self, stack: &str, judged: &Judged) -> bool {
        let mut unexplained = Vec::new();
        for anomaly in &judged.findings.anomalies {
            let why = judged.explained(anomaly);
            let what = format!("{} on {stack}: {}", anomaly.kind.name(), why.unwrap_or("UNEXPLAINED"));
            *self.found.entry(what).or_default() += 1;
            if why.is_none() {
                unexplained.push(format!("{} (entries {:?})", anomaly.text, anomaly.evidence));
            }
        }
        let untold = judged.findings.anomalies_found() - judged.findings.anomalies.len() as u64;
        if untold > 0 {
            unexplained.push(format!("{untold} findings more than a trial keeps"));
        }
        let void = judged.void();
        self.void_in_a_row = if void.is_empty() { 0 } else { self.void_in_a_row + 1 };
        self.operations += if void.is_empty() { judged.operations } else { 0 };
        println!(
            "trial {}, {stack}: {} operations, {} findings, {} unexplained; {} operations so far",
            self.trials,
            judged.operations,
            judged.findings.anomalies_found(),
            unexplained.len(),
            self.operations
        );
        void.iter().for_each(|why| println!("  void, so its operations do not count: {why}"));
        unexplained.iter().for_each(|what| println!("  {what}"));
        self.unexplained += unexplained.len();
        unexplained.is_empty()
    }
}

async fn run(stack: Stack, per_s: u64, number: u32, dir: &Path) -> Result<(), Box<dyn Error>> {
    let scenario = scenario(stack, per_s)?;
    let scratch = Scratch::new("soak")?;
    let (_quiet, interrupt) = watch::channel(false);
    driver::run(TrialSpec {
        run: "soak",
        order: number,
        repeat: 1,
        replica: 0,
        stack,
        router: RouterKind::Builtin,
        server: None,
        scenario: &scenario,
        plan: Arc::new(Plan::new(&scenario, u64::from(number))),
        external: &ExternalStores::default(),
        scratch: &scratch,
        dir,
        interrupt,
        progress: &|_| {},
    })
    .await?;
    Ok(())
}

struct Judged {
    findings: TrialFindings,
    operations: u64,
    /// The steps that prove lost sessions, by their number in the journal.
    evidence: BTreeMap<u64, StepEvent>,
}

impl Judged {
    fn of(journal: &Path) -> Result<Self, Box<dyn Error>> {
        let reader = || Ok::<_, Box<dyn Error>>(Reader::new(BufReader::new(File::open(journal)?))?);
        let entries = reader()?;
        let mut operations = 0;
        let findings = judge(
            &entries.header().clone(),
            entries.inspect(|entry| {
                operations += u64::from(entry.as_ref().is_ok_and(|e| matches!(e.event, Event::Step(_))));
            }),
        );
        let mut evidence: BTreeMap<u64, StepEvent> = BTreeMap::new();
        let wanted: BTreeSet<u64> =
            findings.anomalies.iter().flat_map(|a| a.evidence.iter().copied()).collect();
        if !wanted.is_empty() {
            for entry in reader()? {
                let entry = entry?;
                if let (true, Event::Step(step)) = (wanted.contains(&entry.seq), entry.event) {
                    evidence.insert(entry.seq, step);
                }
            }
        }
        Ok(Self { findings, operations, evidence })
    }

    /// What makes the trial count for nothing.
    fn void(&self) -> Vec<&str> {
        // A busy machine makes the generator and the faults late and the baseline slow, which is no reason to doubt what the
        // journal tells.
        let mut late = vec![Cause::Generator, Cause::BaselineUnsteady];
        if self.findings.faults.iter().all(|fault| fault.landed_us.is_some()) {
            late.push(Cause::FaultNotProved);
        }
        let reasons = self.findings.reasons.iter().filter(|reason| !late.contains(&reason.cause));
        reasons.map(|reason| reason.text.as_str()).collect()
    }

    /// Why a session that lived in the memory of one server is absent since; `None` for whatever has no such cause.
    fn explained(&self, anomaly: &Anomaly) -> Option<&'static str> {
        if anomaly.kind != AnomalyKind::LostSession || !self.findings.identity.stack.is_stateful() {
            return None;
        }
        let here = anomaly.evidence.iter().filter_map(|seq| self.evidence.get(seq));
        let mut here = here.filter(|step| step.view.as_ref().is_some_and(|view| view.owner.is_some()));
        let last = here.next_back()?;
        let ended = self.findings.faults.iter().any(|fault| {
            matches!(fault.action, FaultAction::Kill | FaultAction::Terminate)
                && fault.process == last.server
                && fault.called_us.is_some_and(|called_us| anomaly.at_us >= called_us)
        });
        if ended {
            return Some("its server was ended");
        }
        let while_absent = last.done_us..anomaly.at_us + ROUTER_SAMPLE_US;
        let down = self.findings.router.iter().any(|seen| {
            seen.change == RouterChangeKind::Down
                && Some(&seen.server) == last.server.as_ref()
                && while_absent.contains(&seen.at_us)
        });
        down.then_some("the router took its server for dead")
    }
}
