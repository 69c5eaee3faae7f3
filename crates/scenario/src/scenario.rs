//! A scenario as resolved: every default filled in, every range checked.

use crate::expect::{Expectation, SteadyState};
use crate::fault::{Edge, Fault, FaultAction, Target};
use crate::load::Load;
use crate::lookup::Lookup;
use crate::phase::Phases;
use crate::probe::Probe;
use crate::site::StandbySite;
use crate::stack::Stack;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Of these, those whose limit it shows: when its promises are kept, the claim holds only outside of what happens here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// What happens in it and why it matters, to be read aloud.
    pub story: String,
    /// The architectures that are compared.
    pub stacks: Vec<Stack>,
    /// What is built for each of them.
    pub topology: Topology,
    /// What stands by at a second site; absent where there is one site alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_site: Option<StandbySite>,
    /// Who comes and what they do.
    pub load: Load,
    /// The phases under load.
    pub phases: Phases,
    /// When the service counts as well.
    pub steady_state: SteadyState,
    /// What is broken and when, in order of time.
    pub faults: Vec<Fault>,
    /// What is tried beside the load and when, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
    /// When an operator asks whose session is where, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Lookup>,
    /// What is promised.
    pub expect: Vec<Expectation>,
}

impl Scenario {
    /// The edges that faults name: a relay stands on each of them for the whole trial, in every stack that has it. Where there are two
    /// sites, one stands before them as well: the entrance, which leads to the one that serves.
    pub fn edges(&self) -> Vec<Edge> {
        let named = self.faults.iter().filter(|fault| fault.action.is_of_an_edge());
        let mut edges: Vec<Edge> = named
            .map(|fault| if let Target::Edge(edge) = fault.target { edge } else { Edge::RouterServer })
            .chain(self.standby_site.map(|_| Edge::ClientRouter))
            .collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// How many servers there are at most: those of the start and those that faults add.
    pub fn most_servers(&self) -> u32 {
        let added =
            self.faults.iter().map(|f| if let FaultAction::Add { count } = f.action { count } else { 0 });
        self.topology.servers + added.sum::<u32>()
    }
}

/// The servers of each stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// How many servers there are at the start.
    pub servers: u32,
    /// The work of a real handler, as asynchronous waiting. Milliseconds.
    pub service_time_ms: u64,
    /// How many requests a server works on at once, the others waiting their turn; no limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// What two writers from one version do to one another.
    pub conflict_policy: ConflictPolicy,
}

/// What two writers from one version do to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictPolicy {
    /// The second write is kept and the first one's effect is lost: what actix-session does.
    LastWriteWins,
    /// The second write is refused (409).
    Optimistic,
}

impl ConflictPolicy {
    /// All of them.
    pub const ALL: [ConflictPolicy; 2] = [ConflictPolicy::LastWriteWins, ConflictPolicy::Optimistic];

    /// The name that the servers' flag takes.
    pub fn name(self) -> &'static str {
        match self {
            ConflictPolicy::LastWriteWins => "last-write-wins",
            ConflictPolicy::Optimistic => "optimistic",
        }
    }
}
