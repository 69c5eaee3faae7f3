//! A private Redis, and what one alone and one of two have in common.

mod site;

pub(super) use site::Dumper;

use super::connection::{Connection, field};
use super::node::Node;
use super::{Place, none_of_ours};
use crate::error::DriverError;
use crate::process::Spec;
use crate::program::Program;
use crate::relay::Relay;
use nix::sys::signal::Signal;
use scenario::{Edge, Family, StoreKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) struct Redis {
    place: Place,
    program: PathBuf,
    version: String,
    nodes: Vec<Node>,
    /// What stands between the servers and it.
    relay: Option<Relay>,
}

impl Redis {
    pub(super) async fn start(place: Place) -> Result<Self, DriverError> {
        let program = Program::Redis.find()?;
        let node = Node::on_free_port(
            &place.run,
            |port| spec(&place, &program, "redis", &place.folder, port),
            |port| async move { Connection::redis(&url(port)).await.map(|_| ()) },
        )
        .await?;
        let relay = place.relay(Edge::ServerStore, node.port).await?;
        let version = Connection::version(Family::Redis, &url(node.port)).await.unwrap_or_default();
        Ok(Self { place, program, version, nodes: vec![node], relay })
    }

    /// What the servers are told.
    pub(super) fn url(&self) -> String {
        self.relay.as_ref().map_or_else(|| self.own_url(), |relay| url(relay.addr().port()))
    }

    /// The same without what may stand between.
    fn own_url(&self) -> String {
        self.nodes.first().map_or(String::new(), |node| url(node.port))
    }

    pub(super) fn relays_on(&self, edge: Edge) -> Vec<&Relay> {
        self.relay.iter().filter(|_| edge == Edge::ServerStore).collect()
    }

    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        facts(&self.version, self.place.kind)
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    pub(super) fn primary(&mut self) -> Result<&mut Node, DriverError> {
        self.nodes.first_mut().ok_or_else(none_of_ours)
    }

    pub(super) fn replica(&mut self) -> Result<&mut Node, DriverError> {
        Err(DriverError::Machine("this Redis has no replica".to_owned()))
    }

    pub(super) async fn start_again(&mut self, empty: bool) -> Result<String, DriverError> {
        let Self { place, program, nodes, .. } = self;
        let node = nodes.first_mut().ok_or_else(none_of_ours)?;
        if node.process.is_running() {
            return Err(DriverError::Machine(
                "redis is still running; kill or terminate it first".to_owned(),
            ));
        }
        if empty {
            for name in ["dump.rdb", "appendonlydir"] {
                let path = place.folder.join(name);
                let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
            }
        }
        let name = format!("{}redis.{}", place.site, node.generation + 1);
        let (spec, at) = (spec(place, program, &name, &place.folder, node.port), url(node.port));
        let whole = || async { loaded(&at).await.map(|_| ()) };
        node.again(&place.run, spec, whole).await?;
        let keys = loaded(&at).await.unwrap_or_default();
        Ok(format!("process {} answers and holds {keys} keys", node.process.pid()))
    }

    pub(super) async fn evict(&mut self, percent: u32) -> Result<String, DriverError> {
        evict(&self.own_url(), &self.place.prefix, percent).await
    }

    pub(super) async fn whole(&mut self) -> Result<String, String> {
        let keys = loaded(&self.own_url()).await?;
        Ok(format!("redis answers and holds {keys} keys"))
    }
}

pub(super) fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}/")
}

/// What is told of every Redis.
pub(super) fn facts(version: &str, kind: StoreKind) -> BTreeMap<String, String> {
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    BTreeMap::from([
        fact("store", version),
        fact("durability", durability(kind).0),
        fact("maxmemory-policy", "noeviction"),
    ])
}

/// Forgets some of every hundred sessions.
pub(super) async fn evict(url: &str, prefix: &str, percent: u32) -> Result<String, DriverError> {
    let refused = |what: String| DriverError::Machine(format!("redis does not forget: {what}"));
    let failed = |e: redis::RedisError| refused(e.to_string());
    let mut connection = Connection::redis(url).await.map_err(refused)?;
    let mut keys: Vec<String> =
        redis::cmd("KEYS").arg(format!("{prefix}:*")).query_async(&mut connection).await.map_err(failed)?;
    // The names are hashes: their order picks at random, and the same way for the same keys.
    keys.sort_unstable();
    let all = keys.len();
    keys.truncate((all * percent as usize).div_ceil(100));
    if keys.is_empty() {
        return Err(refused("it holds no session".to_owned()));
    }
    let gone: u64 = redis::cmd("DEL").arg(&keys).query_async(&mut connection).await.map_err(failed)?;
    Ok(format!("{gone} of {all} sessions are gone from redis"))
}

/// How many keys it holds, once it has read what it keeps on disk.
pub(super) async fn loaded(url: &str) -> Result<u64, String> {
    let info = Connection::info(url, "persistence").await?;
    if field(&info, "loading") != Some("0") {
        return Err("it is still loading".to_owned());
    }
    let mut connection = Connection::redis(url).await?;
    redis::cmd("DBSIZE").query_async(&mut connection).await.map_err(|e| e.to_string())
}

/// What a kind of Redis keeps: in words, and as its own settings.
fn durability(kind: StoreKind) -> (&'static str, [&'static str; 6]) {
    match kind {
        StoreKind::RedisRdb => (
            "snapshots: every second in which something changed",
            ["--save", "1 1", "--appendonly", "no", "--appendfsync", "no"],
        ),
        StoreKind::RedisAofEverysec => (
            "append-only file, forced to disk every second",
            ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"],
        ),
        StoreKind::RedisAofAlways => (
            "append-only file, forced to disk before each answer",
            ["--save", "", "--appendonly", "yes", "--appendfsync", "always"],
        ),
        _ => (
            "none: no snapshots, no append-only file",
            ["--save", "", "--appendonly", "no", "--appendfsync", "no"],
        ),
    }
}

/// A server whose data is in a folder of its own.
pub(super) fn spec<'a>(place: &Place, program: &Path, name: &'a str, folder: &Path, port: u16) -> Spec<'a> {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir", ".", "--daemonize", "no"]);
    command.args(["--maxmemory-policy", "noeviction"]).args(durability(place.kind).1);
    let log = place.logs.join(format!("{name}.log"));
    Spec { name, command, death_signal: Signal::SIGKILL, log, says_ready: false }
}
