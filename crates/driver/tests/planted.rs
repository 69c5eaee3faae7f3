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
use scenario::{Plan, ProbeKind, Scenario, Stack, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// To whom `planted-server` does it; by the order of arrival, so that others were there before.
const VICTIM: usize = 1;

/// One tab, in which every step waits for the one before it.
const ALONE: Load =
    Load { tabs: 1, think_ms: 120, service_ms: 5, policy: "optimistic", log_outs: false, probes: &[] };
/// Three tabs, apart enough that a plan's order is the order in which things happen.
const TABS: Load = Load { tabs: 3, think_ms: 500, ..ALONE };
/// Two tabs that get into one another's way.
const CROWDED: Load = Load { tabs: 2, think_ms: 40, service_ms: 40, policy: "last-write-wins", ..ALONE };
/// Two tabs and slow answers, so that a log-out overtakes a write.
const SLOW: Load = Load { tabs: 2, think_ms: 700, service_ms: 400, log_outs: true, ..ALONE };
/// Everything that can be tried is tried.
const PROBED: Load = Load { probes: &ProbeKind::ALL, ..ALONE };

#[derive(Clone, Copy)]
struct Load {
    tabs: u8,
    think_ms: u64,
    service_ms: u64,
    policy: &'static str,
    log_outs: bool,
    /// What is tried beside it, with sessions of its own, and so not with the victim's.
    probes: &'static [ProbeKind],
}

impl Load {
    fn scenario(self) -> Scenario {
        let Load { tabs, think_ms, service_ms, policy, probes, .. } = self;
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
        let probes =
            probes.iter().map(|kind| format!("[[probes]]\nat_s = 0.6\nkind = \"{}\"\n", kind.name()));
        Scenario::parse("planted.toml", &(text + &probes.collect::<String>())).unwrap()
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

fn plays(kind: AnomalyKind) -> (Load, Moment) {
    let three_writes: Moment = |steps| actions(from_write(steps, 3)).starts_with(&[Add, Read, Read]);
    match kind {
        // A jar holds the newest cookie, so no honest shopper replays one: somebody else does.
        AnomalyKind::ReplayedCookie => (Load { probes: &[ProbeKind::Rollback], ..ALONE }, |_| true),
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
    }
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

/// What shoppers met, and what probes found.
fn kinds(findings: &TrialFindings) -> Vec<AnomalyKind> {
    let probed = findings.probes.iter().flat_map(|probe| &probe.found).filter_map(|found| found.anomaly);
    findings.anomalies.iter().map(|anomaly| anomaly.kind).chain(probed).collect()
}

#[tokio::test]
async fn every_planted_crime_is_caught_and_named_and_nothing_else_is_reported() {
    let mut trials = JoinSet::new();
    for kind in AnomalyKind::ALL {
        let (load, moment) = plays(kind);
        trials.spawn(async move { (kind, trial(kind.name(), load, moment).await) });
    }
    assert_eq!(trials.len(), AnomalyKind::ALL.len());
    let mut wrong = Vec::new();
    while let Some(done) = trials.join_next().await {
        let (kind, findings) = done.unwrap();
        let all = kinds(&findings);
        let found: BTreeSet<AnomalyKind> = all.iter().copied().collect();
        // Two tabs may overwrite one another many times; everything else is done once, to one shopper.
        let once = kind == AnomalyKind::LostUpdate || all.len() == 1;
        if found != BTreeSet::from([kind]) || !once {
            wrong.push(format!("{}: {:#?} {:#?}", kind.name(), findings.anomalies, findings.probes));
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

/// What each kind of probe found, of those that found anything; each must have been carried out.
fn accepted(bug: &str, findings: &TrialFindings) -> BTreeMap<ProbeKind, BTreeSet<Option<AnomalyKind>>> {
    let mut accepted: BTreeMap<ProbeKind, BTreeSet<Option<AnomalyKind>>> = BTreeMap::new();
    assert_eq!(findings.probes.len(), ProbeKind::ALL.len(), "{bug}");
    for probe in &findings.probes {
        let whole = probe.carried_out == probe.times && probe.unclear == 0 && probe.errors == 0;
        assert!(whole && probe.tries > 0, "{bug}: {probe:#?}");
        assert_eq!(probe.tries, probe.refused + probe.accepted + probe.fitted, "{bug}: {probe:#?}");
        if probe.accepted > 0 {
            assert!(probe.found.iter().all(|found| !found.evidence.is_empty()), "{bug}: {probe:#?}");
            accepted.insert(probe.kind, probe.found.iter().map(|found| found.anomaly).collect());
        }
    }
    accepted
}

#[tokio::test]
async fn every_kind_of_probe_catches_a_server_that_was_planted_for_it_and_lets_an_honest_one_go() {
    use AnomalyKind::{CrossUserLeak, LostWrite, ReplayedCookie, ResurrectedSession};
    let held = [
        // Its state is under the tier's key and names no tier; nothing in it tells old from new or living from dead.
        (ProbeKind::Tamper, None),
        (ProbeKind::ReplayAfterLogOut, Some(ResurrectedSession)),
        (ProbeKind::Rollback, Some(ReplayedCookie)),
        (ProbeKind::Overgrow, Some(LostWrite)),
    ];
    let planted: [(&str, &[(ProbeKind, Option<AnomalyKind>)]); 4] = [
        ("none", &[]),
        ("replayed_cookie", &held),
        ("resurrected_session", &[(ProbeKind::ReplayAfterLogOut, Some(ResurrectedSession))]),
        ("fixed_id", &[(ProbeKind::Fixation, Some(CrossUserLeak))]),
    ];
    let mut trials = JoinSet::new();
    for (bug, expected) in planted {
        let expected = expected.iter().map(|(kind, found)| (*kind, BTreeSet::from([*found])));
        let expected: BTreeMap<_, _> = expected.collect();
        trials.spawn(async move { (bug, expected, trial(bug, PROBED, |_| true).await) });
    }
    let mut caught = BTreeSet::new();
    while let Some(done) = trials.join_next().await {
        let (bug, expected, findings) = done.unwrap();
        assert_eq!(accepted(bug, &findings), expected, "{bug}: {:#?}", findings.probes);
        assert!(findings.anomalies.is_empty(), "{bug}: no shopper meets a probe: {:#?}", findings.anomalies);
        caught.extend(expected.into_keys());
    }
    assert_eq!(caught.len(), ProbeKind::ALL.len(), "each kind has caught somebody");
}
