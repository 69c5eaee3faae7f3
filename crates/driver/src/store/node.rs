//! One process of a store: how it starts on a port that must be chosen for it, and what a fault may do to it.

use crate::error::DriverError;
use crate::process::{Process, Spec};
use crate::scratch::Stat;
use nix::sys::signal::Signal;
use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a port is chosen anew when somebody else was quicker.
const PORT_TRIES: u32 = 5;
const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// A process has this long to end by a signal that it cannot refuse.
const KILL_WITHIN: Duration = Duration::from_secs(5);
/// A signal has this long to show its effect.
const STATE_WITHIN: Duration = Duration::from_secs(2);

/// A process of a store.
pub struct Node {
    /// Where it listens.
    pub port: u16,
    /// The latest process there, dead or alive; whoever watches over the store holds it too.
    pub process: Arc<Process>,
    /// Whether the lab has stopped it with SIGSTOP.
    pub paused: bool,
    /// How many processes have been it.
    pub generation: u32,
    /// Whether its end is followed, and so told in the journal.
    pub followed: bool,
    /// From its start to its first answer.
    pub took: Duration,
}

impl Node {
    /// Starts a process that cannot say which port it got: one is chosen, and on a clash chosen again.
    pub(super) async fn on_free_port<'a, F: Future<Output = Result<(), String>>>(
        run: &str,
        spec: impl Fn(u16) -> Spec<'a>,
        answers: impl Fn(u16) -> F,
    ) -> Result<Self, DriverError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let port = free_port()?;
            let process = Arc::new(Process::start(run, spec(port))?);
            match until_it_answers(&process, || answers(port)).await {
                Ok(took) => {
                    return Ok(Self { port, process, paused: false, generation: 1, followed: false, took });
                }
                // It ended by itself: somebody may have taken the port meanwhile.
                Err(_) if tries < PORT_TRIES && !process.is_running() => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Starts a new process on the same port in the place of one that has ended.
    pub(super) async fn again<F: Future<Output = Result<(), String>>>(
        &mut self,
        run: &str,
        spec: Spec<'_>,
        answers: impl Fn() -> F,
    ) -> Result<(), DriverError> {
        let process = Process::start(run, spec)?;
        self.took = until_it_answers(&process, answers).await?;
        self.process = Arc::new(process);
        self.generation += 1;
        self.paused = false;
        self.followed = false;
        Ok(())
    }

    /// Lets it and its children go on after a SIGSTOP; says what was seen.
    ///
    /// # Errors
    /// When the signal shows no effect.
    pub async fn resume(&mut self) -> Result<String, DriverError> {
        if !self.process.is_running() {
            // Whoever watches over the store has ended it meanwhile, lest it wake as a second primary.
            self.paused = false;
            return Ok(format!("process {} was ended while it was stopped", self.process.pid()));
        }
        let children = self.process.signal_children(Signal::SIGCONT)?;
        self.process.signal(Signal::SIGCONT)?;
        self.paused = false;
        let proof = until_state(&self.process, |state| state != 'T').await?;
        until_all(&children, |state| state != 'T').await?;
        Ok(with_children(proof, &children))
    }

    /// Stops it and its children with SIGSTOP; says what was seen. Each process of PostgreSQL leads a group of its own, and would go
    /// on serving while the one that started it is stopped.
    ///
    /// # Errors
    /// When the signal shows no effect.
    pub async fn pause(&mut self) -> Result<String, DriverError> {
        self.paused = true;
        let (proof, children) = stop_family(&self.process).await?;
        Ok(with_children(proof, &children))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.paused {
            // They could not notice that the one that started them is gone.
            let _ = self.process.signal_children(Signal::SIGKILL);
        }
    }
}

/// Kills a process and its children, stopped or not, as a machine does that loses its power; says what was seen.
///
/// # Errors
/// When it is gone already, or outlives it.
pub async fn kill_family(process: &Process) -> Result<String, DriverError> {
    process.signal(Signal::SIGSTOP)?;
    until_state(process, |state| state == 'T').await?;
    let children = process.signal_children(Signal::SIGKILL)?;
    process.signal(Signal::SIGKILL)?;
    let Some(status) = process.wait(KILL_WITHIN).await else {
        let what = format!("still alive {KILL_WITHIN:?} after SIGKILL");
        return Err(DriverError::child(process.name(), what, process.log()));
    };
    until_all(&children, |state| state == 'Z').await?;
    Ok(with_children(format!("process {} ended: {status}", process.pid()), &children))
}

/// The one that starts others first: so none is missed.
async fn stop_family(process: &Process) -> Result<(String, Vec<u32>), DriverError> {
    process.signal(Signal::SIGSTOP)?;
    let proof = until_state(process, |state| state == 'T').await?;
    let children = process.signal_children(Signal::SIGSTOP)?;
    until_all(&children, |state| state == 'T').await?;
    Ok((proof, children))
}

fn with_children(proof: String, children: &[u32]) -> String {
    match children.len() {
        0 => proof,
        n => format!("{proof}, and so with its {n} children"),
    }
}

/// Waits until the kernel shows each of them in a state, or gone.
async fn until_all(pids: &[u32], wanted: impl Fn(char) -> bool) -> Result<(), DriverError> {
    let deadline = Instant::now() + STATE_WITHIN;
    for pid in pids {
        while let Some(stat) = Stat::of(*pid).filter(|stat| stat.state != 'Z' && !wanted(stat.state)) {
            if Instant::now() > deadline {
                let what = format!("the signal shows no effect on process {pid} (state {})", stat.state);
                return Err(DriverError::Machine(what));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(())
}

/// Waits until the kernel shows a process in a state; says so.
///
/// # Errors
/// When it does not within two seconds.
pub async fn until_state(process: &Process, wanted: impl Fn(char) -> bool) -> Result<String, DriverError> {
    let deadline = Instant::now() + STATE_WITHIN;
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

async fn until_it_answers<F: Future<Output = Result<(), String>>>(
    process: &Process,
    answers: impl Fn() -> F,
) -> Result<Duration, DriverError> {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        match answers().await {
            // Another server may sit on the port while ours has ended: an answer counts only while ours is alive.
            Ok(()) if process.is_running() => return Ok(process.started().elapsed()),
            _ if !process.is_running() => {
                let status = process.wait(Duration::ZERO).await.unwrap_or_default();
                let what = format!("ended at its start ({status})");
                return Err(DriverError::child(process.name(), what, process.log()));
            }
            Err(what) if Instant::now() > deadline => {
                let what = format!("does not answer within {READY_WITHIN:?}: {what}");
                return Err(DriverError::child(process.name(), what, process.log()));
            }
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Ends all of them, paused ones too: those that follow before the one that they follow.
pub(super) async fn stop(nodes: &mut [Node]) {
    for node in nodes.iter_mut() {
        node.process.order_exit();
        if node.paused {
            // It could not hear anything but SIGKILL.
            let _ = node.resume().await;
        }
    }
    for node in nodes.iter().rev() {
        // Postgres takes SIGINT for its fast shutdown; Redis ends on either.
        node.process.stop(Signal::SIGINT, STOP_WITHIN).await;
    }
}

/// A port that was free a moment ago.
///
/// # Errors
/// When the machine has none left.
pub fn free_port() -> Result<u16, DriverError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener
        .map(|addr| addr.port())
        .map_err(|e| DriverError::Machine(format!("no free port on 127.0.0.1: {e}")))
}
