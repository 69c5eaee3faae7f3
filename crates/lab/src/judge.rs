//! From a run's folder to its verdict: every journal is read and judged, and the reports are written beside it. `lab compare`
//! and `lab report` do the same here, so that an old run gives the same bytes.

use crate::args::ReportArgs;
use crate::failure::{Exit, Failure};
use crate::run_folder;
use crate::stored;
use crate::terminal::{coloured, note, say, width};
use analysis::{Fate, Judged, TrialFindings, Verdict};
use anyhow::anyhow;
use driver::{DriverError, JOURNAL_FILE};
use journal::{Header, JournalError, Reader, Run, TrialRef};
use report::{JudgedTrial, Results, Style};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// How many shoppers' stories are looked at to find the most telling one.
const WITNESSES: usize = 8;

/// The files that a run leaves, besides its trials' folders.
pub const RESULTS_FILE: &str = "results.json";
pub const HTML_FILE: &str = "report.html";
const MARKDOWN_FILE: &str = "report.md";
const STEP_SUMMARY_FILE: &str = "step-summary.md";
const JUNIT_FILE: &str = "junit.xml";
const BENCHMARKS_FILE: &str = "benchmarks.json";
const BENCHER_FILE: &str = "bencher.json";
const SERIES_FILE: &str = "timeline.csv";
const LATENCIES_FILE: &str = "latencies.hlog";
const DISTRIBUTIONS_DIR: &str = "hgrm";

/// Judges a run again from its journals.
///
/// # Errors
/// When the folder is no run's, or a newer lab wrote it.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let run = run_folder::load(&args.dir)?;
    refuse_newer_results(&args.dir)?;
    let results = judge_run(&args.dir, &run)?;
    write_reports(&args.dir, &results)?;
    if args.hgrm {
        write_distributions(&args.dir, &run)?;
    }
    show(&args.dir, &results, args.json);
    Ok(exit(&results))
}

/// A newer lab's results are not overwritten with an older one's. Damaged ones are.
fn refuse_newer_results(folder: &Path) -> Result<(), Failure> {
    match stored::read(&folder.join(RESULTS_FILE)) {
        Err(stored::Unreadable { newer: true, error }) => Err(Failure::usage(error)),
        _ => Ok(()),
    }
}

/// Reads and judges every journal of a run.
///
/// # Errors
/// When a newer lab wrote a journal. Any other damage makes its trial inconclusive.
pub fn judge_run(folder: &Path, run: &Run) -> Result<Results, Failure> {
    let mut run = run.clone();
    let mut trials = Vec::new();
    let mut latencies = report::hlog_head(run.started_unix_ms);
    let mut series = report::csv_head();
    for trial in &mut run.trials {
        if trial.failed.is_some() {
            continue;
        }
        match judge_trial(folder, &run.id, trial) {
            Ok((header, Judged { findings, intervals, .. })) => {
                latencies += &report::hlog_lines(&header, &intervals);
                series += &report::csv_lines(&findings, &header.scenario.phases, &intervals);
                trials.push(JudgedTrial { header, findings });
            }
            Err((path, e @ JournalError::Newer { .. })) => {
                return Err(Failure::usage(anyhow!("{}: {e}", path.display())));
            }
            Err((path, e)) => {
                note(&format!("{}: {e}", path.display()));
                trial.failed = Some(e.to_string());
            }
        }
    }
    run_folder::write_whole(&folder.join(LATENCIES_FILE), &latencies)?;
    run_folder::write_whole(&folder.join(SERIES_FILE), &series)?;
    let fates = fates(folder, &run, &trials);
    Ok(Results::new(&run, trials, fates))
}

type Unreadable = (PathBuf, JournalError);

