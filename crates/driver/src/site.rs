//! A second site: what stands by there, and how it becomes the one that serves.
//!
//! A site is a group of processes: a router, servers, a store. Both are on this machine, so both share its processors and its disk.
//! What is told apart is what runs before the disaster and what must be done after it.
//!
//! Invariant: site A never comes back. Whatever of it a disaster spared would be a second site that acknowledges.

mod guard;

pub(crate) use guard::stand_guard;

use crate::cluster::{Cluster, ClusterSpec, RelaySpec};
use crate::error::DriverError;
use crate::process::Process;
use crate::recipe::Recipe;
use crate::relay::Relay;
use crate::seat::{RouterKind, Seat};
use crate::store::{Dumper, Ground, Store};
use journal::SITE_B;
use nix::sys::signal::Signal;
use protocol::admin::Policy;
use protocol::relay::{Lane, Level};
use scenario::Strategy;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// How firmly the site that serves stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Footing {
    /// It does.
    Firm,
    /// A disaster has struck it, and another is to take its place.
    Fallen,
    /// No other could: why is in the journal.
    Hopeless,
}

/// What stands by.
pub(crate) struct StandbySite {
    settings: scenario::StandbySite,
    /// How many servers it must have to serve.
    servers: u32,
    run: String,
    router: RouterKind,
    policy: Policy,
    ground: Ground,
    recipe: Recipe,
    relays: RelaySpec,
    /// What stands between the stores of the two sites, where there is a replica.
    link: Option<Relay>,
    standing: Standing,
    /// The processes whose ends are told in the journal already.
    followed: Vec<String>,
    /// Takes dumps, until somebody takes it to do so.
    dumper: Option<Dumper>,
    /// Where the latest dump is.
    dumped: watch::Sender<Option<PathBuf>>,
}

/// What of it runs.
enum Standing {
    Nothing,
    Store(Box<Store>),
    Tier(Box<Cluster>),
}

const STOP_GRACE: Duration = Duration::from_secs(3);

impl StandbySite {
    /// Starts what stands by for a site that is whole.
    ///
    /// # Errors
    /// When something does not come up.
    pub(crate) async fn prepare(
        spec: &ClusterSpec<'_>,
        settings: scenario::StandbySite,
        first: &mut Cluster,
    ) -> Result<Self, DriverError> {
        let ground = Ground {
            folder: spec.scratch.folder(&format!("{}-site-b", spec.trial))?,
            logs: spec.logs.to_owned(),
        };
        let mut site = Self {
            settings,
            servers: spec.scenario.topology.servers,
            run: spec.run.to_owned(),
            router: spec.router,
            policy: spec.stack.policy(),
            recipe: first.recipe().elsewhere(SITE_B, &ground.folder, None)?,
            relays: first.relay_spec().none_before_servers(&ground.folder),
            ground,
            link: None,
            standing: Standing::Nothing,
            followed: Vec::new(),
            dumper: None,
            dumped: watch::Sender::new(None),
        };
        let port = first.store().port()?;
        if let (Some(port), true) = (port, settings.strategy.replicates()) {
            site.link(first.store(), port).await?;
            let fact =
                format!("asynchronous, to a replica at a second site {} ms away", settings.link_delay_ms);
            first.store_mut().fact("replication", fact);
        } else if let (Some(_), Some(every_ms)) = (port, settings.dump_every_ms) {
            site.dumper = first.store().dumper(&site.ground);
            first.store_mut().fact("dumped", format!("every {} s, to a second site", every_ms as f64 / 1e3));
        }
        let standing_by = settings.strategy.servers(site.servers);
        if standing_by > 0 {
            let store = site.take_store().unwrap_or_else(|| first.store().of_nobody());
            let mut tier = site.open(store).await?;
            for _ in 0..standing_by {
                tier.add().await?;
            }
            tier.until_up(false).await?;
            site.standing = Standing::Tier(Box::new(tier));
        }
        Ok(site)
    }

    /// A replica follows over the link, which is as long as it is said to be once the replica has what there was before.
    async fn link(&mut self, first: &Store, port: u16) -> Result<(), DriverError> {
        let link = self.relays.start("sites", ([127, 0, 0, 1], port).into()).await?;
        if let Some(store) = first.followed_at(&self.ground, link.addr().port()).await? {
            self.standing = Standing::Store(Box::new(store));
        }
        link.set_level(self.distance()).await?;
        self.link = Some(link);
        Ok(())
    }

    fn distance(&self) -> Level {
        let delay_ms = u32::try_from(self.settings.link_delay_ms).unwrap_or(u32::MAX);
        let lane = Lane { delay_ms, ..Lane::default() };
        Level { up: lane, down: lane, ..Level::default() }
    }

