//! A private Redis with a replica, and three Sentinels that put the replica in the primary's place when that is lost.
//!
//! What was found out about relays, for Sentinel knows one address of each server, and not several:
//!
//! - The address that a Sentinel monitors is the one that it names to clients. So a relay between the servers and the store is
//!   what the Sentinels monitor too, and what each Redis announces (`replica-announce-port`): whatever that relay does, the
//!   Sentinels meet as well. A level is set on the relays of both servers at once, so that it does not promote anybody:
//!   with no replica to be reached, Sentinels call a failover off.
//! - A replica's own link may lead through a relay (`REPLICAOF` its address) although the Sentinels know its primary by another
//!   one. They would repair that, but only what has stood for the whole of `failover-timeout`; with Redis' own default of
//!   three minutes they leave it alone for longer than a trial takes. A shorter one would by-pass the relay in the middle.

mod watch;

use super::connection::{Connection, field};
use super::node::{self, Node};
use super::pair::{Chronicle, Pair, Roles, Watch};
use super::redis::{evict, facts, loaded, spec, url};
use super::{Place, until};
use crate::error::DriverError;
use crate::process::Spec;
use crate::program::Program;
use crate::relay::Relay;
use nix::sys::signal::Signal;
use scenario::{Edge, Family};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

pub(super) struct Sentinel {
    place: Place,
    program: PathBuf,
    version: String,
    /// The two that hold sessions, then three Sentinels.
    nodes: Vec<Node>,
    pair: Pair,
    /// What stands between the servers and each of the two.
    doors: Vec<Relay>,
    /// What stands between the replica and its primary.
    link: Option<Relay>,
    watch: Option<Watch>,
}

/// What the Sentinels call the primary.
const MASTER: &str = "lab";
const SENTINELS: usize = 3;
/// How many of them must agree that it is lost.
const QUORUM: u32 = 2;
/// Silence of this length is a loss. Redis' default is 30 s; who cares for sessions sets about this.
const DOWN_AFTER_MS: u32 = 1_000;
/// Redis' default. See above.
const FAILOVER_TIMEOUT_MS: u32 = 180_000;

impl Sentinel {
    pub(super) async fn start(place: Place) -> Result<Self, DriverError> {
        let program = Program::Redis.find()?;
        let (mut nodes, mut doors) = (Vec::new(), Vec::new());
        for number in 1..=2 {
            let node = start_server(&place, &program, number).await?;
            let door = place.relay_named(Edge::ServerStore, &format!("-{number}"), node.port).await?;
            let announced = door.as_ref().map_or(node.port, |door| door.addr().port());
            order(node.port, &["CONFIG", "SET", "replica-announce-ip", "127.0.0.1"]).await?;
            order(node.port, &["CONFIG", "SET", "replica-announce-port", &announced.to_string()]).await?;
            nodes.push(node);
            doors.extend(door);
        }
        let link = place.relay(Edge::PrimaryReplica, nodes[0].port).await?;
        let version = Connection::version(Family::Redis, &url(nodes[0].port)).await.unwrap_or_default();
        let pair = Pair::new([0, 1].map(|place| Arc::clone(&nodes[place].process)));
        let mut sentinel = Self { place, program, version, nodes, pair, doors, link, watch: None };
        let source = sentinel.source().to_string();
        order(sentinel.nodes[1].port, &["REPLICAOF", "127.0.0.1", &source]).await?;
        // A Sentinel hears of a replica that comes later only in ten seconds.
        until("the replica follows its primary", || sentinel.in_step()).await?;
        for number in 1..=SENTINELS {
            let node = sentinel.start_sentinel(number).await?;
            sentinel.nodes.push(node);
        }
        Ok(sentinel)
    }

    /// What the servers are told: where the Sentinels are.
    pub(super) fn url(&self) -> String {
        let sentinels: Vec<String> =
            self.nodes[2..].iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+sentinel://{}/{MASTER}", sentinels.join(","))
    }

