//! Sessions in this process's memory: a sharded map that is bounded, swept in small steps, and honest about conflicts.
//!
//! - 256 shards, chosen by the first byte of the key, which is a hash and so spreads evenly. Each is locked for one look-up or
//!   one write, and never across an await.
//! - Payloads are behind an `Arc` and idle deadlines are atomic: a load needs a *read* lock, and copies after it is released.
//! - A renewal locks the old key's shard and the new key's, the lower one first: no deadlock, and nobody sees a moment at
//!   which both keys live or neither.
//! - A search for an operator goes from shard to shard, with a read lock on one of them and a breath between them.
//! - At the byte cap a new session is refused. A live one is never evicted for it.
//!
//! It is lost with the process, by design: that is what this tier is here to show.

use memchr::memmem::Finder;
use session::{
    Capabilities, Expect, Lifetime, Search, SessionStore, Sighting, StoreError, StoreKey, Stored, Version,
    WriteError,
};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

const SHARDS: usize = 256;
/// What a session costs beside its payload: its key (64 digits), its entry, its slot in the map, and the allocator's share.
const OVERHEAD_BYTES: u64 = 256;
/// One shard a tick: all are swept every 6.4 s. At the default cap a shard has some 8,000 sessions at the very most, so a step
/// holds its lock for well under a millisecond.
const SWEEP_TICK: Duration = Duration::from_millis(25);

/// Reads the time that has passed since some fixed moment. Never goes back.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The memory store; clones share its sessions.
#[derive(Clone)]
pub struct MemoryStore(Arc<Memory>);

struct Memory {
    shards: Vec<RwLock<Shard>>,
    lifetime: Lifetime,
    cap_bytes: u64,
    used_bytes: AtomicU64,
    clock: Clock,
}

type Shard = HashMap<StoreKey, Entry>;

struct Entry {
    payload: Arc<[u8]>,
    version: Version,
    /// Nanoseconds on the store's clock, as is the other. Moved by loads, which hold no more than a read lock.
    idle_deadline: AtomicU64,
    absolute_deadline: u64,
}

impl Entry {
    fn is_live(&self, now: u64) -> bool {
        now < self.absolute_deadline && now < self.idle_deadline.load(Ordering::Relaxed)
    }

    /// Whether it lives, and if so moves its idle deadline. Once one reader was told that it is dead, the deadline is zero, and
    /// no slower reader's touch brings it back.
    fn touch(&self, now: u64, idle: u64) -> bool {
        let mut seen = self.idle_deadline.load(Ordering::Relaxed);
        loop {
            let live = now < self.absolute_deadline && now < seen;
            let next = if live { now.saturating_add(idle) } else { 0 };
            let moves_enough = next.saturating_sub(seen) >= idle / 16;
            if live && !moves_enough {
                return true;
            }
            match self.idle_deadline.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return live,
                Err(changed) => seen = changed,
            }
        }
    }

    fn cost(&self) -> u64 {
        cost(self.payload.len())
    }
}

impl MemoryStore {
    /// An empty store that takes `cap_bytes` of memory at most.
    pub fn new(lifetime: Lifetime, cap_bytes: u64) -> Self {
        let start = Instant::now();
        Self::with_clock(lifetime, cap_bytes, Arc::new(move || start.elapsed()))
    }

    /// The same on a clock of the caller's.
    pub fn with_clock(lifetime: Lifetime, cap_bytes: u64, clock: Clock) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self(Arc::new(Memory { shards, lifetime, cap_bytes, used_bytes: AtomicU64::new(0), clock }))
    }

    /// The memory that sessions take now, as the cap counts it.
    pub fn used_bytes(&self) -> u64 {
        self.0.used_bytes.load(Ordering::Relaxed)
    }

    /// Gives back the memory of expired sessions, one shard after the other, for as long as it is polled.
    pub async fn keep_swept(&self) -> Infallible {
        let mut ticks = tokio::time::interval(SWEEP_TICK);
        // After a pause (SIGSTOP, a busy machine) go on at the same pace instead of catching up in one burst.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            for shard in 0..SHARDS {
                ticks.tick().await;
                self.sweep(shard);
            }
        }
    }

    /// Drops the expired sessions of one shard.
    fn sweep(&self, shard: usize) {
        let now = self.0.now();
        let expired: Vec<_> =
            self.0.write(shard).extract_if(|_, entry| !entry.is_live(now)).map(|(_, entry)| entry).collect();
        // Their memory is given back outside the lock.
        self.0.release(expired.iter().map(Entry::cost).sum());
    }
}

