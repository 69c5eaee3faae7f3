//! `lab advise`: what the user knows of a service, joined with what a run has measured. The arithmetic is `report::Advice`'s; here
//! files are read and questions asked.

mod ask;
mod input;

pub use input::Flags;

use crate::args::AdviseArgs;
use crate::failure::{Exit, Failure};
use crate::judge::RESULTS_FILE;
use crate::stored;
use crate::terminal::{coloured, say, width};
use anyhow::anyhow;
use report::{Advice, Facts, Service, Style};
use std::path::{Path, PathBuf};

/// Where `just publish` keeps runs.
const PUBLISHED: &str = "results/published";

/// Advises.
///
/// # Errors
/// When the input is wrong, or the results cannot be read.
pub fn advise(args: &AdviseArgs) -> Result<Exit, Failure> {
    let service = service(args)?;
    let path = results_file(&args.results);
    let results = stored::read(&path).map_err(|unreadable| Failure::usage(unreadable.error))?;
    let advice = Advice::new(Facts::of(&results), service);
    if args.json {
        say(&report::advice_json(&advice));
    } else {
        say(&report::advice_terminal(&advice, Style { color: coloured(), width: width() }));
    }
    Ok(if advice.is_given() { Exit::Held } else { Exit::Inconclusive })
}

/// What the file says, then what the flags say, then, where something is missing and somebody sits there, what they answer.
fn service(args: &AdviseArgs) -> Result<Service, Failure> {
    let mut answers = match &args.file {
        Some(path) => input::read(path)?,
        None => input::Answers::default(),
    };
    answers.overrule(&args.flags);
    if !answers.missing().is_empty() && args.file.is_none() && ask::is_possible() {
        ask::the_rest(&mut answers)?;
    }
    let missing = answers.missing();
    if missing.is_empty() {
        return answers
            .service()
            .map_err(|missing| Failure::usage(anyhow!("missing: {}", missing.join(", "))));
    }
    let flags: Vec<String> = missing.iter().map(|key| input::flag(key)).collect();
    let told = match &args.file {
        Some(path) => anyhow!(
            "{}: {} {} missing; write '{} = ...' ('lab schema advice' describes every key)",
            path.display(),
            missing.join(", "),
            if missing.len() == 1 { "is" } else { "are" },
            missing[0]
        ),
        None if answers.is_empty() => anyhow!(
            "nothing is known of your service: name a file (docs/advice.md shows one), or give {}; on a terminal 'lab advise' asks",
            flags.join(", ")
        ),
        None => anyhow!(
            "not enough is known of your service: give {}, too; on a terminal 'lab advise' asks",
            flags.join(", ")
        ),
    };
    Err(Failure::usage(told))
}

/// A run's folder, its `results.json`, or the name of a run that was published.
fn results_file(given: &Path) -> PathBuf {
    let published = Path::new(PUBLISHED).join(given);
    let found = if given.exists() || !published.exists() { given.to_owned() } else { published };
    if found.is_dir() || found.extension().is_none() { found.join(RESULTS_FILE) } else { found }
}
