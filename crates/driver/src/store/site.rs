//! The store of a second site: a replica of the first one's, or a fresh one with what the last dump holds.

use super::postgres::Postgres;
use super::redis::Redis;
use super::{Nodes, Place, Store};
use crate::error::DriverError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a second site's processes are.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// Their data, their secrets.
    pub(crate) folder: PathBuf,
    /// Their logs.
    pub(crate) logs: PathBuf,
}

/// Takes dumps of a store and leaves them at a second site.
pub(crate) enum Dumper {
    Redis(super::redis::Dumper),
    Postgres(Box<super::postgres::Dumper>),
}

impl Dumper {
    /// Takes one; answers where it is. Until it is whole there is none under that name.
    ///
    /// # Errors
    /// When the store does not give it.
    pub(crate) async fn dump(&self, number: u32) -> Result<PathBuf, DriverError> {
        match self {
            Dumper::Redis(dumper) => dumper.dump(number).await,
            Dumper::Postgres(dumper) => dumper.dump(number).await,
        }
    }
}

impl Store {
    /// Where the process listens that holds the sessions; `None` when there is none.
    ///
    /// # Errors
    /// When it is somebody else's.
    pub(crate) fn port(&self) -> Result<Option<u16>, DriverError> {
        match self.nodes().first() {
            None if self.kind.is_a_process() => {
                let what = "the store is somebody else's, and cannot have a second site; leave its URL out";
                Err(DriverError::Machine(what.to_owned()))
            }
            node => Ok(node.map(|node| node.port)),
        }
    }

    /// A replica at a second site, which hears of this one over the link on a port; `None` when no process holds the sessions.
    ///
    /// # Errors
    /// When it does not come up, or does not follow.
    pub(crate) async fn followed_at(&self, ground: &Ground, link: u16) -> Result<Option<Store>, DriverError> {
        let nodes = match &self.nodes {
            Nodes::Redis(source) => Nodes::Redis(source.followed_at(source.place_at(ground), link).await?),
            Nodes::Postgres(source) => {
                Nodes::Postgres(source.followed_at(source.place_at(ground), link).await?)
            }
            Nodes::None | Nodes::Sentinel(_) | Nodes::Standby(_) => return Ok(None),
        };
        Ok(Some(self.with(nodes)))
    }

    /// Whoever takes dumps of it; `None` when no process holds the sessions.
    pub(crate) fn dumper(&self, ground: &Ground) -> Option<Dumper> {
        match &self.nodes {
            Nodes::Redis(source) => Some(Dumper::Redis(source.dumper(ground))),
            Nodes::Postgres(source) => Some(Dumper::Postgres(Box::new(source.dumper(ground)))),
            Nodes::None | Nodes::Sentinel(_) | Nodes::Standby(_) => None,
        }
    }

    /// A fresh one at a second site that holds what a dump of this one does; it takes writes. `None` when no process holds the
    /// sessions.
    ///
    /// # Errors
    /// When it does not come up, or does not take the dump.
    pub(crate) async fn restored_at(
        &self,
        ground: &Ground,
        dump: &Path,
    ) -> Result<Option<Store>, DriverError> {
        let nodes = match &self.nodes {
            Nodes::Redis(source) => Nodes::Redis(source.restored_at(source.place_at(ground), dump).await?),
            Nodes::Postgres(source) => {
                Nodes::Postgres(source.restored_at(source.place_at(ground), dump).await?)
            }
            Nodes::None | Nodes::Sentinel(_) | Nodes::Standby(_) => return Ok(None),
        };
        Ok(Some(self.with(nodes)))
    }

    /// Where there is no process, servers at a second site have what those at the first have: nothing but their own.
    pub(crate) fn of_nobody(&self) -> Store {
        self.with(Nodes::None)
    }

    /// Has a replica take writes, and waits until it does; says what was seen.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn promote(&mut self) -> Result<Option<String>, DriverError> {
        match &self.nodes {
            Nodes::Redis(replica) => replica.promote().await.map(Some),
            Nodes::Postgres(replica) => replica.promote().await.map(Some),
            Nodes::None | Nodes::Sentinel(_) | Nodes::Standby(_) => Ok(None),
        }
    }

    fn with(&self, nodes: Nodes) -> Store {
        let url = match &nodes {
            Nodes::Redis(redis) => redis.url(),
            Nodes::Postgres(postgres) => postgres.url(),
            Nodes::None | Nodes::Sentinel(_) | Nodes::Standby(_) => String::new(),
        };
        Store { kind: self.kind, url, prefix: self.prefix.clone(), facts: BTreeMap::new(), nodes }
    }
}

impl Place {
    /// The same at a second site.
    fn at(&self, ground: &Ground) -> Place {
        let (folder, logs) = (ground.folder.clone(), ground.logs.clone());
        Place { site: journal::SITE_B, folder, logs, edges: Vec::new(), ..self.clone() }
    }
}

impl Redis {
    fn place_at(&self, ground: &Ground) -> Place {
        self.place().at(ground)
    }
}

impl Postgres {
    fn place_at(&self, ground: &Ground) -> Place {
        self.place().at(ground)
    }
}
