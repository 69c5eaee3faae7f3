//! Everything that is published of a run. This is the interface between the judge and every format: `results.json` is this
//! type and nothing else, and the terminal, Markdown and HTML are views of it.

use crate::answer;
use crate::claims::{self, ClaimResult};
use crate::comparisons;
use crate::fates::{self, Fates};
use crate::summary::StackSummary;
use analysis::statistics::{Comparison, Drift};
use analysis::{Fate, TrialFindings, Verdict};
use journal::{Environment, Header, LeftOut, Run, TrialRef};
use scenario::{ConflictPolicy, FaultAction, Mode, Phases, ProbeKind, Stack, StandbySite, SteadyState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of `results.json`; a reader refuses a newer one.
pub const SCHEMA_VERSION: u32 = 1;

const CLOSED: &str = "Closed load: each pause began with the answer before it, so that a slow service slowed its own load. Latencies \
    here are not from a plan: they say no more than service time does, and hide what a stall does to those who would have come.";

/// A run with everything that was found in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Broken if anything is, else inconclusive if anything is, else holds; unpromised only where nothing was promised at all.
    pub verdict: Verdict,
    /// What is known of the run besides its trials.
    pub run: RunSummary,
    /// The scenarios, in the order in which they ran.
    pub scenarios: Vec<ScenarioResults>,
    /// What the run says of every claim; empty in what older labs wrote.
    #[serde(default)]
    pub claims: Vec<ClaimResult>,
}

/// What is known of the run besides its trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// The run's id, which is its folder's name.
    pub id: String,
    /// When it began, milliseconds since 1970 UTC.
    pub started_unix_ms: u64,
    /// The command as typed, without secrets.
    pub command: String,
    /// Whether `--quick` halved the times.
    pub quick: bool,
    /// The machine and the build.
    pub environment: Environment,
    /// What was asked for and could not be run, or was left out by default.
    pub left_out: Vec<LeftOut>,
    /// Trials that never got a journal. Each makes the run inconclusive.
    pub failed: Vec<FailedTrial>,
    /// The user broke the run off.
    pub interrupted: bool,
    /// Where each trial's journal is; empty in what older labs wrote.
    #[serde(default)]
    pub journals: Vec<JournalPlace>,
}

/// Where a trial's journal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JournalPlace {
    /// The trial's place in the run's order, from 1.
    pub order: u32,
    /// Its folder, in the run's own.
    pub dir: String,
}

/// A trial that never got a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedTrial {
    /// The scenario's name.
    pub scenario: String,
    /// The architecture.
    pub stack: String,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// Why.
    pub why: String,
}

/// One question and what every stack answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioResults {
    /// The scenario's name.
    pub name: String,
    /// What it asks, in a sentence.
    pub question: String,
    /// The claims that it tests, by their ids.
    pub claims: Vec<String>,
    /// Of these, those whose limit it shows.
    #[serde(default)]
    pub limits: Vec<String>,
    /// What happens in it and why it matters.
    pub story: String,
    /// What was asked of every stack alike.
    pub setting: Setting,
    /// Like [`Results::verdict`], for this scenario.
    pub verdict: Verdict,
    /// Whether its trials may stand side by side.
    pub comparable: Comparable,
    /// The stacks, in the scenario's order.
    pub stacks: Vec<StackSummary>,
    /// Every stack against the first, figure by figure; empty below two repeats.
    #[serde(default)]
    pub comparisons: Vec<Comparison>,
    /// Figures that moved with the order of trials.
    #[serde(default)]
    pub drifts: Vec<Drift>,
    /// One shopper's story, told on each stack; absent where no shopper's was handed in.
    pub fates: Option<Fates>,
    /// Every trial, in the order in which they ran.
    pub trials: Vec<TrialFindings>,
}

/// What was asked of every stack alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// How many servers each stack has at the start.
    pub servers: u32,
    /// The work of a real handler, as asynchronous waiting. Milliseconds.
    pub service_time_ms: u64,
    /// What two writers from one version do to one another.
    pub conflict_policy: ConflictPolicy,
    /// What a pause is counted from. In a closed load latency says what service time says: it is not from a plan.
    #[serde(default)]
    pub mode: Mode,
    /// How many shoppers there are.
    pub shoppers: u32,
    /// Mean pause between two steps of one shopper. Milliseconds.
    pub think_time_ms: u64,
    /// After this long without a complete answer a shopper gives up. Milliseconds.
    pub timeout_ms: u64,
    /// The phases under load.
    pub phases: Phases,
    /// When the service counts as well.
    pub steady_state: SteadyState,
    /// What stood by at a second site; absent where there is one site alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_site: Option<StandbySite>,
    /// What was to be broken, in order of time.
    pub faults: Vec<PlannedFault>,
    /// What was to be tried beside the load, in order of time.
    #[serde(default)]
    pub probes: Vec<PlannedProbe>,
    /// Facts about each stack's store: version, durability settings.
    pub stores: BTreeMap<String, BTreeMap<String, String>>,
}

