//! A trial that somebody steers while it runs: the same cluster, load, faults and journal as a planned one, with a fault at "now"
//! instead of at a planned moment.
//!
//! Invariants: every order is journalled before it is carried out, and proved like a planned fault; one that could not be carried
//! out is refused before it is journalled; whatever was broken is healed before the final reads.

use crate::clock::Clock;
use crate::cluster::{Cluster, ClusterSpec, Place};
use crate::error::DriverError;
use crate::fault::{Injector, follow};
use crate::load::{Account, LoadSpec, Stage, drive_steered};
use crate::recorder::{JournalThread, Recorder};
use crate::seat::{RouterKind, Seat};
use crate::steering::{Entrance, Steering, Wheel};
use crate::store::Node;
use crate::trial::{self, JOURNAL_FILE, TrialSpec};
use journal::Event;
use scenario::{Edge, FaultAction, Stack, Target};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;

/// A tier can be added to until it has so many servers.
const MOST_SERVERS: usize = 8;
/// A tier that is to end may overrun its last requests' time-out by this.
const OVERRUN: Duration = Duration::from_secs(10);

/// A trial whose processes are up and whose load has not begun.
pub struct Ready {
    stack: Stack,
    cluster: Cluster,
    recorder: Recorder,
    thread: JournalThread,
    journal: PathBuf,
    timeout: Duration,
    plan: Arc<scenario::Plan>,
    spacing_us: u64,
}

/// Starts a tier's processes and begins its journal. A relay stands on each of these edges, where the stack has them.
///
/// # Errors
/// When the processes do not come up; what was started is ended.
pub async fn prepare(spec: TrialSpec<'_>, edges: &[Edge]) -> Result<Ready, DriverError> {
    trial::check_open_files(spec.scenario)?;
    let logs = spec.dir.join("logs");
    std::fs::create_dir_all(&logs).map_err(|e| DriverError::io(&logs, e))?;
    let trial = format!("trial-{}", spec.order);
    let cluster_spec = ClusterSpec {
        run: spec.run,
        trial: &trial,
        stack: spec.stack,
        router: RouterKind::Builtin,
        server: spec.server,
        scenario: spec.scenario,
        edges,
        external: spec.external,
        scratch: spec.scratch,
        logs: &logs,
    };
    let mut interrupt = spec.interrupt.clone();
    let mut cluster = tokio::select! {
        cluster = Cluster::start(&cluster_spec) => cluster?,
        _ = interrupt.wait_for(|stop| *stop) => return Err(DriverError::Interrupted),
    };
    let journal = spec.dir.join(JOURNAL_FILE);
    let (recorder, thread) = match Recorder::begin(&journal, &trial::header(&spec, &cluster, None)) {
        Ok(begun) => begun,
        Err(e) => {
            let _ = cluster.stop().await;
            return Err(e);
        }
    };
    let load = &spec.scenario.load;
    Ok(Ready {
        stack: spec.stack,
        cluster,
        recorder,
        thread,
        journal,
        timeout: Duration::from_millis(load.timeout_ms),
        plan: Arc::clone(&spec.plan),
        spacing_us: trial::spacing_us(load),
    })
}

impl Ready {
    /// Lets the shoppers in at the clock's zero.
    pub fn begin(mut self, clock: Clock, wheel: &Wheel) -> Live {
        let recorder = self.recorder;
        recorder.record(Event::Steered { at_us: 0 });
        for (process, took) in self.cluster.start_ups() {
            follow(process, took, &recorder, clock);
        }
        self.cluster.store_mut().newcomers().for_each(|node| node.followed = true);
        self.cluster.store_mut().watch(recorder.clone(), clock);
        let (seat, front, addr) = (self.cluster.seat(), self.cluster.front(), self.cluster.addr());
        let cluster = Arc::new(Mutex::new(self.cluster));
        let injector =
            Injector::new(self.stack, Arc::clone(&cluster), Arc::clone(&seat), recorder.clone(), clock);
        let samplers = [
            tokio::spawn(trial::sample_router(front, recorder.clone(), clock)),
            tokio::spawn(trial::sample_usage(Arc::clone(&cluster), recorder.clone(), clock)),
        ];
        let (stage, followed) = watch::channel(Stage::Running);
        let (timetable_done, account) = oneshot::channel();
        let (steering, entrance) = Steering::by(wheel);
        let load = LoadSpec {
            plan: self.plan,
            addr,
            timeout: self.timeout,
            clock,
            recorder: recorder.clone(),
            stage: followed,
            timetable_done,
        };
        let cpu_before_us = trial::own_cpu_us();
        let load = tokio::task::spawn_blocking(move || drive_steered(load, Some(steering)));
        Live {
            stack: self.stack,
            cluster,
            seat,
            injector,
            recorder,
            thread: self.thread,
            journal: self.journal,
            clock,
            timeout: self.timeout,
            spacing_us: self.spacing_us,
            stage,
            load,
            account,
            samplers,
            entrance,
            cpu_before_us,
            orders: AtomicU32::new(0),
            turn: Mutex::new(()),
            long: StdMutex::new(None),
        }
    }

