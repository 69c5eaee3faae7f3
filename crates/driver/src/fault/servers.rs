//! What is done to servers and to the tier as a whole.

use super::{Injector, KILL_WITHIN, TERMINATE_WITHIN, end, not_here};
use crate::cluster::{Cluster, Place};
use crate::error::DriverError;
use crate::seat::secret;
use crate::store::until_state;
use nix::sys::signal::Signal;
use protocol::admin::Health;
use scenario::{FaultAction, Keys};
use std::time::{Duration, Instant};

/// How often the router is asked while something is waited for.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// A new server must be up in the router within this.
const UP_WITHIN: Duration = Duration::from_secs(10);

impl Injector {
    pub(super) async fn hit_server(&self, action: FaultAction, number: u32) -> Result<String, DriverError> {
        match action {
            FaultAction::Kill => self.end_server(number, Signal::SIGKILL, KILL_WITHIN).await,
            FaultAction::Terminate => self.end_server(number, Signal::SIGTERM, TERMINATE_WITHIN).await,
            FaultAction::Pause => pause(place(&mut *self.cluster.lock().await, number)?).await,
            FaultAction::Resume => resume(place(&mut *self.cluster.lock().await, number)?).await,
            FaultAction::Start => {
                let instance = self.replace(number).await?;
                Ok(match self.until_up(&instance).await {
                    Ok(()) => format!("{instance} is up in the router"),
                    Err(_) => format!("{instance} is ready"),
                })
            }
            FaultAction::CrashLoop { times, up_ms } => self.crash_loop(number, times, up_ms).await,
            FaultAction::Remove { drain_ms } => self.remove(number, drain_ms).await,
            FaultAction::Drain => {
                let mut cluster = self.cluster.lock().await;
                let place = place(&mut cluster, number)?;
                place.draining = true;
                let instance = place.server.instance.clone();
                self.seat.drain(&instance, Duration::from_secs(3_600)).await?;
                self.until_status(&instance, |draining, _| draining).await?;
                Ok(format!("{instance} is draining in the router"))
            }
            FaultAction::Undrain => {
                let instance = place(&mut *self.cluster.lock().await, number)?.server.instance.clone();
                self.seat.undrain(&instance).await?;
                self.until_status(&instance, |draining, _| !draining).await?;
                place(&mut *self.cluster.lock().await, number)?.draining = false;
                Ok(format!("{instance} takes new sessions again"))
            }
            _ => Err(not_here(action, "a server")),
        }
    }

    pub(super) async fn hit_tier(&self, action: FaultAction) -> Result<String, DriverError> {
        match action {
            FaultAction::Add { count } => {
                let mut added = Vec::new();
                for _ in 0..count {
                    let mut cluster = self.cluster.lock().await;
                    let number = cluster.add().await?;
                    let server = &place(&mut cluster, number)?.server;
                    self.announce(&server.process, server.took);
                    added.push(server.instance.clone());
                }
                for instance in &added {
                    self.until_up(instance).await?;
                }
                Ok(format!("{} up in the router", added.join(", ")))
            }
            FaultAction::RollingRestart { drain_ms, keys } => self.roll(drain_ms, keys).await,
            FaultAction::Route { policy } => {
                let now = self.seat.set_policy(policy).await?;
                match now == policy {
                    true => Ok(format!("the router goes by {now}")),
                    false => Err(DriverError::Machine(format!("the router goes by {now} still"))),
                }
            }
            _ => Err(not_here(action, "the tier")),
        }
    }

    pub(super) async fn heal_servers(&self) -> Result<(), DriverError> {
        let cluster = self.cluster.lock().await;
        let broken: Vec<(u32, bool, bool)> = cluster
            .places()
            .iter()
            .map(|place| (place.number, place.paused, place.server.process.is_running()))
            .collect();
        let draining: Vec<(u32, String)> = cluster
            .places()
            .iter()
            .filter(|place| place.draining && place.server.process.is_running())
            .map(|place| (place.number, place.server.instance.clone()))
            .collect();
        drop(cluster);
        for (number, instance) in draining {
            self.seat.undrain(&instance).await?;
            place(&mut *self.cluster.lock().await, number)?.draining = false;
        }
        for (number, paused, running) in broken {
            if !running {
                self.replace(number).await?;
            } else if paused {
                resume(place(&mut *self.cluster.lock().await, number)?).await?;
            }
        }
        Ok(())
    }

    /// Ends a server without holding up whatever else is done to the tier meanwhile.
    async fn end_server(&self, number: u32, signal: Signal, within: Duration) -> Result<String, DriverError> {
        let mut watch = {
            let mut cluster = self.cluster.lock().await;
            let process = &place(&mut cluster, number)?.server.process;
            if signal == Signal::SIGKILL {
                return end(process, signal, within).await;
            }
            process.order_exit();
            process.signal(signal)?;
            process.watch()
        };
        let ended = tokio::time::timeout(within, watch.ended()).await;
        let (status, _) = ended.map_err(|_| {
            DriverError::Machine(format!("{} is still alive {within:?} after {signal}", watch.name))
        })?;
        Ok(format!("process {} ended: {status}", watch.pid))
    }

