//! `lab diff`: two runs of the same question, the one before and the one after a change. First whether they may be compared at all,
//! then each stack's figures with their differences, then what the gates say.

mod circumstances;
mod counts;
mod gates;
mod render;

pub use circumstances::{Difference, Weight};
pub use counts::CountDiff;
pub use gates::{Gate, GateError, GateOutcome, GateResult};
pub use render::{diff_json, diff_markdown, diff_terminal};

use crate::results::{Results, ScenarioResults};
use crate::words::clip;
use analysis::statistics::{Comparison, NEEDED, Standing, compare, compare_unpaired};
use analysis::{TrialFindings, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The version of the JSON of a [`Diff`].
pub const DIFF_VERSION: u32 = 1;

/// A run that is compared: its results, where they were found, and the texts of its scenarios, as far as they are there, by name.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// As the user named it.
    pub name: &'a str,
    /// What was found.
    pub results: &'a Results,
    /// Scenario files beside the results. Without them the mix of actions is compared by the plans' digests alone.
    pub scenarios: &'a BTreeMap<String, String>,
}

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// [`DIFF_VERSION`].
    pub diff_version: u32,
    /// The run that is the reference.
    pub before: Side,
    /// The run that is judged.
    pub after: Side,
    /// Nothing bars the comparison.
    pub comparable: bool,
    /// What differs around the figures, the barring ones first.
    pub differences: Vec<Difference>,
    /// What is worse, what is better, or that no difference was seen.
    pub conclusion: String,
    /// Scenarios that both have.
    pub scenarios: Vec<ScenarioDiff>,
    /// What the run after lacks: gates that cover it are undecided.
    pub missing: Vec<Missing>,
    /// Somebody broke the run after off.
    pub interrupted: bool,
    /// What each gate says; empty when none was asked for.
    pub gates: Vec<GateResult>,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// As the user named it.
    pub name: String,
    /// The run's id.
    pub run: String,
    /// When it began, milliseconds since 1970 UTC.
    pub started_unix_ms: u64,
    /// The commit of its build.
    pub git_commit: String,
    /// Whether that was all of the build.
    pub git_clean: bool,
    /// Its verdict.
    pub verdict: Verdict,
}

/// Evidence that the run after does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// In which scenario.
    pub scenario: String,
    /// Of which stack.
    pub stack: String,
    /// Why it is not there.
    pub why: String,
}

/// A scenario that both runs have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioDiff {
    /// Its name.
    pub name: String,
    /// Stacks that both have, and those that only the first has.
    pub stacks: Vec<StackDiff>,
}

/// A stack before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StackDiff {
    /// The column's name.
    pub stack: String,
    /// Its verdict before.
    pub verdict_before: Verdict,
    /// Its verdict after; absent when it was not run.
    pub verdict_after: Option<Verdict>,
    /// Trials with a verdict, before.
    pub trials_before: u64,
    /// Trials with a verdict, after.
    pub trials_after: u64,
    /// Trials of one repeat were given the same plan and are weighed in pairs.
    pub paired: bool,
    /// Whether the service never came back in some trial, before.
    pub never_back_before: bool,
    /// The same, after.
    pub never_back_after: bool,
    /// Losses, counted.
    pub counts: Vec<CountDiff>,
    /// The figures; differences are after less before, so less is better. `reference` is before, `value` after, and in an unpaired
    /// comparison `pairs` is the number of trials of the smaller side.
    pub comparison: Option<Comparison>,
}

impl Diff {
    /// Compares two runs and asks the gates.
    pub fn new(before: Given<'_>, after: Given<'_>, gates: &[Gate]) -> Self {
        let differences = circumstances::differences(before, after);
        let comparable = differences.iter().all(|difference| difference.weight != Weight::Bars);
        let scenarios: Vec<ScenarioDiff> =
            common(before.results, after.results).map(|(a, b)| ScenarioDiff::new(a, b)).collect();
        let mut diff = Self {
            diff_version: DIFF_VERSION,
            before: Side::new(before),
            after: Side::new(after),
            comparable,
            differences,
            conclusion: String::new(),
            gates: Vec::new(),
            scenarios,
            missing: missing(before.results, after.results),
            interrupted: after.results.run.interrupted,
        };
        diff.conclusion = diff.conclude(before.results == after.results);
        diff.gates = gates.iter().map(|gate| gate.ask(&diff)).collect();
        diff
    }

