//! The sentences that the lab puts to the test, by the ids that scenarios name. What a run says of them is the report's to tell.

use crate::stack::{Family, Stack};

/// A claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What scenarios call it.
    pub id: &'static str,
    /// The claim, in a sentence.
    pub text: &'static str,
    /// Whom it speaks of.
    pub of: Concern,
}

/// Whom a claim speaks of: what is promised of other stacks is no evidence for it or against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Concern {
    /// Stacks with the sessions in the memory of each server.
    Memory,
    /// Stacks that keep them anywhere else.
    Elsewhere,
    /// Stacks that keep them with the client.
    Client,
    /// All of them: the claim compares.
    Everybody,
}

impl Concern {
    /// Whether it speaks of this stack.
    pub fn covers(self, stack: Stack) -> bool {
        let family = stack.store.family();
        match self {
            Concern::Memory => family == Family::Memory,
            Concern::Elsewhere => family != Family::Memory,
            Concern::Client => family == Family::Cookie,
            Concern::Everybody => true,
        }
    }
}

/// Claims about one thing.
#[derive(Clone, Copy, Debug)]
pub struct ClaimGroup {
    /// What they are about.
    pub title: &'static str,
    /// The claims.
    pub claims: &'static [Claim],
}

const fn claim(id: &'static str, of: Concern, text: &'static str) -> Claim {
    Claim { id, text, of }
}

use Concern::{Client, Elsewhere, Everybody, Memory};

/// What users are told everywhere.
pub const CLAIMS: [ClaimGroup; 3] = [
    ClaimGroup {
        title: "The stateful tier: state in the memory of each server",
        claims: &[
            claim("SF1", Memory, "it is simple: fewer parts, and cheap a request"),
            claim("SF2", Memory, "state stays on the server, so access to it is tightly controlled"),
            claim(
                "SF3",
                Memory,
                "scaling out is limited: sessions must be pinned, and a new server takes no load from the old ones",
            ),
            claim("SF4", Memory, "many sessions burden the servers' memory"),
            claim("SF5", Memory, "a crash or a restart loses the sessions in memory"),
        ],
    },
    ClaimGroup {
        title: "The stateless tier: state in a shared store, or with the client",
        claims: &[
            claim("SL1", Elsewhere, "any server can take any request"),
            claim("SL2", Elsewhere, "scaling out is easy, and the load spreads at once"),
            claim("SL3", Elsewhere, "a dead server is no single point of failure"),
            claim("SL4", Elsewhere, "servers need no memory for sessions"),
            claim("SL5", Client, "state held by the client needs protection, and makes clients complex"),
        ],
    },
    ClaimGroup {
        title: "The signals that it is time to move",
        claims: &[
            claim("T1", Everybody, "traffic grows, and pinned sessions overload one server"),
            claim("T2", Everybody, "failures have cost data, or must not"),
            claim("T3", Everybody, "deployments must not interrupt anyone"),
            claim("T4", Everybody, "redundancy and disaster recovery"),
            claim("T5", Everybody, "operation gets costly: debugging across servers"),
        ],
    },
];
