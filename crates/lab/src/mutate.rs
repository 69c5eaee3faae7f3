//! `lab check --mutate`: runs each scenario as it is written, then what would make its promises break, and tells of those that hold
//! all the same. [`crate::vacuity`] has the rule.

use crate::args::CheckArgs;
use crate::effect;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::pace;
use crate::run_folder;
use crate::runner::Runner;
use crate::scenarios;
use crate::subjects;
use crate::terminal::{note, say};
use crate::vacuity::{Column, Evidence, Seen, Standing, is_guard, standing};
use driver::{Binaries, ExternalStores, JOURNAL_FILE, RouterKind, Scratch};
use journal::{PlannedTrial, Reader};
use scenario::{Expectation, Load, Metric, Plan, Retries, Scenario, Stack};
use serde_json::json;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Sessions in memory, and any server may answer: nothing holds a session together.
const UNHELD: &str = "memory+round-robin";

/// Checks every promise of every scenario that is named.
///
/// # Errors
/// When a scenario is wrong, or no trial can be run.
pub async fn check(args: CheckArgs, interrupt: Interrupt) -> Result<Exit, Failure> {
    let names = if args.scenarios.is_empty() { scenarios::names() } else { args.scenarios.clone() };
    let external = ExternalStores::default();
    let mut asked: Vec<(Scenario, Vec<Stack>)> = Vec::new();
    for name in &names {
        let scenario = scenarios::load(name)?.0;
        let stacks = subjects::stacks(&scenario, &[], &external, &mut Vec::new())?;
        asked.push((scenario, stacks));
    }
    let binaries = Binaries::pin()?;
    let least: Duration =
        asked.iter().flat_map(|(s, stacks)| stacks.iter().map(|stack| pace::trial(s, *stack) / 2)).sum();
    note(&format!("{} scenarios, {} and up to three times that", asked.len(), pace::about(least)));
    let run = format!("mutate-{}", run_folder::unix_ms());
    let scratch = Scratch::new(&run)?;
    interrupt.remove_when_killed(scratch.path());
    let runner = Runner { run, router: RouterKind::Builtin, external, scratch, interrupt };
    let mut bench = Bench { runner, seed: args.seed, trials: 0 };
    let mut found = Vec::new();
    for (scenario, stacks) in &asked {
        let evidence = bench.evidence(scenario, stacks).await?;
        binaries.unchanged()?;
        if bench.runner.interrupt.is_raised() {
            return Ok(Exit::Interrupted);
        }
        let all: Vec<Standing> =
            (0..scenario.expect.len()).map(|index| standing(scenario, index, &evidence)).collect();
        if !args.json {
            say(&in_words(scenario, &all));
        }
        found.push((scenario, all));
    }
    if args.json {
        say(&format!("{:#}\n", as_json(&found)));
    }
    let is = |wanted: Standing| found.iter().any(|(_, all)| all.contains(&wanted));
    Ok(match (is(Standing::Held), is(Standing::Unclear)) {
        (true, _) => Exit::Broke,
        (false, true) => Exit::Inconclusive,
        (false, false) => Exit::Held,
    })
}

struct Bench {
    runner: Runner,
    seed: u64,
    trials: u32,
}

