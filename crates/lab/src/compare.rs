//! `lab compare`: every trial in turn, each alone on the machine, then the judge and the report.

use crate::args::{CompareArgs, Router};
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::judge;
use crate::run_folder;
use crate::scenarios::{self, Source};
use crate::terminal::{Teller, note};
use anyhow::anyhow;
use driver::{Binaries, Build, DriverError, ExternalStores, Program, RouterKind, Scratch, TrialSpec};
use journal::{LeftOut, RUN_FORMAT, Run, TrialRef};
use scenario::{Family, Plan, Scenario, Stack};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `lab compare` runs when nothing is named.
const DEFAULT: &str = "server-kill";

/// A scenario and the stacks that it will be run on.
struct Subject {
    scenario: Scenario,
    source: Source,
    columns: Vec<Column>,
}

/// A stack, and which of its columns: the noise floor runs one against itself.
#[derive(Clone, Copy)]
struct Column {
    stack: Stack,
    replica: u32,
}

/// Runs the comparison.
///
/// # Errors
/// When nothing could be run, or nothing written. Trials that fail alone are reported with the others.
pub async fn compare(args: CompareArgs, interrupt: Interrupt) -> Result<Exit, Failure> {
    let external = ExternalStores { redis: args.redis_url.clone(), postgres: args.postgres_url.clone() };
    let router = match args.router {
        Router::Builtin => RouterKind::Builtin,
        Router::Haproxy => {
            Program::Haproxy.find()?;
            RouterKind::Haproxy
        }
    };
    let mut left_out = Vec::new();
    let subjects = subjects(&args, &external, &mut left_out)?;
    let binaries = Binaries::pin()?;
    if args.noise_floor && args.repeat < 6 {
        note("the noise floor is an interval over pairs of trials, which needs --repeat 6");
    }
    for leftover in driver::leftovers() {
        note(&format!("left behind by a run that was killed: {leftover} ('lab clean' removes it)"));
    }
    let names: Vec<&str> = subjects.iter().map(|subject| subject.scenario.name.as_str()).collect();
    let (id, folder) = run_folder::create(&args.out, &names.join("-").chars().take(80).collect::<String>())?;
    save_scenarios(&folder, &subjects)?;
    let run = Run {
        format: RUN_FORMAT,
        id: id.clone(),
        started_unix_ms: run_folder::unix_ms(),
        command: command_line(),
        quick: args.quick,
        environment: driver::environment(build(&binaries)),
        trials: Vec::new(),
        left_out,
        interrupted: false,
    };
    let mut comparison = Comparison { run, folder, binaries, router, external, interrupt };
    run_folder::save(&comparison.folder, &comparison.run)?;
    run_folder::point_latest(&args.out, &id);
    if let Err(failure) = comparison.run_all(&subjects, args.repeat, args.seed).await {
        if !comparison.run.trials.is_empty() {
            note(&format!(
                "the trials before are kept; judge them with: lab report {}",
                comparison.folder.display()
            ));
        }
        return Err(failure);
    }
    let results = judge::judge_run(&comparison.folder, &comparison.run)?;
    judge::write_reports(&comparison.folder, &results)?;
    judge::show(&comparison.folder, &results, args.json);
    Ok(if comparison.run.interrupted { Exit::Interrupted } else { judge::exit(&results) })
}

struct Comparison {
    run: Run,
    folder: PathBuf,
    binaries: Binaries,
    router: RouterKind,
    external: ExternalStores,
    interrupt: Interrupt,
}