/// What was to be broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedFault {
    /// When, on the trial's clock. Microseconds.
    pub at_us: u64,
    /// What is done.
    pub action: FaultAction,
    /// To which process, as the scenario says it.
    pub target: String,
}

/// What was to be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedProbe {
    /// When, on the trial's clock. Microseconds.
    pub at_us: u64,
    /// What is tried.
    pub kind: ProbeKind,
    /// How many times.
    pub times: u32,
}

/// Whether trials may stand side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Comparable {
    /// Every stack of a repeat was given the same plan.
    pub yes: bool,
    /// Why not; absent when they may.
    pub why: Option<String>,
}

/// A trial's header beside what was found in it.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedTrial {
    /// The journal's first line.
    pub header: Header,
    /// What the judge says of the journal.
    pub findings: TrialFindings,
}

impl Results {
    /// Puts a run's trials together. `fates` may hold several shoppers, each told on every stack (see
    /// [`crate::witnesses`]); the most telling one of each scenario is kept.
    pub fn new(run: &Run, trials: Vec<JudgedTrial>, fates: Vec<Fate>) -> Self {
        let mut groups: Vec<(String, Vec<JudgedTrial>)> = Vec::new();
        for trial in trials {
            match groups.iter_mut().find(|(name, _)| *name == trial.header.scenario.name) {
                Some((_, group)) => group.push(trial),
                None => groups.push((trial.header.scenario.name.clone(), vec![trial])),
            }
        }
        let scenarios: Vec<ScenarioResults> =
            groups.into_iter().map(|(_, group)| ScenarioResults::new(group, &fates)).collect();
        let run = RunSummary::new(run);
        let doubtful = run.interrupted || !run.failed.is_empty() || scenarios.is_empty();
        let doubt = doubtful.then_some(Verdict::Inconclusive);
        let verdict = worst(scenarios.iter().map(|s| s.verdict).chain(doubt));
        let mut results =
            Self { schema_version: SCHEMA_VERSION, verdict, run, scenarios, claims: Vec::new() };
        results.claims = claims::weigh(&results);
        results
    }

    /// What `lab` exits with: 0 when nothing is broken and nothing in doubt, 1 broken, 3 inconclusive, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            _ if self.run.interrupted => 130,
            Verdict::Holds | Verdict::Unpromised => 0,
            Verdict::Broken => 1,
            Verdict::Inconclusive => 3,
        }
    }
}

impl JournalPlace {
    fn of(trial: &TrialRef) -> Self {
        Self { order: trial.order, dir: trial.dir.clone() }
    }
}

impl RunSummary {
    fn new(run: &Run) -> Self {
        let failed = run.trials.iter().filter_map(|trial| {
            trial.failed.as_ref().map(|why| FailedTrial {
                scenario: trial.scenario.clone(),
                stack: trial.stack.to_string(),
                repeat: trial.repeat,
                why: why.clone(),
            })
        });
        Self {
            id: run.id.clone(),
            started_unix_ms: run.started_unix_ms,
            command: run.command.clone(),
            quick: run.quick,
            environment: run.environment.clone(),
            left_out: run.left_out.clone(),
            failed: failed.collect(),
            interrupted: run.interrupted,
            journals: run
                .trials
                .iter()
                .filter(|trial| trial.failed.is_none())
                .map(JournalPlace::of)
                .collect(),
        }
    }
}

impl ScenarioResults {
    /// `group` is never empty: it was made from its first member.
    fn new(mut group: Vec<JudgedTrial>, fates: &[Fate]) -> Self {
        group.sort_by_key(|trial| trial.findings.identity.order);
        let scenario = group[0].header.scenario.clone();
        let setting = Setting::new(&group);
        let trials: Vec<TrialFindings> = group.into_iter().map(|trial| trial.findings).collect();
        let columns = columns(&scenario.stacks, &trials);
        let summary = |(name, own): &(String, Vec<&TrialFindings>)| {
            let mut summary = StackSummary::new(name.clone(), own);
            summary.answer = answer::sentence(&summary, &setting);
            summary
        };
        let stacks: Vec<StackSummary> = columns.iter().map(summary).collect();
        let (comparisons, drifts) = comparisons::weigh(&columns);
        let all: Vec<&TrialFindings> = trials.iter().collect();
        let comparable = Comparable::new(analysis::comparable(&all));
        let doubt = (!comparable.yes).then_some(Verdict::Inconclusive);
        Self {
            verdict: worst(stacks.iter().map(|s| s.verdict).chain(doubt)),
            fates: fates::most_telling(&scenario.name, fates),
            name: scenario.name,
            question: scenario.question,
            claims: scenario.claims,
            limits: scenario.limits,
            story: scenario.story,
            setting,
            comparable,
            stacks,
            comparisons,
            drifts,
            trials,
        }
    }