    /// What `lab diff` exits with: 3 when the runs may not be compared (unless `anyway`), 1 when a gate failed, 3 when one could
    /// not be decided, else 0.
    pub fn exit_code(&self, anyway: bool) -> u8 {
        let any = |outcome| self.gates.iter().any(|gate| gate.outcome == outcome);
        match () {
            () if !self.comparable && !anyway => 3,
            () if any(GateOutcome::Failed) => 1,
            () if any(GateOutcome::Undecided) => 3,
            () => 0,
        }
    }

    fn stacks(&self) -> impl Iterator<Item = (&ScenarioDiff, &StackDiff)> {
        self.scenarios.iter().flat_map(|scenario| scenario.stacks.iter().map(move |stack| (scenario, stack)))
    }

    fn conclude(&self, same: bool) -> String {
        if same {
            return "No difference seen: both are the same run.".to_owned();
        }
        if self.scenarios.is_empty() {
            return "Nothing is compared: the runs have no scenario in common.".to_owned();
        }
        let seen = self.seen();
        if self.comparable { seen } else { format!("Not comparable: {seen}") }
    }

    /// What is worse, what is better, or that neither was seen.
    fn seen(&self) -> String {
        let told = |wanted: Standing| {
            let of = |(scenario, stack): (&ScenarioDiff, &StackDiff)| {
                let figures = stack.comparison.iter().flat_map(|c| &c.figures);
                let figures = figures.filter(|f| f.standing == wanted);
                let names: Vec<&str> = figures.map(|f| crate::comparisons::name(f.figure)).collect();
                (!names.is_empty()).then(|| {
                    let (scenario, stack) = (clip(&scenario.name, 60), clip(&stack.stack, 60));
                    format!("{stack} in {scenario} ({})", names.join("; "))
                })
            };
            self.stacks().filter_map(of).collect::<Vec<String>>()
        };
        let lost: Vec<String> = self
            .stacks()
            .flat_map(|(scenario, stack)| {
                stack
                    .counts
                    .iter()
                    .filter_map(move |count| count.is_new().then_some((scenario, stack, count)))
            })
            .map(|(scenario, stack, count)| {
                let (stack, scenario) = (clip(&stack.stack, 60), clip(&scenario.name, 60));
                format!("{stack} in {scenario} ({}, none before)", crate::promise::name(count.metric))
            })
            .collect();
        let (worse, better) = (told(Standing::Worse), told(Standing::Better));
        let mut parts = Vec::new();
        if !lost.is_empty() || !worse.is_empty() {
            let all: Vec<String> = lost.into_iter().chain(worse).collect();
            parts.push(format!("Worse: {}.", all.join(", ")));
        }
        if !better.is_empty() {
            parts.push(format!("Better: {}.", better.join(", ")));
        }
        if parts.is_empty() {
            parts.push("No difference seen.".to_owned());
        }
        if self.stacks().any(|(_, stack)| stack.comparison.as_ref().is_none_or(|c| c.pairs < NEEDED as u64)) {
            parts.push(format!("With fewer than {NEEDED} trials on each side only new losses are told."));
        }
        parts.join(" ")
    }
}

impl Side {
    fn new(given: Given<'_>) -> Self {
        let run = &given.results.run;
        Self {
            name: given.name.to_owned(),
            run: run.id.clone(),
            started_unix_ms: run.started_unix_ms,
            git_commit: run.environment.git_commit.clone(),
            git_clean: run.environment.git_clean,
            verdict: given.results.verdict,
        }
    }
}

