//! What is known of a whole run besides its journals: the machine, the command, which trials there are. Kept as `run.json` in
//! the results folder, written again after each trial, so that `lab report` can judge the folder years later.

use crate::event::Header;
use scenario::Stack;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format's version; a reader refuses a newer one.
pub const RUN_FORMAT: u32 = 1;

/// A run: one call of `lab compare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`RUN_FORMAT`] of the writer.
    pub format: u32,
    /// The run's id, which is its folder's name.
    pub id: String,
    /// When it began, milliseconds since 1970 UTC.
    pub started_unix_ms: u64,
    /// The command as typed, without secrets.
    pub command: String,
    /// Whether `--quick` halved the times.
    pub quick: bool,
    /// The machine and the build.
    pub environment: Environment,
    /// The trials, in the order in which they ran.
    pub trials: Vec<TrialRef>,
    /// What was asked for and could not be run, or was left out by default.
    pub left_out: Vec<LeftOut>,
    /// The user broke the run off.
    pub interrupted: bool,
    /// What was to be done, so that a run that was broken off can be gone on with; absent in runs of older labs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// Each time at which it was gone on with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumed>,
}

/// What a run is to do, settled before its first trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Repeat `n` has the seed `seed + n - 1`.
    pub seed: u64,
    /// Who sits in the router's seat: `builtin` or `haproxy`.
    pub router: String,
    /// The stores that were there already, by the option that named them, without passwords.
    pub stores: BTreeMap<String, String>,
    /// SHA-256 of the lab's own executable, in hexadecimal: it makes the load.
    pub lab_sha256: String,
    /// The scenarios in their order; each one's text is kept in the run's folder, in a file of its name.
    pub scenarios: Vec<ScenarioRef>,
    /// Every trial, in order.
    pub trials: Vec<PlannedTrial>,
}

/// Where a scenario came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioRef {
    /// Its name.
    pub name: String,
    /// The name or path by which it was asked for.
    pub asked: String,
    /// SHA-256 of its text, in hexadecimal.
    pub sha256: String,
}

/// A trial that is to be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTrial {
    /// The scenario's name.
    pub scenario: String,
    /// The architecture.
    pub stack: Stack,
    /// Which of several columns of the same stack, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replica: u32,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// Place in the order of all trials, from 1.
    pub order: u32,
}

/// A run was gone on with after it had been broken off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// When, milliseconds since 1970 UTC.
    pub at_unix_ms: u64,
    /// How many trials were whole and were kept.
    pub kept: u32,
}

/// Where a trial's files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRef {
    /// The scenario's name.
    pub scenario: String,
    /// The architecture.
    pub stack: Stack,
    /// Which of several columns of the same stack, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replica: u32,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// Place in the order of all trials, from 1.
    pub order: u32,
    /// The trial's folder, relative to the run's: it holds `journal.jsonl`, `scenario.toml` and `logs/`.
    pub dir: String,
    /// Why the trial never got a journal: a process that did not start, for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl TrialRef {
    /// What a journal's header says that makes it another trial's than this one's of the run; nothing for its own. A seal cannot
    /// tell: a journal in the wrong folder is whole.
    pub fn stranger(&self, run: &str, header: &Header) -> Option<&'static str> {
        let found = [
            ("run", header.run == run),
            ("scenario", header.scenario.name == self.scenario),
            ("stack", (header.stack, header.replica) == (self.stack, self.replica)),
            ("repeat", header.repeat == self.repeat),
            ("place in the order", header.order == self.order),
        ];
        found.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A stack that was not run, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// The stack's name.
    pub stack: String,
    /// Why, and what would change that.
    pub why: String,
}

/// The machine and the build that made the numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// The processor's model.
    pub cpu_model: String,
    /// How many processors the lab may use.
    pub cpus: u32,
    /// The control group's limits on processors and memory, as the kernel prints them; empty without.
    pub cgroup_limits: BTreeMap<String, String>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel and its version.
    pub kernel: String,
    /// Distribution.
    pub os: String,
    /// Load average over one minute before the run.
    pub load_before: f64,
    /// The limit on open files.
    pub open_files: u64,
    /// The compiler that built the lab.
    pub rustc: String,
    /// `debug` or `release`.
    pub profile: String,
    /// The lab's version.
    pub lab_version: String,
    /// The commit that the lab was built from; `unknown` outside a checkout.
    pub git_commit: String,
    /// Whether the checkout had no uncommitted change.
    pub git_clean: bool,
    /// SHA-256 of `Cargo.lock`, in hexadecimal.
    pub cargo_lock_sha256: String,
    /// SHA-256 of the programs under test, in hexadecimal, by name; they are the same in every trial of a run.
    #[serde(default)]
    pub binaries: BTreeMap<String, String>,
    /// Versions of the programs that the lab starts, by name.
    pub programs: BTreeMap<String, String>,
}
