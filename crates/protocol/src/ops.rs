//! The operator's question to a running server: whose session is where? A feature of the application like any other, for whoever is
//! rung up by a customer. It is off unless a server is started with a token for it, and it is the same in every stack.
//!
//! | method and path | answers |
//! |---|---|
//! | `GET /ops/sessions?owner=NAME` with `Authorization: Bearer TOKEN` | 200 [`LookedUp`]; 401 without the token, 400 for a name that nobody can have, 503 when the store does not answer, 404 where it is off |
//!
//! It tells what a session is like and never what would open it: no id, no cookie, no line of a cart.

use serde::{Deserialize, Serialize};

/// `GET`, with `?owner=NAME`: the live sessions of this owner.
pub const SESSIONS: &str = "/ops/sessions";
/// The environment variable that names the file with the token, as `--ops-token-file` does. A variable, so that a tier that has no such
/// feature need not know the flag.
pub const TOKEN_FILE: &str = "LAB_OPS_TOKEN_FILE";

/// What a server found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedUp {
    /// The process that answered.
    pub server: String,
    /// Its store's name, as in its Ready line.
    pub store: String,
    /// Whose sessions it could look at.
    pub reach: Reach,
    /// How many sessions it looked at; absent where there is nothing to look at.
    pub looked_at: Option<u64>,
    /// Whether these were all that it can reach: a search that takes too long is broken off.
    pub whole: bool,
    /// The owner's live sessions.
    pub sessions: Vec<Sighting>,
}

/// Whose sessions a server can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Those in its own memory, and nobody else's.
    Process,
    /// All of the tier's: they are in a store that every server asks.
    Shared,
    /// None: each is with its client.
    Client,
    /// None: the session library answers only to whoever holds a session's cookie.
    Closed,
}

/// A session, as an operator may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The beginning of the key under which the store keeps it, which is a hash of its id: enough to tell two apart.
    pub key: String,
    /// How many logins it has seen.
    pub epoch: u64,
    /// Counts the writes to it.
    pub version: u64,
    /// How many lines its cart holds.
    pub lines: u64,
    /// How long ago it began. Milliseconds.
    pub age_ms: u64,
    /// For how long nobody has used it, to a sixteenth of the idle time-out; absent when the store cannot tell. Milliseconds.
    pub idle_ms: Option<u64>,
}
