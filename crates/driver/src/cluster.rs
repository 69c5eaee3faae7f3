//! The processes of one trial: a store, a router, servers. Everything is started fresh and ended with the trial.

use crate::error::DriverError;
use crate::http;
use crate::jar::Jar;
use crate::process::Process;
use crate::recipe::{Recipe, Server, Stranger};
use crate::relay::Relay;
use crate::scratch::Scratch;
use crate::seat::{RouterKind, Seat};
use crate::site::{Footing, StandbySite};
use crate::store::{ExternalStores, Store};
use crate::tier::{Roster, Tier};
use nix::sys::signal::Signal;
use protocol::admin::Health;
use protocol::relay::Level;
use scenario::{Edge, Scenario, Stack};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A program that takes the servers' seats, in whatever language it is written. It must keep to the contract: the routes and
/// bodies of `protocol::app`, and the flags, the variables and the Ready line of `protocol::process`.
#[derive(Clone, Debug)]
pub struct ServerProgram {
    /// The executable.
    pub executable: PathBuf,
    /// What it is told besides the flags that every server is given.
    pub arguments: Vec<String>,
}

/// How a trial's processes are to be started.
pub struct ClusterSpec<'a> {
    /// Tags every child.
    pub run: &'a str,
    /// The trial's name: unique within the run.
    pub trial: &'a str,
    /// The architecture.
    pub stack: Stack,
    /// Who sits in the router's seat.
    pub router: RouterKind,
    /// Who takes the servers' seats; `None` for the lab's own.
    pub server: Option<&'a ServerProgram>,
    /// Servers, service time, conflict policy.
    pub scenario: &'a Scenario,
    /// The edges on which a relay stands, where the stack has them.
    pub edges: &'a [Edge],
    /// Stores that are there already.
    pub external: &'a ExternalStores,
    /// Where private data goes.
    pub scratch: &'a Scratch,
    /// Where logs go.
    pub logs: &'a Path,
}

/// A place for a server, and the process that holds it.
pub struct Place {
    /// Counted from 1.
    pub number: u32,
    /// How many processes have held it.
    pub generation: u32,
    /// The latest of them, dead or alive.
    pub server: Server,
    /// Whether the lab has stopped it with SIGSTOP.
    pub paused: bool,
    /// Whether the router gives it no new sessions.
    pub draining: bool,
    /// What stands between the router and it, in a scenario that disturbs that edge.
    pub relay: Option<Relay>,
}

/// All processes of a trial; where there are two sites, those of the one that serves, and beside them the other one's.
pub struct Cluster {
    store: Store,
    seat: Arc<Seat>,
    /// The router that serves, for whoever follows what it thinks of its servers.
    front: watch::Sender<Arc<Seat>>,
    places: Vec<Place>,
    /// How many places there ever were: a number is never given twice.
    numbered: u32,
    recipe: Recipe,
    /// What stands between the shoppers and the router, in a scenario that disturbs that edge.
    entrance: Option<Relay>,
    relays: RelaySpec,
    started_up_in: Duration,
    roster: Option<Arc<Roster>>,
    http: reqwest::Client,
    /// What stands by at a second site.
    standby: Option<Box<StandbySite>>,
    footing: Footing,
    /// The site that served before a disaster: its processes are gone, and what stood between the sites goes with the trial.
    lost: Option<Box<(Cluster, StandbySite)>>,
}

/// What a relay is started with.
pub(crate) struct RelaySpec {
    run: String,
    folder: PathBuf,
    logs: PathBuf,
    before_servers: bool,
    /// The level of the edge before the servers, which those have that join later.
    level: Level,
}

const UP_WITHIN: Duration = Duration::from_secs(10);
const STOP_GRACE: Duration = Duration::from_secs(3);

impl Cluster {
    /// Starts everything and waits until the router has every server up.
    ///
    /// # Errors
    /// When something does not come up; what was started already is ended.
    pub async fn start(spec: &ClusterSpec<'_>) -> Result<Self, DriverError> {
        let began = Instant::now();
        let folder = spec.scratch.folder(spec.trial)?;
        let ClusterSpec { run, trial, stack, edges, scratch, logs, .. } = *spec;
        let relays = RelaySpec {
            run: run.to_owned(),
            folder: folder.clone(),
            logs: logs.to_owned(),
            before_servers: edges.contains(&Edge::RouterServer),
            level: Level::default(),
        };
        let store = Store::start(stack.store, spec.external, run, scratch, trial, logs, edges).await?;
        let seat = Seat::start(spec.router, stack.policy(), "router", run, &folder, logs).await?;
        let entrance = match edges.contains(&Edge::ClientRouter) {
            true => Some(relays.start(Edge::ClientRouter.name(), seat.addr()).await?),
            false => None,
        };
        let recipe = Recipe::new(spec, &store, &folder)?;
        let mut cluster = Self::around(store, seat, recipe, relays)?;
        cluster.entrance = entrance;
        let tier = Tier {
            run: run.to_owned(),
            trial: trial.to_owned(),
            scenario: spec.scenario.name.clone(),
            stack,
            entrance: cluster.addr(),
            servers: Vec::new(),
            token_file: cluster.recipe.ops_token_file().to_owned(),
        };
        cluster.roster = Some(Arc::new(Roster::new(tier, &folder)));
        for _ in 0..spec.scenario.topology.servers {
            cluster.add().await?;
        }
        cluster.until_whole().await?;
        cluster.started_up_in = began.elapsed();
        if let Some(settings) = spec.scenario.standby_site {
            let standby = StandbySite::prepare(spec, settings, &mut cluster).await?;
            cluster.stand_by(standby);
        }
        Ok(cluster)
    }