impl Memory {
    fn now(&self) -> u64 {
        nanos((self.clock)())
    }

    fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Shard> {
        // No code that can panic runs under a shard's lock, so a poisoned one is whole.
        self.shards[shard].write().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle_deadline(&self, now: u64) -> u64 {
        now.saturating_add(nanos(self.lifetime.idle))
    }

    /// Takes memory, or refuses when that would pass the cap.
    fn reserve(&self, bytes: u64) -> Result<(), StoreError> {
        let within_cap = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.cap_bytes);
        match self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within_cap) {
            Ok(_) => Ok(()),
            Err(used) => Err(StoreError::Full(format!(
                "{used} of {} bytes are used and {bytes} more are needed; raise --max-memory-mb",
                self.cap_bytes
            ))),
        }
    }

    fn release(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Reserves what a new payload takes beyond the old one's memory. A smaller one gives back only once it is in place.
    fn reserve_growth(&self, old_cost: u64, new_cost: u64) -> Result<(), StoreError> {
        self.reserve(new_cost.saturating_sub(old_cost))
    }

    /// The session that a write may change. An expired one is dropped here and now: gone is gone.
    fn writable<'a>(
        &self,
        shard: &'a mut Shard,
        key: &StoreKey,
        now: u64,
        expect: Expect,
    ) -> Result<&'a mut Entry, WriteError> {
        if shard.get(key).is_some_and(|entry| !entry.is_live(now)) {
            self.forget(shard, key);
        }
        let entry = shard.get_mut(key).ok_or(WriteError::Gone)?;
        match expect {
            Expect::Version(version) if version != entry.version => Err(WriteError::Conflict),
            _ => Ok(entry),
        }
    }

    fn forget(&self, shard: &mut Shard, key: &StoreKey) {
        if let Some(entry) = shard.remove(key) {
            self.release(entry.cost());
        }
    }

    fn move_within(
        &self,
        mut from: RwLockWriteGuard<'_, Shard>,
        into: Option<RwLockWriteGuard<'_, Shard>>,
        renewal: &Renewal<'_>,
    ) -> Result<Version, WriteError> {
        let now = self.now();
        let entry = self.writable(&mut from, renewal.old, now, renewal.expect)?;
        let (version, absolute_deadline, old_cost) =
            (entry.version + 1, entry.absolute_deadline, entry.cost());
        let taken = into.as_ref().unwrap_or(&from).contains_key(renewal.new);
        if taken {
            return Err(StoreError::Corrupt("the new key of a renewal is taken".to_owned()).into());
        }
        let new_cost = cost(renewal.payload.len());
        self.reserve_growth(old_cost, new_cost)?;
        let renewed = Entry {
            payload: renewal.payload.into(),
            version,
            idle_deadline: AtomicU64::new(self.idle_deadline(now)),
            absolute_deadline,
        };
        from.remove(renewal.old);
        match into {
            Some(mut into) => into.insert(renewal.new.clone(), renewed),
            None => from.insert(renewal.new.clone(), renewed),
        };
        self.release(old_cost.saturating_sub(new_cost));
        Ok(version)
    }
}

impl Memory {
    /// One step of a search: the live sessions of one shard.
    fn search(&self, shard: usize, wanted: &Finder<'_>, search: &mut Search) {
        let now = self.now();
        let shard = self.shards[shard].read().unwrap_or_else(PoisonError::into_inner);
        search.looked_at += shard.len() as u64;
        for (key, entry) in shard.iter() {
            if entry.is_live(now) && wanted.find(&entry.payload).is_some() {
                let until = |deadline: u64| Duration::from_nanos(deadline.saturating_sub(now));
                let absolute_left = until(entry.absolute_deadline);
                let idle_left = until(entry.idle_deadline.load(Ordering::Relaxed));
                let (age, _) = self.lifetime.gone(absolute_left, idle_left);
                let idle = Some(self.lifetime.idle.saturating_sub(idle_left));
                let stored = Stored { payload: entry.payload.to_vec(), version: entry.version };
                search.keep(Sighting { key: key.clone(), stored, age, idle });
            }
        }
    }
}

