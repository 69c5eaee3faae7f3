//! Runs a short trial on one stack, and judges its journal.

use analysis::{Cause, Reason, TrialFindings, judge};
use driver::{ExternalStores, JOURNAL_FILE, Progress, RouterKind, Scratch, TrialSpec};
use journal::{Entry, Event, FailoverStep, Outcome, ProcessChange, Reader, StepEvent};
use scenario::{Phase, Plan, Scenario, Stack};
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use tokio::sync::watch;

/// A trial that is over.
pub struct Trial {
    pub findings: TrialFindings,
    pub events: Vec<Event>,
}

/// Thirty shoppers on two servers; the rest of the scenario is TOML: its `phases` first, then what else it needs.
pub async fn run(stack: &str, rest: &str) -> Trial {
    let text = format!(
        r#"
name = "short"
question = "?"
story = "."
stacks = ["{stack}"]
topology = {{ servers = 2 }}
load = {{ shoppers = 30, think_time_ms = 150, mix = {{ read = 5, add = 5 }} }}
steady_state = {{ ok_ratio = 0.9, p99_ms = 2000, sustain_s = 0.5 }}
{rest}"#
    );
    let scenario = Scenario::parse("short.toml", &text).unwrap();
    let dir = tempfile::Builder::new().prefix("judged").tempdir().unwrap();
    let name = format!("test-{}", dir.path().file_name().unwrap().to_str().unwrap().replace('.', ""));
    let scratch = Scratch::new(&name).unwrap();
    let (_quiet, interrupt) = watch::channel(false);
    let stack: Stack = stack.parse().unwrap();
    let spec = TrialSpec {
        server: None,
        run: &name,
        order: 1,
        repeat: 1,
        stack,
        replica: 0,
        router: RouterKind::Builtin,
        scenario: &scenario,
        plan: Arc::new(Plan::new(&scenario, 1)),
        external: &ExternalStores::default(),
        scratch: &scratch,
        dir: dir.path(),
        interrupt,
        progress: &|_: Progress| {},
    };
    assert!(driver::run(spec).await.unwrap(), "the trial ran to its end");
    let file = File::open(dir.path().join(JOURNAL_FILE)).unwrap();
    let reader = Reader::new(BufReader::new(file)).unwrap();
    let header = reader.header().clone();
    let entries: Vec<Entry> = reader.map(Result::unwrap).collect();
    let findings = judge(&header, entries.iter().cloned().map(Ok));
    let trial = Trial { findings, events: entries.into_iter().map(|entry| entry.event).collect() };
    trial.report();
    assert!(trial.doubts().is_empty(), "{:#?}", trial.doubts());
    trial
}

/// The same with these faults, in TOML, between 2 s and `until_s`.
pub async fn run_with_faults(stack: &str, until_s: f64, faults: &str) -> Trial {
    let fault_s = until_s - 2.0;
    let phases = format!(
        "phases = {{ warm_up_s = 1, baseline_s = 1, fault_s = {fault_s}, recovery_s = 1.5, quiet_s = 0.5 }}"
    );
    run(stack, &format!("{phases}\n{faults}")).await
}

impl Trial {
    /// What a failed test shows of it.
    #[expect(clippy::print_stdout, reason = "shown by a test that fails, and by no other")]
    fn report(&self) {
        let TrialFindings { sessions, writes, recovery, site, .. } = &self.findings;
        println!("{}: {sessions:?}\n{writes:?}\n{recovery:?}\n{site:?}", self.findings.identity.stack);
        for event in &self.events {
            match event {
                Event::Fault(_)
                | Event::Failover(_)
                | Event::Site(_)
                | Event::Void { .. }
                | Event::Healthy { .. } => {
                    println!("{event:?}");
                }
                Event::Process(process) => println!("{process:?}"),
                _ => {}
            }
        }
    }

    /// Why nothing could be concluded; that the machine is busy is nobody's fault here.
    fn doubts(&self) -> Vec<&Reason> {
        let reasons = self.findings.reasons.iter();
        let starved = |reason: &Reason| reason.cause == Cause::Generator || reason.text.contains("starved");
        reasons.filter(|reason| !starved(reason)).collect()
    }

    /// Who took which step of the failover, in order.
    pub fn failover(&self) -> Vec<(FailoverStep, &str)> {
        let moments = &self.findings.failover;
        assert!(moments.is_sorted_by_key(|moment| moment.at_us), "{moments:?}");
        moments.iter().map(|moment| (moment.step, moment.process.as_str())).collect()
    }

    /// When a step was taken.
    pub fn moment(&self, step: FailoverStep) -> u64 {
        self.findings.failover.iter().find(|moment| moment.step == step).unwrap().at_us
    }

    /// Acknowledged lines that are gone, alone or with their session.
    pub fn writes_lost(&self) -> u64 {
        self.findings.recovery.as_ref().unwrap().point.writes_lost
    }

    /// How old the oldest of them was when it was lost, in microseconds.
    pub fn oldest_loss_us(&self) -> u64 {
        self.findings.recovery.as_ref().unwrap().point.oldest_age_us.unwrap_or(0)
    }

    /// Requests under load.
    pub fn steps(&self) -> impl Iterator<Item = &StepEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Step(step) if step.phase != Phase::Final => Some(step),
            _ => None,
        })
    }

    /// How many were sent in this time and answered with a yes by its end.
    pub fn ok_between(&self, from_us: u64, to_us: u64) -> usize {
        let within =
            |step: &&StepEvent| step.sent_us.is_some_and(|at| at >= from_us) && step.done_us <= to_us;
        self.steps().filter(within).filter(|step| step.outcome == Outcome::Ok).count()
    }

    /// What was seen when everything was whole again.
    pub fn healthy(&self) -> &str {
        let proof = self.events.iter().find_map(|event| match event {
            Event::Healthy { proof, .. } => Some(proof.as_str()),
            _ => None,
        });
        proof.unwrap()
    }

    /// How a process ended, and whether that was wanted.
    pub fn end_of(&self, name: &str) -> (bool, &str) {
        let end = self.events.iter().find_map(|event| match event {
            Event::Process(process) if process.process == name => match &process.change {
                ProcessChange::Exited { ordered, status } => Some((*ordered, status.as_str())),
                ProcessChange::Ready { .. } => None,
            },
            _ => None,
        });
        end.unwrap()
    }
}