impl Bench {
    /// As few trials as settle every promise: as written on every stack; without the faults and probes, and without the idempotency key,
    /// stack by stack; then on servers that hold nothing together. All in half the time, or all in full where half the time is too little for the scenario.
    async fn evidence(&mut self, scenario: &Scenario, stacks: &[Stack]) -> Result<Evidence, Failure> {
        let quick = scenario.clone().quick();
        let mut evidence = Evidence { written: self.written(&quick, stacks).await?, ..Evidence::default() };
        let enough = self.is_raised() || as_promised(&quick, &evidence.written);
        let scenario = if enough { &quick } else { scenario };
        if !enough {
            note(&format!("{}: not as promised in half the time; once more in full", scenario.name));
            evidence.written = self.written(scenario, stacks).await?;
        }
        if !scenario.faults.is_empty() || !scenario.probes.is_empty() {
            let without = Scenario { faults: Vec::new(), probes: Vec::new(), ..scenario.clone() };
            for stack in stacks {
                let column = self
                    .changed(scenario, &without, *stack, &evidence, "without its faults and probes")
                    .await?;
                evidence.without.extend(column);
            }
        }
        if let Some(retries) = scenario.load.retries.filter(|retries| retries.idempotency_key) {
            let load = Load {
                retries: Some(Retries { idempotency_key: false, ..retries }),
                ..scenario.load.clone()
            };
            let unkeyed = Scenario { load, ..scenario.clone() };
            for stack in stacks {
                let column = self.changed(scenario, &unkeyed, *stack, &evidence, "without the key").await?;
                evidence.unkeyed.extend(column);
            }
        }
        let unheld: Stack = UNHELD.parse().map_err(Failure::usage)?;
        if !self.is_raised() && open(scenario, &evidence).next().is_some() && !stacks.contains(&unheld) {
            // Nobody can be let in who would stay: a session that does nothing is lost before it has a line in its cart.
            let load = Load { sleepers: 0, ..scenario.load.clone() };
            let awake = Scenario { load, ..scenario.clone() };
            let column = self.column(&awake, unheld, "without a shared store and stickiness").await?;
            evidence.unheld.push(column);
        }
        Ok(evidence)
    }

    /// A change of the scenario on a stack, when a promise that covers it is still open.
    async fn changed(
        &mut self,
        scenario: &Scenario,
        changed: &Scenario,
        stack: Stack,
        evidence: &Evidence,
        how: &str,
    ) -> Result<Option<Column>, Failure> {
        let covers = |promise: &Expectation| promise.covers(&stack.to_string());
        if self.is_raised() || !open(scenario, evidence).any(covers) {
            return Ok(None);
        }
        self.column(changed, stack, how).await.map(Some)
    }

    async fn written(&mut self, scenario: &Scenario, stacks: &[Stack]) -> Result<Vec<Column>, Failure> {
        let mut written = Vec::new();
        for stack in stacks {
            written.push(self.column(scenario, *stack, "as it is").await?);
        }
        Ok(written)
    }

    fn is_raised(&self) -> bool {
        self.runner.interrupt.is_raised()
    }

    /// One trial, in which every promise is asked of this stack, whether it covers it or not.
    async fn column(&mut self, scenario: &Scenario, stack: Stack, how: &str) -> Result<Column, Failure> {
        let doubtful = || Column { stack, seen: vec![Seen::Doubtful; scenario.expect.len()] };
        if self.is_raised() {
            return Ok(doubtful());
        }
        self.trials += 1;
        let mut asked = scenario.clone();
        for promise in &mut asked.expect {
            promise.stacks = vec!["*".to_owned()];
        }
        let name = asked.name.clone();
        note(&format!("{name} on {stack}, {how}, {}", pace::about(pace::trial(&asked, stack))));
        let trial = PlannedTrial { scenario: name, stack, replica: 0, repeat: 1, order: self.trials };
        let dir = self.runner.scratch.folder(&run_folder::trial_dir(&trial))?;
        let plan = Arc::new(Plan::new(&asked, self.seed));
        let failed = self.runner.run(&asked, &plan, &trial, &dir, &|_| ()).await?;
        let seen = match failed {
            None => seen(&dir, &asked),
            Some(why) => Err(why),
        };
        // A run over all scenarios would otherwise fill the folder for temporary files.
        let _ = fs::remove_dir_all(&dir);
        Ok(match seen {
            Ok(seen) => Column { stack, seen },
            Err(why) => {
                note(&format!("  cannot be judged: {why}"));
                doubtful()
            }
        })
    }
}

