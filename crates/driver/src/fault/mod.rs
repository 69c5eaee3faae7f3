//! Faults: done to real processes and real connections, each proved to have landed.

mod edges;
mod servers;
mod site;
mod store;

use crate::clock::Clock;
use crate::cluster::{Cluster, Place};
use crate::error::DriverError;
use crate::process::{ExitWatch, Process};
use crate::recorder::Recorder;
use crate::seat::Seat;
use journal::{Event, FaultEvent, FaultStage, OrderEvent, ProcessChange, ProcessEvent};
use nix::sys::signal::Signal;
use protocol::admin::Snapshot;
use scenario::{FaultAction, PlannedFault, Stack, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// The target is chosen this long before the fault is due, so that the call itself is on time.
const CHOOSE_AHEAD_US: u64 = 30_000;
/// A process has this long to end by a signal that it cannot refuse.
const KILL_WITHIN: Duration = Duration::from_secs(5);
/// A process that is told to terminate has this long.
const TERMINATE_WITHIN: Duration = Duration::from_secs(10);

/// Injects the plan's faults and heals what they broke.
#[derive(Clone)]
pub struct Injector {
    stack: Stack,
    cluster: Arc<Mutex<Cluster>>,
    seat: Arc<Seat>,
    recorder: Recorder,
    clock: Clock,
}

/// What a fault hits, once that is known.
#[derive(Clone, Copy, Debug)]
enum Chosen {
    Server(u32),
    Other(Target),
}

impl Injector {
    /// Acts on a cluster and records what it does.
    pub fn new(
        stack: Stack,
        cluster: Arc<Mutex<Cluster>>,
        seat: Arc<Seat>,
        recorder: Recorder,
        clock: Clock,
    ) -> Self {
        Self { stack, cluster, seat, recorder, clock }
    }

    /// Injects every fault at its time. Each goes on beside the next ones when it takes long; all are over at the end.
    pub async fn inject_all(&self, faults: &[PlannedFault]) {
        let mut latest = None;
        let mut running = JoinSet::new();
        for fault in faults {
            self.clock.sleep_until(fault.at_us.saturating_sub(CHOOSE_AHEAD_US)).await;
            let chosen = self.choose(fault.target, latest).await;
            self.clock.sleep_until(fault.at_us).await;
            match chosen {
                Ok(chosen) => {
                    if let Chosen::Server(place) = chosen {
                        latest = Some(place);
                    }
                    let (injector, fault) = (self.clone(), fault.clone());
                    running.spawn(async move { injector.inject(&fault, chosen).await });
                }
                Err(e) => self.tell(fault, FaultStage::Failed, &fault.target.to_string(), e.to_string()),
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Carries out a fault that was ordered just now, under a number that no other one of the trial has.
    pub async fn order(&self, number: u32, action: FaultAction, target: Target) {
        let at_us = self.clock.now_us();
        self.recorder.record(Event::Ordered(OrderEvent { fault: number, at_us, action, target }));
        let fault = PlannedFault { fault: number, at_us, action, target };
        match self.choose(target, None).await {
            Ok(chosen) => self.inject(&fault, chosen).await,
            Err(e) => self.tell(&fault, FaultStage::Failed, &target.to_string(), e.to_string()),
        }
    }

    /// The server that a fault of the busiest one would hit now.
    pub async fn busiest(&self) -> Option<u32> {
        match self.choose(Target::BusiestServer, None).await {
            Ok(Chosen::Server(number)) => Some(number),
            _ => None,
        }
    }

    async fn choose(&self, target: Target, latest: Option<u32>) -> Result<Chosen, DriverError> {
        match target {
            Target::Server(number) => Ok(Chosen::Server(number)),
            Target::SameServer => latest
                .map(Chosen::Server)
                .ok_or_else(|| DriverError::Machine("no server was hit before".to_owned())),
            Target::BusiestServer => {
                let snapshot = self.seat.snapshot().await?;
                busiest(&snapshot, self.cluster.lock().await.places())
                    .map(Chosen::Server)
                    .ok_or_else(|| DriverError::Machine("no server is running".to_owned()))
            }
            Target::Servers | Target::Store | Target::Replica | Target::Edge(_) | Target::SiteA => {
                Ok(Chosen::Other(target))
            }
        }
    }

    /// Calls a fault and records what came of it.
    async fn inject(&self, fault: &PlannedFault, chosen: Chosen) {
        let name = self.name_of(chosen).await;
        self.tell(fault, FaultStage::Called, &name, fault.action.name().to_owned());
        if !self.stack.has(fault.target) {
            let what =
                format!("this stack has no {}: there is nothing to {}", fault.target, fault.action.name());
            return self.tell(fault, FaultStage::Spared, &name, what);
        }
        let done = match chosen {
            _ if fault.action.is_of_a_site() => self.strike().await,
            _ if fault.action.is_of_an_edge() => self.disturb(fault.action, chosen).await,
            Chosen::Server(number) => self.hit_server(fault.action, number).await,
            Chosen::Other(Target::Servers) => self.hit_tier(fault.action).await,
            Chosen::Other(target) => self.hit_store(fault.action, target).await,
        };
        match done {
            Ok(proof) => self.tell(fault, FaultStage::Landed, &name, proof),
            Err(e) => self.tell(fault, FaultStage::Failed, &name, e.to_string()),
        }
    }

    /// The process that is hit, where it is one. Known when it is this fault's turn: one that an earlier fault holds up is called
    /// late, and must not look punctual.
    async fn name_of(&self, chosen: Chosen) -> String {
        let mut cluster = self.cluster.lock().await;
        match chosen {
            Chosen::Server(number) => cluster
                .place_mut(number)
                .map_or(format!("server-{number}"), |place| place.server.instance.clone()),
            Chosen::Other(target) => target.to_string(),
        }
    }

    /// Ends what was done to edges, resumes what is paused, replaces what has ended. A site that was struck by a disaster is not
    /// healed: another has taken its place, or takes it still.
    pub async fn heal(&self) {
        if !self.stands_firm().await {
            return;
        }
        for healed in [self.calm_all().await, self.heal_store().await, self.heal_servers().await] {
            if let Err(e) = healed {
                let reason = format!("not healed: {e}");
                self.recorder.record(Event::Void { at_us: self.clock.now_us(), reason });
            }
        }
    }

    /// Waits until everything is whole and records the proof.
    pub async fn prove_healthy(&self) {
        let at_us = || self.clock.now_us();
        match self.cluster.lock().await.until_whole().await {
            Ok(proof) => self.recorder.record(Event::Healthy { at_us: at_us(), proof }),
            Err(e) => {
                let reason = format!("healing was not proved: {e}");
                self.recorder.record(Event::Void { at_us: at_us(), reason });
            }
        }
    }

    /// Records a process's readiness and follows its end.
    fn announce(&self, process: &Process, took: Duration) {
        follow(process, took, &self.recorder, self.clock);
    }

    fn tell(&self, fault: &PlannedFault, stage: FaultStage, process: &str, detail: String) {
        let at_us = self.clock.now_us();
        let event = FaultEvent { fault: fault.fault, at_us, stage, process: process.to_owned(), detail };
        self.recorder.record(Event::Fault(event));
    }
}

/// Records that a process is ready and, when it comes, its end. An end that nobody ordered makes the trial void.
pub fn follow(process: &Process, took: Duration, recorder: &Recorder, clock: Clock) {
    let mut watch = process.watch();
    let event = |at_us, watch: &ExitWatch, change| {
        Event::Process(ProcessEvent { at_us, process: watch.name.clone(), pid: watch.pid, change })
    };
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    recorder.record(event(clock.now_us(), &watch, ProcessChange::Ready { took_ms }));
    let recorder = recorder.clone();
    tokio::spawn(async move {
        let (status, ordered) = watch.ended().await;
        let change = ProcessChange::Exited { ordered, status: status.clone() };
        recorder.record(event(clock.now_us(), &watch, change));
        if !ordered {
            let reason = format!("{} ended by itself ({status})", watch.name);
            recorder.record(Event::Void { at_us: clock.now_us(), reason });
        }
    });
}

/// The running server with the most bound sessions; where none is bound, with the most requests; the first of equals.
fn busiest(snapshot: &Snapshot, places: &[Place]) -> Option<u32> {
    let running = places.iter().filter(|place| place.server.process.is_running() && !place.paused);
    let ranked = running.filter_map(|place| {
        let status = snapshot.servers.iter().find(|server| server.id == place.server.instance)?;
        Some(((status.bound, status.requests), place.number))
    });
    ranked.max_by_key(|(load, number)| (*load, std::cmp::Reverse(*number))).map(|(_, number)| number)
}

/// Ends a process by a signal; says what was seen.
async fn end(process: &Process, signal: Signal, within: Duration) -> Result<String, DriverError> {
    process.order_exit();
    process.signal(signal)?;
    let status = process.wait(within).await;
    let status = status.ok_or_else(|| {
        DriverError::child(process.name(), format!("still alive {within:?} after {signal}"), process.log())
    })?;
    Ok(format!("process {} ended: {status}", process.pid()))
}

/// What the validation of a scenario keeps from happening.
fn not_here(action: FaultAction, target: &str) -> DriverError {
    DriverError::Machine(format!("a {} of {target} means nothing", action.name()))
}