impl Comparison {
    async fn run_all(&mut self, subjects: &[Subject], repeat: u32, seed: u64) -> Result<(), Failure> {
        let scratch = Scratch::new(&self.run.id)?;
        self.interrupt.remove_when_killed(scratch.path());
        let loads =
            subjects.iter().map(|s| s.scenario.phases.end_us() * s.columns.len() as u64 * u64::from(repeat));
        let mut teller = Teller::new(loads.sum());
        let mut order = 0;
        for subject in subjects {
            for number in 1..=repeat {
                let plan = Arc::new(Plan::new(&subject.scenario, seed.wrapping_add(u64::from(number) - 1)));
                // A B B A: whatever drifts on the machine falls on both alike.
                let mut columns = subject.columns.clone();
                if number % 2 == 0 {
                    columns.reverse();
                }
                for column in columns {
                    order += 1;
                    let trial = Trial { subject, plan: &plan, column, repeat: number, order };
                    self.run_one(&scratch, &trial, &teller).await?;
                    if let Err(e) = self.binaries.unchanged() {
                        teller.finish();
                        return self.is_void(&e);
                    }
                    if self.interrupt.is_raised() {
                        self.run.interrupted = true;
                        run_folder::save(&self.folder, &self.run)?;
                        teller.finish();
                        return Ok(());
                    }
                    teller.end(subject.scenario.phases.end_us());
                }
            }
        }
        teller.finish();
        Ok(())
    }

    /// A program under test changed during the latest trial or after it: nobody knows which one that trial ran. It is void, and
    /// what was not run yet stays so.
    fn is_void(&mut self, why: &DriverError) -> Result<(), Failure> {
        note(&why.to_string());
        if let Some(latest) = self.run.trials.last_mut() {
            latest.failed = Some(why.to_string());
        }
        run_folder::save(&self.folder, &self.run)
    }

    async fn run_one(
        &mut self,
        scratch: &Scratch,
        trial: &Trial<'_>,
        teller: &Teller,
    ) -> Result<(), Failure> {
        let Trial { subject, plan, column: Column { stack, replica }, repeat, order } = *trial;
        let scenario = &subject.scenario;
        let name = format!("{} on {stack}", scenario.name);
        let again = if replica == 0 { "" } else { "-again" };
        let dir = format!("{order:03}-{}-{}{again}", scenario.name, stack.to_string().replace('+', "-with-"));
        let path = self.folder.join(&dir);
        fs::create_dir_all(&path).map_err(|e| DriverError::io(&path, e))?;
        teller.begin(&format!("trial {order}: {name}, about {} s", scenario.phases.end_us() / 1_000_000));
        let progress = |progress| teller.go_on(&name, progress);
        let ran = driver::run(TrialSpec {
            run: &self.run.id,
            order,
            repeat,
            stack,
            replica,
            router: self.router,
            server: None,
            scenario,
            plan: Arc::clone(plan),
            external: &self.external,
            scratch,
            dir: &path,
            interrupt: self.interrupt.receiver(),
            progress: &progress,
        })
        .await;
        let failed = match ran {
            Ok(_) => None,
            Err(DriverError::Interrupted) => Some("interrupted before the load began".to_owned()),
            // Without a place to write, or files to open, no further trial can do better.
            Err(
                e @ (DriverError::Io { .. }
                | DriverError::OpenFiles { .. }
                | DriverError::ExternalStore { .. }
                | DriverError::Machine(_)
                | DriverError::Unsupported(_)),
            ) => {
                teller.finish();
                return Err(e.into());
            }
            Err(e) => {
                teller.note(&format!("trial {order} ({name}) failed: {e}"));
                Some(e.to_string())
            }
        };
        let scenario = scenario.name.clone();
        self.run.trials.push(TrialRef { scenario, stack, replica, repeat, order, dir, failed });
        run_folder::save(&self.folder, &self.run)
    }
}

#[derive(Clone, Copy)]
struct Trial<'a> {
    subject: &'a Subject,
    plan: &'a Arc<Plan>,
    column: Column,
    repeat: u32,
    order: u32,
}

