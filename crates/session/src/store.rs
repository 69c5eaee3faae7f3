//! What a session store must do.
//!
//! A store keeps opaque bytes under a [`StoreKey`], each with a [`Version`] that counts its writes. It decides expiry by its own
//! clock. It answers within a bounded time, always: a store that is down or slow is [`StoreError::Unavailable`], which is
//! not the same as a session that is gone.

use crate::id::StoreKey;
use std::future::Future;
use std::time::Duration;

/// Counts the writes to one session; 1 after `create`.
pub type Version = u64;

/// How long a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Without a request for this long, it is gone. Each load moves this deadline (a touch), at most once in a sixteenth of it.
    pub idle: Duration,
    /// After this long it is gone, whatever its user does. Kept from `create`; `renew` keeps it too.
    pub absolute: Duration,
}

/// A session as loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The state's bytes, as last written.
    pub payload: Vec<u8>,
    /// The version of that write.
    pub version: Version,
}

/// One of the sessions that a search found. Looking at it has moved no deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Its key.
    pub key: StoreKey,
    /// Its state, as last written.
    pub stored: Stored,
    /// How long ago it was created: what is gone of [`Lifetime::absolute`].
    pub age: Duration,
    /// What is gone of [`Lifetime::idle`]; `None` where the store does not know, because the absolute deadline comes first.
    pub idle: Option<Duration>,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The live sessions whose state has what was wanted, [`MOST_SIGHTINGS`] at most.
    pub sightings: Vec<Sighting>,
    /// How many sessions were looked at.
    pub looked_at: u64,
    /// Whether the time was enough for all of them.
    pub whole: bool,
}

/// A search keeps no more than this.
pub const MOST_SIGHTINGS: usize = 100;

impl Search {
    /// Keeps a sighting, unless it is there already or there are too many.
    pub fn keep(&mut self, sighting: Sighting) {
        let is_new = self.sightings.iter().all(|kept| kept.key != sighting.key);
        if is_new && self.sightings.len() < MOST_SIGHTINGS {
            self.sightings.push(sighting);
        }
    }
}

impl Lifetime {
    /// Age and idle time of a session that has so long to live until its absolute deadline, and so long until it is gone.
    pub fn gone(self, absolute_left: Duration, left: Duration) -> (Duration, Option<Duration>) {
        let idle = (left < absolute_left).then(|| self.idle.saturating_sub(left));
        (self.absolute.saturating_sub(absolute_left), idle)
    }
}

/// What an update demands of the version it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Write whatever the version is: the last writer wins.
    Any,
    /// Write only over this version: compare and set.
    Version(Version),
}

/// The store could not do its work. Nothing is known of the session.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Down, slow, or refusing: worth another try later.
    #[error("session store unavailable: {0}")]
    Unavailable(String),
    /// At its memory limit: new state is refused, and nobody who is logged in is evicted.
    #[error("session store full: {0}")]
    Full(String),
    /// This state is more than the store takes of any session; nothing was changed, and no later try will fit.
    #[error("session too large: {0}")]
    TooLarge(String),
    /// What is stored cannot be read: a defect, or another program's data.
    #[error("session store holds something unreadable: {0}")]
    Corrupt(String),
}

/// Why a write had no effect.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The session does not exist any more: logged out, expired or lost. It is never created again by a late write.
    #[error("the session is gone")]
    Gone,
    /// [`Expect::Version`] was not met: somebody wrote first.
    #[error("another write came first")]
    Conflict,
    /// The store failed; whether the write took effect is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a store can do beyond the least, so that the conformance suite knows what to demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A deleted session stays dead for every holder of its id.
    pub revokes: bool,
    /// Two stores opened on the same backend see the same sessions.
    pub shared: bool,
    /// `Expect::Version` is honoured.
    pub compare_and_set: bool,
    /// The client holds the state itself, and the store keeps nothing. Then no key can be taken already, the state is bounded by
    /// what a client takes ([`StoreError::TooLarge`]), and the idle deadline moves with writes alone.
    pub client_held: bool,
}

/// A session store. One value serves a whole process; clones share the backend.
///
/// Every method is one atomic step: nobody ever sees half of a `renew`.
pub trait SessionStore: Clone + Send + Sync + 'static {
    /// The name for reports: `memory`, `redis`, `postgres`, `sqlite`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The live session, or `None`. Moves the idle deadline when a sixteenth of it has passed; never writes state and never
    /// brings an absent session back.
    fn load(&self, key: &StoreKey) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// A new session under a fresh key, at version 1. A key that is taken is [`StoreError::Corrupt`].
    fn create(&self, key: &StoreKey, payload: &[u8]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replaces the state of a live session and moves its idle deadline; returns the new version.
    fn update(
        &self,
        key: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> impl Future<Output = Result<Version, WriteError>> + Send;

    /// Moves a live session to a new key with a new state: the old key is dead from the same instant. The absolute
    /// deadline is kept.
    fn renew(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> impl Future<Output = Result<Version, WriteError>> + Send;

    /// Ends a session; one that is absent is fine.
    fn delete(&self, key: &StoreKey) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Live sessions whose state contains these bytes, looked for among all that this store can reach. It is for an operator, and
    /// no part of any user's request: it goes in small steps that hold nobody up, and ends when `within` is over. It moves no
    /// deadline. A session that is renewed meanwhile may be missed. `None` exactly where the client holds the state: there is
    /// nothing to search.
    fn search(
        &self,
        wanted: &[u8],
        within: Duration,
    ) -> impl Future<Output = Result<Option<Search>, StoreError>> + Send;

    /// How many sessions this process itself holds, where it holds any; those that have expired and are not swept yet count.
    fn held(&self) -> Option<u64> {
        None
    }

    /// Whether the backend answers at all, within its time-out.
    fn ping(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}