    /// Puts a new process in the place of one that has ended; answers its name.
    async fn replace(&self, number: u32) -> Result<String, DriverError> {
        let mut cluster = self.cluster.lock().await;
        cluster.replace(number).await?;
        let server = &place(&mut cluster, number)?.server;
        self.announce(&server.process, server.took);
        Ok(server.instance.clone())
    }

    async fn crash_loop(&self, number: u32, times: u32, up_ms: u64) -> Result<String, DriverError> {
        for crash in 1..=times {
            self.end_server(number, Signal::SIGKILL, KILL_WITHIN).await?;
            if crash < times {
                let instance = self.replace(number).await?;
                self.until_up(&instance).await?;
                tokio::time::sleep(Duration::from_millis(up_ms)).await;
            }
        }
        Ok(format!("server-{number} was killed {times} times, {up_ms} ms after the router had it up again"))
    }

    async fn remove(&self, number: u32, drain_ms: u64) -> Result<String, DriverError> {
        let drained = self.drain(number, drain_ms).await?;
        let ended = self.end_server(number, Signal::SIGTERM, TERMINATE_WITHIN).await?;
        self.cluster.lock().await.forget(number).await?;
        Ok(format!("{drained}{ended}; the router has forgotten it"))
    }

    /// Replaces one server after the other, the next only once the one before it is up.
    async fn roll(&self, drain_ms: u64, keys: Keys) -> Result<String, DriverError> {
        let old = self.cluster.lock().await.recipe_mut().keys().to_vec();
        let new = secret();
        let rounds: Vec<Vec<String>> = match keys {
            Keys::Kept => vec![old],
            Keys::Rotated => {
                let learned = old.iter().cloned().chain([new.clone()]).collect();
                vec![learned, [new].into_iter().chain(old).collect()]
            }
            Keys::Replaced => vec![vec![new]],
        };
        let mut story = Vec::new();
        for keys in rounds {
            let numbers: Vec<u32> = {
                let mut cluster = self.cluster.lock().await;
                cluster.recipe_mut().set_keys(keys)?;
                cluster.places().iter().map(|place| place.number).collect()
            };
            for number in numbers {
                let drained = self.drain(number, drain_ms).await?;
                self.end_server(number, Signal::SIGTERM, TERMINATE_WITHIN).await?;
                let instance = self.replace(number).await?;
                self.until_up(&instance).await?;
                story.push(format!("{drained}{instance} is up"));
            }
        }
        Ok(story.join("; "))
    }

    /// Drains a server until nobody needs it any more or the time is over; says how long that took.
    async fn drain(&self, number: u32, drain_ms: u64) -> Result<String, DriverError> {
        if drain_ms == 0 {
            return Ok(String::new());
        }
        let instance = place(&mut *self.cluster.lock().await, number)?.server.instance.clone();
        let began = Instant::now();
        let deadline = Duration::from_millis(drain_ms);
        self.seat.drain(&instance, deadline).await?;
        loop {
            let snapshot = self.seat.snapshot().await?;
            let status = snapshot.servers.iter().find(|server| server.id == instance);
            let (bound, in_flight) = status.map_or((0, 0), |status| (status.bound, status.in_flight));
            let took = began.elapsed();
            if bound == 0 && in_flight == 0 {
                return Ok(format!("{instance} drained in {:.2} s, ", took.as_secs_f64()));
            }
            if took >= deadline {
                return Ok(format!(
                    "{instance} drained for {:.2} s with {bound} sessions still bound to it, ",
                    took.as_secs_f64()
                ));
            }
            tokio::time::sleep(ASK_EVERY.min(deadline.saturating_sub(took))).await;
        }
    }

    async fn until_up(&self, instance: &str) -> Result<(), DriverError> {
        self.until_status(instance, |_, health| health == Health::Up).await
    }

    async fn until_status(
        &self,
        instance: &str,
        wanted: impl Fn(bool, Health) -> bool,
    ) -> Result<(), DriverError> {
        let deadline = Instant::now() + UP_WITHIN;
        loop {
            let snapshot = self.seat.snapshot().await?;
            let status = snapshot.servers.iter().find(|server| server.id == instance);
            match status {
                Some(status) if wanted(status.draining, status.health) => return Ok(()),
                _ if Instant::now() > deadline => {
                    let what = format!("the router does not show {instance} as wanted within {UP_WITHIN:?}");
                    return Err(DriverError::Machine(what));
                }
                _ => tokio::time::sleep(ASK_EVERY).await,
            }
        }
    }
}

fn place(cluster: &mut Cluster, number: u32) -> Result<&mut Place, DriverError> {
    cluster.place_mut(number).ok_or_else(|| DriverError::Machine(format!("there is no server-{number}")))
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