    /// What must be said beside every latency of a closed load; `None` for an open one.
    pub(crate) fn closed(&self) -> Option<&'static str> {
        (self.setting.mode == Mode::Closed).then_some(CLOSED)
    }

    /// How many repeats each stack has, the least.
    pub fn repeats(&self) -> u64 {
        self.stacks.iter().map(|stack| stack.trials).min().unwrap_or(0)
    }

    /// `seed 7`, `seeds 7 and 8`: one for each repeat, in the order in which they ran.
    pub(crate) fn seeds(&self) -> String {
        let mut seeds: Vec<u64> = Vec::new();
        for seed in self.trials.iter().map(|trial| trial.identity.seed) {
            if !seeds.contains(&seed) {
                seeds.push(seed);
            }
        }
        let all: Vec<String> = seeds.iter().map(u64::to_string).collect();
        match all.as_slice() {
            [] => "no seed".to_owned(),
            [only] => format!("seed {only}"),
            [start @ .., last] => format!("seeds {} and {last}", start.join(", ")),
        }
    }

    /// The order of trials with a letter for each stack by its column: `A B B A`.
    pub(crate) fn order(&self) -> String {
        let letter = |trial: &TrialFindings| {
            let name = trial.identity.column();
            let place = self.stacks.iter().position(|stack| stack.stack == name).unwrap_or(0);
            char::from_u32(u32::from(b'A') + place as u32).unwrap_or('?').to_string()
        };
        self.trials.iter().map(letter).collect::<Vec<_>>().join(" ")
    }
}

/// The trials of each column, in the scenario's order of stacks; a stack that runs against itself has a second one beside it.
fn columns<'a>(order: &[Stack], trials: &'a [TrialFindings]) -> Vec<(String, Vec<&'a TrialFindings>)> {
    let place = |stack: Stack| order.iter().position(|other| *other == stack).unwrap_or(order.len());
    let mut all: Vec<&TrialFindings> = trials.iter().collect();
    // Stable: what the scenario does not name keeps the order of its first trial.
    all.sort_by_key(|t| (place(t.identity.stack), t.identity.replica));
    let mut columns: Vec<(String, Vec<&TrialFindings>)> = Vec::new();
    for trial in all {
        let name = trial.identity.column();
        match columns.iter_mut().find(|(other, _)| *other == name) {
            Some((_, own)) => own.push(trial),
            None => columns.push((name, vec![trial])),
        }
    }
    columns
}

impl Setting {
    fn new(group: &[JudgedTrial]) -> Self {
        let scenario = &group[0].header.scenario;
        let faults = scenario.faults.iter().map(|fault| PlannedFault {
            at_us: fault.at_us,
            action: fault.action,
            target: fault.target.to_string(),
        });
        let probes = scenario.probes.iter().map(|probe| PlannedProbe {
            at_us: probe.at_us,
            kind: probe.kind,
            times: probe.times,
        });
        Self {
            servers: scenario.topology.servers,
            service_time_ms: scenario.topology.service_time_ms,
            conflict_policy: scenario.topology.conflict_policy,
            mode: scenario.load.mode,
            shoppers: scenario.load.shoppers,
            think_time_ms: scenario.load.think_time_ms,
            timeout_ms: scenario.load.timeout_ms,
            phases: scenario.phases.clone(),
            steady_state: scenario.steady_state,
            standby_site: scenario.standby_site,
            faults: faults.collect(),
            probes: probes.collect(),
            stores: group.iter().map(|t| (t.header.stack.to_string(), t.header.store.clone())).collect(),
        }
    }
}

impl Comparable {
    fn new(judged: Result<(), String>) -> Self {
        Self { yes: judged.is_ok(), why: judged.err() }
    }
}

/// The verdict of several: one broken breaks all, one in doubt puts all in doubt.
pub(crate) fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Unpromised => 0,
        Verdict::Holds => 1,
        Verdict::Inconclusive => 2,
        Verdict::Broken => 3,
    };
    verdicts.into_iter().max_by_key(rank).unwrap_or(Verdict::Unpromised)
}
