//! A Redis at a second site: a replica over the link, or a new one that begins with a copied snapshot.

use super::super::connection::{Connection, field};
use super::super::node::Node;
use super::super::sentinel::{follows, order};
use super::super::site::Ground;
use super::super::{Place, none_of_ours, until};
use super::{Redis, loaded, spec, url};
use crate::error::DriverError;
use std::fs;
use std::path::{Path, PathBuf};

/// The file that a Redis saves to, and begins with.
const SNAPSHOT: &str = "dump.rdb";

/// Takes dumps of one: has it save a snapshot, and copies that.
pub(crate) struct Dumper {
    url: String,
    port: u16,
    from: PathBuf,
    folder: PathBuf,
}

impl Dumper {
    pub(in super::super) async fn dump(&self, number: u32) -> Result<PathBuf, DriverError> {
        let refused = |what: String| DriverError::Machine(format!("redis saves no snapshot: {what}"));
        let (before, _) = saves(&self.url).await.map_err(refused)?;
        order(self.port, &["BGSAVE", "SCHEDULE"]).await?;
        until("redis has saved a snapshot", || async {
            let (begun, saving) = saves(&self.url).await?;
            if begun > before && !saving { Ok(()) } else { Err("it has not".to_owned()) }
        })
        .await?;
        fs::create_dir_all(&self.folder).map_err(|e| DriverError::io(&self.folder, e))?;
        let [begun, whole] = ["part", "rdb"].map(|ending| self.folder.join(format!("{number}.{ending}")));
        fs::copy(&self.from, &begun).map_err(|e| DriverError::io(&self.from, e))?;
        fs::rename(&begun, &whole).map_err(|e| DriverError::io(&whole, e))?;
        Ok(whole)
    }
}

/// How many snapshots it has begun to save, and whether it is at one of them.
async fn saves(url: &str) -> Result<(u64, bool), String> {
    let info = Connection::info(url, "persistence").await?;
    if field(&info, "rdb_last_bgsave_status") != Some("ok") {
        return Err("the last one failed".to_owned());
    }
    let saves = field(&info, "rdb_saves").and_then(|saves| saves.parse().ok());
    let saving = field(&info, "rdb_bgsave_in_progress") != Some("0");
    saves.map(|saves| (saves, saving)).ok_or_else(|| "INFO persistence has no rdb_saves".to_owned())
}

impl Redis {
    pub(in super::super) fn place(&self) -> &Place {
        &self.place
    }

    fn node(&self) -> Result<&Node, DriverError> {
        self.nodes.first().ok_or_else(none_of_ours)
    }

    pub(in super::super) fn dumper(&self, ground: &Ground) -> Dumper {
        Dumper {
            url: self.own_url(),
            port: self.nodes.first().map_or(0, |node| node.port),
            from: self.place.folder.join(SNAPSHOT),
            folder: ground.folder.join("dumps"),
        }
    }

    /// A replica of this one.
    pub(in super::super) async fn followed_at(&self, place: Place, link: u16) -> Result<Self, DriverError> {
        // A replica need not wait five seconds for others that might want the same copy.
        order(self.node()?.port, &["CONFIG", "SET", "repl-diskless-sync-delay", "0"]).await?;
        let node = self.start_at(&place).await?;
        order(node.port, &["REPLICAOF", "127.0.0.1", &link.to_string()]).await?;
        let at = url(node.port);
        until("the replica at site B follows site A", || follows(&at)).await?;
        Ok(self.at(place, node))
    }

    /// A new one that begins with a snapshot.
    pub(in super::super) async fn restored_at(&self, place: Place, dump: &Path) -> Result<Self, DriverError> {
        let own = place.folder.join(SNAPSHOT);
        fs::copy(dump, &own).map_err(|e| DriverError::io(&own, e))?;
        let node = self.start_at(&place).await?;
        Ok(self.at(place, node))
    }

    pub(in super::super) async fn promote(&self) -> Result<String, DriverError> {
        let node = self.node()?;
        order(node.port, &["REPLICAOF", "NO", "ONE"]).await?;
        let at = url(node.port);
        until("the replica at site B is a primary", || async {
            let info = Connection::info(&at, "replication").await?;
            if field(&info, "role") == Some("master") { Ok(()) } else { Err("it is a replica".to_owned()) }
        })
        .await?;
        Ok(format!("{} is a primary", node.process.name()))
    }

    async fn start_at(&self, place: &Place) -> Result<Node, DriverError> {
        let name = format!("{}redis", place.site);
        Node::on_free_port(
            &place.run,
            |port| spec(place, &self.program, &name, &place.folder, port),
            |port| async move { loaded(&url(port)).await.map(|_| ()) },
        )
        .await
    }

    fn at(&self, place: Place, node: Node) -> Self {
        let (program, version) = (self.program.clone(), self.version.clone());
        Self { place, program, version, nodes: vec![node], relay: None }
    }
}
