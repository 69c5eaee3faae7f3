//! `lab index`: many runs on one page, each stack over time. It reads `results.json` files and nothing else.

use crate::results::{Results, ScenarioResults};
use crate::summary::StackSummary;
use analysis::Verdict;
use serde::Serialize;

/// The version of `index.json`.
pub const INDEX_VERSION: u32 = 1;

/// Many runs, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Index {
    /// [`INDEX_VERSION`].
    pub index_version: u32,
    /// The runs, in order of time.
    pub runs: Vec<IndexedRun>,
    /// Folders that hold a run which could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// A folder whose run could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The folder, relative to the index.
    pub folder: String,
    /// Why, with the file's name.
    pub why: String,
}

/// A run, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IndexedRun {
    /// Its folder, relative to the index.
    pub folder: String,
    /// Whether a `report.html` lies in it.
    pub has_report: bool,
    /// The run's id.
    pub run: String,
    /// When it began, milliseconds since 1970 UTC.
    pub started_unix_ms: u64,
    /// Its verdict.
    pub verdict: Verdict,
    /// Whether `--quick` halved the times.
    pub quick: bool,
    /// The processor's model.
    pub cpu_model: String,
    /// How many processors the lab had.
    pub cpus: u32,
    /// Kernel and its version.
    pub kernel: String,
    /// `debug` or `release`.
    pub profile: String,
    /// The commit of the build.
    pub git_commit: String,
    /// Whether that was all of it.
    pub git_clean: bool,
    /// What was run.
    pub scenarios: Vec<IndexedScenario>,
}

/// A scenario of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IndexedScenario {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub question: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Runs of this scenario with the same number were made under the same conditions: machine, kernel, profile, stores, load and
    /// faults. From 1, in order of time. Only they may be joined by a line.
    pub conditions: u32,
    /// Its stacks.
    pub stacks: Vec<IndexedStack>,
}

/// A stack of a scenario of a run. Absent figures were not measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexedStack {
    /// The column's name.
    pub stack: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// How many trials there are.
    pub trials: u64,
    /// Sessions lost in all trials.
    pub sessions_lost: u64,
    /// Of so many that were verified.
    pub sessions_verified: u64,
    /// Acknowledged writes that vanished from living carts.
    pub writes_lost: u64,
    /// Median time to the steady state; absent where it was not back, or left it only later. Microseconds.
    pub service_back_us: Option<u64>,
    /// 99th percentile of latency from the plan before the fault, median of trials. Microseconds.
    pub baseline_p99_us: Option<u64>,
    /// The same in the fault window.
    pub fault_p99_us: Option<u64>,
    /// CPU time a request. Microseconds.
    pub cpu_us: Option<u64>,
}

/// A run that was found for the index.
#[derive(Clone, Debug)]
pub struct FoundRun {
    /// Its folder, relative to the index.
    pub folder: String,
    /// Whether a `report.html` lies in it.
    pub has_report: bool,
    /// Its results.
    pub results: Results,
}

impl Index {
    /// Puts the runs in order of time.
    pub fn new(mut found: Vec<FoundRun>, mut unreadable: Vec<Unreadable>) -> Self {
        found.sort_by(|a, b| {
            let key = |run: &FoundRun| (run.results.run.started_unix_ms, run.folder.clone());
            key(a).cmp(&key(b))
        });
        unreadable.sort_by(|a, b| a.folder.cmp(&b.folder));
        let mut known: Vec<(String, Vec<String>)> = Vec::new();
        let runs = found.iter().map(|run| IndexedRun::new(run, &mut known)).collect();
        Self { index_version: INDEX_VERSION, runs, unreadable }
    }

    /// Names of scenarios, each once, in order of their first run.
    pub(crate) fn scenarios(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for scenario in self.runs.iter().flat_map(|run| &run.scenarios) {
            if !names.contains(&scenario.name.as_str()) {
                names.push(&scenario.name);
            }
        }
        names
    }
}

/// The index as JSON, indented, with a newline at its end.
///
/// # Panics
/// Never: an index is plain data.
pub fn index_json(index: &Index) -> String {
    let mut text = serde_json::to_string_pretty(index).expect("an index is plain data");
    text.push('\n');
    text
}

impl IndexedRun {
    fn new(found: &FoundRun, known: &mut Vec<(String, Vec<String>)>) -> Self {
        let run = &found.results.run;
        let e = &run.environment;
        let scenarios = found.results.scenarios.iter().map(|scenario| {
            let key = conditions(&found.results, scenario);
            IndexedScenario {
                name: scenario.name.clone(),
                question: scenario.question.clone(),
                verdict: scenario.verdict,
                conditions: number(known, &scenario.name, key),
                stacks: scenario.stacks.iter().map(IndexedStack::new).collect(),
            }
        });
        Self {
            folder: found.folder.clone(),
            has_report: found.has_report,
            run: run.id.clone(),
            started_unix_ms: run.started_unix_ms,
            verdict: found.results.verdict,
            quick: run.quick,
            cpu_model: e.cpu_model.clone(),
            cpus: e.cpus,
            kernel: e.kernel.clone(),
            profile: e.profile.clone(),
            git_commit: e.git_commit.clone(),
            git_clean: e.git_clean,
            scenarios: scenarios.collect(),
        }
    }
}

impl IndexedStack {
    fn new(stack: &StackSummary) -> Self {
        Self {
            stack: stack.stack.clone(),
            verdict: stack.verdict,
            trials: stack.trials,
            sessions_lost: stack.sessions.lost,
            sessions_verified: stack.sessions.verified,
            writes_lost: stack.writes.lost,
            service_back_us: stack.recovery.as_ref().and_then(|r| r.back_us()),
            baseline_p99_us: stack.baseline.p99_us,
            fault_p99_us: stack.fault.p99_us,
            cpu_us: stack.cpu.all_us,
        }
    }
}

/// Everything that must be the same for a line between two runs to mean something. Which stacks ran does not matter, but what is
/// known of the stores of those that did.
fn conditions(results: &Results, scenario: &ScenarioResults) -> String {
    let e = &results.run.environment;
    let routers: Vec<&str> = scenario.trials.iter().map(|trial| trial.identity.router.as_str()).collect();
    let machine = (&e.cpu_model, e.cpus, &e.cgroup_limits, &e.kernel, &e.profile, results.run.quick);
    format!("{machine:?} {:?} {:?}", routers.first(), scenario.setting)
}

/// The number of these conditions among those of the scenario.
fn number(known: &mut Vec<(String, Vec<String>)>, scenario: &str, key: String) -> u32 {
    let place = known.iter().position(|(name, _)| name == scenario).unwrap_or_else(|| {
        known.push((scenario.to_owned(), Vec::new()));
        known.len() - 1
    });
    let keys = &mut known[place].1;
    let at = keys.iter().position(|other| *other == key).unwrap_or_else(|| {
        keys.push(key);
        keys.len() - 1
    });
    at as u32 + 1
}
