//! `lab index`: a page of many runs.

use crate::args::IndexArgs;
use crate::failure::{Exit, Failure};
use crate::judge::{HTML_FILE, RESULTS_FILE};
use crate::run_folder::{self, RUN_FILE};
use crate::stored;
use crate::terminal::{note, say};
use anyhow::anyhow;
use report::{FoundRun, Index, Unreadable};
use std::fs;
use std::path::{Path, PathBuf};

/// Runs that are kept under version control.
const PUBLISHED: &str = "published";

/// Reads every run's results and writes `index.html` and `index.json` beside them.
///
/// # Errors
/// When the folder cannot be read or written, or holds no run. A run that cannot be read is told of on the page.
pub fn index(args: &IndexArgs) -> Result<Exit, Failure> {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    let folders = folders(&args.dir, "")?;
    let published = match args.dir.join(PUBLISHED) {
        path if path.is_dir() => self::folders(&path, "published/")?,
        _ => Vec::new(),
    };
    for (folder, path) in folders.into_iter().chain(published) {
        let file = path.join(RESULTS_FILE);
        if !file.exists() && !path.join(RUN_FILE).exists() {
            continue;
        }
        match stored::read(&file) {
            Ok(results) => {
                let has_report = path.join(HTML_FILE).is_file();
                found.push(FoundRun { folder, has_report, results });
            }
            Err(stored::Unreadable { error, .. }) => {
                note(&format!("error: {error:#}"));
                let why = format!("{error:#}").replace(&path.display().to_string(), "");
                unreadable.push(Unreadable { folder, why: why.trim_start_matches('/').to_owned() });
            }
        }
    }
    if found.is_empty() && unreadable.is_empty() {
        return Err(Failure::usage(anyhow!(
            "{}: no folder in it holds a {RESULTS_FILE}; 'lab compare' makes a run, 'lab report' its results",
            args.dir.display()
        )));
    }
    let doubtful = !unreadable.is_empty();
    let index = Index::new(found, unreadable);
    run_folder::write_whole(&args.dir.join("index.json"), &report::index_json(&index))?;
    let page = args.dir.join("index.html");
    run_folder::write_whole(&page, &report::index_html(&index))?;
    let runs = index.runs.len();
    say(&format!("{runs} {}: {}\n", if runs == 1 { "run" } else { "runs" }, page.display()));
    Ok(if doubtful { Exit::Inconclusive } else { Exit::Held })
}

/// The folders in a folder, with their names as the page will link them. `latest` is a second name of another one.
fn folders(dir: &Path, before: &str) -> Result<Vec<(String, PathBuf)>, Failure> {
    let listed = fs::read_dir(dir).map_err(|e| {
        Failure::usage(anyhow!("{}: {e}; name a folder of runs, such as 'results'", dir.display()))
    })?;
    let real = listed.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let named = real.map(|entry| (format!("{before}{}", entry.file_name().to_string_lossy()), entry.path()));
    let mut all: Vec<(String, PathBuf)> = named.collect();
    all.sort();
    Ok(all)
}
