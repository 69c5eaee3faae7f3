//! Two processes of which one takes writes and the other follows it, and what whoever watches over them tells.

use crate::clock::Clock;
use crate::process::Process;
use crate::recorder::Recorder;
use crate::scratch::Stat;
use journal::{Event, FailoverEvent, FailoverStep};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// Who does what, shared by the store and by whoever watches over it: the store may be held for long by a fault.
#[derive(Clone)]
pub(super) struct Pair(Arc<Mutex<Roles>>);

/// Who does what at a moment.
#[derive(Clone)]
pub(super) struct Roles {
    /// The latest process in each of the two places.
    pub(super) processes: [Arc<Process>; 2],
    /// The place of the one that takes writes.
    pub(super) primary: usize,
    /// Whether the other one follows it, and can take its place.
    pub(super) followed: bool,
}

impl Roles {
    pub(super) fn replica(&self) -> usize {
        1 - self.primary
    }

    /// Whether the primary is lost, and somebody is there to take its place.
    pub(super) fn is_to_change(&self) -> bool {
        let [primary, replica] = [self.primary, self.replica()].map(|place| &self.processes[place]);
        self.followed && !primary.is_running() && replica.is_running() && !is_stopped(replica)
    }
}

impl Pair {
    /// The first is the primary.
    pub(super) fn new(processes: [Arc<Process>; 2]) -> Self {
        Self(Arc::new(Mutex::new(Roles { processes, primary: 0, followed: true })))
    }

    pub(super) fn get(&self) -> Roles {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Roles)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Whether it is stopped by a SIGSTOP.
pub(super) fn is_stopped(process: &Process) -> bool {
    Stat::of(process.pid()).is_some_and(|stat| stat.state == 'T')
}

/// Tells the journal what becomes of a store.
#[derive(Clone)]
pub(super) struct Chronicle {
    pub(super) recorder: Recorder,
    pub(super) clock: Clock,
}

impl Chronicle {
    /// A step that was taken at this moment.
    pub(super) fn tell(&self, step: FailoverStep, process: &Process, detail: impl Into<String>) {
        let (at_us, process) = (self.clock.now_us(), process.name().to_owned());
        self.recorder.record(Event::Failover(FailoverEvent { at_us, step, process, detail: detail.into() }));
    }

    /// Why nothing may be concluded.
    pub(super) fn void(&self, reason: String) {
        self.recorder.record(Event::Void { at_us: self.clock.now_us(), reason });
    }
}

/// A task that ends with whoever holds it.
pub(super) struct Watch(JoinHandle<()>);

impl Watch {
    pub(super) fn new(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }

    /// Ends it, and waits until it has ended.
    pub(super) async fn end(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}