    pub(super) fn relays_on(&self, edge: Edge) -> Vec<&Relay> {
        match edge {
            Edge::ServerStore => self.doors.iter().collect(),
            Edge::PrimaryReplica => self.link.iter().collect(),
            Edge::ClientRouter | Edge::RouterServer => Vec::new(),
        }
    }

    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        let mut facts = facts(&self.version, self.place.kind);
        let mut fact = |name: &str, value: String| facts.insert(name.to_owned(), value);
        fact("replication", "asynchronous, to one replica".to_owned());
        // Redis' default, and what nearly everybody runs: writes go on without the replica. A 1 would refuse them while the replica
        // is away or lags by 10 s, and so bound the loss by that, at the cost of an outage for each restart of the replica.
        fact("min-replicas-to-write", "0".to_owned());
        fact("sentinels", format!("{SENTINELS}, quorum {QUORUM}"));
        fact("down-after-milliseconds", DOWN_AFTER_MS.to_string());
        fact("failover-timeout", FAILOVER_TIMEOUT_MS.to_string());
        facts
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// Follows what the Sentinels do from now on.
    pub(super) fn watch(&mut self, chronicle: Chronicle) {
        let sentinels = self.nodes[2..].iter().map(|node| node.port).collect();
        let members = [0, 1].map(|place| (self.announced(place), self.nodes[place].port));
        // A level on the way to the store is met by the Sentinels too, and they may give up a primary that runs.
        let blames_the_machine = self.doors.is_empty();
        let task = watch::follow(self.pair.clone(), sentinels, members, chronicle, blames_the_machine);
        self.watch = Some(Watch::new(task));
    }