    /// A site without servers yet.
    pub(crate) fn around(
        store: Store,
        seat: Seat,
        recipe: Recipe,
        relays: RelaySpec,
    ) -> Result<Self, DriverError> {
        let http = http::client(Duration::from_secs(2))?;
        let seat = Arc::new(seat);
        Ok(Self {
            store,
            front: watch::Sender::new(Arc::clone(&seat)),
            seat,
            places: Vec::new(),
            numbered: 0,
            recipe,
            entrance: None,
            relays,
            started_up_in: Duration::ZERO,
            http,
            roster: None,
            standby: None,
            footing: Footing::Firm,
            lost: None,
        })
    }

    /// Where shoppers are served.
    pub fn addr(&self) -> SocketAddr {
        self.entrance.as_ref().map_or(self.seat.addr(), Relay::addr)
    }

    /// From the start of the first process until the router had every server up.
    pub fn started_up_in(&self) -> Duration {
        self.started_up_in
    }

    /// The router, to be asked while the cluster is being changed.
    pub fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seat)
    }

    /// The router that serves at each moment.
    pub fn front(&self) -> watch::Receiver<Arc<Seat>> {
        self.front.subscribe()
    }

    /// The router that serves, and its addr without what may stand before it.
    pub(crate) fn seat_addr(&self) -> SocketAddr {
        self.seat.addr()
    }

    /// What stands by at a second site.
    pub(crate) fn standby_mut(&mut self) -> Option<&mut StandbySite> {
        self.standby.as_deref_mut()
    }

    /// How firmly the site that serves stands.
    pub(crate) fn footing(&self) -> Footing {
        self.footing
    }

    /// Says how firmly it stands.
    pub(crate) fn set_footing(&mut self, footing: Footing) {
        self.footing = footing;
    }

    /// What leads to the site that serves.
    pub(crate) fn entrance(&self) -> Option<&Relay> {
        self.entrance.as_ref()
    }

    /// What stands by, to be made the site that serves.
    pub(crate) fn take_standby(&mut self) -> Option<StandbySite> {
        self.standby.take().map(|standby| *standby)
    }

    /// Beside this site stands another.
    pub(crate) fn stand_by(&mut self, standby: StandbySite) {
        self.standby = Some(Box::new(standby));
    }

    /// Another site takes the place of this one, whose processes are gone.
    pub(crate) fn give_way_to(&mut self, site: Cluster, standby: StandbySite) {
        let mut old = std::mem::replace(self, site);
        self.entrance = old.entrance.take();
        self.started_up_in = old.started_up_in;
        std::mem::swap(&mut self.front, &mut old.front);
        self.front.send_replace(Arc::clone(&self.seat));
        self.lost = Some(Box::new((old, standby)));
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, to be hurt or healed.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// A cookie that a server issued which is none of the tier's, of somebody who logged in there. The server is gone when this returns.
    ///
    /// # Errors
    /// When it does not come up, or lets nobody in.
    pub(crate) async fn cookie_of(&self, who: Stranger) -> Result<String, DriverError> {
        let server = self.recipe.stranger(who).await?;
        let Server { instance, addr, process, .. } = &server;
        let body = serde_json::json!({ "owner": format!("probe-{instance}") }).to_string();
        let url = format!("http://{addr}{}", protocol::app::LOGIN);
        let answer = self.http.post(url).header("content-type", "application/json").body(body).send().await;
        let refused = |what: String| DriverError::child(instance, what, process.log());
        let answer = answer.map_err(|e| refused(format!("does not let a probe log in: {e}")))?;
        let cookie = {
            let mut jar = Jar::default();
            for set in answer.headers().get_all("set-cookie") {
                jar.take(set.to_str().unwrap_or_default());
            }
            jar.session().map(str::to_owned)
        };
        let cookie = cookie.ok_or_else(|| refused(format!("set no session cookie: {}", answer.status())))?;
        process.stop(Signal::SIGTERM, STOP_GRACE).await;
        Ok(cookie)
    }

    /// How servers are started.
    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// How relays are started.
    pub(crate) fn relay_spec(&self) -> &RelaySpec {
        &self.relays
    }

    /// How servers are started, to be changed.
    pub fn recipe_mut(&mut self) -> &mut Recipe {
        &mut self.recipe
    }

    /// How operators find the servers, while the cluster is being changed too.
    pub fn roster(&self) -> Option<Arc<Roster>> {
        self.roster.clone()
    }

    fn tell_roster(&self) -> Result<(), DriverError> {
        self.roster.as_ref().map_or(Ok(()), |roster| roster.follow(&self.places))
    }

    /// The places for servers.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// A place by its number.
    pub fn place_mut(&mut self, number: u32) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.number == number)
    }

    /// Every process there is now, those of a second site among them.
    pub fn processes(&self) -> Vec<&Process> {
        let servers = self.places.iter().map(|place| &place.server.process);
        let relays = self.relays().map(Relay::process);
        let own =
            self.store.processes().into_iter().chain([self.seat.process()]).chain(servers).chain(relays);
        let beside = self.standby.as_deref().or(self.lost.as_deref().map(|(_, standby)| standby));
        own.chain(beside.into_iter().flat_map(StandbySite::processes)).collect()
    }

    /// Every process there is now, and how long it took to be ready.
    pub fn start_ups(&self) -> Vec<(&Process, Duration)> {
        let took = |process: &Process| {
            self.took(process.name())
                .or_else(|| self.standby.as_deref().and_then(|standby| standby.took(process.name())))
        };
        self.processes()
            .into_iter()
            .map(|process| (process, took(process).unwrap_or_else(|| process.started().elapsed())))
            .collect()
    }

    /// The processes of this site alone: router, servers, store.
    pub(crate) fn tier(&self) -> Vec<&Process> {
        let servers = self.places.iter().map(|place| &place.server.process);
        [self.seat.process()].into_iter().chain(servers).chain(self.store.processes()).collect()
    }

    /// How long one of this site's processes took to be ready.
    pub(crate) fn took(&self, name: &str) -> Option<Duration> {
        let server = self.places.iter().find(|place| place.server.instance == name);
        let node = self.store.nodes().iter().find(|node| node.process.name() == name);
        server.map(|place| place.server.took).or(node.map(|node| node.took))
    }

    /// The relays on an edge.
    pub fn relays_on(&self, edge: Edge) -> Vec<&Relay> {
        match edge {
            Edge::ClientRouter => self.entrance.iter().collect(),
            Edge::RouterServer => self.places.iter().filter_map(|place| place.relay.as_ref()).collect(),
            Edge::ServerStore | Edge::PrimaryReplica => self.store.relays_on(edge),
        }
    }

    /// Which level the relays on an edge are to have that come later.
    pub fn note_level(&mut self, edge: Edge, level: Level) {
        if edge == Edge::RouterServer {
            self.relays.level = level;
        }
    }

    /// All relays.
    pub fn relays(&self) -> impl Iterator<Item = &Relay> {
        Edge::ALL.into_iter().flat_map(|edge| self.relays_on(edge))
    }

    /// Starts a server in a new place; answers its number.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn add(&mut self) -> Result<u32, DriverError> {
        let number = self.numbered + 1;
        let server = self.recipe.start(number, 1).await?;
        let relay = match self.relays.before_servers {
            true => Some(self.relays.start(&format!("server-{number}"), server.addr).await?),
            false => None,
        };
        if let Some(relay) = &relay {
            relay.set_level(self.relays.level).await?;
        }
        let addr = relay.as_ref().map_or(server.addr, Relay::addr);
        self.seat.add(&server.instance, addr).await?;
        self.numbered = number;
        self.places.push(Place { number, generation: 1, server, paused: false, draining: false, relay });
        self.tell_roster()?;
        Ok(number)
    }

    /// Takes a server whose process has ended out of the tier for good.
    ///
    /// # Errors
    /// When the router does not follow.
    pub async fn forget(&mut self, number: u32) -> Result<(), DriverError> {
        let Some(index) = self.places.iter().position(|place| place.number == number) else { return Ok(()) };
        self.seat.remove(&self.places[index].server.instance).await?;
        self.places.remove(index);
        self.tell_roster()
    }

    /// Puts a new process in the place of one that ended: to the router it is a stranger.
    ///
    /// # Errors
    /// When the old one still runs, or the new one does not come up.
    pub async fn replace(&mut self, number: u32) -> Result<(), DriverError> {
        let place = self.places.iter_mut().find(|place| place.number == number);
        let place = place.ok_or_else(|| DriverError::Machine(format!("there is no server-{number}")))?;
        if place.server.process.is_running() {
            let what = "is still running, so it cannot be started; kill or terminate it first";
            return Err(DriverError::child(&place.server.instance, what, place.server.process.log()));
        }
        let server = self.recipe.start(number, place.generation + 1).await?;
        let mut addr = server.addr;
        if let Some(relay) = &place.relay {
            relay.set_upstream(server.addr).await?;
            addr = relay.addr();
        }
        self.seat.remove(&place.server.instance).await?;
        self.seat.add(&server.instance, addr).await?;
        place.generation += 1;
        place.server = server;
        place.paused = false;
        place.draining = false;
        self.tell_roster()
    }

    /// Waits until the router has every server up and every server says that it is ready; tells what was seen.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn until_whole(&mut self) -> Result<String, DriverError> {
        if self.places.is_empty() {
            return Err(DriverError::Machine("no server is left, so nobody can be served".to_owned()));
        }
        let store = self.store.until_whole().await?;
        self.until_up(true).await?;
        let servers = format!("the router has {} servers up, and each says it is ready", self.places.len());
        Ok(store.into_iter().chain([servers]).collect::<Vec<_>>().join("; "))
    }

    /// Waits until the router has every server up; and, where that is asked, until each says that it is ready. A server before a
    /// store that only reads is up, and not ready.
    ///
    /// # Errors
    /// When that does not come about.
    pub(crate) async fn until_up(&self, ready: bool) -> Result<(), DriverError> {
        let deadline = Instant::now() + UP_WITHIN;
        while let Some(lacking) = self.lacking(ready).await {
            if Instant::now() > deadline {
                let what = format!("not every server came up within {UP_WITHIN:?}: {lacking}");
                return Err(DriverError::child(self.seat.process().name(), what, self.seat.process().log()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn lacking(&self, ready: bool) -> Option<String> {
        for relay in self.relays() {
            match relay.state().await {
                Ok(state) if state.level == Level::default() && state.held_bytes == 0 => {}
                Ok(_) => {
                    return Some(format!("{} is not calm, or holds bytes still", relay.process().name()));
                }
                Err(e) => return Some(e.to_string()),
            }
        }
        let snapshot = match self.seat.snapshot().await {
            Ok(snapshot) => snapshot,
            Err(e) => return Some(e.to_string()),
        };
        for place in &self.places {
            let Server { instance, addr, .. } = &place.server;
            let status = snapshot.servers.iter().find(|server| server.id == *instance);
            if status.is_none_or(|status| status.health != Health::Up || status.draining) {
                return Some(format!("the router does not have {instance} up"));
            }
            if !ready {
                continue;
            }
            let ready = self.http.get(format!("http://{addr}{}", protocol::app::READY)).send().await;
            match ready {
                Ok(answer) if answer.status().is_success() => {}
                Ok(answer) => {
                    return Some(format!("{instance} says {} to {}", answer.status(), protocol::app::READY));
                }
                Err(e) => return Some(format!("{instance}: {e}")),
            }
        }
        None
    }

    /// Ends everything, in the order in which requests flow.
    ///
    /// # Errors
    /// When an external store does not let itself be cleaned.
    pub async fn stop(&mut self) -> Result<(), DriverError> {
        if let Some(roster) = &self.roster {
            roster.close();
        }
        self.processes().into_iter().for_each(Process::order_exit);
        if let Some(relay) = &self.entrance {
            relay.process().stop(Signal::SIGTERM, STOP_GRACE).await;
        }
        self.seat.process().stop(Signal::SIGTERM, STOP_GRACE).await;
        for place in &self.places {
            if place.paused {
                // It could not hear anything but SIGKILL.
                let _ = place.server.process.signal(Signal::SIGCONT);
            }
            let _ = place.server.process.signal(Signal::SIGTERM);
        }
        for place in &self.places {
            place.server.process.stop(Signal::SIGTERM, STOP_GRACE).await;
            if let Some(relay) = &place.relay {
                relay.process().stop(Signal::SIGTERM, STOP_GRACE).await;
            }
        }
        let stopped = self.store.stop().await;
        for standby in self.standby.as_deref_mut().into_iter().chain(self.lost.as_deref_mut().map(|(_, s)| s))
        {
            Box::pin(standby.stop()).await?;
        }
        stopped
    }
}

impl RelaySpec {
    /// That of a site whose servers have nothing before them.
    pub(crate) fn none_before_servers(&self, folder: &Path) -> Self {
        Self {
            run: self.run.clone(),
            folder: folder.to_owned(),
            logs: self.logs.clone(),
            before_servers: false,
            level: Level::default(),
        }
    }

    pub(crate) async fn start(&self, edge: &str, upstream: SocketAddr) -> Result<Relay, DriverError> {
        Relay::start(&format!("relay-{edge}"), upstream, &self.run, &self.folder, &self.logs).await
    }
}
