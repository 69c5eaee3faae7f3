//! The names of what can happen to a session, and one finding of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can happen to a session or to an operation, most specific cause first: where two names fit the same session or the same
/// operation, the earlier one is reported and the later one is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnomalyKind {
    /// An answer carries another owner, or an id issued to another session. One is enough to fail any run.
    CrossUserLeak,
    /// An operation id that nobody attempted (Jepsen: unexpected element).
    Phantom,
    /// A write that certainly failed is visible (Adya G1a).
    AbortedRead,
    /// A request sent after an acknowledged logout is accepted as its owner.
    ResurrectedSession,
    /// An older sealed cookie is accepted after a newer state was acknowledged, or after logout.
    ReplayedCookie,
    /// One operation id more than once in a cart.
    DuplicateEffect,
    /// Two reads, neither a prefix of the other (Elle: incompatible order).
    ForkedSession,
    /// Acknowledged, never logged out, and absent from some answer on until the end (Jepsen set-full: lost).
    LostSession,
    /// Acknowledged, the session lives, and the write is missing in the last answer that could have shown it.
    LostWrite,
    /// Two acknowledged read-modify-writes from one version, one effect gone (P4).
    LostUpdate,
    /// The same shopper's write is missing in its next read, and there in a later one (Terry 1994).
    ReadYourWrites,
    /// The same shopper saw it, then did not, and nobody deleted it between (Terry 1994).
    NonMonotonicRead,
    /// A later write is visible without, or before, the same shopper's earlier one (Terry 1994).
    MonotonicWrites,
    /// A write is visible without the one that its writer had read (Terry 1994).
    WritesFollowReads,
    /// Absent, and back later (Jepsen set-full: stale).
    MisroutedSession,
    /// Another tab misses a known write that is seen later.
    StaleRead,
}

impl AnomalyKind {
    /// All sixteen, most specific first.
    pub const ALL: [AnomalyKind; 16] = [
        AnomalyKind::CrossUserLeak,
        AnomalyKind::Phantom,
        AnomalyKind::AbortedRead,
        AnomalyKind::ResurrectedSession,
        AnomalyKind::ReplayedCookie,
        AnomalyKind::DuplicateEffect,
        AnomalyKind::ForkedSession,
        AnomalyKind::LostSession,
        AnomalyKind::LostWrite,
        AnomalyKind::LostUpdate,
        AnomalyKind::ReadYourWrites,
        AnomalyKind::NonMonotonicRead,
        AnomalyKind::MonotonicWrites,
        AnomalyKind::WritesFollowReads,
        AnomalyKind::MisroutedSession,
        AnomalyKind::StaleRead,
    ];

    /// Those that this judge looks for: all. Of one that is missing here it would say nothing, least of all zero.
    pub const CHECKED: [AnomalyKind; 16] = Self::ALL;

    /// Whether this judge looks for it.
    pub fn is_checked(self) -> bool {
        Self::CHECKED.contains(&self)
    }

    /// The name that documents and results use, such as `lost_session`.
    pub fn name(self) -> &'static str {
        match self {
            AnomalyKind::CrossUserLeak => "cross_user_leak",
            AnomalyKind::Phantom => "phantom",
            AnomalyKind::AbortedRead => "aborted_read",
            AnomalyKind::ResurrectedSession => "resurrected_session",
            AnomalyKind::ReplayedCookie => "replayed_cookie",
            AnomalyKind::DuplicateEffect => "duplicate_effect",
            AnomalyKind::ForkedSession => "forked_session",
            AnomalyKind::LostSession => "lost_session",
            AnomalyKind::LostWrite => "lost_write",
            AnomalyKind::LostUpdate => "lost_update",
            AnomalyKind::ReadYourWrites => "read_your_writes",
            AnomalyKind::NonMonotonicRead => "non_monotonic_read",
            AnomalyKind::MonotonicWrites => "monotonic_writes",
            AnomalyKind::WritesFollowReads => "writes_follow_reads",
            AnomalyKind::MisroutedSession => "misrouted_session",
            AnomalyKind::StaleRead => "stale_read",
        }
    }
}

/// How an absent session showed itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// 401: the shopper is told.
    Loud,
    /// 200 with an empty session: the shopper finds an empty cart, and no status code tells.
    Silent,
}

/// One finding, with the events that prove it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Anomaly {
    /// What it is.
    pub kind: AnomalyKind,
    /// Whom it happened to.
    pub shopper: u32,
    /// Which of the shopper's sessions, from 1, counting the log-ins that succeeded or may have; after a log-out the one that
    /// ended with it, 0 before the first.
    pub session: u32,
    /// The operation, where one is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// For `lost_session` and `misrouted_session`: how the first absent answer looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
    /// When it first showed. Microseconds on the trial's clock.
    pub at_us: u64,
    /// Numbers of the journal's entries that prove it, ascending.
    pub evidence: Vec<u64>,
    /// The same for people, in a sentence.
    pub text: String,
}

/// Whether a kind of anomaly was looked for, and how many were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// The kind.
    pub kind: AnomalyKind,
    /// How many, those beyond [`crate::MOST_KEPT_PER_KIND`] included; `None` when nobody looked, which is not zero.
    pub found: Option<u64>,
}
