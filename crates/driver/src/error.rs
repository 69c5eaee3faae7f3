//! What can keep a trial from running, in words that say what to do.

use std::path::{Path, PathBuf};

/// Why a trial could not be run.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A program that the trial needs is not installed.
    #[error("{program} is not installed: looked on PATH{also}; install it with 'just setup' ({hint})")]
    Missing {
        /// The program.
        program: String,
        /// Where else it was looked for.
        also: String,
        /// The command that installs it here.
        hint: String,
    },
    /// One of the lab's own programs is not where it should be.
    #[error("{program} is not beside {lab}; build the whole workspace: cargo build --workspace")]
    NotBuilt {
        /// The program.
        program: String,
        /// Where the lab's own executable is.
        lab: String,
    },
    /// One of the programs under test is not what it was when the run began.
    #[error(
        "{program} was built anew during the run (SHA-256 {before}, now {now}): its trials would not be of one program; build \
         first, then run"
    )]
    Changed {
        /// The program.
        program: String,
        /// The beginning of its digest when the run began.
        before: String,
        /// The same now.
        now: String,
    },
    /// A child did not do what it was waited for.
    #[error("{process}: {what}{log}")]
    Child {
        /// Its name.
        process: String,
        /// What was waited for, and what came instead.
        what: String,
        /// The end of its log, when there is one.
        log: String,
    },
    /// A store that somebody else runs cannot be used.
    #[error("{url}: {what}; check the URL, or leave the option out and the lab starts its own {store}")]
    ExternalStore {
        /// The URL without its password.
        url: String,
        /// `redis` or `postgres`.
        store: String,
        /// Why.
        what: String,
    },
    /// A file or folder cannot be used.
    #[error("{path}: {source}; {remedy}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// What to do.
        remedy: String,
    },
    /// The limit on open files is too low for the load.
    #[error(
        "this needs {needed} open files at once and the limit is {limit}; raise it with 'ulimit -n {needed}' or use fewer shoppers"
    )]
    OpenFiles {
        /// How many are needed.
        needed: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The router in the seat cannot do what the stack asks.
    #[error("{0}")]
    Unsupported(String),
    /// The machine cannot do what is needed.
    #[error("{0}")]
    Machine(String),
    /// The user broke it off before the load began.
    #[error("interrupted")]
    Interrupted,
}

impl DriverError {
    /// A file error with its remedy.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        let remedy = match source.kind() {
            std::io::ErrorKind::StorageFull => {
                "the disk is full: free some space, or choose another folder with --out"
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "it cannot be written: change its permissions, or choose another folder with --out"
            }
            _ => "check the path, or choose another folder with --out",
        };
        Self::Io { path: path.to_owned(), source, remedy: remedy.to_owned() }
    }

    /// A child's failure, with the end of its log.
    pub fn child(process: &str, what: impl Into<String>, log: &Path) -> Self {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(12)..].join("\n  ");
        let log = if tail.is_empty() { String::new() } else { format!("\n  the end of its log:\n  {tail}") };
        Self::Child { process: process.to_owned(), what: what.into(), log }
    }
}