/// Reads the scenarios and settles which stacks can be run.
fn subjects(
    args: &CompareArgs,
    external: &ExternalStores,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<Subject>, Failure> {
    let named = if args.scenarios.is_empty() { vec![DEFAULT.to_owned()] } else { args.scenarios.clone() };
    let mut subjects: Vec<Subject> = Vec::new();
    for name in &named {
        let (mut scenario, source) = scenarios::load(name)?;
        if subjects.iter().any(|other| other.scenario.name == scenario.name) {
            return Err(Failure::usage(anyhow!(
                "scenario '{}' is named twice; name it once, or use --repeat",
                scenario.name
            )));
        }
        if args.quick {
            scenario = scenario.quick();
        }
        let stacks = stacks(&scenario, &args.stacks, external, left_out)?;
        let columns = columns(&stacks, args.noise_floor);
        subjects.push(Subject { scenario, source, columns });
    }
    Ok(subjects)
}

/// The first stack is the one that the others are compared with, so it is the one whose noise matters.
fn columns(stacks: &[Stack], noise_floor: bool) -> Vec<Column> {
    let mut columns: Vec<Column> = stacks.iter().map(|stack| Column { stack: *stack, replica: 0 }).collect();
    if let (true, Some(first)) = (noise_floor, stacks.first()) {
        columns.insert(1, Column { stack: *first, replica: 1 });
    }
    columns
}

/// A stack that was asked for by name must run; one that merely belongs to the scenario is left out, and that is said.
fn stacks(
    scenario: &Scenario,
    asked: &[Stack],
    external: &ExternalStores,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<Stack>, Failure> {
    let wanted = if asked.is_empty() { &scenario.stacks } else { asked };
    let mut stacks: Vec<Stack> = Vec::new();
    for stack in wanted {
        if stacks.contains(stack) {
            return Err(Failure::usage(anyhow!(
                "stack '{stack}' is named twice; name it once, or use --repeat"
            )));
        }
        match lacking(*stack, external) {
            None => stacks.push(*stack),
            Some(e) if !asked.is_empty() => return Err(e.into()),
            Some(e) => {
                let one = LeftOut { stack: stack.to_string(), why: e.to_string() };
                if !left_out.contains(&one) {
                    note(&format!("left out: {} ({})", one.stack, one.why));
                    left_out.push(one);
                }
            }
        }
    }
    if stacks.is_empty() {
        return Err(Failure::environment(anyhow!(
            "none of the stacks of '{}' can be run here; install what is missing with 'just setup'",
            scenario.name
        )));
    }
    Ok(stacks)
}

fn lacking(stack: Stack, external: &ExternalStores) -> Option<DriverError> {
    match stack.store.family() {
        Family::Redis if external.redis.is_none() => Program::Redis.find().err(),
        Family::Postgres if external.postgres.is_none() => Program::Postgres.find().err(),
        _ => None,
    }
}

fn save_scenarios(folder: &Path, subjects: &[Subject]) -> Result<(), Failure> {
    for subject in subjects {
        let path = folder.join(format!("{}.toml", subject.scenario.name));
        run_folder::write_whole(&path, &subject.source.text)?;
    }
    Ok(())
}

/// The command as typed, without passwords.
fn command_line() -> String {
    let mut words: Vec<String> =
        std::env::args().skip(1).map(|word| driver::without_password(&word)).collect();
    words.insert(0, "lab".to_owned());
    words.join(" ")
}

/// What only the build knows.
fn build(binaries: &Binaries) -> Build {
    use sha2::{Digest, Sha256};
    let lock = Sha256::digest(include_bytes!("../../../Cargo.lock"));
    Build {
        rustc: env!("LAB_RUSTC").to_owned(),
        profile: env!("LAB_PROFILE").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        git_commit: env!("LAB_GIT_COMMIT").to_owned(),
        git_clean: env!("LAB_GIT_CLEAN") == "true",
        cargo_lock_sha256: lock.iter().map(|byte| format!("{byte:02x}")).collect(),
        binaries: binaries.digests(),
    }
}