/// Whether every promise was kept by the stacks that it covers.
fn as_promised(scenario: &Scenario, written: &[Column]) -> bool {
    let kept = |column: &Column| {
        let name = column.stack.to_string();
        let seen = scenario.expect.iter().zip(&column.seen);
        seen.filter(|(promise, _)| promise.covers(&name))
            .all(|(promise, seen)| matches!(seen, Seen::Is(value) if promise.holds(*value)))
    };
    written.iter().all(kept)
}

/// The promises that nothing has been seen to break yet, guards left out.
fn open<'a>(scenario: &'a Scenario, evidence: &Evidence) -> impl Iterator<Item = &'a Expectation> {
    let held = |index: &usize| {
        !is_guard(&scenario.expect[*index])
            && !matches!(standing(scenario, *index, evidence), Standing::Notices(_))
    };
    let indices: Vec<usize> = (0..scenario.expect.len()).filter(held).collect();
    indices.into_iter().map(|index| &scenario.expect[index])
}

/// Judges a trial, promise by promise.
fn seen(dir: &Path, scenario: &Scenario) -> Result<Vec<Seen>, String> {
    let path = dir.join(JOURNAL_FILE);
    let file = File::open(&path).map_err(|e| e.to_string())?;
    let reader = Reader::new(BufReader::with_capacity(1 << 18, file)).map_err(|e| e.to_string())?;
    let header = reader.header().clone();
    let findings = analysis::judge(&header, reader);
    let believed = |finding: &analysis::ExpectationFinding| {
        finding.within.is_none() || finding.verdict != analysis::Verdict::Inconclusive
    };
    if !findings.expectations.iter().all(believed) {
        return Err(findings.reasons.iter().map(|reason| reason.text.clone()).collect::<Vec<_>>().join(" "));
    }
    let seen = findings.expectations.iter().map(|finding| match (finding.measured, finding.within) {
        (Some(value), _) => Seen::Is(value),
        // What never came while anybody looked.
        (None, Some(_)) => Seen::Is(f64::INFINITY),
        (None, None) => unmeasured(finding.metric, scenario),
    });
    Ok(seen.collect())
}

/// What is counted from the first fault on is nothing where there was none, as is what probes would have met.
fn unmeasured(metric: Metric, scenario: &Scenario) -> Seen {
    let no_fault = metric.needs_a_fault() && scenario.faults.is_empty();
    let no_probe = metric.needs_a_probe().is_some() && scenario.probes.is_empty();
    if no_fault || no_probe { Seen::Is(0.0) } else { Seen::Unmeasured }
}

fn label(standing: &Standing) -> (&'static str, &str) {
    match standing {
        Standing::Guard => ("guard", "asks whether the trial may be believed"),
        Standing::Notices(how) => ("notices", how),
        Standing::Held => ("does-not-notice", "held with and without its cause, and on every stack"),
        Standing::Unclear => ("unclear", "some of its trials could not be believed; run it again"),
    }
}

fn in_words(scenario: &Scenario, all: &[Standing]) -> String {
    let mut text = format!("{}\n", scenario.name);
    for (promise, standing) in scenario.expect.iter().zip(all) {
        let (word, how) = label(standing);
        let _ = writeln!(text, "  {word:<16} {}: {}", promise.stacks.join(", "), effect::promise(promise));
        let _ = writeln!(text, "  {:<16}   {how}", "");
    }
    text
}

fn as_json(found: &[(&Scenario, Vec<Standing>)]) -> serde_json::Value {
    let rows = found.iter().flat_map(|(scenario, all)| {
        scenario.expect.iter().zip(all).map(|(promise, standing)| {
            let (word, how) = label(standing);
            json!({
                "scenario": scenario.name,
                "stacks": promise.stacks,
                "promise": effect::promise(promise),
                "standing": word,
                "how": how,
            })
        })
    });
    serde_json::Value::Array(rows.collect())
}
