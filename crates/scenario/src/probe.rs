//! What an adversary, or a clumsy client, tries beside the load: requests that no honest browser would send.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that is tried at a moment, with sessions of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// When, on the trial's clock. Microseconds.
    pub at_us: u64,
    /// What is tried.
    pub kind: ProbeKind,
    /// How many times, one after the other, each with a session of its own.
    pub times: u32,
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// Cookies that nobody of this tier has made: bit-flipped, cut, forged, renamed, sealed with another key or by another tier.
    Tamper,
    /// A session's id that was known before a log-in is used after it.
    Fixation,
    /// A copy of a cookie is used after its owner has logged out.
    ReplayAfterLogOut,
    /// A cookie is put back that was replaced by a newer one.
    Rollback,
    /// Lines are added until the session fits no more.
    Overgrow,
}

impl ProbeKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [ProbeKind; 5] = [
        ProbeKind::Tamper,
        ProbeKind::Fixation,
        ProbeKind::ReplayAfterLogOut,
        ProbeKind::Rollback,
        ProbeKind::Overgrow,
    ];

    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            ProbeKind::Tamper => "tamper",
            ProbeKind::Fixation => "fixation",
            ProbeKind::ReplayAfterLogOut => "replay-after-log-out",
            ProbeKind::Rollback => "rollback",
            ProbeKind::Overgrow => "overgrow",
        }
    }
}
