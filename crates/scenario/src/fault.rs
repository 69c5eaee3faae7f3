//! What is done to a tier, to whom, and when: servers, the shared store, and the edges between processes.

use protocol::admin::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that is done to the tier at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When, on the trial's clock. Microseconds.
    pub at_us: u64,
    /// What is done.
    pub action: FaultAction,
    /// To whom.
    pub target: Target,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    /// SIGKILL: gone at once.
    Kill,
    /// SIGTERM (a store: its own clean shutdown): it finishes what is in flight and exits.
    Terminate,
    /// SIGSTOP: alive and silent.
    Pause,
    /// SIGCONT.
    Resume,
    /// A new process in the place of one that was killed or terminated; a store finds what its durability has kept.
    Start,
    /// A store is started again with nothing in it.
    StartEmpty,
    /// A server is killed, started, and killed again once the router has it up.
    CrashLoop {
        /// How many times it is killed.
        times: u32,
        /// How long it is up between two crashes. Milliseconds; 0 for as short as can be.
        #[serde(default)]
        up_ms: u64,
    },
    /// One server after the other is replaced by a new process: a deployment.
    RollingRestart {
        /// How long each server is drained first. Milliseconds; 0 for not at all.
        drain_ms: u64,
        /// What becomes of the keys that seal cookies.
        #[serde(default, skip_serializing_if = "Keys::are_kept")]
        keys: Keys,
    },
    /// New servers join the tier.
    Add {
        /// How many.
        count: u32,
    },
    /// A server leaves the tier for good: drained, told to stop, taken out of the router.
    Remove {
        /// How long it is drained first. Milliseconds; 0 for not at all.
        drain_ms: u64,
    },
    /// The router gives a server no new sessions until everything is healed.
    Drain,
    /// The router gives a server that drains new sessions again. Only called for while a trial runs.
    Undrain,
    /// The router chooses servers in another way from now on. Only called for while a trial runs: in a scenario the policy is the
    /// stack's.
    Route {
        /// How.
        #[schemars(with = "String")]
        policy: Policy,
    },
    /// The store forgets some of its sessions, as one that evicts under memory pressure does.
    Evict {
        /// How many of every hundred.
        percent: u32,
    },
    /// Every byte on an edge takes longer, in both directions.
    Delay {
        /// By how much. Milliseconds.
        delay_ms: u64,
        /// At most this much more, differently for each piece. Milliseconds.
        jitter_ms: u64,
    },
    /// An edge carries no more than this, each connection and direction.
    Throttle {
        /// Thousands of bytes a second.
        kbytes_per_s: u64,
    },
    /// Nothing passes an edge, and nobody is told: a link that is down.
    Cut,
    /// Connections over an edge are reset, and new ones refused.
    Refuse,
    /// Requests pass an edge and answers do not: the connection is reset when one comes.
    LoseAnswers {
        /// One answer of so many is lost.
        one_in: u32,
    },
    /// The edge is as it was before.
    Calm,
    /// The link between two sites is cut, and then every process of the first is killed with SIGKILL. The second takes over.
    Disaster,
}

/// What becomes of the keys that seal cookies when servers are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keys {
    /// They stay.
    #[default]
    Kept,
    /// Two rounds: first every server learns to open what the new key seals, then they begin to seal with it.
    Rotated,
    /// The new key seals from the first server on, and nobody else can open it; the old key is gone.
    Replaced,
}

