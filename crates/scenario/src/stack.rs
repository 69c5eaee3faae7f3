//! Stacks: one architecture under test each. A store and a routing policy are two axes, and every combination can be run, so
//! that nobody takes the effect of one for that of the other.

use protocol::admin::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where the sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// In the memory of each server.
    Memory,
    /// In a shared Redis, through the lab's own store.
    Redis,
    /// In a shared PostgreSQL.
    Postgres,
    /// In a SQLite file that the servers of one machine share.
    Sqlite,
    /// In a shared Redis, through actix-session's own store: the baseline that the library gives.
    RedisActix,
}

impl StoreKind {
    /// All of them.
    pub const ALL: [StoreKind; 5] =
        [StoreKind::Memory, StoreKind::Redis, StoreKind::Postgres, StoreKind::Sqlite, StoreKind::RedisActix];

    /// The name that flags and stacks use.
    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Memory => "memory",
            StoreKind::Redis => "redis",
            StoreKind::Postgres => "postgres",
            StoreKind::Sqlite => "sqlite",
            StoreKind::RedisActix => "redis-actix",
        }
    }
}

/// One architecture under test: a session store and a routing policy. How many servers it has is the scenario's choice.
///
/// Its name is `stateful` (memory and cookie affinity), `stateless-STORE` (a shared store and least connections), or
/// `STORE+POLICY` for any other combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stack {
    /// Where the sessions live.
    pub store: StoreKind,
    policy_index: u8,
}

/// A stack's name that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown stack '{name}'{hint}; one of {known}, or STORE+POLICY such as memory+round-robin")]
pub struct StackError {
    name: String,
    hint: String,
    known: String,
}

impl Stack {
    /// Any combination.
    pub fn new(store: StoreKind, policy: Policy) -> Self {
        let index = Policy::ALL.iter().position(|p| *p == policy).unwrap_or_default();
        Self { store, policy_index: u8::try_from(index).unwrap_or_default() }
    }

    /// Memory and cookie affinity.
    pub fn stateful() -> Self {
        Self::new(StoreKind::Memory, Policy::CookieInsert)
    }

    /// A shared store and least connections.
    pub fn stateless(store: StoreKind) -> Self {
        Self::new(store, Policy::LeastConnections)
    }

    /// The stacks that have a short name.
    pub fn named() -> Vec<Stack> {
        let mut stacks = vec![Self::stateful()];
        stacks.extend(StoreKind::ALL.into_iter().filter(|s| *s != StoreKind::Memory).map(Self::stateless));
        stacks
    }

    /// How the router chooses a server.
    pub fn policy(self) -> Policy {
        Policy::ALL[usize::from(self.policy_index)]
    }

    /// Whether each server keeps its own sessions.
    pub fn is_stateful(self) -> bool {
        self.store == StoreKind::Memory
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::stateful() {
            f.write_str("stateful")
        } else if !self.is_stateful() && *self == Self::stateless(self.store) {
            write!(f, "stateless-{}", self.store.name())
        } else {
            write!(f, "{}+{}", self.store.name(), self.policy())
        }
    }
}

impl FromStr for Stack {
    type Err = StackError;

    fn from_str(name: &str) -> Result<Self, StackError> {
        if let Some(stack) = Self::named().into_iter().find(|stack| stack.to_string() == name) {
            return Ok(stack);
        }
        if let Some((store, policy)) = name.split_once('+') {
            let store = StoreKind::ALL.into_iter().find(|s| s.name() == store);
            if let (Some(store), Ok(policy)) = (store, policy.parse()) {
                return Ok(Self::new(store, policy));
            }
        }
        let known: Vec<String> = Self::named().iter().map(ToString::to_string).collect();
        let every = StoreKind::ALL
            .iter()
            .flat_map(|s| Policy::ALL.iter().map(move |p| format!("{}+{p}", s.name())))
            .chain(known.iter().cloned());
        let hint = crate::file::nearest(name, every)
            .map_or(String::new(), |near| format!(" (did you mean '{near}'?)"));
        Err(StackError { name: name.to_owned(), hint, known: known.join(", ") })
    }
}

impl Serialize for Stack {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stack {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