    pub(super) async fn stop(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.end().await;
        }
        node::stop(&mut self.nodes).await;
    }

    pub(super) fn primary(&mut self) -> Result<&mut Node, DriverError> {
        Ok(&mut self.nodes[self.pair.get().primary])
    }

    pub(super) fn replica(&mut self) -> Result<&mut Node, DriverError> {
        Ok(&mut self.nodes[self.pair.get().replica()])
    }

    /// Starts what has ended as a replica of whoever is the primary.
    ///
    /// The Sentinels decide first. A primary that keeps nothing on disk and starts again before they have noticed is the known trap:
    /// it comes back empty, as the primary, and its replica makes itself as empty.
    pub(super) async fn start_again(&mut self, empty: bool) -> Result<String, DriverError> {
        let Some(first) = self.nodes.iter().position(|node| !node.process.is_running()) else {
            let what = "every process of this Redis is still running; kill or terminate one first";
            return Err(DriverError::Machine(what.to_owned()));
        };
        let mut proofs = Vec::new();
        if first < 2 {
            let pair = self.pair.clone();
            until("the Sentinels put the replica in the primary's place", || async {
                if pair.get().is_to_change() { Err("they have not".to_owned()) } else { Ok(()) }
            })
            .await?;
        }
        let Roles { primary, .. } = self.pair.get();
        let sentinels = 2..self.nodes.len();
        for place in [primary, 1 - primary].into_iter().chain(sentinels) {
            if !self.nodes[place].process.is_running() {
                proofs.push(self.start_one_again(place).await?);
            }
        }
        if empty {
            order(self.nodes[primary].port, &["FLUSHALL"]).await?;
            proofs.push("everything in it was deleted".to_owned());
        }
        Ok(proofs.join("; "))
    }

    async fn start_one_again(&mut self, place: usize) -> Result<String, DriverError> {
        let (source, announced) = (self.source(), (place < 2).then(|| self.announced(place)));
        let is_primary = place == self.pair.get().primary;
        if let Some(link) = self.link.as_ref().filter(|_| place < 2 && !is_primary) {
            link.set_upstream(SocketAddr::from(([127, 0, 0, 1], self.nodes[1 - place].port))).await?;
        }
        let Self { place: settings, program, nodes, pair, .. } = self;
        let node = &mut nodes[place];
        let kind = if place < 2 { format!("redis-{}", place + 1) } else { format!("sentinel-{}", place - 1) };
        let (name, folder) = (format!("{kind}.{}", node.generation + 1), settings.folder.join(&kind));
        let at = url(node.port);
        let Some(announced) = announced else {
            let spec = sentinel_spec(settings, program, &name, &folder, node.port);
            node.again(&settings.run, spec, || ping(at.clone())).await?;
            return Ok(format!("{name}: process {} answers", node.process.pid()));
        };
        let mut spec = spec(settings, program, &name, &folder, node.port);
        spec.command.args(SERVER).args(["--replica-announce-port", &announced.to_string()]);
        if !is_primary {
            spec.command.args(["--replicaof", "127.0.0.1", &source.to_string()]);
        }
        let whole = || async { if is_primary { loaded(&at).await.map(|_| ()) } else { follows(&at).await } };
        node.again(&settings.run, spec, whole).await?;
        let process = Arc::clone(&node.process);
        let proof = format!(
            "{name}: process {} answers{}",
            process.pid(),
            if is_primary { "" } else { " and follows" }
        );
        pair.change(|roles| {
            roles.processes[place] = process;
            roles.followed |= !is_primary;
        });
        Ok(proof)
    }

    pub(super) async fn evict(&mut self, percent: u32) -> Result<String, DriverError> {
        evict(&url(self.nodes[self.pair.get().primary].port), &self.place.prefix, percent).await
    }

    /// One takes writes, the other has all that it has, and the Sentinels agree on it.
    pub(super) async fn whole(&mut self) -> Result<String, String> {
        let mut named = None;
        for node in &self.nodes[2..] {
            let said = opinion(node.port).await.map_err(|what| format!("{}: {what}", node.process.name()))?;
            if *named.get_or_insert(said) != said {
                return Err("the Sentinels do not agree on the primary".to_owned());
            }
        }
        let primary = (0..2).find(|place| Some(self.announced(*place)) == named);
        let primary = primary.ok_or("the Sentinels name a primary that nobody started")?;
        self.pair.change(|roles| roles.primary = primary);
        self.in_step().await?;
        // A primary that was only silent has been made the replica meanwhile.
        self.pair.change(|roles| roles.followed = true);
        let [primary, replica] = [primary, 1 - primary].map(|place| self.nodes[place].process.name());
        Ok(format!("three Sentinels name {primary}, and {replica} follows it"))
    }

    /// The replica has all that the primary had at this moment.
    async fn in_step(&self) -> Result<(), String> {
        let Roles { primary, .. } = self.pair.get();
        let [primary, replica] = [primary, 1 - primary].map(|place| &self.nodes[place]);
        let offset = |info: &str| field(info, "master_repl_offset").and_then(|at| at.parse::<u64>().ok());
        let of_primary = Connection::info(&url(primary.port), "replication").await?;
        if field(&of_primary, "role") != Some("master") {
            return Err(format!("{} is not a primary", primary.process.name()));
        }
        follows(&url(replica.port)).await?;
        let of_replica = Connection::info(&url(replica.port), "replication").await?;
        match (offset(&of_primary), offset(&of_replica)) {
            (Some(wanted), Some(there)) if there >= wanted => Ok(()),
            (wanted, there) => Err(format!("the replica is at {there:?}, and its primary was at {wanted:?}")),
        }
    }

    /// Where the replica finds its primary.
    fn source(&self) -> u16 {
        let own = self.nodes[self.pair.get().primary].port;
        self.link.as_ref().map_or(own, |link| link.addr().port())
    }

    /// Where the Sentinels and their clients find one of the two.
    fn announced(&self, place: usize) -> u16 {
        self.doors.get(place).map_or(self.nodes[place].port, |door| door.addr().port())
    }

    async fn start_sentinel(&self, number: usize) -> Result<Node, DriverError> {
        let name = format!("sentinel-{number}");
        let folder = self.place.folder.join(&name);
        std::fs::create_dir_all(&folder).map_err(|e| DriverError::io(&folder, e))?;
        let config = folder.join(CONFIG);
        let settings = format!(
            "sentinel resolve-hostnames no\nsentinel monitor {MASTER} 127.0.0.1 {} {QUORUM}\n\
             sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n\
             sentinel failover-timeout {MASTER} {FAILOVER_TIMEOUT_MS}\n",
            self.announced(0)
        );
        std::fs::write(&config, settings).map_err(|e| DriverError::io(&config, e))?;
        Node::on_free_port(
            &self.place.run,
            |port| sentinel_spec(&self.place, &self.program, &name, &folder, port),
            |port| ping(url(port)),
        )
        .await
    }
}

