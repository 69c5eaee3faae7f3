//! `lab compare`: every trial in turn, each alone on the machine, then the judge and the report.

use crate::args::{CompareArgs, Router};
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::judge;
use crate::metrics;
use crate::pace;
use crate::resume;
use crate::run_folder::{self, Lock};
use crate::runner::{Runner, Subject};
use crate::subjects;
use crate::terminal::{Teller, note};
use driver::{Binaries, Build, DriverError, ExternalStores, Program, RouterKind, Scratch};
use journal::{PlannedTrial, RUN_FORMAT, Request, Run, ScenarioRef, TrialRef};
use scenario::Plan;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A run that can begin, or go on.
pub struct Ready {
    /// What is known of it.
    pub run: Run,
    /// Its folder.
    pub folder: PathBuf,
    /// No other lab writes there while this is held.
    pub lock: Lock,
    /// Its scenarios.
    pub subjects: Vec<Subject>,
    /// Who sits in the router's seat.
    pub router: RouterKind,
}

/// Runs the comparison.
///
/// # Errors
/// When nothing could be run, or nothing written. Trials that fail alone are reported with the others.
pub async fn compare(args: CompareArgs, interrupt: Interrupt) -> Result<Exit, Failure> {
    if let Some(port) = args.metrics_port {
        let port = metrics::serve(port)?;
        note(&format!("metrics: http://127.0.0.1:{port}/metrics"));
    }
    let external = ExternalStores { redis: args.redis_url.clone(), postgres: args.postgres_url.clone() };
    let begun = args.resume.as_deref().map(|dir| resume::find(dir, &external)).transpose()?;
    let binaries = Binaries::pin()?;
    for leftover in driver::leftovers() {
        note(&format!("left behind by a run that was killed: {leftover} ('lab clean' removes it)"));
    }
    let ready = match begun {
        Some(begun) => resume::go_on(begun, environment(&binaries))?,
        None => begin(&args, &external, &binaries)?,
    };
    let Ready { run, folder, lock: _lock, subjects, router } = ready;
    let scratch = Scratch::new(&run.id)?;
    interrupt.remove_when_killed(scratch.path());
    let runner = Runner { run: run.id.clone(), router, external, scratch, interrupt };
    let mut comparison = Comparison { run, folder, binaries, runner };
    if let Err(failure) = comparison.run_all(&subjects).await {
        if !comparison.run.trials.is_empty() {
            let folder = comparison.folder.display();
            note(&format!(
                "the trials before are kept; go on with: lab compare --resume {folder}, or judge them with: lab report {folder}"
            ));
        }
        return Err(failure);
    }
    let results = judge::judge_run(&comparison.folder, &comparison.run)?;
    judge::write_reports(&comparison.folder, &results)?;
    judge::show(&comparison.folder, &results, args.json);
    if !comparison.run.interrupted {
        return Ok(judge::exit(&results));
    }
    note(&format!("go on with: lab compare --resume {}", comparison.folder.display()));
    Ok(Exit::Interrupted)
}

/// Settles everything and makes the run's folder.
fn begin(args: &CompareArgs, external: &ExternalStores, binaries: &Binaries) -> Result<Ready, Failure> {
    let router = match args.router {
        Router::Builtin => RouterKind::Builtin,
        Router::Haproxy => {
            Program::Haproxy.find()?;
            RouterKind::Haproxy
        }
    };
    if args.noise_floor && args.repeat < 6 {
        note("the noise floor is an interval over pairs of trials, which needs --repeat 6");
    }
    let settled = subjects::settle(args, external)?;
    let (id, folder) = run_folder::create(&args.out, &title(args, &settled.subjects))?;
    let lock = run_folder::lock(&folder)?;
    save_scenarios(&folder, &settled.subjects)?;
    let run = Run {
        format: RUN_FORMAT,
        id,
        started_unix_ms: run_folder::unix_ms(),
        command: command_line(),
        quick: args.quick,
        environment: environment(binaries),
        trials: Vec::new(),
        left_out: settled.left_out,
        interrupted: false,
        request: Some(Request {
            seed: args.seed,
            router: router.name().to_owned(),
            stores: stores(external),
            lab_sha256: run_folder::own_digest()?,
            scenarios: references(&settled.subjects),
            trials: settled.trials,
        }),
        resumed: Vec::new(),
    };
    run_folder::save(&folder, &run)?;
    run_folder::point_latest(&args.out, &run.id);
    Ok(Ready { run, folder, lock, subjects: settled.subjects, router })
}

/// What the folder is called after its time.
fn title(args: &CompareArgs, subjects: &[Subject]) -> String {
    match (args.all, args.scenarios.is_empty()) {
        (true, _) => "all".to_owned(),
        (false, true) => "core".to_owned(),
        (false, false) => {
            let names: Vec<&str> = subjects.iter().map(|subject| subject.scenario.name.as_str()).collect();
            names.join("-").chars().take(80).collect()
        }
    }
}