    fn take_store(&mut self) -> Option<Store> {
        match std::mem::replace(&mut self.standing, Standing::Nothing) {
            Standing::Store(store) => Some(*store),
            other => {
                self.standing = other;
                None
            }
        }
    }

    /// Opens a router before a store; no server is behind it yet.
    async fn open(&self, store: Store) -> Result<Cluster, DriverError> {
        let (name, Ground { folder, logs }) = (format!("{SITE_B}router"), &self.ground);
        let seat = Seat::start(self.router, self.policy, &name, &self.run, folder, logs).await?;
        let recipe = self.recipe.elsewhere(SITE_B, folder, Some(&store).filter(|s| !s.url().is_empty()))?;
        Cluster::around(store, seat, recipe, self.relays.none_before_servers(folder))
    }

    /// How it stands by, and when it is to take over.
    pub(crate) fn settings(&self) -> scenario::StandbySite {
        self.settings
    }

    /// Cuts the link between the sites; says what was seen.
    ///
    /// # Errors
    /// When the relay does not do it.
    pub(crate) async fn cut(&self) -> Result<String, DriverError> {
        let Some(link) = &self.link else { return Ok("nothing was between the sites".to_owned()) };
        let state = link.set_level(Level { cut: true, ..self.distance() }).await?;
        if !state.level.cut {
            return Err(DriverError::Machine("the link between the sites is not cut".to_owned()));
        }
        Ok(format!(
            "the link is cut: {} connections go by that, and {} bytes are on their way for ever",
            state.connections_open, state.held_bytes
        ))
    }

    /// Its store takes writes from now on: the replica is promoted, or the last dump restored. `None` when there is no store.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn promote(&mut self, first: &Store) -> Result<Option<String>, DriverError> {
        match &mut self.standing {
            Standing::Tier(tier) => return tier.store_mut().promote().await,
            Standing::Store(store) => return store.promote().await,
            Standing::Nothing => {}
        }
        if first.port()?.is_none() || self.settings.strategy != Strategy::Cold {
            return Ok(None);
        }
        let Some(dump) = self.dumped.borrow().clone() else {
            return Err(DriverError::Machine("there is no dump that could be restored".to_owned()));
        };
        let Some(store) = first.restored_at(&self.ground, &dump).await? else { return Ok(None) };
        self.standing = Standing::Store(Box::new(store));
        let name = dump.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Some(format!("a fresh store holds the last dump ({name})")))
    }

    /// Its router and all of its servers run from now on, and serve; says what was seen, and how many were started.
    ///
    /// # Errors
    /// When one does not come up.
    pub(crate) async fn start(&mut self, first: &Store) -> Result<(Cluster, String), DriverError> {
        let mut tier = match std::mem::replace(&mut self.standing, Standing::Nothing) {
            Standing::Tier(tier) => *tier,
            Standing::Store(store) => self.open(*store).await?,
            Standing::Nothing => self.open(first.of_nobody()).await?,
        };
        let before = u32::try_from(tier.places().len()).unwrap_or(u32::MAX);
        for _ in before..self.servers {
            tier.add().await?;
        }
        let seen = tier.until_whole().await?;
        Ok((tier, format!("{} of {} servers were started; {seen}", self.servers - before, self.servers)))
    }

    /// Whatever of it runs.
    pub(crate) fn processes(&self) -> Vec<&Process> {
        let standing = match &self.standing {
            Standing::Nothing => Vec::new(),
            Standing::Store(store) => store.processes(),
            Standing::Tier(tier) => tier.tier(),
        };
        standing.into_iter().chain(self.link.as_ref().map(Relay::process)).collect()
    }

    /// How long one of them took to be ready.
    pub(crate) fn took(&self, name: &str) -> Option<Duration> {
        match &self.standing {
            Standing::Nothing => None,
            Standing::Store(store) => {
                store.nodes().iter().find(|node| node.process.name() == name).map(|node| node.took)
            }
            Standing::Tier(tier) => tier.took(name),
        }
    }

    /// What runs of it is followed from elsewhere.
    pub(crate) fn is_followed(&mut self) {
        self.followed = self.processes().into_iter().map(|process| process.name().to_owned()).collect();
        let store = match &mut self.standing {
            Standing::Nothing => return,
            Standing::Store(store) => store,
            Standing::Tier(tier) => tier.store_mut(),
        };
        store.newcomers().for_each(|node| node.followed = true);
    }

    /// Ends all that runs of it.
    ///
    /// # Errors
    /// Those of its store.
    pub(crate) async fn stop(&mut self) -> Result<(), DriverError> {
        match &mut self.standing {
            Standing::Nothing => {}
            Standing::Store(store) => store.stop().await?,
            Standing::Tier(tier) => tier.stop().await?,
        }
        if let Some(link) = &self.link {
            link.process().stop(Signal::SIGTERM, STOP_GRACE).await;
        }
        Ok(())
    }
}