    /// Ends what was started, when another tier did not come up.
    pub async fn give_up(mut self) {
        let _ = self.cluster.stop().await;
        drop(self.recorder);
        let _ = tokio::task::spawn_blocking(move || self.thread.finish()).await;
    }
}

/// A tier that runs and is steered.
pub struct Live {
    stack: Stack,
    cluster: Arc<Mutex<Cluster>>,
    seat: Arc<Seat>,
    injector: Injector,
    recorder: Recorder,
    thread: JournalThread,
    journal: PathBuf,
    clock: Clock,
    timeout: Duration,
    spacing_us: u64,
    stage: watch::Sender<Stage>,
    load: JoinHandle<std::io::Result<()>>,
    account: oneshot::Receiver<Account>,
    samplers: [JoinHandle<()>; 2],
    entrance: Entrance,
    cpu_before_us: u64,
    orders: AtomicU32,
    /// One order is carried out at a time.
    turn: Mutex<()>,
    /// What takes long, while it does.
    long: StdMutex<Option<&'static str>>,
}

impl Live {
    /// Where its journal is written.
    pub fn journal(&self) -> &Path {
        &self.journal
    }

    /// Its architecture.
    pub fn stack(&self) -> Stack {
        self.stack
    }

    /// Where guests come in.
    pub fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }

    /// What takes long and is under way.
    pub fn under_way(&self) -> Option<&'static str> {
        *self.long.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records how fast the wheel makes the timetable run; 0 when it has ended it.
    pub fn tell_tempo(&self, at_us: u64, factor: f64) {
        self.recorder.record(Event::Tempo { at_us, factor });
    }

    /// The server that "the busiest" stands for at this moment.
    pub async fn busiest(&self) -> Option<u32> {
        self.injector.busiest().await
    }

    /// Why an order cannot be carried out now, in a sentence; `None` when it can. What this stack has nothing of is not refused: it is
    /// spared, and the journal says so.
    pub async fn refuses(&self, action: FaultAction, target: Target) -> Option<String> {
        if let Some(long) = self.under_way() {
            return Some(format!("a {long} is under way; wait until it is over"));
        }
        self.cannot(action, target).await
    }

    async fn cannot(&self, action: FaultAction, target: Target) -> Option<String> {
        if !action.may_hit(target) {
            return Some(format!("a {} of {target} means nothing", action.name()));
        }
        let mut cluster = self.cluster.lock().await;
        if let Some(why) = refused_without_store(action, target, cluster.store_mut().nodes()) {
            return Some(why);
        }
        match target {
            Target::Server(number) => {
                let many = cluster.places().len();
                match cluster.place_mut(number) {
                    Some(place) => refused_by_server(action, place, many),
                    None => Some(format!("there is no server {number}")),
                }
            }
            Target::Servers => self.refused_by_tier(action, &cluster).await,
            Target::Store if self.stack.has(target) => {
                let store = cluster.store_mut();
                let (running, paused) =
                    store.nodes().iter().fold((true, false), |(running, paused), node| {
                        (running && node.process.is_running(), paused || node.paused)
                    });
                refused_by_store(action, running, paused)
            }
            _ => None,
        }
    }

    async fn refused_by_tier(&self, action: FaultAction, cluster: &Cluster) -> Option<String> {
        match action {
            FaultAction::Add { .. } if cluster.places().len() >= MOST_SERVERS => {
                Some(format!("there are {MOST_SERVERS} servers already"))
            }
            FaultAction::RollingRestart { .. } => {
                let lame =
                    cluster.places().iter().find(|place| place.paused || !place.server.process.is_running());
                lame.map(|place| {
                    format!("server {} is not well; heal the tier before you deploy", place.number)
                })
            }
            FaultAction::Route { policy } => {
                let now = self.seat.snapshot().await.ok()?.policy;
                (now == policy).then(|| format!("the router goes by {policy} already"))
            }
            _ => None,
        }
    }

    /// Carries an order out: recorded, called, and proved. Orders are carried out one after the other; one that the order before it
    /// has made impossible (a second click) is not recorded, and the reason is answered.
    pub async fn order(&self, action: FaultAction, target: Target) -> Option<String> {
        let long = match action {
            FaultAction::RollingRestart { .. } => Some("rolling deployment"),
            FaultAction::Remove { .. } => Some("removal of a server"),
            _ => None,
        };
        let set = |long| *self.long.lock().unwrap_or_else(PoisonError::into_inner) = long;
        if long.is_some() {
            set(long);
        }
        let turn = self.turn.lock().await;
        let not_done = self.cannot(action, target).await;
        if not_done.is_none() {
            let number = self.orders.fetch_add(1, Ordering::Relaxed);
            self.injector.order(number, action, target).await;
        }
        drop(turn);
        if long.is_some() {
            set(None);
        }
        not_done
    }

    /// What has to be ordered so that everything is whole again, in this order: a server cannot start before its store answers, and
    /// the store is asked by way of the relays.
    pub async fn ailments(&self) -> Vec<(FaultAction, Target)> {
        let mut cluster = self.cluster.lock().await;
        let mut cures = Vec::new();
        for edge in Edge::ALL {
            for relay in cluster.relays_on(edge) {
                let calm =
                    relay.state().await.is_ok_and(|state| state.level == protocol::relay::Level::default());
                if !calm {
                    cures.push((FaultAction::Calm, Target::Edge(edge)));
                    break;
                }
            }
        }
        let nodes = cluster.store_mut().nodes();
        if nodes.iter().any(|node| node.paused && node.process.is_running()) {
            cures.push((FaultAction::Resume, Target::Store));
        }
        if nodes.iter().any(|node| !node.process.is_running()) {
            cures.push((FaultAction::Start, Target::Store));
        }
        for place in cluster.places() {
            let target = Target::Server(place.number);
            match place {
                place if !place.server.process.is_running() => cures.push((FaultAction::Start, target)),
                place if place.paused => cures.push((FaultAction::Resume, target)),
                _ => {}
            }
            if place.draining && place.server.process.is_running() {
                cures.push((FaultAction::Undrain, target));
            }
        }
        cures
    }

    /// Ends the tier: its load (which the wheel has ended), then everything is healed, everybody reads once more, every process is
    /// ended, and the journal is sealed.
    ///
    /// # Errors
    /// When the journal could not be written, or an external store not be cleaned.
    pub async fn finish(mut self) -> Result<(), DriverError> {
        // An order that is under way is carried out first.
        drop(self.turn.lock().await);
        let patience = self.timeout + OVERRUN;
        let account = match tokio::time::timeout(patience, &mut self.account).await {
            Ok(account) => account.unwrap_or_default(),
            Err(_) => {
                let reason = "the load did not end in time".to_owned();
                self.recorder.record(Event::Void { at_us: self.clock.now_us(), reason });
                self.stage.send_replace(Stage::Stopped);
                (&mut self.account).await.unwrap_or_default()
            }
        };
        let cpu_us = trial::own_cpu_us().saturating_sub(self.cpu_before_us);
        self.injector.heal().await;
        self.injector.prove_healthy().await;
        let from_us = self.clock.now_us() + 50_000;
        self.stage.send_if_modified(|stage| {
            let reads = *stage == Stage::Running;
            if reads {
                *stage = Stage::FinalReads { from_us, spacing_us: self.spacing_us };
            }
            reads
        });
        if let Ok(Err(e)) = (&mut self.load).await {
            let reason = format!("the load could not begin: {e}");
            self.recorder.record(Event::Void { at_us: self.clock.now_us(), reason });
        }
        self.samplers.iter().for_each(JoinHandle::abort);
        let stopped = self.cluster.lock().await.stop().await;
        trial::last_words(&self.recorder, &account, self.clock, cpu_us, false);
        let Self { cluster, injector, recorder, thread, samplers, .. } = self;
        for sampler in samplers {
            // It was aborted; once it is over it holds nothing.
            let _ = sampler.await;
        }
        drop((cluster, injector, recorder));
        let written = tokio::task::spawn_blocking(move || thread.finish()).await;
        written.map_err(|e| DriverError::Machine(format!("the journal's thread: {e}")))??;
        stopped
    }
}

