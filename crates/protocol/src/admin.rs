//! The router's admin API: JSON over HTTP on its own loopback port. Every request carries
//! `Authorization: Bearer <token>`; without it the answer is 401 and nothing else.
//!
//! | method and path | body | answers |
//! |---|---|---|
//! | `GET /admin/servers` | | 200 [`Snapshot`] |
//! | `POST /admin/servers` | [`AddServer`] | 201 [`ServerStatus`]; 409 when the id is taken |
//! | `POST /admin/servers/{id}/drain` | [`Drain`] | 200 [`ServerStatus`]; 404 for an unknown id |
//! | `DELETE /admin/servers/{id}/drain` | | 200 [`ServerStatus`]: it takes new sessions again; 404 for an unknown id |
//! | `DELETE /admin/servers/{id}` | | 204; 404 for an unknown id |
//! | `GET /metrics` | | 200 OpenMetrics text, see [`crate::METRICS`] |
//! | `PUT /admin/policy` | [`SetPolicy`] | 200 [`Snapshot`] |
//!
//! Errors carry [`crate::app::Refusal`].

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Path of the list of servers.
pub const SERVERS: &str = "/admin/servers";
/// Path of the policy.
pub const POLICY: &str = "/admin/policy";

/// How the router chooses a server. "Persistence" is strong (a cookie names the server), "affinity" is weak (a hash
/// happens to choose it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Each request to the next server in turn.
    RoundRobin,
    /// Each request to the server with the fewest requests in flight.
    LeastConnections,
    /// By the client's address.
    SourceIpHash,
    /// By the session cookie, modulo the number of servers.
    HashModulo,
    /// By the session cookie, on a ring of virtual nodes.
    ConsistentHash,
    /// By the session cookie, highest random weight.
    RendezvousHash,
    /// A cookie of the router's own names the server process.
    CookieInsert,
}

impl Policy {
    /// All of them, in the order of the documentation.
    pub const ALL: [Policy; 7] = [
        Policy::RoundRobin,
        Policy::LeastConnections,
        Policy::SourceIpHash,
        Policy::HashModulo,
        Policy::ConsistentHash,
        Policy::RendezvousHash,
        Policy::CookieInsert,
    ];

    /// The name that scenarios, flags and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Policy::RoundRobin => "round-robin",
            Policy::LeastConnections => "least-connections",
            Policy::SourceIpHash => "source-ip-hash",
            Policy::HashModulo => "hash-modulo",
            Policy::ConsistentHash => "consistent-hash",
            Policy::RendezvousHash => "rendezvous-hash",
            Policy::CookieInsert => "cookie-insert",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Policy::ALL.into_iter().find(|p| p.name() == name).ok_or_else(|| {
            let names: Vec<_> = Policy::ALL.iter().map(|p| p.name()).collect();
            format!("unknown policy '{name}'; one of {}", names.join(", "))
        })
    }
}

/// Body of `POST /admin/servers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddServer {
    /// The id of the *process*: a restarted server is a stranger and gets a new one.
    pub id: String,
    /// Where it listens.
    pub addr: SocketAddr,
}

/// Body of `POST /admin/servers/{id}/drain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// After this long even bound sessions are sent elsewhere.
    pub deadline_ms: u64,
}

/// Body of `PUT /admin/policy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPolicy {
    /// The policy from now on.
    pub policy: Policy,
}

/// What the router thinks of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Added, and not yet seen healthy often enough.
    Starting,
    /// Takes requests.
    Up,
    /// Failed its checks, or refused a connection.
    Down,
}

/// One server as the router sees it. The counts are since the server was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// The id given when it was added.
    pub id: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Whether it takes requests.
    pub health: Health,
    /// Whether it is draining: bound sessions only.
    pub draining: bool,
    /// Requests in flight now.
    pub in_flight: u64,
    /// Requests sent to it.
    pub requests: u64,
    /// Requests that got no complete answer from it.
    pub failures: u64,
    /// Sessions bound to it: affinity cookies that name it and were issued. 0 under other policies.
    pub bound: u64,
}

/// All servers at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The policy in force.
    pub policy: Policy,
    /// In the order in which they were added.
    pub servers: Vec<ServerStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_found_by_its_name_and_serialised_under_it() {
        for policy in Policy::ALL {
            assert_eq!(policy.name().parse::<Policy>().unwrap(), policy);
            assert_eq!(serde_json::to_string(&policy).unwrap(), format!("\"{policy}\""));
        }
    }
}
