//! One process of a store: how it starts on a port that must be chosen for it, and what a fault may do to it.

use crate::error::DriverError;
use crate::process::{Process, Spec};
use crate::scratch::Stat;
use nix::sys::signal::Signal;
use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// How often a port is chosen anew when somebody else was quicker.
const PORT_TRIES: u32 = 5;
const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A process of a store.
pub struct Node {
    /// Where it listens.
    pub port: u16,
    /// The latest process there, dead or alive.
    pub process: Process,
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
            let process = Process::start(run, spec(port))?;
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
        self.process = process;
        self.generation += 1;
        self.paused = false;
        self.followed = false;
        Ok(())
    }

    /// Lets it go on after a SIGSTOP; says what was seen.
    ///
    /// # Errors
    /// When the signal shows no effect.
    pub async fn resume(&mut self) -> Result<String, DriverError> {
        self.process.signal(Signal::SIGCONT)?;
        self.paused = false;
        until_state(&self.process, |state| state != 'T').await
    }

    /// Stops it with SIGSTOP; says what was seen.
    ///
    /// # Errors
    /// When the signal shows no effect.
    pub async fn pause(&mut self) -> Result<String, DriverError> {
        self.process.signal(Signal::SIGSTOP)?;
        self.paused = true;
        until_state(&self.process, |state| state == 'T').await
    }
}

/// Waits until the kernel shows a process in a state; says so.
///
/// # Errors
/// When it does not within two seconds.
pub async fn until_state(process: &Process, wanted: impl Fn(char) -> bool) -> Result<String, DriverError> {
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

/// Ends all of them, paused ones too.
pub(super) async fn stop(nodes: &[Node]) {
    for node in nodes {
        node.process.order_exit();
        if node.paused {
            // It could not hear anything but SIGKILL.
            let _ = node.process.signal(Signal::SIGCONT);
        }
    }
    for node in nodes {
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
