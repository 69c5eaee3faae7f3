//! The shared stores: private ones that the lab starts and may hurt, and those that somebody else runs.
//!
//! What a fault does to a process it does to a [`Node`], whatever store that belongs to. What differs between stores is behind
//! [`Nodes`]: how they start, how they start again, who is the primary, and what must be seen before everything is whole.

mod connection;
mod external;
mod installation;
mod node;
mod pair;
mod postgres;
mod redis;
mod sentinel;
mod site;
mod standby;
mod user;

use crate::clock::Clock;
use crate::error::DriverError;
use crate::process::Process;
use crate::recorder::Recorder;
use crate::relay::Relay;
use crate::scratch::Scratch;
use crate::seat::secret;
pub use external::{ExternalStores, without_password};
pub use node::Node;
pub(crate) use node::{free_port, kill_family, until_state};
pub(crate) use site::{Dumper, Ground};

use connection::Connection;
use pair::Chronicle;
use postgres::Postgres;
use redis::Redis;
use scenario::{Edge, Family, StoreKind};
use sentinel::Sentinel;
use standby::Standby;
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
    Sentinel(Box<Sentinel>),
    Postgres(Postgres),
    Standby(Box<Standby>),
}

/// Asks whichever store there is, and says what it is without one.
macro_rules! ask {
    ($nodes:expr, $store:ident => $answer:expr, else $none:expr) => {
        match $nodes {
            Nodes::None => $none,
            Nodes::Redis($store) => $answer,
            Nodes::Sentinel($store) => $answer,
            Nodes::Postgres($store) => $answer,
            Nodes::Standby($store) => $answer,
        }
    };
}

/// What every private store needs to know to start.
#[derive(Clone)]
struct Place {
    /// Tags every child.
    run: String,
    kind: StoreKind,
    /// What the names of its processes begin with: nothing, or what tells a second site's from the first one's.
    site: &'static str,
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
        self.relay_named(edge, "", upstream).await
    }

    /// The same for one of several: the ending of its name tells which.
    async fn relay_named(
        &self,
        edge: Edge,
        ending: &str,
        upstream: u16,
    ) -> Result<Option<Relay>, DriverError> {
        if !self.edges.contains(&edge) {
            return Ok(None);
        }
        let name = format!("relay-{}{ending}", edge.name());
        let upstream = SocketAddr::from(([127, 0, 0, 1], upstream));
        Relay::start(&name, upstream, &self.run, &self.folder, &self.logs).await.map(Some)
    }
}

