//! A PostgreSQL at a second site: a standby over the link, or a new one filled by `pg_restore`.

use super::super::connection::Connection;
use super::super::installation::{Installation, answers, promote, url};
use super::super::node::Node;
use super::super::site::Ground;
use super::super::standby::with;
use super::super::{Place, none_of_ours, until};
use super::Postgres;
use crate::error::DriverError;
use std::path::{Path, PathBuf};

/// Takes dumps of one with `pg_dump`.
pub(crate) struct Dumper {
    place: Place,
    installation: Installation,
    port: u16,
    folder: PathBuf,
}

impl Dumper {
    pub(in super::super) async fn dump(&self, number: u32) -> Result<PathBuf, DriverError> {
        let [begun, whole] = ["part", "dump"].map(|ending| self.folder.join(format!("{number}.{ending}")));
        self.installation.dump(&self.place, &format!("b-dump-{number}"), self.port, &begun).await?;
        std::fs::rename(&begun, &whole).map_err(|e| DriverError::io(&whole, e))?;
        Ok(whole)
    }
}

impl Postgres {
    pub(in super::super) fn place(&self) -> &Place {
        &self.place
    }

    fn node(&self) -> Result<&Node, DriverError> {
        self.nodes.first().ok_or_else(none_of_ours)
    }

    pub(in super::super) fn dumper(&self, ground: &Ground) -> Dumper {
        Dumper {
            place: self.place.clone(),
            installation: self.installation.clone(),
            port: self.nodes.first().map_or(0, |node| node.port),
            folder: ground.folder.join("dumps"),
        }
    }

    /// A standby of this one, with its data copied before it begins to follow.
    pub(in super::super) async fn followed_at(&self, place: Place, link: u16) -> Result<Self, DriverError> {
        let (source, data, name) =
            (self.node()?.port, place.folder.join("data"), format!("{}postgres", place.site));
        self.installation.copy_database(&place, &data, &name, source).await?;
        let spec = |port| with(self.installation.spec(&place, &data, &name, port), Some(link));
        let node = Node::on_free_port(&place.run, spec, |port| answers(url(port))).await?;
        until("the standby at site B streams from site A", || is_followed(source)).await?;
        Ok(self.at(place, node))
    }

    /// A new one that holds what a dump does.
    pub(in super::super) async fn restored_at(&self, place: Place, dump: &Path) -> Result<Self, DriverError> {
        let (data, name) = (place.folder.join("data"), format!("{}postgres", place.site));
        self.installation.init_database(&place, &data).await?;
        let spec = |port| self.installation.spec(&place, &data, &name, port);
        let node = Node::on_free_port(&place.run, spec, |port| answers(url(port))).await?;
        self.installation.restore(&place, "b-restore", node.port, dump).await?;
        Ok(self.at(place, node))
    }

    pub(in super::super) async fn promote(&self) -> Result<String, DriverError> {
        let node = self.node()?;
        promote(&node.process, node.port, || ()).await?;
        Ok(format!("{} is not read-only any more", node.process.name()))
    }

    fn at(&self, place: Place, node: Node) -> Self {
        let (installation, version) = (self.installation.clone(), self.version.clone());
        Self { place, installation, version, nodes: vec![node], relay: None }
    }
}

async fn is_followed(port: u16) -> Result<(), String> {
    let mut connection = Connection::postgres(&url(port)).await?;
    let streaming = "SELECT state FROM pg_stat_replication WHERE state = 'streaming'";
    let found: Option<(String,)> =
        sqlx::query_as(streaming).fetch_optional(&mut connection).await.map_err(|e| e.to_string())?;
    found.map(|_| ()).ok_or_else(|| "nobody streams from it".to_owned())
}
