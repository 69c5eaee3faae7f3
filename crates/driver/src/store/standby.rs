//! A private PostgreSQL with a streaming standby, and a witness that puts the standby in the primary's place when that is lost.

mod witness;

use super::connection::Connection;
use super::installation::{Installation, answers, evict, truncate, url};
use super::node::{self, Node};
use super::pair::{Chronicle, Pair, Roles, Watch};
use super::{Place, until};
use crate::error::DriverError;
use crate::process::Spec;
use crate::relay::Relay;
use scenario::{Edge, Family, StoreKind};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) struct Standby {
    place: Place,
    installation: Installation,
    version: String,
    /// First `postgres-1`, then `postgres-2`, whoever of them is the primary.
    nodes: Vec<Node>,
    pair: Pair,
    /// What stands between the servers and each of the two.
    doors: Vec<Relay>,
    /// What stands between the standby and its primary.
    link: Option<Relay>,
    watch: Option<Watch>,
}

/// What a pair needs beyond what one needs: a standby that looks for its primary quickly (it does so every 5 s otherwise, and a
/// promotion waits for that too), and a primary that keeps what a standby has missed.
const SETTINGS: [&str; 3] = ["hot_standby=on", "wal_retrieve_retry_interval=100ms", "wal_keep_size=1GB"];

impl Standby {
    pub(super) async fn start(place: Place) -> Result<Self, DriverError> {
        let installation = Installation::find()?;
        let data = [1, 2].map(|number| place.folder.join(format!("postgres-{number}")));
        installation.init_database(&place, &data[0]).await?;
        let primary = Node::on_free_port(
            &place.run,
            |port| with(installation.spec(&place, &data[0], "postgres-1", port), None),
            |port| answers(url(port)),
        )
        .await?;
        let link = place.relay(Edge::PrimaryReplica, primary.port).await?;
        let source = link.as_ref().map_or(primary.port, |link| link.addr().port());
        installation.copy_database(&place, &data[1], "postgres-2", primary.port).await?;
        let standby = Node::on_free_port(
            &place.run,
            |port| with(installation.spec(&place, &data[1], "postgres-2", port), Some(source)),
            |port| answers(url(port)),
        )
        .await?;
        let mut doors = Vec::new();
        for (number, node) in [(1, &primary), (2, &standby)] {
            doors.extend(place.relay_named(Edge::ServerStore, &format!("-{number}"), node.port).await?);
        }
        let version = Connection::version(Family::Postgres, &url(primary.port)).await.unwrap_or_default();
        let pair = Pair::new([Arc::clone(&primary.process), Arc::clone(&standby.process)]);
        let nodes = vec![primary, standby];
        let standby = Self { place, installation, version, nodes, pair, doors, link, watch: None };
        standby.join().await?;
        Ok(standby)
    }

    /// What the servers are told: both addresses.
    pub(super) fn url(&self) -> String {
        let port = |(place, node): (usize, &Node)| {
            self.doors.get(place).map_or(node.port, |door| door.addr().port())
        };
        let hosts: Vec<String> =
            self.nodes.iter().enumerate().map(port).map(|port| format!("127.0.0.1:{port}")).collect();
        format!("postgres://lab@{}/postgres?target_session_attrs=read-write", hosts.join(","))
    }

    pub(super) fn relays_on(&self, edge: Edge) -> Vec<&Relay> {
        match edge {
            Edge::ServerStore => self.doors.iter().collect(),
            Edge::PrimaryReplica => self.link.iter().collect(),
            Edge::ClientRouter | Edge::RouterServer => Vec::new(),
        }
    }

    pub(super) fn facts(&self) -> BTreeMap<String, String> {
        let mut facts = self.installation.facts(&self.version, self.place.kind);
        let mut fact = |name: &str, value: String| facts.insert(name.to_owned(), value);
        let replication = match self.is_synchronous() {
            false => "asynchronous, to one standby",
            true => {
                "synchronous, to one standby; commits wait while it is away; a primary that was promoted is asynchronous \
                 until it has a standby of its own"
            }
        };
        fact("replication", replication.to_owned());
        fact("witness", witness::rule());
        fact("wal_retrieve_retry_interval", "100ms".to_owned());
        facts
    }