impl Keys {
    fn are_kept(&self) -> bool {
        *self == Keys::Kept
    }
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
            FaultAction::StartEmpty => "start-empty",
            FaultAction::CrashLoop { .. } => "crash-loop",
            FaultAction::RollingRestart { .. } => "rolling-restart",
            FaultAction::Add { .. } => "add",
            FaultAction::Remove { .. } => "remove",
            FaultAction::Drain => "drain",
            FaultAction::Undrain => "undrain",
            FaultAction::Route { .. } => "route",
            FaultAction::Evict { .. } => "evict",
            FaultAction::Delay { .. } => "delay",
            FaultAction::Throttle { .. } => "throttle",
            FaultAction::Cut => "cut",
            FaultAction::Refuse => "refuse",
            FaultAction::LoseAnswers { .. } => "lose-answers",
            FaultAction::Calm => "calm",
            FaultAction::Disaster => "disaster",
        }
    }

    /// Whether it sets the level of an edge.
    pub fn is_of_an_edge(self) -> bool {
        matches!(
            self,
            FaultAction::Delay { .. }
                | FaultAction::Throttle { .. }
                | FaultAction::Cut
                | FaultAction::Refuse
                | FaultAction::LoseAnswers { .. }
                | FaultAction::Calm
        )
    }

    /// Whether it undoes what an earlier one did.
    pub fn mends(self) -> bool {
        matches!(
            self,
            FaultAction::Start
                | FaultAction::StartEmpty
                | FaultAction::Resume
                | FaultAction::Undrain
                | FaultAction::Calm
        )
    }

    /// Whether it may hit such a target at all.
    pub fn may_hit(self, target: Target) -> bool {
        let one_server = matches!(target, Target::BusiestServer | Target::SameServer | Target::Server(_));
        let stored = matches!(target, Target::Store | Target::Replica);
        match self {
            FaultAction::Kill
            | FaultAction::Terminate
            | FaultAction::Pause
            | FaultAction::Resume
            | FaultAction::Start => one_server || stored,
            FaultAction::StartEmpty | FaultAction::Evict { .. } => target == Target::Store,
            FaultAction::CrashLoop { .. }
            | FaultAction::Remove { .. }
            | FaultAction::Drain
            | FaultAction::Undrain => one_server,
            FaultAction::RollingRestart { .. } | FaultAction::Add { .. } | FaultAction::Route { .. } => {
                target == Target::Servers
            }
            FaultAction::Delay { .. }
            | FaultAction::Throttle { .. }
            | FaultAction::Cut
            | FaultAction::Refuse
            | FaultAction::LoseAnswers { .. }
            | FaultAction::Calm => one_server || matches!(target, Target::Edge(_)),
            FaultAction::Disaster => target.is_a_site(),
        }
    }
}

/// Between whom: a relay stands there for the whole trial, in every stack that has the edge, when a fault names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// From the shoppers to the router.
    ClientRouter,
    /// From the router to each server.
    RouterServer,
    /// From the servers to the shared store.
    ServerStore,
    /// From the store's replica to its primary.
    PrimaryReplica,
}

impl Edge {
    /// All of them, in the order in which a request meets them.
    pub const ALL: [Edge; 4] =
        [Edge::ClientRouter, Edge::RouterServer, Edge::ServerStore, Edge::PrimaryReplica];

    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            Edge::ClientRouter => "client-router",
            Edge::RouterServer => "router-server",
            Edge::ServerStore => "server-store",
            Edge::PrimaryReplica => "primary-replica",
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
    /// The tier's servers together.
    Servers,
    /// The process of the shared store; of a replicated one, the primary at that moment. A stack without such a process is spared,
    /// and the journal says so.
    Store,
    /// The replica of a replicated store; other stacks are spared.
    Replica,
    /// What lies between two kinds of processes; stacks without that edge are spared.
    Edge(Edge),
    /// Everything that serves at the beginning, where a second site stands by: router, servers and store.
    SiteA,
}

impl Target {
    /// The name of every target but those of single servers.
    pub(crate) fn fixed() -> impl Iterator<Item = Target> {
        [Target::BusiestServer, Target::SameServer, Target::Servers, Target::Store, Target::Replica]
            .into_iter()
            .chain(Edge::ALL.into_iter().map(Target::Edge))
            .chain([Target::SiteA])
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::BusiestServer => f.write_str("busiest-server"),
            Target::SameServer => f.write_str("same-server"),
            Target::Server(place) => write!(f, "server-{place}"),
            Target::Servers => f.write_str("servers"),
            Target::Store => f.write_str("store"),
            Target::Replica => f.write_str("replica"),
            Target::Edge(edge) => f.write_str(edge.name()),
            Target::SiteA => f.write_str("site-a"),
        }
    }
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let place = || name.strip_prefix("server-").and_then(|place| place.parse().ok()).filter(|n| *n > 0);
        let found = Target::fixed().find(|target| target.to_string() == name);
        found.or_else(|| place().map(Target::Server)).ok_or_else(|| {
            let known: Vec<String> =
                Target::fixed().map(|target| target.to_string()).chain(["server-1".to_owned()]).collect();
            let hint = crate::file::nearest(name, known.iter().cloned())
                .map_or(String::new(), |near| format!("; did you mean '{near}'?"));
            format!("unknown target '{name}'; one of {}, server-2, ...{hint}", known.join(", "))
        })
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