fn references(subjects: &[Subject]) -> Vec<ScenarioRef> {
    let reference = |subject: &Subject| ScenarioRef {
        name: subject.scenario.name.clone(),
        asked: subject.source.asked.clone(),
        sha256: run_folder::digest(subject.source.text.as_bytes()),
    };
    subjects.iter().map(reference).collect()
}

/// The stores that are there already, by the option that names them, without passwords.
pub fn stores(external: &ExternalStores) -> BTreeMap<String, String> {
    [("--redis-url", &external.redis), ("--postgres-url", &external.postgres)]
        .into_iter()
        .filter_map(|(option, url)| Some((option.to_owned(), driver::without_password(url.as_ref()?))))
        .collect()
}

struct Comparison {
    run: Run,
    folder: PathBuf,
    binaries: Binaries,
    runner: Runner,
}

impl Comparison {
    /// Runs every trial that is not there yet.
    async fn run_all(&mut self, subjects: &[Subject]) -> Result<(), Failure> {
        let Some(request) = self.run.request.clone() else { return Ok(()) };
        let subject = |trial: &PlannedTrial| subjects.iter().find(|s| s.scenario.name == trial.scenario);
        let due: Vec<(&PlannedTrial, &Subject)> = request
            .trials
            .iter()
            .filter(|trial| self.run.trials.iter().all(|there| there.order != trial.order))
            .filter_map(|trial| Some((trial, subject(trial)?)))
            .collect();
        let total: Duration = due.iter().map(|(trial, s)| pace::trial(&s.scenario, trial.stack)).sum();
        let many = if due.len() == 1 { "" } else { "s" };
        note(&format!("{} trial{many}, {}", due.len(), pace::about(total)));
        let mut teller = Teller::new(total);
        for (trial, subject) in due {
            let plan = Plan::new(&subject.scenario, seed(&request, trial));
            let going_on = self.run_one(subject, trial, &Arc::new(plan), &teller, request.trials.len()).await;
            if going_on.is_err() {
                teller.finish();
            }
            going_on?;
            if let Err(e) = self.binaries.unchanged() {
                teller.finish();
                return self.is_void(&e);
            }
            if self.runner.interrupt.is_raised() {
                self.run.interrupted = true;
                break;
            }
            teller.end(pace::trial(&subject.scenario, trial.stack));
        }
        teller.finish();
        // One that was run again stands in its place.
        self.run.trials.sort_by_key(|trial| trial.order);
        run_folder::save(&self.folder, &self.run)
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
        subject: &Subject,
        trial: &PlannedTrial,
        plan: &Arc<Plan>,
        teller: &Teller,
        of: usize,
    ) -> Result<(), Failure> {
        let scenario = &subject.scenario;
        let PlannedTrial { stack, order, .. } = trial;
        let name = format!("{} on {stack}", scenario.name);
        let dir = run_folder::trial_dir(trial);
        teller.begin(&format!("trial {order} of {of}: {name}"), pace::trial(scenario, *stack));
        let progress = |progress| teller.go_on(&name, progress);
        let failed = self.runner.run(scenario, plan, trial, &self.folder.join(&dir), &progress).await?;
        if let Some(why) = &failed {
            teller.note(&format!("trial {order} ({name}) failed: {why}"));
        }
        self.run.trials.push(reference(trial, failed));
        run_folder::save(&self.folder, &self.run)
    }
}

/// The seed of a trial's plan.
pub fn seed(request: &Request, trial: &PlannedTrial) -> u64 {
    request.seed.wrapping_add(u64::from(trial.repeat) - 1)
}

/// A trial that has been run.
pub fn reference(trial: &PlannedTrial, failed: Option<String>) -> TrialRef {
    let PlannedTrial { scenario, stack, replica, repeat, order } = trial.clone();
    TrialRef { scenario, stack, replica, repeat, order, dir: run_folder::trial_dir(trial), failed }
}

fn save_scenarios(folder: &Path, subjects: &[Subject]) -> Result<(), Failure> {
    for subject in subjects {
        run_folder::write_whole(&scenario_file(folder, &subject.scenario.name), &subject.source.text)?;
    }
    Ok(())
}

/// Where a run keeps a scenario's text.
pub fn scenario_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.toml"))
}

/// The command as typed, without passwords.
pub fn command_line() -> String {
    let mut words: Vec<String> =
        std::env::args().skip(1).map(|word| driver::without_password(&word)).collect();
    words.insert(0, "lab".to_owned());
    words.join(" ")
}

/// The machine, and what only the build knows.
pub fn environment(binaries: &Binaries) -> journal::Environment {
    driver::environment(Build {
        rustc: env!("LAB_RUSTC").to_owned(),
        profile: env!("LAB_PROFILE").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        git_commit: env!("LAB_GIT_COMMIT").to_owned(),
        git_clean: env!("LAB_GIT_CLEAN") == "true",
        cargo_lock_sha256: run_folder::digest(include_bytes!("../../../Cargo.lock")),
        binaries: binaries.digests(),
    })
}
