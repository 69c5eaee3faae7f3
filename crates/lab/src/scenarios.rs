//! Where scenarios are found: a path, the folder `scenarios`, or those that the lab was built with.

use crate::failure::Failure;
use crate::text_file;
use anyhow::anyhow;
use scenario::Scenario;
use std::fs;
use std::path::{Path, PathBuf};

/// Names with the texts of their files.
macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*]
    };
}

/// The scenarios that the lab was built with, in the order in which they are told.
const BUILT_IN: &[(&str, &str)] = built_in![
    "server-kill",
    "server-restart",
    "server-hang",
    "crash-loop",
    "slow-server",
    "all-quiet",
    "simplicity",
    "session-growth-10k",
    "session-growth-100k",
    "session-growth-1m",
    "no-affinity",
    "any-server",
    "rolling-deploy",
    "rolling-deploy-drained",
    "scale-out",
    "scale-out-hashed",
    "scale-in",
    "hot-server",
    "traffic-spike",
    "store-outage",
    "store-hang",
    "store-restart",
    "store-evicts",
    "slow-store",
    "store-failover-redis",
    "store-failover-postgres",
    "dr-cold",
    "dr-pilot-light",
    "dr-warm",
    "dr-hot",
    "two-tabs",
    "logout-race",
    "response-lost",
    "response-lost-with-key",
    "client-held",
    "key-replaced",
    "theft-after-logout",
    "find-session",
];

/// What `lab compare` runs when nothing is named.
pub const CORE: [&str; 4] = ["server-kill", "rolling-deploy", "scale-out", "store-outage"];

/// Scenarios that take so long that everything else would no longer fit the time of a suite: run by their names alone.
pub const ALONE: [&str; 1] = ["session-growth-1m"];

/// Larger than any scenario.
const MOST_BYTES: u64 = 1 << 20;

/// A folder of the user's own files.
const FOLDER: &str = "scenarios";

/// A scenario with the text that it was read from.
pub struct Source {
    /// The name or path by which it was asked for.
    pub asked: String,
    /// The file's path, or `built in`.
    pub origin: String,
    /// The text.
    pub text: String,
}

/// Finds a scenario's text by its name or path.
///
/// # Errors
/// When there is none; the nearest name is suggested.
pub fn find(name: &str) -> Result<Source, Failure> {
    let looks_like_path = name.contains('/') || name.ends_with(".toml");
    let path =
        if looks_like_path { PathBuf::from(name) } else { Path::new(FOLDER).join(format!("{name}.toml")) };
    match text_file::read(&path, MOST_BYTES) {
        Ok(text) => {
            return Ok(Source { asked: name.to_owned(), origin: path.display().to_string(), text });
        }
        Err(e) if looks_like_path || path.exists() => {
            return Err(Failure::usage(anyhow!(
                "{}: {e}; 'lab list' shows the scenarios there are",
                path.display()
            )));
        }
        Err(_) => {}
    }
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
    built_in
        .map(|(name, text)| Source {
            asked: (*name).to_owned(),
            origin: format!("{name} (built in)"),
            text: (*text).to_owned(),
        })
        .ok_or_else(|| {
            let near = names()
                .into_iter()
                .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
            let hint = near.filter(|near| strsim::jaro_winkler(name, near) > 0.7);
            let hint = hint.map_or(String::new(), |near| format!(" (did you mean '{near}'?)"));
            Failure::usage(anyhow!(
                "unknown scenario '{name}'{hint}; there are: {}; a path to a file works too",
                names().join(", ")
            ))
        })
}

/// Finds and reads a scenario.
///
/// # Errors
/// When there is none, or it has a mistake; the error names file and line.
pub fn load(name: &str) -> Result<(Scenario, Source), Failure> {
    let source = find(name)?;
    let scenario = Scenario::parse(&source.origin, &source.text).map_err(Failure::usage)?;
    Ok((scenario, source))
}

/// The names of those that are built in, in their order.
pub fn built_in() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// What `lab compare --all` runs.
pub fn suite() -> impl Iterator<Item = &'static str> {
    built_in().filter(|name| !ALONE.contains(name))
}

/// The names of all scenarios: those built in, then those of the folder.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = built_in().map(str::to_owned).collect();
    let files = fs::read_dir(FOLDER).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut own: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| !names.contains(name))
        .collect();
    own.sort();
    names.extend(own);
    names
}