fn refused_by_server(action: FaultAction, place: &Place, many: usize) -> Option<String> {
    let (number, running) = (place.number, place.server.process.is_running());
    let why = match action {
        FaultAction::Start if running => "runs already",
        FaultAction::Start => return None,
        _ if !running => "does not run; start it first",
        FaultAction::Resume if !place.paused => "does not hang",
        FaultAction::Pause if place.paused => "hangs already",
        FaultAction::Terminate | FaultAction::Remove { .. } | FaultAction::Drain if place.paused => {
            "hangs and hears nothing; resume it first, or kill it"
        }
        FaultAction::Drain if place.draining => "drains already",
        FaultAction::Undrain if !place.draining => "does not drain",
        FaultAction::Remove { .. } if many < 2 => "is the only one",
        _ => return None,
    };
    Some(format!("server {number} {why}"))
}

/// A server that starts asks its store, and gives up when nobody answers.
fn refused_without_store(action: FaultAction, target: Target, nodes: &[Node]) -> Option<String> {
    let starts = match target {
        Target::Server(_) => action == FaultAction::Start,
        _ => matches!(action, FaultAction::Add { .. } | FaultAction::RollingRestart { .. }),
    };
    let silent = |node: &Node| node.paused || !node.process.is_running();
    let down = starts && !nodes.is_empty() && nodes.iter().all(silent);
    down.then(|| {
        "the store does not answer, and a server cannot start without it; heal the store first".to_owned()
    })
}

fn refused_by_store(action: FaultAction, running: bool, paused: bool) -> Option<String> {
    let why = match action {
        FaultAction::Start | FaultAction::StartEmpty if running => "runs already",
        FaultAction::Start | FaultAction::StartEmpty => return None,
        FaultAction::Resume if !paused => "does not hang",
        FaultAction::Resume => return None,
        _ if !running => "does not run; start it first",
        FaultAction::Pause if paused => "hangs already",
        _ => return None,
    };
    Some(format!("the store {why}"))
}