    fn is_synchronous(&self) -> bool {
        self.place.kind == StoreKind::PostgresStandbySync
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    /// Has the witness watch over it from now on.
    pub(super) fn watch(&mut self, chronicle: Chronicle) {
        let ports = [0, 1].map(|place| self.nodes[place].port);
        self.watch = Some(Watch::new(witness::watch_over(self.pair.clone(), ports, chronicle)));
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

    /// Starts what has ended. The witness decides first; then an old primary comes back as the standby of the new one, from a fresh
    /// copy: what it had written and nobody else had seen is gone, as the clients have been told otherwise meanwhile.
    pub(super) async fn start_again(&mut self, empty: bool) -> Result<String, DriverError> {
        if self.nodes.iter().all(|node| node.process.is_running()) {
            let what = "both processes of this PostgreSQL are still running; kill or terminate one first";
            return Err(DriverError::Machine(what.to_owned()));
        }
        let pair = self.pair.clone();
        until("the witness puts the standby in the primary's place", || async {
            if pair.get().is_to_change() { Err("it has not".to_owned()) } else { Ok(()) }
        })
        .await?;
        let Roles { primary, .. } = self.pair.get();
        let mut proofs = Vec::new();
        for place in [primary, 1 - primary] {
            if !self.nodes[place].process.is_running() {
                proofs.push(self.start_one_again(place, place == primary).await?);
            }
        }
        if empty {
            truncate(&url(self.nodes[primary].port), &self.place.prefix).await?;
            proofs.push("its table is empty".to_owned());
        }
        Ok(proofs.join("; "))
    }

    async fn start_one_again(&mut self, place: usize, is_primary: bool) -> Result<String, DriverError> {
        let other = self.nodes[1 - place].port;
        let Self { place: settings, installation, nodes, pair, link, .. } = self;
        let node = &mut nodes[place];
        let kind = format!("postgres-{}", place + 1);
        let (name, data) = (format!("{kind}.{}", node.generation + 1), settings.folder.join(&kind));
        let mut source = None;
        if !is_primary {
            if let Some(link) = link {
                link.set_upstream(SocketAddr::from(([127, 0, 0, 1], other))).await?;
            }
            source = Some(link.as_ref().map_or(other, |link| link.addr().port()));
            // A standby that was one before goes on where it was.
            if !pair.get().followed {
                installation.copy_database(settings, &data, &name, other).await?;
            }
        }
        let spec = with(installation.spec(settings, &data, &name, node.port), source);
        let at = url(node.port);
        node.again(&settings.run, spec, || answers(at.clone())).await?;
        let process = Arc::clone(&node.process);
        let proof = format!("{name}: process {} answers", process.pid());
        pair.change(|roles| roles.processes[place] = process);
        if is_primary {
            return Ok(proof);
        }
        self.join().await?;
        self.pair.change(|roles| roles.followed = true);
        Ok(format!("{proof} and follows"))
    }

    /// Waits until the standby streams; from then on, of a synchronous one, commits wait for it.
    async fn join(&self) -> Result<(), DriverError> {
        until("the standby streams from the primary", || async { self.streams().await.map(|_| ()) }).await?;
        if !self.is_synchronous() {
            return Ok(());
        }
        let Roles { primary, .. } = self.pair.get();
        let refused =
            |what: String| DriverError::Machine(format!("postgres does not wait for its standby: {what}"));
        let mut connection = Connection::postgres(&url(self.nodes[primary].port)).await.map_err(refused)?;
        for statement in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            sqlx::query(statement).execute(&mut connection).await.map_err(|e| refused(e.to_string()))?;
        }
        Ok(())
    }

    /// How the standby follows: `async` or `sync`; and where the primary was in its log.
    async fn streams(&self) -> Result<(String, String), String> {
        let Roles { primary, .. } = self.pair.get();
        let mut connection = Connection::postgres(&url(self.nodes[primary].port)).await?;
        let streaming = "SELECT sync_state, pg_current_wal_lsn()::text FROM pg_stat_replication WHERE state = 'streaming' \
            AND application_name = 'standby' AND NOT pg_is_in_recovery()";
        let found = sqlx::query_as(streaming).fetch_optional(&mut connection).await;
        found.map_err(|e| e.to_string())?.ok_or_else(|| "nobody streams from it".to_owned())
    }

    pub(super) async fn evict(&mut self, percent: u32) -> Result<String, DriverError> {
        evict(&url(self.nodes[self.pair.get().primary].port), &self.place.prefix, percent).await
    }

    /// One takes writes, and the other has all that it had at this moment.
    pub(super) async fn whole(&mut self) -> Result<String, String> {
        let (state, wanted) = self.streams().await?;
        if state == "async" && self.is_synchronous() {
            return Err("the standby is not synchronous yet".to_owned());
        }
        let roles = self.pair.get();
        let [primary, standby] = [roles.primary, roles.replica()].map(|place| &self.nodes[place]);
        let mut connection = Connection::postgres(&url(standby.port)).await?;
        let (there,): (bool,) =
            sqlx::query_as("SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1::pg_lsn")
                .bind(wanted)
                .fetch_one(&mut connection)
                .await
                .map_err(|e| e.to_string())?;
        if !there {
            return Err("the standby has not caught up".to_owned());
        }
        Ok(format!("{} takes writes, and {} follows it", primary.process.name(), standby.process.name()))
    }
}

/// One of a pair: a primary, or a standby of what is on a port. What the copy says of its source is overruled.
pub(super) fn with(mut spec: Spec<'_>, source: Option<u16>) -> Spec<'_> {
    for setting in SETTINGS {
        spec.command.args(["-c", setting]);
    }
    if let Some(port) = source {
        let source = format!("primary_conninfo=host=127.0.0.1 port={port} user=lab application_name=standby");
        spec.command.args(["-c", &source]);
    }
    spec
}