/// Sentinels take ten seconds to tell a primary that was only silent that it is one no longer.
const WHOLE_WITHIN: Duration = Duration::from_secs(30);

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
            site: "",
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
            Family::Redis | Family::Postgres => store.nodes = Nodes::start(place).await?,
        }
        if let Some((url, facts)) = ask!(&store.nodes, it => Some((it.url(), it.facts())), else None) {
            store.url = url;
            store.facts.extend(facts);
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

    /// Something that belongs beside the numbers.
    pub fn fact(&mut self, name: &str, value: impl Into<String>) {
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

    /// The private store's processes: those that hold sessions, and those that watch over them.
    pub fn nodes(&self) -> &[Node] {
        ask!(&self.nodes, it => it.nodes(), else &[])
    }

    /// The private store's processes.
    pub fn processes(&self) -> Vec<&Process> {
        self.nodes().iter().map(|node| &*node.process).collect()
    }

    /// The relays on one of its edges.
    pub fn relays_on(&self, edge: Edge) -> Vec<&Relay> {
        ask!(&self.nodes, it => it.relays_on(edge), else Vec::new())
    }

    /// The process that takes writes at this moment.
    ///
    /// # Errors
    /// When there is none, or nobody says which it is.
    pub fn primary(&mut self) -> Result<&mut Node, DriverError> {
        ask!(&mut self.nodes, it => it.primary(), else Err(none_of_ours()))
    }

    /// The process that follows the primary.
    ///
    /// # Errors
    /// When there is none.
    pub fn replica(&mut self) -> Result<&mut Node, DriverError> {
        ask!(&mut self.nodes, it => it.replica(), else Err(none_of_ours()))
    }

    /// How many bytes it says that it holds; `None` when the sessions are nowhere but in the servers or with the client.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn stored_bytes(&self) -> Result<Option<u64>, DriverError> {
        let asked = match self.kind.family() {
            Family::Memory | Family::Cookie => return Ok(None),
            Family::Sqlite => {
                let size =
                    |ending: &str| std::fs::metadata(format!("{}{ending}", self.url)).map(|file| file.len());
                // The write-ahead log beside it belongs to it; there is none once all of it has been copied over.
                size("").map(|bytes| bytes + size("-wal").unwrap_or(0)).map_err(|e| e.to_string())
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
        ask!(&mut self.nodes, it => it.nodes_mut(), else &mut [])
    }

    /// Starts every process that has ended: with what its durability has kept, or with nothing; says what was seen.
    ///
    /// # Errors
    /// When none has ended, or one does not come up.
    pub async fn start_again(&mut self, empty: bool) -> Result<String, DriverError> {
        ask!(&mut self.nodes, it => it.start_again(empty).await, else Err(none_of_ours()))
    }

    /// Makes it forget some of every hundred sessions; says how many it forgot.
    ///
    /// # Errors
    /// When it does not answer, or holds none.
    pub async fn evict(&mut self, percent: u32) -> Result<String, DriverError> {
        ask!(&mut self.nodes, it => it.evict(percent).await, else Err(none_of_ours()))
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
            match ask!(&mut self.nodes, it => it.whole().await, else return Ok(None)) {
                Ok(proof) => return Ok(Some(proof)),
                Err(what) if Instant::now() > deadline => {
                    return Err(not_within("the store is whole", &what));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Has whoever decides on a failover (the Sentinels, the witness) watched from now on; what they do is recorded.
    pub fn watch(&mut self, recorder: Recorder, clock: Clock) {
        let chronicle = Chronicle { recorder, clock };
        match &mut self.nodes {
            Nodes::Sentinel(sentinel) => sentinel.watch(chronicle),
            Nodes::Standby(standby) => standby.watch(chronicle),
            Nodes::None | Nodes::Redis(_) | Nodes::Postgres(_) => {}
        }
    }

    /// Ends a private store; removes what this trial wrote into an external one.
    ///
    /// # Errors
    /// When the external store does not let itself be cleaned.
    pub async fn stop(&mut self) -> Result<(), DriverError> {
        match &mut self.nodes {
            Nodes::Sentinel(sentinel) => sentinel.stop().await,
            Nodes::Standby(standby) => standby.stop().await,
            Nodes::Redis(_) | Nodes::Postgres(_) => node::stop(self.nodes_mut()).await,
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

impl Nodes {
    async fn start(place: Place) -> Result<Self, DriverError> {
        Ok(match (place.kind.family(), place.kind.is_replicated()) {
            (Family::Redis, false) => Nodes::Redis(Redis::start(place).await?),
            (Family::Redis, true) => Nodes::Sentinel(Box::new(Sentinel::start(place).await?)),
            (Family::Postgres, false) => Nodes::Postgres(Postgres::start(place).await?),
            (Family::Postgres, true) => Nodes::Standby(Box::new(Standby::start(place).await?)),
            (Family::Memory | Family::Sqlite | Family::Cookie, _) => Nodes::None,
        })
    }
}

fn none_of_ours() -> DriverError {
    DriverError::Machine("this stack has no store of the lab's own".to_owned())
}

fn not_within(wanted: &str, lacking: &str) -> DriverError {
    DriverError::Machine(format!("not within {WHOLE_WITHIN:?}: {wanted}: {lacking}"))
}

/// Waits until something is seen.
async fn until<F: Future<Output = Result<(), String>>>(
    wanted: &str,
    seen: impl Fn() -> F,
) -> Result<(), DriverError> {
    let deadline = Instant::now() + WHOLE_WITHIN;
    while let Err(lacking) = seen().await {
        if Instant::now() > deadline {
            return Err(not_within(wanted, &lacking));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
