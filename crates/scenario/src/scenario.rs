//! A scenario as resolved: every default filled in, every range checked.

use crate::expect::{Expectation, SteadyState};
use crate::load::Load;
use crate::phase::Phases;
use crate::stack::Stack;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One question put to several architectures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, the same as its file's.
    pub name: String,
    /// What it asks, in a sentence.
    pub question: String,
    /// The claims that it tests, by their ids.
    pub claims: Vec<String>,
    /// What happens in it and why it matters, to be read aloud.
    pub story: String,
    /// The architectures that are compared.
    pub stacks: Vec<Stack>,
    /// What is built for each of them.
    pub topology: Topology,
    /// Who comes and what they do.
    pub load: Load,
    /// The phases under load.
    pub phases: Phases,
    /// When the service counts as well.
    pub steady_state: SteadyState,
    /// What is broken and when, in order of time.
    pub faults: Vec<Fault>,
    /// What is promised.
    pub expect: Vec<Expectation>,
}

/// The servers of each stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// How many servers there are at the start.
    pub servers: u32,
    /// The work of a real handler, as asynchronous waiting. Milliseconds.
    pub service_time_ms: u64,
    /// What two writers from one version do to one another.
    pub conflict_policy: ConflictPolicy,
}

/// What two writers from one version do to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictPolicy {
    /// The second write is kept and the first one's effect is lost: what actix-session does.
    LastWriteWins,
    /// The second write is refused (409).
    Optimistic,
}

impl ConflictPolicy {
    /// The name that the servers' flag takes.
    pub fn name(self) -> &'static str {
        match self {
            ConflictPolicy::LastWriteWins => "last-write-wins",
            ConflictPolicy::Optimistic => "optimistic",
        }
    }
}

/// Something that is done to the tier at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When, on the trial's clock. Microseconds.
    pub at_us: u64,
    /// What is done.
    pub action: FaultAction,
    /// To which process.
    pub target: Target,
}

/// What is done to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    /// SIGKILL: gone at once.
    Kill,
    /// SIGTERM: it finishes what is in flight and exits.
    Terminate,
    /// SIGSTOP: alive and silent.
    Pause,
    /// SIGCONT.
    Resume,
    /// A new process in the place of one that was killed or terminated.
    Start,
}

impl FaultAction {
    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            FaultAction::Kill => "kill",
            FaultAction::Terminate => "terminate",
            FaultAction::Pause => "pause",
            FaultAction::Resume => "resume",
            FaultAction::Start => "start",
        }
    }
}

/// Whom a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The server with the most sessions bound to it, or, where none is bound, with the most requests served; chosen at the
    /// moment of the fault by the same rule in every stack.
    BusiestServer,
    /// The server that the latest fault before this one hit.
    SameServer,
    /// A server by its place, counted from 1.
    Server(u32),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::BusiestServer => f.write_str("busiest-server"),
            Target::SameServer => f.write_str("same-server"),
            Target::Server(place) => write!(f, "server-{place}"),
        }
    }
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "busiest-server" => Ok(Target::BusiestServer),
            "same-server" => Ok(Target::SameServer),
            _ => name
                .strip_prefix("server-")
                .and_then(|place| place.parse().ok())
                .filter(|place| *place > 0)
                .map(Target::Server)
                .ok_or_else(|| {
                    format!(
                        "unknown target '{name}'; one of busiest-server, same-server, server-1, server-2, ..."
                    )
                }),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
