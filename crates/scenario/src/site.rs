//! A second site, and how far it goes in standing by for the first: the words of AWS and of NIST SP 800-34.

use crate::fault::{FaultAction, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a second site stands by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Nothing runs there, and a copy of the last dump is there: backup and restore, a cold site.
    Cold,
    /// A replica of the store runs there, and no server.
    PilotLight,
    /// A replica, a router and one server: a warm site, scaled up when it must serve.
    Warm,
    /// A replica and the whole tier: a hot site.
    Hot,
}

impl Strategy {
    /// All of them, from the cheapest on.
    pub const ALL: [Strategy; 4] = [Strategy::Cold, Strategy::PilotLight, Strategy::Warm, Strategy::Hot];

    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Cold => "cold",
            Strategy::PilotLight => "pilot-light",
            Strategy::Warm => "warm",
            Strategy::Hot => "hot",
        }
    }

    /// Whether a replica of the store runs there.
    pub fn replicates(self) -> bool {
        self != Strategy::Cold
    }

    /// How many of a tier's servers run there; with the first of them runs their router.
    pub fn servers(self, whole: u32) -> u32 {
        match self {
            Strategy::Cold | Strategy::PilotLight => 0,
            Strategy::Warm => 1,
            Strategy::Hot => whole,
        }
    }
}

/// A second site that takes over when a disaster strikes the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandbySite {
    /// What runs there before.
    pub strategy: Strategy,
    /// How long a byte takes from one site to the other; 0 where nothing is replicated. Milliseconds.
    #[serde(default)]
    pub link_delay_ms: u64,
    /// How often a copy of the store's data is taken there; with [`Strategy::Cold`] alone. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump_every_ms: Option<u64>,
    /// How often somebody looks whether the first site serves. Milliseconds.
    pub probe_every_ms: u64,
    /// How many times in a row it must not.
    pub misses: u32,
    /// From then on until somebody decides. Milliseconds.
    pub declare_ms: u64,
}

impl FaultAction {
    /// Whether it strikes a site as a whole.
    pub fn is_of_a_site(self) -> bool {
        self == FaultAction::Disaster
    }
}

impl Target {
    /// Whether it is a site as a whole.
    pub fn is_a_site(self) -> bool {
        self == Target::SiteA
    }
}