fn open(folder: &Path, run: &str, trial: &TrialRef) -> Result<Reader<BufReader<File>>, Unreadable> {
    // The folder's name comes from a file that may have been edited: it must not lead elsewhere.
    let name = Path::new(&trial.dir).file_name().unwrap_or_default();
    let path = folder.join(name).join(JOURNAL_FILE);
    let file = File::open(&path).map_err(|source| (path.clone(), JournalError::Io { line: 1, source }))?;
    let reader = match Reader::new(BufReader::with_capacity(1 << 18, file)) {
        Ok(reader) => reader,
        Err(e) => return Err((path, e)),
    };
    match trial.stranger(run, reader.header()) {
        Some(what) => Err((path, JournalError::Stranger { what })),
        None => Ok(reader),
    }
}

fn judge_trial(folder: &Path, run: &str, trial: &TrialRef) -> Result<(Header, Judged), Unreadable> {
    let reader = open(folder, run, trial)?;
    let header = reader.header().clone();
    let judged = analysis::judge_with_histograms(&header, reader);
    Ok((header, judged))
}

/// Writes the percentile distributions of every trial as text.
fn write_distributions(folder: &Path, run: &Run) -> Result<(), Failure> {
    let into = folder.join(DISTRIBUTIONS_DIR);
    fs::create_dir_all(&into).map_err(|e| DriverError::io(&into, e))?;
    for trial in run.trials.iter().filter(|trial| trial.failed.is_none()) {
        // One that cannot be read was told of when it was judged.
        let Ok((header, judged)) = judge_trial(folder, &run.id, trial) else { continue };
        for (name, text) in report::hgrm(&header, &judged.histograms) {
            run_folder::write_whole(&into.join(name), &text)?;
        }
    }
    Ok(())
}

/// The stories of a few shoppers of each scenario, told on every stack.
fn fates(folder: &Path, run: &Run, trials: &[JudgedTrial]) -> Vec<Fate> {
    let mut told = Vec::new();
    let mut scenarios: Vec<&str> = trials.iter().map(|t| t.findings.identity.scenario.as_str()).collect();
    scenarios.dedup();
    for scenario in scenarios {
        let of_scenario = |t: &&JudgedTrial| t.findings.identity.scenario == scenario;
        let findings: Vec<&TrialFindings> = trials.iter().filter(of_scenario).map(|t| &t.findings).collect();
        for witness in report::witnesses(&findings, WITNESSES) {
            let same =
                |t: &&TrialRef| t.scenario == scenario && t.repeat == witness.repeat && t.failed.is_none();
            for trial in run.trials.iter().filter(same) {
                if let Ok(reader) = open(folder, &run.id, trial) {
                    let header = reader.header().clone();
                    told.push(analysis::fate(&header, reader, witness.shopper));
                }
            }
        }
    }
    told
}

/// Writes `results.json`, the reports, and what other tools read.
///
/// # Errors
/// Those of the file system.
pub fn write_reports(folder: &Path, results: &Results) -> Result<(), Failure> {
    for (file, text) in [
        (RESULTS_FILE, report::json(results)),
        (MARKDOWN_FILE, report::markdown(results)),
        (STEP_SUMMARY_FILE, report::step_summary(results)),
        (HTML_FILE, report::html(results)),
        (JUNIT_FILE, report::junit(results)),
        (BENCHMARKS_FILE, report::github_action_benchmark(results)),
        (BENCHER_FILE, report::bencher(results)),
    ] {
        run_folder::write_whole(&folder.join(file), &text)?;
    }
    Ok(())
}

/// Prints the table, or the JSON, and where the rest is.
pub fn show(folder: &Path, results: &Results, json: bool) {
    if json {
        say(&report::json(results));
        return;
    }
    say(&report::terminal(results, Style { color: coloured(), width: width() }));
    say(&format!("\nreport: {}\n", folder.join(HTML_FILE).display()));
}

/// What the verdict says to whoever started the lab.
pub fn exit(results: &Results) -> Exit {
    match results.verdict {
        Verdict::Holds | Verdict::Unpromised => Exit::Held,
        Verdict::Broken => Exit::Broke,
        Verdict::Inconclusive => Exit::Inconclusive,
    }
}
