//! Does the judge accuse anybody who is innocent? `just soak-real [OPERATIONS] [REQUESTS_PER_SECOND]`.
//!
//! Real trials, one stack after another, until a million operations are journalled and judged: three servers without service time,
//! two tabs a shopper, check-outs, log-outs, retries with their key, the optimistic policy. Servers are killed, told to stop and
//! paused. Where the store is shared, nothing may be found. The stateful servers are only ended, never paused, and nothing may be
//! found but lost sessions whose last server was ended. Anything else is printed, its journal is kept, and the exit code is 1.
#![expect(clippy::print_stdout, reason = "it is for people to read")]

use analysis::{Anomaly, AnomalyKind, Cause, TrialFindings, judge};
use driver::{ExternalStores, JOURNAL_FILE, RouterKind, Scratch, TrialSpec};
use journal::{Event, Reader, StepEvent};
use scenario::{FaultAction, Plan, Scenario, Stack};
use std::collections::BTreeMap;
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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let wanted = numbers.next().transpose()?.unwrap_or(1_000_000);
    let per_s = numbers.next().transpose()?.unwrap_or(2_500);
    let (mut operations, mut trials, mut guilty) = (0, 0_u32, 0_u64);
    let mut found: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    while operations < wanted {
        let stack = STACKS[trials as usize % STACKS.len()];
        trials += 1;
        let dir = std::env::temp_dir().join(format!("lab-soak-{}-{trials}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        run(stack.parse()?, per_s, trials, &dir).await?;
        let judged = Judged::of(&dir.join(JOURNAL_FILE))?;
        operations += judged.operations;
        for check in &judged.findings.checks {
            *found.entry((stack, check.kind.name())).or_default() += check.found.unwrap_or(0);
        }
        let bad = judged.unexplained();
        println!(
            "trial {trials}, {stack}: {} operations, {} findings, {} of them not the faults' own; {operations} of {wanted}",
            judged.operations,
            judged.findings.anomalies_found(),
            bad.len()
        );
        judged.findings.reasons.iter().for_each(|reason| println!("  note: {}", reason.text));
        bad.iter().for_each(|what| println!("  {what}"));
        guilty += bad.len() as u64;
        if bad.is_empty() {
            std::fs::remove_dir_all(&dir)?;
        } else {
            println!("  its journal is kept: {}", dir.join(JOURNAL_FILE).display());
        }
    }
    println!("{operations} operations in {trials} trials at {per_s}/s; findings by stack and kind:");
    found.retain(|_, count| *count > 0);
    found.iter().for_each(|((stack, kind), count)| println!("  {stack}: {count} {kind}"));
    println!("not the faults' own: {guilty}");
    Ok(if guilty == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
        let wanted: Vec<u64> = findings.anomalies.iter().flat_map(|a| a.evidence.iter().copied()).collect();
        if !wanted.is_empty() {
            let wanted: std::collections::BTreeSet<u64> = wanted.into_iter().collect();
            for entry in reader()? {
                let entry = entry?;
                if let (true, Event::Step(step)) = (wanted.contains(&entry.seq), entry.event) {
                    evidence.insert(entry.seq, step);
                }
            }
        }
        Ok(Self { findings, operations, evidence })
    }

    /// Findings that the faults do not account for, and whatever makes the trial count for nothing.
    fn unexplained(&self) -> Vec<String> {
        // A busy machine makes the generator late and the baseline slow, and nobody guilty.
        let late = [Cause::Generator, Cause::BaselineUnsteady];
        let reasons = self.findings.reasons.iter().filter(|reason| !late.contains(&reason.cause));
        let mut out: Vec<String> = reasons.map(|reason| reason.text.clone()).collect();
        let kept = self.findings.anomalies.len() as u64;
        let untold = self.findings.anomalies_found() - kept;
        if untold > 0 {
            out.push(format!("{untold} findings beyond the {kept} that are kept"));
        }
        let bad = self.findings.anomalies.iter().filter(|anomaly| !self.is_the_faults_own(anomaly));
        out.extend(bad.map(|a| format!("{}: {} (entries {:?})", a.kind.name(), a.text, a.evidence)));
        out
    }

    /// A session that lived in the memory of a server that was ended, and is absent since.
    fn is_the_faults_own(&self, anomaly: &Anomaly) -> bool {
        if anomaly.kind != AnomalyKind::LostSession || !self.findings.identity.stack.is_stateful() {
            return false;
        }
        let here = anomaly.evidence.iter().filter_map(|seq| self.evidence.get(seq));
        let here = here.filter(|step| step.view.as_ref().is_some_and(|view| view.owner.is_some()));
        let Some(last) = here.last() else { return false };
        self.findings.faults.iter().any(|fault| {
            matches!(fault.action, FaultAction::Kill | FaultAction::Terminate)
                && fault.process == last.server
                && fault.called_us.is_some_and(|called_us| anomaly.at_us >= called_us)
        })
    }
}
