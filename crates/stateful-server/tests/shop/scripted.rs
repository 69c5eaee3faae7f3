//! The memory store on strings: it counts what it is asked, fails when told to, and holds writes back at a gate.

use session::{
    Capabilities, Expect, Search, SessionStore, StoreError, StoreKey, Stored, Version, WriteError,
};
use stateful_server::MemoryStore;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct Scripted {
    inner: MemoryStore,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    calls: AtomicUsize,
    fault: Mutex<Option<fn() -> StoreError>>,
    gate: Mutex<Option<Gate>>,
}

/// Where updates and renewals wait, after their request has read and before anything is written.
#[derive(Clone)]
pub struct Gate {
    waiting: Arc<watch::Sender<usize>>,
    is_open: Arc<watch::Sender<bool>>,
}

impl Gate {
    fn shut() -> Self {
        Self { waiting: Arc::new(watch::Sender::new(0)), is_open: Arc::new(watch::Sender::new(false)) }
    }

    /// Waits until so many writes have come to the gate.
    pub async fn reached_by(&self, writes: usize) {
        let mut waiting = self.waiting.subscribe();
        let reached = waiting.wait_for(|&waiting| waiting == writes);
        let reached =
            timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{writes} writes never came"));
        drop(reached.unwrap());
    }

    /// Lets all through, those to come as well.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    async fn pass(&self) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        self.is_open.subscribe().wait_for(|&open| open).await.unwrap();
    }
}

impl Scripted {
    pub fn new() -> Self {
        Self { inner: crate::server::memory(), script: Arc::default() }
    }

    pub fn calls(&self) -> usize {
        self.script.calls.load(Ordering::Relaxed)
    }

    /// From now on every call fails so.
    pub fn break_with(&self, fault: fn() -> StoreError) {
        *self.script.fault.lock().unwrap() = Some(fault);
    }

    pub fn restore(&self) {
        *self.script.fault.lock().unwrap() = None;
    }

    pub fn hold_writes(&self) -> Gate {
        let gate = Gate::shut();
        *self.script.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    fn called(&self) -> Result<(), StoreError> {
        self.script.calls.fetch_add(1, Ordering::Relaxed);
        match *self.script.fault.lock().unwrap() {
            Some(fault) => Err(fault()),
            None => Ok(()),
        }
    }

    async fn pass_the_gate(&self) {
        let gate = self.script.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.pass().await;
        }
    }
}

impl SessionStore for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        self.called()?;
        self.inner.load(key).await
    }

    async fn create(&self, key: &StoreKey, payload: &[u8]) -> Result<(), StoreError> {
        self.called()?;
        self.inner.create(key, payload).await
    }

    async fn update(&self, key: &StoreKey, payload: &[u8], expect: Expect) -> Result<Version, WriteError> {
        self.called()?;
        self.pass_the_gate().await;
        self.inner.update(key, payload, expect).await
    }

    async fn renew(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        self.called()?;
        self.pass_the_gate().await;
        self.inner.renew(old, new, payload, expect).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.called()?;
        self.inner.delete(key).await
    }

    async fn search(&self, wanted: &[u8], within: Duration) -> Result<Option<Search>, StoreError> {
        self.called()?;
        self.inner.search(wanted, within).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.called()?;
        self.inner.ping().await
    }
}
