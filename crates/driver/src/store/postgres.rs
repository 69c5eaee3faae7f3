//! A private PostgreSQL.

mod site;

pub(super) use site::Dumper;

use super::connection::Connection;
use super::installation::{Installation, answers, evict, truncate, url};
use super::node::Node;
use super::{Place, none_of_ours};
use crate::error::DriverError;
use crate::relay::Relay;
use scenario::{Edge, Family};
use std::collections::BTreeMap;

pub(super) struct Postgres {
    place: Place,
    installation: Installation,
    version: String,
    nodes: Vec<Node>,
    /// What stands between the servers and it.
    relay: Option<Relay>,
}

impl Postgres {
    pub(super) async fn start(place: Place) -> Result<Self, DriverError> {
        let installation = Installation::find()?;
        let data = place.folder.join("data");
        installation.init_database(&place, &data).await?;
        let node = Node::on_free_port(
            &place.run,
            |port| installation.spec(&place, &data, "postgres", port),
            |port| answers(url(port)),
        )
        .await?;
        let relay = place.relay(Edge::ServerStore, node.port).await?;
        let version = Connection::version(Family::Postgres, &url(node.port)).await.unwrap_or_default();
        Ok(Self { place, installation, version, nodes: vec![node], relay })
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
        self.installation.facts(&self.version, self.place.kind)
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
        Err(DriverError::Machine("this PostgreSQL has no standby".to_owned()))
    }

    pub(super) async fn start_again(&mut self, empty: bool) -> Result<String, DriverError> {
        let Self { place, installation, nodes, .. } = self;
        let node = nodes.first_mut().ok_or_else(none_of_ours)?;
        if node.process.is_running() {
            let what = "postgres is still running; kill or terminate it first";
            return Err(DriverError::Machine(what.to_owned()));
        }
        let data = place.folder.join("data");
        let name = format!("{}postgres.{}", place.site, node.generation + 1);
        let (spec, at) = (installation.spec(place, &data, &name, node.port), url(node.port));
        node.again(&place.run, spec, || answers(at.clone())).await?;
        let pid = node.process.pid();
        if empty {
            truncate(&at, &place.prefix).await?;
            return Ok(format!("process {pid} answers, and its table is empty"));
        }
        Ok(format!("process {pid} answers"))
    }

    pub(super) async fn evict(&mut self, percent: u32) -> Result<String, DriverError> {
        evict(&self.own_url(), &self.place.prefix, percent).await
    }

    pub(super) async fn whole(&mut self) -> Result<String, String> {
        answers(self.own_url()).await.map(|()| "postgres answers".to_owned())
    }
}
