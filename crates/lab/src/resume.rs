//! `lab compare --resume DIR`: goes on with a run that was broken off. What is whole stays, what is not is run, and nothing may have
//! changed in between that could make a difference: otherwise the trials would not belong together.

use crate::compare::{Ready, reference, scenario_file, seed, stores};
use crate::failure::Failure;
use crate::run_folder;
use crate::runner::Subject;
use crate::scenarios::{self, Source};
use crate::terminal::note;
use anyhow::anyhow;
use driver::{DriverError, ExternalStores, JOURNAL_FILE, RouterKind};
use journal::{
    Environment, Event, GeneratorEvent, Header, JournalError, PlannedTrial, Reader, Request, Resumed, Run,
    ScenarioRef, TrialRef,
};
use scenario::{Plan, Scenario};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// A run that was begun, with its scenarios as they were then.
pub struct Begun {
    run: Run,
    request: Request,
    folder: PathBuf,
    lock: run_folder::Lock,
    subjects: Vec<Subject>,
}

/// Finds a run, and refuses it when what was asked is not what would be asked now.
///
/// # Errors
/// When the folder is no run's, another lab is at work there, or a scenario or a store is another one now.
pub fn find(dir: &Path, external: &ExternalStores) -> Result<Begun, Failure> {
    let folder = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let run = run_folder::load(&folder)?;
    let lock = run_folder::lock(&folder)?;
    let request = run.request.clone().ok_or_else(|| {
        Failure::usage(anyhow!(
            "{}: this run was begun by an older lab, which did not write down what was left to do; run the comparison anew",
            folder.display()
        ))
    })?;
    let now = stores(external);
    for option in ["--redis-url", "--postgres-url"] {
        let (then, now) = (request.stores.get(option), now.get(option));
        if then != now {
            let tell = |url: Option<&String>| url.map_or("none".to_owned(), Clone::clone);
            return Err(differs(&folder, option, &tell(then), &tell(now)));
        }
    }
    let subjects = request
        .scenarios
        .iter()
        .map(|reference| subject(&folder, reference, run.quick))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Begun { run, request, folder, lock, subjects })
}

/// Keeps what is whole and clears away what is not.
///
/// # Errors
/// When programs or machine are others now, or a journal is not of this run.
pub fn go_on(begun: Begun, now: Environment) -> Result<Ready, Failure> {
    let Begun { mut run, request, folder, lock, subjects } = begun;
    same_build(&folder, &run.environment, &now)?;
    let lab = run_folder::own_digest()?;
    if lab != request.lab_sha256 {
        return Err(differs(
            &folder,
            "lab (SHA-256)",
            &request.lab_sha256[..12.min(request.lab_sha256.len())],
            &lab[..12],
        ));
    }
    let mut kept: Vec<TrialRef> = Vec::new();
    for trial in &request.trials {
        let Some(subject) = subjects.iter().find(|subject| subject.scenario.name == trial.scenario) else {
            continue;
        };
        let failed = run.trials.iter().any(|there| there.order == trial.order && there.failed.is_some());
        let path = folder.join(run_folder::trial_dir(trial));
        if !failed && is_whole(&path, &run.id, trial, &subject.scenario, seed(&request, trial))? {
            kept.push(reference(trial, None));
        } else if path.exists() {
            note(&format!("trial {} was not completed, and is run again", trial.order));
            fs::remove_dir_all(&path).map_err(|e| DriverError::io(&path, e))?;
        }
    }
    note(&format!("{}: {} of {} trials are there", run.id, kept.len(), request.trials.len()));
    run.resumed.push(Resumed {
        at_unix_ms: run_folder::unix_ms(),
        kept: u32::try_from(kept.len()).unwrap_or(u32::MAX),
    });
    run.trials = kept;
    run.interrupted = false;
    run_folder::save(&folder, &run)?;
    if let Some(out) = folder.parent() {
        run_folder::point_latest(out, &run.id);
    }
    let router = match request.router.as_str() {
        "haproxy" => RouterKind::Haproxy,
        _ => RouterKind::Builtin,
    };
    Ok(Ready { run, folder, lock, subjects, router })
}

fn differs(folder: &Path, what: &str, then: &str, now: &str) -> Failure {
    Failure::usage(anyhow!(
        "{}: cannot be gone on with: {what} was {then} when it began and is {now} now, so old and new trials could not stand side by \
         side; restore it, or run the comparison anew",
        folder.display()
    ))
}

