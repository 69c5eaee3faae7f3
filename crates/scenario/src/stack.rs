//! Stacks: one architecture under test each. A store and a routing policy are two axes, and every combination can be run, so
//! that nobody takes the effect of one for that of the other.

use crate::fault::{Edge, Target};
use crate::scenario::ConflictPolicy;
use protocol::admin::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where the sessions live, how durable it is there, and who else keeps a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// In the memory of each server.
    Memory,
    /// In a shared Redis that keeps nothing on disk, through the lab's own store.
    Redis,
    /// In a Redis that saves a snapshot now and then.
    RedisRdb,
    /// In a Redis with an append-only file that is forced to disk once a second.
    RedisAofEverysec,
    /// In a Redis with an append-only file that is forced to disk before each answer.
    RedisAofAlways,
    /// In a Redis with a replica, watched by three Sentinels that put the replica in its place when it dies.
    RedisSentinel,
    /// In a shared Redis, through actix-session's own store: the baseline that the library gives.
    RedisActix,
    /// In a shared PostgreSQL.
    Postgres,
    /// In a PostgreSQL that acknowledges a commit before it is on disk.
    PostgresAsyncCommit,
    /// In a table of PostgreSQL that is not logged: faster, and empty after a crash.
    PostgresUnlogged,
    /// In a PostgreSQL with a standby that follows asynchronously, and a witness that promotes it.
    PostgresStandby,
    /// The same, but a commit is acknowledged only once the standby has it too.
    PostgresStandbySync,
    /// In a SQLite file that the servers of one machine share.
    Sqlite,
    /// With the client, sealed in a cookie by the lab's own store.
    Cookie,
    /// With the client, in actix-session's own cookie store: the baseline that the library gives.
    CookieActix,
}

/// What kind of thing holds the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Each server's own memory.
    Memory,
    /// One or more Redis processes.
    Redis,
    /// One or more PostgreSQL processes.
    Postgres,
    /// A file.
    Sqlite,
    /// The client.
    Cookie,
}

impl StoreKind {
    /// All of them.
    pub const ALL: [StoreKind; 15] = [
        StoreKind::Memory,
        StoreKind::Redis,
        StoreKind::Postgres,
        StoreKind::Sqlite,
        StoreKind::Cookie,
        StoreKind::RedisActix,
        StoreKind::CookieActix,
        StoreKind::RedisRdb,
        StoreKind::RedisAofEverysec,
        StoreKind::RedisAofAlways,
        StoreKind::RedisSentinel,
        StoreKind::PostgresAsyncCommit,
        StoreKind::PostgresUnlogged,
        StoreKind::PostgresStandby,
        StoreKind::PostgresStandbySync,
    ];

    /// The name that stacks use.
    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Memory => "memory",
            StoreKind::Redis => "redis",
            StoreKind::RedisRdb => "redis-rdb",
            StoreKind::RedisAofEverysec => "redis-aof-everysec",
            StoreKind::RedisAofAlways => "redis-aof-always",
            StoreKind::RedisSentinel => "redis-sentinel",
            StoreKind::RedisActix => "redis-actix",
            StoreKind::Postgres => "postgres",
            StoreKind::PostgresAsyncCommit => "postgres-async-commit",
            StoreKind::PostgresUnlogged => "postgres-unlogged",
            StoreKind::PostgresStandby => "postgres-standby",
            StoreKind::PostgresStandbySync => "postgres-standby-sync",
            StoreKind::Sqlite => "sqlite",
            StoreKind::Cookie => "cookie",
            StoreKind::CookieActix => "cookie-actix",
        }
    }

    /// Where the sessions live, for people.
    pub fn place(self) -> &'static str {
        match self {
            StoreKind::Memory => "each server's memory",
            StoreKind::Redis => "Redis",
            StoreKind::RedisRdb => "Redis with snapshots",
            StoreKind::RedisAofEverysec => "Redis with a log, on disk every second",
            StoreKind::RedisAofAlways => "Redis with a log, on disk before each answer",
            StoreKind::RedisSentinel => "Redis with a replica and three Sentinels",
            StoreKind::RedisActix => "Redis, by actix-session's own store",
            StoreKind::Postgres => "PostgreSQL",
            StoreKind::PostgresAsyncCommit => "PostgreSQL, commits acknowledged before they are on disk",
            StoreKind::PostgresUnlogged => "a table of PostgreSQL that is not logged",
            StoreKind::PostgresStandby => "PostgreSQL with an asynchronous standby",
            StoreKind::PostgresStandbySync => "PostgreSQL with a synchronous standby",
            StoreKind::Sqlite => "a shared SQLite file",
            StoreKind::Cookie => "the client's sealed cookie",
            StoreKind::CookieActix => "the client's cookie, by actix-session's own store",
        }
    }

    /// What kind of thing it is.
    pub fn family(self) -> Family {
        match self {
            StoreKind::Memory => Family::Memory,
            StoreKind::Redis
            | StoreKind::RedisRdb
            | StoreKind::RedisAofEverysec
            | StoreKind::RedisAofAlways
            | StoreKind::RedisSentinel
            | StoreKind::RedisActix => Family::Redis,
            StoreKind::Postgres
            | StoreKind::PostgresAsyncCommit
            | StoreKind::PostgresUnlogged
            | StoreKind::PostgresStandby
            | StoreKind::PostgresStandbySync => Family::Postgres,
            StoreKind::Sqlite => Family::Sqlite,
            StoreKind::Cookie | StoreKind::CookieActix => Family::Cookie,
        }
    }

    /// Which of the servers' own stores it is: the value of their flag `--store`.
    pub fn of_server(self) -> &'static str {
        match (self, self.family()) {
            (StoreKind::RedisActix | StoreKind::CookieActix, _) => self.name(),
            (_, Family::Memory) => "memory",
            (_, Family::Redis) => "redis",
            (_, Family::Postgres) => "postgres",
            (_, Family::Sqlite) => "sqlite",
            (_, Family::Cookie) => "cookie",
        }
    }

    /// Whether a process that all servers share holds the sessions: one that can be killed, and that an edge leads to.
    pub fn is_a_process(self) -> bool {
        matches!(self.family(), Family::Redis | Family::Postgres)
    }

    /// Whether a second site can have what it holds: a replica and a dump, or nothing, where no process holds the sessions. A file is
    /// on one machine, what is not logged is not replicated, a pair has its replica at the first site already, and a Redis that has an
    /// append-only file does not read a dump.
    pub fn can_stand_at_two_sites(self) -> bool {
        matches!(
            self,
            StoreKind::Memory
                | StoreKind::Cookie
                | StoreKind::CookieActix
                | StoreKind::Redis
                | StoreKind::RedisRdb
                | StoreKind::RedisActix
                | StoreKind::Postgres
                | StoreKind::PostgresAsyncCommit
        )
    }

    /// Whether a second process follows the first and can take its place.
    pub fn is_replicated(self) -> bool {
        matches!(self, StoreKind::RedisSentinel | StoreKind::PostgresStandby | StoreKind::PostgresStandbySync)
    }
}

