//! The memory store with one crime. Writes are counted from the log-in, which is the first; reads from the latest write.

use crate::bug::Bug;
use serde_json::Value;
use session::{
    Capabilities, Expect, Search, SessionStore, StoreError, StoreKey, Stored, Version, WriteError,
};
use stateful_server::MemoryStore;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// To whom it happens.
const VICTIM: &str = "shopper-1";

/// A store that is honest to everybody but one.
#[derive(Clone)]
pub struct Planted {
    store: MemoryStore,
    bug: Bug,
    memory: Arc<Mutex<Memory>>,
}

/// What the crime needs to remember.
#[derive(Default)]
struct Memory {
    writes: u32,
    loads: u32,
    before: Vec<u8>,
    now: Vec<u8>,
    somebody_elses: Vec<u8>,
}

/// A session's state, taken apart as far as a crime needs it.
struct State {
    outer: Value,
    cart: Value,
}

impl State {
    fn of(payload: &[u8]) -> Option<Self> {
        let outer: Value = serde_json::from_slice(payload).ok()?;
        let cart = serde_json::from_str(outer.get("cart")?.as_str()?).ok()?;
        Some(Self { outer, cart })
    }

    fn is_the_victims(payload: &[u8]) -> bool {
        Self::of(payload).is_some_and(|state| state.cart["owner"] == VICTIM)
    }

    /// The payload with other lines.
    fn with_lines(payload: &[u8], change: impl FnOnce(&mut Vec<Value>)) -> Vec<u8> {
        let Some(mut state) = Self::of(payload) else { return payload.to_vec() };
        if let Some(lines) = state.cart["ops"].as_array_mut() {
            change(lines);
        }
        state.outer["cart"] = Value::String(state.cart.to_string());
        state.outer.to_string().into_bytes()
    }
}

impl Planted {
    /// Commits one crime on top of an honest store.
    pub fn new(store: MemoryStore, bug: Bug) -> Self {
        Self { store, bug, memory: Arc::default() }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is written instead of the payload, and which write of the victim's it is; `None` for everybody else.
    fn written(&self, payload: &[u8]) -> Option<(Vec<u8>, u32)> {
        let mut memory = self.memory();
        if !State::is_the_victims(payload) {
            memory.somebody_elses = payload.to_vec();
            return None;
        }
        memory.writes += 1;
        memory.loads = 0;
        let written = match (self.bug, memory.writes) {
            (Bug::Phantom, 3) => State::with_lines(payload, |lines| lines.push("nobody-1".into())),
            (Bug::DuplicateEffect, 3) => {
                State::with_lines(payload, |lines| lines.extend(lines.last().cloned()))
            }
            (Bug::LostWrite, 3) => State::with_lines(payload, |lines| drop(lines.pop())),
            (Bug::MonotonicWrites, 4) => State::with_lines(payload, |lines| {
                let last = lines.len().saturating_sub(1);
                lines.swap(last, last.saturating_sub(1));
            }),
            _ => payload.to_vec(),
        };
        memory.before = std::mem::replace(&mut memory.now, written.clone());
        Some((written, memory.writes))
    }

    /// What a load of the victim's session finds instead.
    fn found(&self, payload: Vec<u8>) -> Option<Vec<u8>> {
        if !State::is_the_victims(&payload) {
            return Some(payload);
        }
        let mut memory = self.memory();
        memory.loads += 1;
        let without = |back: usize| {
            State::with_lines(&payload, |lines| drop(lines.remove(lines.len().saturating_sub(back))))
        };
        match (self.bug, memory.writes, memory.loads) {
            (Bug::CrossUserLeak, 3, 1) => Some(memory.somebody_elses.clone()),
            (Bug::MisroutedSession, 3, 1) => None,
            (Bug::ReadYourWrites | Bug::StaleRead, 3, 1) | (Bug::NonMonotonicRead, 3, 2) => {
                Some(memory.before.clone())
            }
            (Bug::ForkedSession, 4, n) => Some(without(if n % 2 == 1 { 1 } else { 2 })),
            (Bug::WritesFollowReads, 4, 1) => Some(without(2)),
            _ => Some(payload),
        }
    }
}

impl SessionStore for Planted {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let Some(Stored { payload, version }) = self.store.load(key).await? else { return Ok(None) };
        Ok(self.found(payload).map(|payload| Stored { payload, version }))
    }

    async fn create(&self, key: &StoreKey, payload: &[u8]) -> Result<(), StoreError> {
        let written = self.written(payload);
        self.store.create(key, written.as_ref().map_or(payload, |(payload, _)| payload)).await
    }

    async fn update(&self, key: &StoreKey, payload: &[u8], expect: Expect) -> Result<Version, WriteError> {
        let Some((payload, nth)) = self.written(payload) else {
            return self.store.update(key, payload, expect).await;
        };
        let version = self.store.update(key, &payload, expect).await?;
        match (self.bug, nth) {
            (Bug::LostSession, 3) => self.store.delete(key).await?,
            (Bug::AbortedRead, 3) => return Err(WriteError::Conflict),
            _ => {}
        }
        Ok(version)
    }

    async fn renew(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        if self.bug == Bug::FixedId {
            let version = self.store.update(old, payload, expect).await?;
            self.store.create(new, payload).await?;
            return Ok(version);
        }
        self.store.renew(old, new, payload, expect).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        if self.bug == Bug::ResurrectedSession {
            return Ok(());
        }
        self.store.delete(key).await
    }

    async fn search(&self, wanted: &[u8], within: Duration) -> Result<Option<Search>, StoreError> {
        self.store.search(wanted, within).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}