struct Renewal<'a> {
    old: &'a StoreKey,
    new: &'a StoreKey,
    payload: &'a [u8],
    expect: Expect,
}

impl SessionStore for MemoryStore {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { revokes: true, shared: false, compare_and_set: true, client_held: false }
    }

    fn held(&self) -> Option<u64> {
        // Counted when somebody asks, so that no request pays for it.
        let sizes =
            self.0.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len());
        Some(sizes.sum::<usize>() as u64)
    }

    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let memory = &*self.0;
        let now = memory.now();
        let (payload, version) = {
            let shard = memory.shards[shard_of(key)].read().unwrap_or_else(PoisonError::into_inner);
            let idle = nanos(memory.lifetime.idle);
            let Some(entry) = shard.get(key).filter(|entry| entry.touch(now, idle)) else { return Ok(None) };
            (Arc::clone(&entry.payload), entry.version)
        };
        Ok(Some(Stored { payload: payload.to_vec(), version }))
    }

    async fn create(&self, key: &StoreKey, payload: &[u8]) -> Result<(), StoreError> {
        let memory = &*self.0;
        let now = memory.now();
        let entry = Entry {
            payload: payload.into(),
            version: 1,
            idle_deadline: AtomicU64::new(memory.idle_deadline(now)),
            absolute_deadline: now.saturating_add(nanos(memory.lifetime.absolute)),
        };
        let mut shard = memory.write(shard_of(key));
        if shard.contains_key(key) {
            return Err(StoreError::Corrupt("the key of a new session is taken".to_owned()));
        }
        memory.reserve(entry.cost())?;
        shard.insert(key.clone(), entry);
        Ok(())
    }

    async fn update(&self, key: &StoreKey, payload: &[u8], expect: Expect) -> Result<Version, WriteError> {
        let memory = &*self.0;
        let (payload, new_cost): (Arc<[u8]>, u64) = (payload.into(), cost(payload.len()));
        let mut shard = memory.write(shard_of(key));
        let now = memory.now();
        let entry = memory.writable(&mut shard, key, now, expect)?;
        let old_cost = entry.cost();
        memory.reserve_growth(old_cost, new_cost)?;
        entry.payload = payload;
        entry.version += 1;
        *entry.idle_deadline.get_mut() = memory.idle_deadline(now);
        memory.release(old_cost.saturating_sub(new_cost));
        Ok(entry.version)
    }

    async fn renew(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        let memory = &*self.0;
        let (from, into) = (shard_of(old), shard_of(new));
        let renewal = Renewal { old, new, payload, expect };
        if from == into {
            return memory.move_within(memory.write(from), None, &renewal);
        }
        // Everybody who takes two locks takes the lower one first.
        let lower = memory.write(from.min(into));
        let higher = memory.write(from.max(into));
        let (from, into) = if from < into { (lower, higher) } else { (higher, lower) };
        memory.move_within(from, Some(into), &renewal)
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.0.forget(&mut self.0.write(shard_of(key)), key);
        Ok(())
    }

    async fn search(&self, wanted: &[u8], within: Duration) -> Result<Option<Search>, StoreError> {
        let memory = &*self.0;
        let (wanted, began) = (Finder::new(wanted), memory.now());
        let mut search = Search::default();
        for shard in 0..SHARDS {
            if memory.now().saturating_sub(began) >= nanos(within) {
                return Ok(Some(search));
            }
            memory.search(shard, &wanted, &mut search);
            // The thread that searches serves requests too.
            tokio::task::yield_now().await;
        }
        search.whole = true;
        Ok(Some(search))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The first byte of the key's hash.
fn shard_of(key: &StoreKey) -> usize {
    key.as_str().get(..2).and_then(|digits| usize::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

fn cost(payload_bytes: usize) -> u64 {
    OVERHEAD_BYTES + payload_bytes as u64
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
