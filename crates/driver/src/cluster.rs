//! The processes of one trial: a store, a router, servers. Everything is started fresh and ended with the trial.

use crate::error::DriverError;
use crate::process::{Process, Spec};
use crate::program;
use crate::scratch::Scratch;
use crate::seat::{RouterKind, Seat, secret, write_secret};
use crate::store::{ExternalStores, Store};
use nix::sys::signal::Signal;
use protocol::admin::{Health, Snapshot};
use protocol::process::Ready;
use scenario::{Scenario, Stack, StoreKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// Stores that are there already.
    pub external: &'a ExternalStores,
    /// Where private data goes.
    pub scratch: &'a Scratch,
    /// Where logs go.
    pub logs: &'a Path,
}

/// A server process.
pub struct Server {
    /// `server-2.1`: place 2, first process there.
    pub instance: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its process.
    pub process: Process,
    /// From its start to its Ready line.
    pub took: Duration,
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
}

/// Starts servers alike.
struct Recipe {
    run: String,
    executable: PathBuf,
    arguments: Vec<String>,
    store_url: Option<String>,
    logs: PathBuf,
}

/// All processes of a trial.
pub struct Cluster {
    store: Store,
    seat: Arc<Seat>,
    places: Vec<Place>,
    recipe: Recipe,
    http: reqwest::Client,
}

const READY_WITHIN: Duration = Duration::from_secs(15);
const UP_WITHIN: Duration = Duration::from_secs(10);
const STOP_GRACE: Duration = Duration::from_secs(3);

impl Cluster {
    /// Starts everything and waits until the router has every server up.
    ///
    /// # Errors
    /// When something does not come up; what was started already is ended.
    pub async fn start(spec: &ClusterSpec<'_>) -> Result<Self, DriverError> {
        let folder = spec.scratch.folder(spec.trial)?;
        let ClusterSpec { run, trial, stack, scratch, logs, .. } = *spec;
        let store = Store::start(stack.store, spec.external, run, scratch, trial, logs).await?;
        let seat = Arc::new(Seat::start(spec.router, stack.policy(), run, &folder, logs).await?);
        let recipe = Recipe::new(spec, &store, &folder)?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .no_proxy()
            .build()
            .map_err(|e| DriverError::Machine(format!("no HTTP client: {e}")))?;
        let mut cluster = Self { store, seat, places: Vec::new(), recipe, http };
        for number in 1..=spec.scenario.topology.servers {
            let server = cluster.recipe.start(number, 1).await?;
            cluster.seat.add(&server.instance, server.addr).await?;
            cluster.places.push(Place { number, generation: 1, server, paused: false });
        }
        cluster.until_whole().await?;
        Ok(cluster)
    }

    /// The router, to be asked while the cluster is being changed.
    pub fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seat)
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The places for servers.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// A place by its number.
    pub fn place_mut(&mut self, number: u32) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.number == number)
    }

    /// Every process there is now.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        let servers = self.places.iter().map(|place| &place.server.process);
        self.store.process().into_iter().chain([self.seat.process()]).chain(servers)
    }

    /// The router's view.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, DriverError> {
        self.seat.snapshot().await
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
        self.seat.remove(&place.server.instance).await?;
        self.seat.add(&server.instance, server.addr).await?;
        place.generation += 1;
        place.server = server;
        place.paused = false;
        Ok(())
    }

    /// Waits until the router has every server up and every server says that it is ready; tells what was seen.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn until_whole(&self) -> Result<String, DriverError> {
        let deadline = Instant::now() + UP_WITHIN;
        loop {
            let lacking = match self.lacking().await {
                None => {
                    return Ok(format!(
                        "the router has {} servers up, and each says it is ready",
                        self.places.len()
                    ));
                }
                Some(lacking) => lacking,
            };
            if Instant::now() > deadline {
                let what = format!("not every server came up within {UP_WITHIN:?}: {lacking}");
                return Err(DriverError::child("router", what, self.seat.process().log()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn lacking(&self) -> Option<String> {
        let snapshot = match self.seat.snapshot().await {
            Ok(snapshot) => snapshot,
            Err(e) => return Some(e.to_string()),
        };
        for place in &self.places {
            let Server { instance, addr, .. } = &place.server;
            let status = snapshot.servers.iter().find(|server| server.id == *instance);
            if status.is_none_or(|status| status.health != Health::Up) {
                return Some(format!("the router does not have {instance} up"));
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
    pub async fn stop(&self) -> Result<(), DriverError> {
        self.processes().for_each(Process::order_exit);
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
        }
        self.store.stop().await
    }
}

impl Recipe {
    fn new(spec: &ClusterSpec<'_>, store: &Store, folder: &Path) -> Result<Self, DriverError> {
        let key_file = folder.join("cookie-key");
        write_secret(&key_file, &secret())?;
        let topology = &spec.scenario.topology;
        let mut arguments = vec![
            "--listen=127.0.0.1:0".to_owned(),
            format!("--service-time-ms={}", topology.service_time_ms),
            format!("--conflict-policy={}", topology.conflict_policy.name()),
            format!("--cookie-key-file={}", key_file.display()),
            "--plain-http-cookies".to_owned(),
        ];
        let in_memory = spec.stack.store == StoreKind::Memory;
        if !in_memory {
            arguments.push(format!("--store={}", spec.stack.store.name()));
            arguments.push(format!("--store-prefix={}", store.prefix()));
        }
        let executable = match spec.server {
            Some(program) => {
                arguments.extend_from_slice(&program.arguments);
                program.executable.clone()
            }
            None => program::own(if in_memory { "stateful-server" } else { "stateless-server" })?,
        };
        Ok(Self {
            run: spec.run.to_owned(),
            executable,
            arguments,
            store_url: (!in_memory).then(|| store.url().to_owned()),
            logs: spec.logs.to_owned(),
        })
    }

    async fn start(&self, place: u32, generation: u32) -> Result<Server, DriverError> {
        let instance = format!("server-{place}.{generation}");
        let mut command = Command::new(&self.executable);
        command.args(&self.arguments).arg(format!("--instance={instance}"));
        if let Some(url) = &self.store_url {
            // Not an argument: a password would be seen in the list of processes.
            command.env("LAB_STORE_URL", url);
        }
        let log = self.logs.join(format!("{instance}.log"));
        let spec = Spec { name: &instance, command, death_signal: Signal::SIGKILL, log, says_ready: true };
        let mut process = Process::start(&self.run, spec)?;
        let line = process.ready_line(READY_WITHIN).await?;
        let took = process.started().elapsed();
        match Ready::from_line(&line) {
            Some(Ready::Server { instance: said, addr, .. }) if said == instance => {
                Ok(Server { instance, addr, process, took })
            }
            _ => Err(DriverError::child(
                &instance,
                format!("said '{line}' instead of a Ready line"),
                process.log(),
            )),
        }
    }
}
