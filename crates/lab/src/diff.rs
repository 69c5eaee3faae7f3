//! `lab diff`: what changed between two runs, and whether it got worse.

use crate::args::{DiffArgs, DiffFormat};
use crate::failure::{Exit, Failure};
use crate::judge::RESULTS_FILE;
use crate::run_folder;
use crate::stored;
use crate::terminal::say;
use report::{Diff, Gate, Given, Results};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A scenario file is some kilobytes long.
const MOST_OF_A_SCENARIO: u64 = 1 << 20;

/// Compares two runs.
///
/// # Errors
/// When one of them cannot be read, or the output not written.
pub fn diff(args: &DiffArgs) -> Result<Exit, Failure> {
    let (before, before_scenarios) = load(&args.before)?;
    let (after, after_scenarios) = load(&args.after)?;
    let gates: Vec<Gate> = args.fail_on.iter().flat_map(|gates| gates.0.clone()).collect();
    let (before_name, after_name) = (args.before.display().to_string(), args.after.display().to_string());
    let diff = Diff::new(
        Given { name: &before_name, results: &before, scenarios: &before_scenarios },
        Given { name: &after_name, results: &after, scenarios: &after_scenarios },
        &gates,
    );
    let text = match args.format {
        DiffFormat::Terminal => report::diff_terminal(&diff),
        DiffFormat::Markdown => report::diff_markdown(&diff),
        DiffFormat::Json => report::diff_json(&diff),
    };
    match &args.out {
        Some(path) => run_folder::write_whole(path, &text)?,
        None => say(&text),
    }
    Ok(match diff.exit_code(args.anyway) {
        0 => Exit::Held,
        1 => Exit::Broke,
        _ => Exit::Inconclusive,
    })
}

/// The results, and the scenario files beside them.
fn load(path: &Path) -> Result<(Results, BTreeMap<String, String>), Failure> {
    let (file, folder): (PathBuf, &Path) = if path.is_dir() {
        (path.join(RESULTS_FILE), path)
    } else {
        (path.to_owned(), path.parent().unwrap_or(Path::new(".")))
    };
    let results = stored::read(&file).map_err(|unreadable| Failure::usage(unreadable.error))?;
    let texts = results.scenarios.iter().filter_map(|scenario| {
        // The name comes from a file that anybody may have made: it must not lead elsewhere.
        let name = &scenario.name;
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let path = folder.join(format!("{name}.toml"));
        let small =
            plain && path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() < MOST_OF_A_SCENARIO);
        let text = if small { fs::read_to_string(&path).ok()? } else { return None };
        Some((name.clone(), text))
    });
    let texts = texts.collect();
    Ok((results, texts))
}