/// Stacks of scenarios that were not run again, and trials that failed.
fn missing(before: &Results, after: &Results) -> Vec<Missing> {
    let not_again = |s: &&ScenarioResults| after.scenarios.iter().all(|other| other.name != s.name);
    let gone = before.scenarios.iter().filter(not_again).flat_map(|scenario| {
        scenario.stacks.iter().map(|stack| Missing {
            scenario: scenario.name.clone(),
            stack: stack.stack.clone(),
            why: "the scenario was not run after".to_owned(),
        })
    });
    let failed = after.run.failed.iter().map(|trial| Missing {
        scenario: trial.scenario.clone(),
        stack: trial.stack.clone(),
        why: format!("repeat {} failed: {}", trial.repeat, trial.why),
    });
    gone.chain(failed).collect()
}

/// Scenarios that both have, by name.
fn common<'a>(
    before: &'a Results,
    after: &'a Results,
) -> impl Iterator<Item = (&'a ScenarioResults, &'a ScenarioResults)> {
    let of = |scenario: &'a ScenarioResults| {
        let other = after.scenarios.iter().find(|other| other.name == scenario.name)?;
        Some((scenario, other))
    };
    before.scenarios.iter().filter_map(of)
}

/// The trials of a column.
fn column<'a>(scenario: &'a ScenarioResults, stack: &str) -> Vec<&'a TrialFindings> {
    scenario.trials.iter().filter(|trial| trial.identity.column() == stack).collect()
}

impl ScenarioDiff {
    fn new(before: &ScenarioResults, after: &ScenarioResults) -> Self {
        let stacks = before.stacks.iter().map(|stack| {
            let verdict_after = after.stacks.iter().find(|other| other.stack == stack.stack);
            let (first, second) = (column(before, &stack.stack), column(after, &stack.stack));
            StackDiff::new(&stack.stack, stack.verdict, verdict_after.map(|s| s.verdict), &first, &second)
        });
        Self { name: before.name.clone(), stacks: stacks.collect() }
    }
}

impl StackDiff {
    fn new(
        stack: &str,
        verdict_before: Verdict,
        verdict_after: Option<Verdict>,
        before: &[&TrialFindings],
        after: &[&TrialFindings],
    ) -> Self {
        let paired = are_pairs(before, after);
        let sound = |trials: &[&TrialFindings]| {
            trials.iter().filter(|trial| trial.verdict != Verdict::Inconclusive).count() as u64
        };
        let comparison = verdict_after
            .map(|_| if paired { compare(before, after, None) } else { compare_unpaired(before, after) });
        Self {
            stack: stack.to_owned(),
            verdict_before,
            verdict_after,
            trials_before: sound(before),
            trials_after: sound(after),
            paired,
            never_back_before: never_back(before),
            never_back_after: never_back(after),
            counts: counts::counts(before, after),
            comparison,
        }
    }
}

fn never_back(trials: &[&TrialFindings]) -> bool {
    use analysis::statistics::{Figure, Reading};
    let sound = trials.iter().filter(|trial| trial.verdict != Verdict::Inconclusive);
    sound.into_iter().any(|trial| Figure::ServiceBack.read(trial) == Reading::Never)
}

/// Every repeat that both have was given the same plan, and there is one.
fn are_pairs(before: &[&TrialFindings], after: &[&TrialFindings]) -> bool {
    let plans = |trials: &[&TrialFindings]| -> BTreeSet<(u32, String)> {
        let all = trials.iter().map(|t| (t.identity.repeat, t.identity.plan_sha256.clone()));
        all.filter(|(_, plan)| !plan.trim().is_empty()).collect()
    };
    let (first, second) = (plans(before), plans(after));
    let repeats = |plans: &BTreeSet<(u32, String)>| plans.iter().map(|(n, _)| *n).collect::<BTreeSet<u32>>();
    let shared = repeats(&first).intersection(&repeats(&second)).count();
    shared > 0 && first.intersection(&second).count() == shared
}
