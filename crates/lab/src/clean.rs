//! `lab clean`: what killed runs left behind, and on demand the results.

use crate::args::CleanArgs;
use crate::failure::{Exit, Failure};
use crate::run_folder::RUN_FILE;
use crate::terminal::say;
use driver::DriverError;
use std::fs;
use std::path::PathBuf;

/// Removes it.
///
/// # Errors
/// When something may not be removed.
pub fn clean(args: &CleanArgs) -> Result<Exit, Failure> {
    let verb = if args.dry_run { "would remove" } else { "removed" };
    let leftovers = driver::leftovers();
    for leftover in &leftovers {
        if !args.dry_run {
            driver::remove(leftover).map_err(|e| Failure::environment(anyhow::anyhow!("{leftover}: {e}")))?;
        }
        say(&format!("{verb} {leftover}\n"));
    }
    let runs = match &args.results {
        None => Vec::new(),
        Some(folder) => {
            let entries = fs::read_dir(folder).map_err(|e| DriverError::io(folder, e))?;
            // Only folders that hold a run with journals; a link such as `latest` and published summaries stay.
            let mut runs: Vec<PathBuf> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.is_dir() && !path.is_symlink() && path.join(RUN_FILE).is_file())
                .collect();
            runs.sort();
            runs
        }
    };
    for run in &runs {
        if !args.dry_run {
            fs::remove_dir_all(run).map_err(|e| DriverError::io(run, e))?;
        }
        say(&format!("{verb} {}\n", run.display()));
    }
    if leftovers.is_empty() && runs.is_empty() {
        say("nothing to remove\n");
    }
    Ok(Exit::Held)
}