/// The scenario from the run's own copy, which must be what it was, and what its name leads to now.
fn subject(folder: &Path, reference: &ScenarioRef, quick: bool) -> Result<Subject, Failure> {
    let path = scenario_file(folder, &reference.name);
    let text = fs::read_to_string(&path).map_err(|e| Failure::usage(anyhow!("{}: {e}", path.display())))?;
    let short = |digest: &str| format!("SHA-256 {}", &digest[..12.min(digest.len())]);
    let differs = |what: String, text: &str| {
        differs(folder, &what, &short(&reference.sha256), &short(&run_folder::digest(text.as_bytes())))
    };
    if run_folder::digest(text.as_bytes()) != reference.sha256 {
        return Err(differs(format!("its copy of the scenario, {},", path.display()), &text));
    }
    // A file that is gone changes nothing: the run has its own copy.
    if let Ok(now) = scenarios::find(&reference.asked)
        && now.text != text
    {
        return Err(differs(format!("the scenario {}", now.origin), &now.text));
    }
    let scenario = Scenario::parse(&path.display().to_string(), &text).map_err(Failure::usage)?;
    let scenario = if quick { scenario.quick() } else { scenario };
    let source = Source { asked: reference.asked.clone(), origin: path.display().to_string(), text };
    Ok(Subject { scenario, source })
}

/// Everything that may move a figure. What the kernel counts anew at every moment is left out.
fn same_build(folder: &Path, then: &Environment, now: &Environment) -> Result<(), Failure> {
    let facts = |e: &Environment| {
        let mut facts = vec![
            ("the processor".to_owned(), e.cpu_model.clone()),
            ("the number of processors".to_owned(), e.cpus.to_string()),
            ("the kernel".to_owned(), e.kernel.clone()),
        ];
        let limits = e.cgroup_limits.iter().map(|(name, value)| (format!("the limit {name}"), value.clone()));
        facts.extend(limits);
        facts.extend(e.programs.iter().map(|(name, value)| (name.clone(), value.clone())));
        let short = |digest: &String| format!("SHA-256 {}", digest.get(..12).unwrap_or(digest));
        facts.extend(e.binaries.iter().map(|(name, digest)| (name.clone(), short(digest))));
        facts
    };
    let (then, now) = (facts(then), facts(now));
    let value = |facts: &[(String, String)], name: &str| {
        facts.iter().find(|(known, _)| known == name).map_or("absent".to_owned(), |(_, value)| value.clone())
    };
    for (name, _) in then.iter().chain(&now) {
        let (then, now) = (value(&then, name), value(&now, name));
        if then != now {
            return Err(differs(folder, name, &then, &now));
        }
    }
    Ok(())
}

/// Whether a trial's journal is sealed, its trial ran to its end, and it is the trial that is asked for.
fn is_whole(
    dir: &Path,
    run: &str,
    trial: &PlannedTrial,
    scenario: &Scenario,
    seed: u64,
) -> Result<bool, Failure> {
    let path = dir.join(JOURNAL_FILE);
    let Ok(file) = File::open(&path) else { return Ok(false) };
    let mut reader = match Reader::new(BufReader::with_capacity(1 << 18, file)) {
        Ok(reader) => reader,
        Err(e @ JournalError::Newer { .. }) => {
            return Err(Failure::usage(anyhow!("{}: {e}", path.display())));
        }
        Err(_) => return Ok(false),
    };
    if let Some(what) = stranger(reader.header(), run, trial, scenario, seed) {
        return Err(Failure::usage(anyhow!(
            "{}: is not of the trial that belongs here: its {what} is another one; remove the folder {} to have that trial run anew",
            path.display(),
            dir.display()
        )));
    }
    let broken_off =
        |event: &Event| matches!(event, Event::Generator(GeneratorEvent { interrupted: true, .. }));
    Ok(reader.all(|entry| entry.is_ok_and(|entry| !broken_off(&entry.event))))
}

/// What a journal's header says of another trial.
fn stranger(
    header: &Header,
    run: &str,
    trial: &PlannedTrial,
    scenario: &Scenario,
    seed: u64,
) -> Option<&'static str> {
    let found = [
        ("scenario", header.scenario == *scenario),
        ("seed", header.seed == seed),
        ("plan", header.plan_sha256 == Plan::new(scenario, seed).digest()),
    ];
    let planned = reference(trial, None).stranger(run, header);
    planned.or_else(|| found.into_iter().find(|(_, same)| !same).map(|(what, _)| what))
}