/// One architecture under test: a session store and a routing policy. How many servers it has is the scenario's choice.
///
/// Its name is `stateful` (memory and cookie affinity), `stateless-STORE` (any other store and least connections), or
/// `STORE+POLICY` for any other combination. A conflict policy that is not the scenario's is added at the end:
/// `stateful+optimistic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stack {
    /// Where the sessions live.
    pub store: StoreKind,
    policy_index: u8,
    /// What two writers from one version do to one another, where it is not as the scenario says.
    pub conflict: Option<ConflictPolicy>,
}

/// A stack's name that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown stack '{name}'{hint}; one of {known}, or STORE+POLICY such as memory+round-robin; +optimistic may follow"
)]
pub struct StackError {
    name: String,
    hint: String,
    known: String,
}

impl Stack {
    /// Any combination.
    pub fn new(store: StoreKind, policy: Policy) -> Self {
        let index = Policy::ALL.iter().position(|p| *p == policy).unwrap_or_default();
        Self { store, policy_index: u8::try_from(index).unwrap_or_default(), conflict: None }
    }

    /// Memory and cookie affinity.
    pub fn stateful() -> Self {
        Self::new(StoreKind::Memory, Policy::CookieInsert)
    }

    /// The same with a conflict policy of its own.
    #[must_use]
    pub fn with_conflict(self, conflict: ConflictPolicy) -> Self {
        Self { conflict: Some(conflict), ..self }
    }

    /// Any store but memory, and least connections.
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

    /// Whether its store can refuse a write from an old version: what the client or the library holds has none to compare.
    pub fn compares_versions(self) -> bool {
        !matches!(self.store, StoreKind::RedisActix | StoreKind::Cookie | StoreKind::CookieActix)
    }

    /// Whether the router binds each session to a server.
    pub fn binds_sessions(self) -> bool {
        self.policy() == Policy::CookieInsert
    }

    /// Whether it has what a fault would hit.
    pub fn has(self, target: Target) -> bool {
        match target {
            Target::BusiestServer
            | Target::SameServer
            | Target::Server(_)
            | Target::Servers
            | Target::SiteA
            | Target::Edge(Edge::ClientRouter | Edge::RouterServer) => true,
            Target::Store | Target::Edge(Edge::ServerStore) => self.store.is_a_process(),
            Target::Replica | Target::Edge(Edge::PrimaryReplica) => self.store.is_replicated(),
        }
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Self { conflict: None, ..*self };
        if plain == Self::stateful() {
            f.write_str("stateful")?;
        } else if !self.is_stateful() && plain == Self::stateless(self.store) {
            write!(f, "stateless-{}", self.store.name())?;
        } else {
            write!(f, "{}+{}", self.store.name(), self.policy())?;
        }
        self.conflict.map_or(Ok(()), |conflict| write!(f, "+{}", conflict.name()))
    }
}

impl FromStr for Stack {
    type Err = StackError;

    fn from_str(name: &str) -> Result<Self, StackError> {
        let conflict =
            |ending: &str| ConflictPolicy::ALL.into_iter().find(|conflict| conflict.name() == ending);
        let (plain, conflict) = match name.rsplit_once('+') {
            Some((plain, ending)) if conflict(ending).is_some() => (plain, conflict(ending)),
            _ => (name, None),
        };
        let found = match plain.split_once('+') {
            None => Self::named().into_iter().find(|stack| stack.to_string() == plain),
            Some((store, policy)) => {
                let store = StoreKind::ALL.into_iter().find(|s| s.name() == store);
                store.zip(policy.parse().ok()).map(|(store, policy)| Self::new(store, policy))
            }
        };
        if let Some(stack) = found {
            return Ok(Self { conflict, ..stack });
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