/// A Sentinel rewrites this file: what it knows survives its restart.
const CONFIG: &str = "sentinel.conf";
/// A replica need not wait five seconds for others that might want the same copy.
const SERVER: [&str; 4] = ["--repl-diskless-sync-delay", "0", "--replica-announce-ip", "127.0.0.1"];

async fn start_server(place: &Place, program: &Path, number: u32) -> Result<Node, DriverError> {
    let name = format!("redis-{number}");
    let folder = place.folder.join(&name);
    std::fs::create_dir_all(&folder).map_err(|e| DriverError::io(&folder, e))?;
    Node::on_free_port(
        &place.run,
        |port| {
            let mut spec = spec(place, program, &name, &folder, port);
            spec.command.args(SERVER);
            spec
        },
        |port| async move { loaded(&url(port)).await.map(|_| ()) },
    )
    .await
}

fn sentinel_spec<'a>(place: &Place, program: &Path, name: &'a str, folder: &Path, port: u16) -> Spec<'a> {
    let mut command = Command::new(program);
    command.current_dir(folder).args([
        CONFIG,
        "--sentinel",
        "--bind",
        "127.0.0.1",
        "--port",
        &port.to_string(),
    ]);
    let log = place.logs.join(format!("{name}.log"));
    Spec { name, command, death_signal: Signal::SIGKILL, log, says_ready: false }
}

async fn ping(url: String) -> Result<(), String> {
    let mut connection = Connection::redis(&url).await?;
    redis::cmd("PING").query_async(&mut connection).await.map_err(|e| e.to_string())
}

/// Gives one Redis an order.
pub(super) async fn order(port: u16, command: &[&str]) -> Result<(), DriverError> {
    let refused = |what: String| {
        DriverError::Machine(format!("redis on port {port} does not {}: {what}", command.join(" ")))
    };
    let mut connection = Connection::redis(&url(port)).await.map_err(refused)?;
    let mut order = redis::Cmd::new();
    order.arg(command).query_async::<()>(&mut connection).await.map_err(|e| refused(e.to_string()))
}

/// Whether one Redis follows another and hears of it.
pub(super) async fn follows(url: &str) -> Result<(), String> {
    let info = Connection::info(url, "replication").await?;
    match (field(&info, "role"), field(&info, "master_link_status")) {
        (Some("slave"), Some("up")) => Ok(()),
        (role, link) => Err(format!("its role is {role:?} and its link to the primary {link:?}")),
    }
}

/// The port of the primary that a Sentinel names, when it sees the primary, a replica and both other Sentinels, all of them up.
async fn opinion(port: u16) -> Result<u16, String> {
    type Fields = HashMap<String, String>;
    let mut connection = Connection::redis(&url(port)).await?;
    let mut ask = redis::cmd("SENTINEL");
    let master: Fields =
        ask.arg("MASTER").arg(MASTER).query_async(&mut connection).await.map_err(|e| e.to_string())?;
    let mut ask = redis::cmd("SENTINEL");
    let replicas: Vec<Fields> =
        ask.arg("REPLICAS").arg(MASTER).query_async(&mut connection).await.map_err(|e| e.to_string())?;
    let of = |fields: &Fields, name: &str| fields.get(name).cloned().unwrap_or_default();
    let others = of(&master, "num-other-sentinels");
    let flags: Vec<String> =
        [&master].into_iter().chain(&replicas).map(|fields| of(fields, "flags")).collect();
    if flags != ["master", "slave"] || others != "2" {
        return Err(format!("it sees {flags:?} and {others} other Sentinels"));
    }
    of(&master, "port").parse().map_err(|_| "it names a primary without a port".to_owned())
}
