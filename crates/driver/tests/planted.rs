//! The judge against real servers that commit one crime each, in real trials: the driver's own cluster with a router, its own load
//! from a seeded plan, its own journal. Each crime is caught and named right, and nothing else is reported.
//!
//! Most crimes need a moment: a read of another tab after the third write, say. So each names what the victim's steps must be
//! like, and the plan is that of the first seed that has such steps. Which crime needs which moment is told by `planted-server`.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use analysis::{AnomalyKind, Cause, TrialFindings, judge};
use driver::{ExternalStores, JOURNAL_FILE, Progress, RouterKind, Scratch, ServerProgram, TrialSpec};
use journal::Reader;
use scenario::Action::{self, Add, LogOut, Read};
use scenario::{Plan, Scenario, Stack, Step};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// To whom `planted-server` does it; by the order of arrival, so that others were there before.
const VICTIM: usize = 1;

/// One tab, in which every step waits for the one before it.
const ALONE: Load = Load { tabs: 1, think_ms: 120, service_ms: 5, policy: "optimistic", log_outs: false };
/// Three tabs, apart enough that a plan's order is the order in which things happen.
const TABS: Load = Load { tabs: 3, think_ms: 500, ..ALONE };
/// Two tabs that get into one another's way.
const CROWDED: Load =
    Load { tabs: 2, think_ms: 40, service_ms: 40, policy: "last-write-wins", log_outs: false };
/// Two tabs and slow answers, so that a log-out overtakes a write.
const SLOW: Load = Load { tabs: 2, think_ms: 700, service_ms: 400, policy: "optimistic", log_outs: true };

#[derive(Clone, Copy)]
struct Load {
    tabs: u8,
    think_ms: u64,
    service_ms: u64,
    policy: &'static str,
    log_outs: bool,
}

impl Load {
    fn scenario(self) -> Scenario {
        let Load { tabs, think_ms, service_ms, policy, .. } = self;
        let log_out = u8::from(self.log_outs);
        let text = format!(
            r#"
name = "planted"
question = "?"
story = "."
stacks = ["stateful"]
topology = {{ servers = 1, service_time_ms = {service_ms}, conflict_policy = "{policy}" }}
load = {{ shoppers = 4, think_time_ms = {think_ms}, tabs = {tabs}, mix = {{ read = 2, add = 1, log-out = {log_out} }} }}
phases = {{ warm_up_s = 0.5, baseline_s = 3, fault_s = 0, recovery_s = 0, quiet_s = 0 }}
steady_state = {{ ok_ratio = 0.9, p99_ms = 5000, sustain_s = 0.5 }}
"#
        );
        Scenario::parse("planted.toml", &text).unwrap()
    }
}

/// What the victim's steps must be like, so that the crime shows and looks like nothing else.
type Moment = fn(&[Step]) -> bool;

/// The step of the victim's n-th write (the log-in is its first) and those after it.
fn from_write(steps: &[Step], n: usize) -> &[Step] {
    let nth = steps.iter().enumerate().filter(|(_, step)| step.action.is_write()).nth(n - 1);
    nth.map_or(&[], |(at, _)| &steps[at..])
}

fn actions(steps: &[Step]) -> Vec<Action> {
    steps.iter().map(|step| step.action).collect()
}

/// Whether each of these steps is over long before the next one is due.
fn apart(steps: &[Step]) -> bool {
    steps.windows(2).all(|two| two[1].at_us - two[0].at_us > 350_000)
}

fn plays(kind: AnomalyKind) -> Option<(Load, Moment)> {
    let three_writes: Moment = |steps| actions(from_write(steps, 3)).starts_with(&[Add, Read, Read]);
    let played: (Load, Moment) = match kind {
        // A jar holds the newest cookie, so no honest shopper replays one: see `replayed.rs`.
        AnomalyKind::ReplayedCookie => return None,
        // What these do to the third write shows in any answer after it; two reads are enough of them.
        AnomalyKind::CrossUserLeak
        | AnomalyKind::Phantom
        | AnomalyKind::AbortedRead
        | AnomalyKind::DuplicateEffect
        | AnomalyKind::LostSession
        | AnomalyKind::LostWrite
        | AnomalyKind::ReadYourWrites
        | AnomalyKind::NonMonotonicRead
        | AnomalyKind::MisroutedSession => (ALONE, three_writes),
        AnomalyKind::MonotonicWrites => {
            (ALONE, |steps| actions(from_write(steps, 4)).starts_with(&[Add, Read]))
        }
        // Both branches must live: nothing is written after the fourth write.
        AnomalyKind::ForkedSession => (ALONE, |steps| {
            let after = from_write(steps, 4);
            after.len() > 4 && after[1..].iter().all(|step| step.action == Read)
        }),
        AnomalyKind::LostUpdate => (CROWDED, |_| true),
        AnomalyKind::StaleRead => (TABS, |steps| {
            let moment = from_write(steps, 3).get(..3).unwrap_or_default();
            actions(moment) == [Add, Read, Read] && moment[0].tab != moment[1].tab && apart(moment)
        }),
        AnomalyKind::WritesFollowReads => (TABS, |steps| {
            let moment = from_write(steps, 3).get(..5).unwrap_or_default();
            let [add, read, follows, look, _] = moment else { return false };
            actions(moment).starts_with(&[Add, Read, Add, Read])
                && (read.tab == follows.tab && add.tab != read.tab)
                && (look.tab != add.tab && look.tab != read.tab)
                && apart(moment)
        }),
        // The write of the second tab waits for the read before it, is on its way when the log-out is acknowledged, and its
        // answer brings a cookie that the final read sends.
        AnomalyKind::ResurrectedSession => (SLOW, |steps| {
            let Some(moment) = steps.last_chunk::<4>() else { return false };
            let [before, read, add, out] = moment;
            actions(&moment[1..]) == [Read, Add, LogOut]
                && [read.tab, add.tab, out.tab] == [1, 1, 0]
                && (130_000..270_000).contains(&(out.at_us - read.at_us))
                && read.at_us - before.at_us > 900_000
                && before.action != LogOut
        }),
    };
    Some(played)
}

