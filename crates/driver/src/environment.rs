//! The machine that makes the numbers.

use crate::program::Program;
use journal::Environment;
use std::collections::BTreeMap;
use std::fs;

/// What only the build knows.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// The compiler.
    pub rustc: String,
    /// `debug` or `release`.
    pub profile: String,
    /// The lab's version.
    pub version: String,
    /// The commit; `unknown` outside a checkout.
    pub git_commit: String,
    /// Whether the checkout had no uncommitted change.
    pub git_clean: bool,
    /// SHA-256 of `Cargo.lock`.
    pub cargo_lock_sha256: String,
    /// SHA-256 of the programs under test, by name.
    pub binaries: BTreeMap<String, String>,
}

/// Looks at the machine.
pub fn environment(build: Build) -> Environment {
    let first = |path: &str, key: &str| -> Option<String> {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once([':', '='])?.1.trim().trim_matches('"').to_owned())
    };
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned());
    let memory_kb =
        first("/proc/meminfo", "MemTotal").and_then(|kb| kb.split(' ').next()?.parse::<u64>().ok());
    let cgroup_limits = ["cpu.max", "memory.max"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), read(&format!("/sys/fs/cgroup/{name}")).ok()?)))
        .collect::<BTreeMap<_, _>>();
    let programs = Program::ALL
        .into_iter()
        .filter_map(|program| Some((program.executable().to_owned(), program.version().ok()?)))
        .collect();
    Environment {
        cpu_model: first("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cpus: std::thread::available_parallelism().map_or(0, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        cgroup_limits,
        memory_bytes: memory_kb.unwrap_or(0) * 1024,
        kernel: format!(
            "{} {}",
            std::env::consts::OS,
            read("/proc/sys/kernel/osrelease").unwrap_or_default()
        ),
        os: first("/etc/os-release", "PRETTY_NAME").unwrap_or_default(),
        load_before: read("/proc/loadavg")
            .ok()
            .and_then(|l| l.split(' ').next()?.parse().ok())
            .unwrap_or(0.0),
        open_files: open_files_limit(),
        rustc: build.rustc,
        profile: build.profile,
        lab_version: build.version,
        git_commit: build.git_commit,
        git_clean: build.git_clean,
        cargo_lock_sha256: build.cargo_lock_sha256,
        binaries: build.binaries,
        programs,
    }
}

/// How many files this process may raise its limit to.
pub fn open_files_limit() -> u64 {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard)
}
