//! Faults: real signals to real processes, each proved to have landed.

use crate::clock::Clock;
use crate::cluster::{Cluster, Place};
use crate::error::DriverError;
use crate::process::Process;
use crate::recorder::Recorder;
use crate::scratch::Stat;
use journal::{Event, FaultEvent, FaultStage, ProcessChange, ProcessEvent};
use nix::sys::signal::Signal;
use protocol::admin::Snapshot;
use scenario::{FaultAction, PlannedFault, Target};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The target is chosen this long before the fault is due, so that the call itself is on time.
const CHOOSE_AHEAD_US: u64 = 30_000;
/// A process told to terminate has this long.
const TERMINATE_WITHIN: Duration = Duration::from_secs(10);

/// Injects the plan's faults and heals what they broke.
pub struct Injector {
    cluster: Arc<Mutex<Cluster>>,
    recorder: Recorder,
    clock: Clock,
}

impl Injector {
    /// Acts on a cluster and records what it does.
    pub fn new(cluster: Arc<Mutex<Cluster>>, recorder: Recorder, clock: Clock) -> Self {
        Self { cluster, recorder, clock }
    }

    /// Injects every fault at its time.
    pub async fn inject_all(&self, faults: &[PlannedFault]) {
        let mut latest = None;
        for fault in faults {
            self.clock.sleep_until(fault.at_us.saturating_sub(CHOOSE_AHEAD_US)).await;
            let chosen = self.choose(fault.target, latest).await;
            self.clock.sleep_until(fault.at_us).await;
            match chosen {
                Ok(place) => {
                    latest = Some(place);
                    self.inject(fault, place).await;
                }
                Err(e) => self.tell(fault, FaultStage::Failed, &fault.target.to_string(), e.to_string()),
            }
        }
    }

    async fn choose(&self, target: Target, latest: Option<u32>) -> Result<u32, DriverError> {
        let cluster = self.cluster.lock().await;
        match target {
            Target::Server(number) => Ok(number),
            Target::SameServer => {
                latest.ok_or_else(|| DriverError::Machine("no server was hit before".to_owned()))
            }
            Target::BusiestServer => {
                let snapshot = cluster.snapshot().await?;
                busiest(&snapshot, cluster.places())
                    .ok_or_else(|| DriverError::Machine("no server is running".to_owned()))
            }
        }
    }

    async fn inject(&self, fault: &PlannedFault, number: u32) {
        let mut cluster = self.cluster.lock().await;
        let Some(place) = cluster.place_mut(number) else {
            let what = format!("there is no server-{number}");
            return self.tell(fault, FaultStage::Failed, &format!("server-{number}"), what);
        };
        let instance = place.server.instance.clone();
        self.tell(fault, FaultStage::Called, &instance, fault.action.name().to_owned());
        let done = match fault.action {
            FaultAction::Kill => end(&place.server.process, Signal::SIGKILL, Duration::from_secs(5)).await,
            FaultAction::Terminate => end(&place.server.process, Signal::SIGTERM, TERMINATE_WITHIN).await,
            FaultAction::Pause => pause(place).await,
            FaultAction::Resume => resume(place).await,
            FaultAction::Start => self.start(&mut cluster, number).await,
        };
        match done {
            Ok(proof) => self.tell(fault, FaultStage::Landed, &instance, proof),
            Err(e) => self.tell(fault, FaultStage::Failed, &instance, e.to_string()),
        }
    }

    async fn start(&self, cluster: &mut Cluster, number: u32) -> Result<String, DriverError> {
        cluster.replace(number).await?;
        self.announce(cluster, number);
        let whole = cluster.until_whole().await;
        let instance = cluster.place_mut(number).map_or(String::new(), |place| place.server.instance.clone());
        Ok(match whole {
            Ok(_) => format!("{instance} is up in the router"),
            Err(_) => format!("{instance} is ready"),
        })
    }

    /// Resumes what is paused and replaces what has ended.
    pub async fn heal(&self) {
        let mut cluster = self.cluster.lock().await;
        let broken: Vec<(u32, bool)> = cluster
            .places()
            .iter()
            .filter(|place| place.paused || !place.server.process.is_running())
            .map(|place| (place.number, place.paused))
            .collect();
        for (number, paused) in broken {
            let healed = match cluster.place_mut(number) {
                Some(place) if paused => resume(place).await.map(|_| ()),
                _ => cluster.replace(number).await.map(|()| self.announce(&cluster, number)),
            };
            if let Err(e) = healed {
                self.recorder
                    .record(Event::Void { at_us: self.clock.now_us(), reason: format!("not healed: {e}") });
            }
        }
    }

    /// Waits until everything is whole and records the proof.
    pub async fn prove_healthy(&self) {
        match self.cluster.lock().await.until_whole().await {
            Ok(proof) => self.recorder.record(Event::Healthy { at_us: self.clock.now_us(), proof }),
            Err(e) => {
                let reason = format!("healing was not proved: {e}");
                self.recorder.record(Event::Void { at_us: self.clock.now_us(), reason });
            }
        }
    }

    /// Records a server's readiness and follows its end.
    fn announce(&self, cluster: &Cluster, number: u32) {
        if let Some(place) = cluster.places().iter().find(|place| place.number == number) {
            follow(&place.server.process, place.server.took, &self.recorder, self.clock);
        }
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
    let event = |at_us, watch: &crate::process::ExitWatch, change| {
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

async fn end(process: &Process, signal: Signal, within: Duration) -> Result<String, DriverError> {
    process.order_exit();
    process.signal(signal)?;
    let status = process.wait(within).await;
    let status = status.ok_or_else(|| {
        DriverError::child(process.name(), format!("still alive {within:?} after {signal}"), process.log())
    })?;
    Ok(format!("process {} ended: {status}", process.pid()))
}

async fn pause(place: &mut Place) -> Result<String, DriverError> {
    place.server.process.signal(Signal::SIGSTOP)?;
    place.paused = true;
    until_state(&place.server.process, |state| state == 'T').await
}

async fn resume(place: &mut Place) -> Result<String, DriverError> {
    place.server.process.signal(Signal::SIGCONT)?;
    place.paused = false;
    until_state(&place.server.process, |state| state != 'T').await
}

async fn until_state(process: &Process, wanted: impl Fn(char) -> bool) -> Result<String, DriverError> {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let state = Stat::of(process.pid()).map(|stat| stat.state);
        match state {
            Some(state) if wanted(state) => {
                return Ok(format!("process {} is in state {state}", process.pid()));
            }
            Some(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(1)).await,
            _ => {
                let what = format!("the signal shows no effect (state {state:?})");
                return Err(DriverError::child(process.name(), what, process.log()));
            }
        }
    }
}