/// The plan of the first seed in which the victim's moment comes.
fn plan(scenario: &Scenario, moment: Moment) -> Plan {
    let mut plans = (0..2_000_000).map(|seed| Plan::new(scenario, seed));
    plans.find(|plan| moment(&plan.shoppers[VICTIM].steps)).expect("some seed has such steps")
}

async fn trial(bug: &str, load: Load, moment: Moment) -> TrialFindings {
    let scenario = load.scenario();
    let planned = scenario.clone();
    let plan = tokio::task::spawn_blocking(move || plan(&planned, moment)).await.unwrap();
    let dir = tempfile::Builder::new().prefix("planted").tempdir().unwrap();
    // Trials run side by side, and each has a scratch folder by its run's name.
    let name = dir.path().file_name().unwrap().to_str().unwrap().replace('.', "");
    let scratch = Scratch::new(&name).unwrap();
    let planted = ServerProgram {
        executable: driver::own("planted-server").unwrap(),
        arguments: vec![format!("--bug={bug}")],
    };
    let (external, (_quiet, interrupt)) = (ExternalStores::default(), watch::channel(false));
    let ended = driver::run(TrialSpec {
        run: &name,
        order: 1,
        repeat: 1,
        stack: Stack::stateful(),
        replica: 0,
        router: RouterKind::Builtin,
        server: Some(&planted),
        scenario: &scenario,
        plan: Arc::new(plan),
        external: &external,
        scratch: &scratch,
        dir: dir.path(),
        interrupt,
        progress: &|_: Progress| {},
    });
    assert!(ended.await.unwrap(), "{bug}: the trial ran to its end");
    let journal = File::open(dir.path().join(JOURNAL_FILE)).unwrap();
    let reader = Reader::new(BufReader::new(journal)).unwrap();
    let findings = judge(&reader.header().clone(), reader);
    // A busy machine may make the generator late, which changes no crime; a leak breaks every trial.
    let tolerated = [Cause::Generator, Cause::BaselineUnsteady, Cause::CrossUserLeak];
    let reasons = &findings.reasons;
    assert!(reasons.iter().all(|reason| tolerated.contains(&reason.cause)), "{bug}: {reasons:?}");
    findings
}

fn kinds(findings: &TrialFindings) -> Vec<AnomalyKind> {
    findings.anomalies.iter().map(|anomaly| anomaly.kind).collect()
}

#[tokio::test]
async fn every_planted_crime_is_caught_and_named_and_nothing_else_is_reported() {
    let mut trials = JoinSet::new();
    for kind in AnomalyKind::ALL {
        let Some((load, moment)) = plays(kind) else { continue };
        trials.spawn(async move { (kind, trial(kind.name(), load, moment).await) });
    }
    assert_eq!(trials.len(), AnomalyKind::ALL.len() - 1);
    let mut wrong = Vec::new();
    while let Some(done) = trials.join_next().await {
        let (kind, findings) = done.unwrap();
        let found: BTreeSet<AnomalyKind> = kinds(&findings).into_iter().collect();
        // Two tabs may overwrite one another many times; everything else is done once, to one shopper.
        let once = kind == AnomalyKind::LostUpdate || findings.anomalies.len() == 1;
        if found != BTreeSet::from([kind]) || !once {
            wrong.push(format!("{}: {:#?}", kind.name(), findings.anomalies));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_same_server_without_a_crime_is_innocent_under_the_same_loads() {
    let mut trials = JoinSet::new();
    for load in [ALONE, TABS, SLOW, Load { policy: "optimistic", ..CROWDED }] {
        trials.spawn(trial("none", load, |_| true));
    }
    while let Some(findings) = trials.join_next().await {
        assert_eq!(kinds(&findings.unwrap()), []);
    }
}
