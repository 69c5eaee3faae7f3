//! The running tier, as an operator may know of it: where its servers are, how to ask them, and which run it belongs to. Each trial keeps
//! it as a file in the run's private folder for as long as it runs; [`running`] finds it there.

use crate::cluster::Place;
use crate::error::DriverError;
use crate::look_up::Door;
use crate::scratch::in_use;
use crate::seat::write_secret;
use protocol::ops::Reach;
use scenario::{Family, Stack, StoreKind};
use serde::{Deserialize, Serialize};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const FILE: &str = "tier.json";

/// A tier that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The run that it belongs to.
    pub run: String,
    /// The trial within it.
    pub trial: String,
    /// The scenario that is played.
    pub scenario: String,
    /// Its architecture.
    pub stack: Stack,
    /// Where shoppers are served.
    pub entrance: SocketAddr,
    /// Its servers, dead ones included until another process takes their place.
    pub servers: Vec<Door>,
    /// The file with the operators' token.
    pub token_file: PathBuf,
}

impl Tier {
    /// How far an answer of one of its servers reaches.
    pub fn reach(&self) -> Reach {
        reach_of(self.stack)
    }
}

/// How far an answer of one server of such a stack reaches.
pub fn reach_of(stack: Stack) -> Reach {
    match (stack.store, stack.store.family()) {
        (StoreKind::RedisActix | StoreKind::CookieActix, _) => Reach::Closed,
        (_, Family::Memory) => Reach::Process,
        (_, Family::Cookie) => Reach::Client,
        (_, Family::Redis | Family::Postgres | Family::Sqlite) => Reach::Shared,
    }
}

/// The tier that this process runs: its file follows every change of it.
pub struct Roster {
    tier: Mutex<Tier>,
    path: PathBuf,
}

impl Roster {
    /// Keeps it in a folder.
    pub fn new(tier: Tier, folder: &Path) -> Self {
        Self { tier: Mutex::new(tier), path: folder.join(FILE) }
    }

    /// Who is there now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn follow(&self, places: &[Place]) -> Result<(), DriverError> {
        let door = |place: &Place| Door {
            instance: place.server.instance.clone(),
            addr: place.server.addr,
            log: fs::canonicalize(place.server.process.log()).ok(),
        };
        let mut tier = self.tier.lock().unwrap_or_else(PoisonError::into_inner);
        tier.servers = places.iter().map(door).collect();
        let text = serde_json::to_string_pretty(&*tier)
            .map_err(|e| DriverError::Machine(format!("the tier cannot be described: {e}")))?;
        // A reader never meets half of it.
        let beside = self.path.with_extension("new");
        write_secret(&beside, &text)?;
        fs::rename(&beside, &self.path).map_err(|e| DriverError::io(&self.path, e))
    }

    /// The tier as it is at this moment.
    pub fn tier(&self) -> Tier {
        self.tier.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The tier is no more.
    pub fn close(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The tiers that labs of this user run on this machine at this moment, by run and trial.
pub fn running() -> Vec<Tier> {
    let trials = in_use().into_iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let mut tiers: Vec<Tier> = trials
        .filter_map(|trial| serde_json::from_slice(&fs::read(trial.path().join(FILE)).ok()?).ok())
        .collect();
    tiers.sort_by(|a, b| (&a.run, &a.trial).cmp(&(&b.run, &b.trial)));
    tiers
}
