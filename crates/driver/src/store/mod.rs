//! The shared stores: private ones that the lab starts and may hurt, and those that somebody else runs.
//!
//! What a fault does to a process it does to a [`Node`], whatever store that belongs to. What differs between stores is behind
//! [`Nodes`]: how they start, how they start again, who is the primary, and what must be seen before everything is whole.

mod connection;
mod external;
mod node;
mod postgres;
mod redis;
mod user;

use crate::error::DriverError;
use crate::process::Process;
use crate::relay::Relay;
use crate::scratch::Scratch;
use crate::seat::secret;
pub use external::{ExternalStores, without_password};
pub use node::Node;
pub(crate) use node::{free_port, until_state};

use connection::Connection;
use postgres::Postgres;
use redis::Redis;
use scenario::{Edge, Family, StoreKind};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The store of one trial.
pub struct Store {
    kind: StoreKind,
    url: String,
    prefix: String,
    facts: BTreeMap<String, String>,
    nodes: Nodes,
}

/// The processes that hold the sessions.
enum Nodes {
    /// There is none of the lab's own: memory, a file, the client, or somebody else's server.
    None,
    Redis(Redis),
    Postgres(Postgres),
}

/// What every private store needs to know to start.
#[derive(Clone)]
struct Place {
    /// Tags every child.
    run: String,
    kind: StoreKind,
    /// Keys and tables begin with it.
    prefix: String,
    /// Where its data goes.
    folder: PathBuf,
    /// Where its logs go.
    logs: PathBuf,
    /// The edges on which a relay must stand.
    edges: Vec<Edge>,
}

impl Place {
    /// The relay of an edge, when the scenario disturbs that edge.
    async fn relay(&self, edge: Edge, upstream: u16) -> Result<Option<Relay>, DriverError> {
        if !self.edges.contains(&edge) {
            return Ok(None);
        }
        let name = format!("relay-{}", edge.name());
        let upstream = SocketAddr::from(([127, 0, 0, 1], upstream));
        Relay::start(&name, upstream, &self.run, &self.folder, &self.logs).await.map(Some)
    }
}

const WHOLE_WITHIN: Duration = Duration::from_secs(20);

impl Store {
    /// Starts a fresh store, or connects to the external one under a prefix of the trial's own.
    ///
    /// # Errors
    /// When the program is not installed, does not come up, or the external store refuses.
    pub async fn start(
        kind: StoreKind,
        external: &ExternalStores,
        run: &str,
        scratch: &Scratch,
        trial: &str,
        logs: &Path,
        edges: &[Edge],
    ) -> Result<Self, DriverError> {
        // Nobody else's on a server that others use too, another run of the lab included.
        let prefix = format!("lab_{}", &secret()[..16]);
        let folder = scratch.folder(trial)?;
        let place = Place {
            run: run.to_owned(),
            kind,
            prefix: prefix.clone(),
            folder,
            logs: logs.to_owned(),
            edges: edges.to_vec(),
        };
        let mut store = Self { kind, url: String::new(), prefix, facts: BTreeMap::new(), nodes: Nodes::None };
        if let Some(url) = external.url_for(kind) {
            store.use_external(url).await?;
            return Ok(store);
        }
        match kind.family() {
            Family::Memory => store.fact("store", "each server's own memory"),
            Family::Cookie => store.fact("store", "the client's cookie"),
            Family::Sqlite => {
                store.url = place.folder.join("sessions.sqlite").display().to_string();
                store.fact("store", "SQLite, a WAL file shared by the servers");
            }
            Family::Redis => {
                let redis = Redis::start(place).await?;
                store.url = redis.url();
                store.facts.extend(redis.facts());
                store.nodes = Nodes::Redis(redis);
            }
            Family::Postgres => {
                let postgres = Postgres::start(place).await?;
                store.url = postgres.url();
                store.facts.extend(postgres.facts());
                store.nodes = Nodes::Postgres(postgres);
            }
        }
        Ok(store)
    }

    async fn use_external(&mut self, url: &str) -> Result<(), DriverError> {
        url.clone_into(&mut self.url);
        self.fact("started by", "somebody else (external)");
        let version =
            Connection::version(self.kind.family(), url).await.map_err(|what| self.refused(what))?;
        self.fact("store", version);
        Ok(())
    }

    fn refused(&self, what: String) -> DriverError {
        let store = self.kind.of_server().to_owned();
        DriverError::ExternalStore { url: without_password(&self.url), store, what }
    }

    fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// What the servers are told: the URL, or the path of the SQLite file.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Keys and tables begin with it.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Facts that belong beside the numbers.
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }

    /// The private store's processes that hold sessions.
    pub fn nodes(&self) -> &[Node] {
        match &self.nodes {
            Nodes::None => &[],
            Nodes::Redis(redis) => redis.nodes(),
            Nodes::Postgres(postgres) => postgres.nodes(),
        }
    }

    /// The private store's processes.
    pub fn processes(&self) -> Vec<&Process> {
        self.nodes().iter().map(|node| &node.process).collect()
    }

    /// The relay on one of its edges.
    pub fn relay_on(&self, edge: Edge) -> Option<&Relay> {
        match &self.nodes {
            Nodes::None => None,
            Nodes::Redis(redis) => redis.relay_on(edge),
            Nodes::Postgres(postgres) => postgres.relay_on(edge),
        }
    }

    /// The process that takes writes at this moment.
    ///
    /// # Errors
    /// When there is none, or nobody says which it is.
    pub async fn primary(&mut self) -> Result<&mut Node, DriverError> {
        match &mut self.nodes {
            Nodes::None => Err(none_of_ours()),
            Nodes::Redis(redis) => redis.primary().await,
            Nodes::Postgres(postgres) => postgres.primary().await,
        }
    }

    /// The process that follows the primary.
    ///
    /// # Errors
    /// When there is none.
    pub async fn replica(&mut self) -> Result<&mut Node, DriverError> {
        match &mut self.nodes {
            Nodes::None => Err(none_of_ours()),
            Nodes::Redis(redis) => redis.replica().await,
            Nodes::Postgres(postgres) => postgres.replica().await,
        }
    }

    /// How many bytes it says that it holds; `None` when the sessions are nowhere but in the servers or with the client.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn stored_bytes(&self) -> Result<Option<u64>, DriverError> {
        let asked = match self.kind.family() {
            Family::Memory | Family::Cookie => return Ok(None),
            Family::Sqlite => {
                // The log of a WAL file beside it belongs to it.
                let sizes = ["", "-wal"].map(|ending| std::fs::metadata(format!("{}{ending}", self.url)));
                Ok(sizes.into_iter().flatten().map(|file| file.len()).sum())
            }
            Family::Redis => Connection::redis_bytes(&self.url).await,
            Family::Postgres => Connection::postgres_bytes(&self.url, &self.prefix).await,
        };
        asked
            .map(Some)
            .map_err(|what| DriverError::Machine(format!("the store does not tell its size: {what}")))
    }

    /// Lets every process go on that is stopped with SIGSTOP; says what was seen, `None` when none was.
    ///
    /// # Errors
    /// When the signal shows no effect.
    pub async fn resume(&mut self) -> Result<Option<String>, DriverError> {
        let mut proofs = Vec::new();
        for node in self.nodes_mut().iter_mut().filter(|node| node.paused) {
            proofs.push(node.resume().await?);
        }
        Ok((!proofs.is_empty()).then(|| proofs.join("; ")))
    }

    /// The processes that nobody follows yet.
    pub fn newcomers(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes_mut().iter_mut().filter(|node| !node.followed)
    }

    fn nodes_mut(&mut self) -> &mut [Node] {
        match &mut self.nodes {
            Nodes::None => &mut [],
            Nodes::Redis(redis) => redis.nodes_mut(),
            Nodes::Postgres(postgres) => postgres.nodes_mut(),
        }
    }

    /// Starts every process that has ended: with what its durability has kept, or with nothing; says what was seen.
    ///
    /// # Errors
    /// When none has ended, or one does not come up.
    pub async fn start_again(&mut self, empty: bool) -> Result<String, DriverError> {
        match &mut self.nodes {
            Nodes::None => Err(none_of_ours()),
            Nodes::Redis(redis) => redis.start_again(empty).await,
            Nodes::Postgres(postgres) => postgres.start_again(empty).await,
        }
    }

    /// Makes it forget some of every hundred sessions; says how many it forgot.
    ///
    /// # Errors
    /// When it does not answer, or holds none.
    pub async fn evict(&mut self, percent: u32) -> Result<String, DriverError> {
        match &mut self.nodes {
            Nodes::None => Err(none_of_ours()),
            Nodes::Redis(redis) => redis.evict(percent).await,
            Nodes::Postgres(postgres) => postgres.evict(percent).await,
        }
    }

    /// Resumes what is paused and starts what has ended.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn heal(&mut self) -> Result<(), DriverError> {
        self.resume().await?;
        if self.nodes_mut().iter().any(|node| !node.process.is_running()) {
            self.start_again(false).await?;
        }
        Ok(())
    }

    /// Waits until it is whole: every process runs, one takes writes, the others follow it; says what was seen.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn until_whole(&mut self) -> Result<Option<String>, DriverError> {
        let deadline = Instant::now() + WHOLE_WITHIN;
        loop {
            let seen = match &mut self.nodes {
                Nodes::None => return Ok(None),
                Nodes::Redis(redis) => redis.whole().await,
                Nodes::Postgres(postgres) => postgres.whole().await,
            };
            match seen {
                Ok(proof) => return Ok(Some(proof)),
                Err(what) if Instant::now() > deadline => {
                    let what = format!("the store is not whole within {WHOLE_WITHIN:?}: {what}");
                    return Err(DriverError::Machine(what));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Ends a private store; removes what this trial wrote into an external one.
    ///
    /// # Errors
    /// When the external store does not let itself be cleaned.
    pub async fn stop(&self) -> Result<(), DriverError> {
        match &self.nodes {
            Nodes::Redis(redis) => node::stop(redis.nodes()).await,
            Nodes::Postgres(postgres) => node::stop(postgres.nodes()).await,
            Nodes::None if self.url.is_empty() => {}
            Nodes::None => {
                let removed = external::remove(self.kind.family(), &self.url, &self.prefix).await;
                return removed.map_err(|what| {
                    self.refused(format!("what begins with {} could not be removed: {what}", self.prefix))
                });
            }
        }
        Ok(())
    }
}

fn none_of_ours() -> DriverError {
    DriverError::Machine("this stack has no store of the lab's own".to_owned())
}
