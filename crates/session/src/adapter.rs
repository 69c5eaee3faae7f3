//! The one adapter that puts our stores behind actix-session, and the wrapper for stores that are the library's own.
//!
//! actix-session's trait has no room for versions, for an atomic renewal or for typed errors. They travel beside it, in the
//! request's [`scope`]: `load` leaves the version there, `update` reads it and honours a renewal, and an error
//! leaves its reason there, because the middleware turns it into an opaque 500.
//!
//! Life times belong to the store (see [`Lifetime`](crate::Lifetime)), so the time to live that actix-session passes is ignored.

use crate::id::SessionId;
use crate::scope;
use crate::store::{Capabilities, Expect, SessionStore, Sighting, StoreError, Stored, WriteError};
use actix_session::storage::{self as library, LoadError, SaveError, SessionKey, UpdateError};
use actix_web::cookie::time::Duration;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

type State = HashMap<String, String>;

/// What the application is given: sessions as actix-session understands them, and enough to report on them.
pub trait Backend: library::SessionStore + Clone + Send + 'static {
    /// The store's name for reports: `memory`, `redis`, `postgres`, `sqlite`, `cookie`, `redis-actix`, `cookie-actix`.
    fn name(&self) -> &'static str;

    /// What its cookies look like on the wire.
    fn cookie_format(&self) -> CookieFormat;

    /// How many sessions this process itself holds, where it holds any.
    fn held(&self) -> Option<u64> {
        None
    }

    /// Whether the store answers. It may take for ever: bound it.
    fn ping(&self) -> impl Future<Output = Result<(), StoreError>>;

    /// Whose sessions this process can look at. Without more, nobody's: a session library answers to holders of cookies alone.
    fn reach(&self) -> Reach {
        Reach::Closed
    }

    /// The live sessions in which the value under `name` contains `fragment`, for an operator; see [`SessionStore::search`]. `None`
    /// where nobody's can be looked at.
    fn search(
        &self,
        _name: &str,
        _fragment: &str,
        _within: std::time::Duration,
    ) -> impl Future<Output = Result<Option<Seen>, StoreError>> {
        std::future::ready(Ok(None))
    }
}

/// Whose sessions a process can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those in its own memory.
    Process,
    /// Those of the whole tier.
    Shared,
    /// Nobody's: each is with its client.
    Client,
    /// Nobody's: its library has no such question.
    Closed,
}

/// What a search has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Each session that was found, and the value under the name that was asked for.
    pub values: Vec<(Sighting, String)>,
    /// See [`Search::looked_at`](crate::Search::looked_at).
    pub looked_at: u64,
    /// See [`Search::whole`](crate::Search::whole).
    pub whole: bool,
}

/// Who seals the session cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieFormat {
    /// We do, with a [`Keyring`](crate::Keyring): its keys can be changed, and a cookie that a browser would drop is never sent.
    Ours,
    /// actix-session, as it does: one key, and whatever size.
    Library,
}

/// Two requests read one version of a session, and both write: what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// Both succeed and the earlier one's effect is lost, as actix-session does it.
    LastWriteWins,
    /// The second is refused with 409, and nothing is lost.
    Optimistic,
}

impl ConflictPolicy {
    /// The names that flags and scenarios use.
    pub const NAMES: [&'static str; 2] = ["last-write-wins", "optimistic"];
}

impl ConflictPolicy {
    /// The policy, for a store that cannot compare versions.
    ///
    /// # Errors
    /// When it is [`ConflictPolicy::Optimistic`].
    pub fn without_versions(self, store: &'static str) -> Result<(), CannotCompare> {
        match self {
            ConflictPolicy::LastWriteWins => Ok(()),
            ConflictPolicy::Optimistic => Err(CannotCompare { store }),
        }
    }
}

impl fmt::Display for ConflictPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConflictPolicy::LastWriteWins => Self::NAMES[0],
            ConflictPolicy::Optimistic => Self::NAMES[1],
        })
    }
}

impl FromStr for ConflictPolicy {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [ConflictPolicy::LastWriteWins, ConflictPolicy::Optimistic]
            .into_iter()
            .find(|policy| policy.to_string() == name)
            .ok_or_else(|| format!("unknown conflict policy '{name}'; one of {}", Self::NAMES.join(", ")))
    }
}

/// The store cannot keep the promise that the conflict policy makes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {store} store cannot compare versions; start it with --conflict-policy last-write-wins")]
pub struct CannotCompare {
    store: &'static str,
}

/// A store of ours, as actix-session wants it.
#[derive(Clone, Debug)]
pub struct Adapter<S> {
    store: S,
    policy: ConflictPolicy,
}

impl<S: SessionStore> Adapter<S> {
    /// Puts `store` behind actix-session.
    ///
    /// # Errors
    /// When the policy is [`ConflictPolicy::Optimistic`] and the store cannot compare versions.
    pub fn new(store: S, policy: ConflictPolicy) -> Result<Self, CannotCompare> {
        if !store.capabilities().compare_and_set {
            policy.without_versions(store.name())?;
        }
        Ok(Self { store, policy })
    }

    fn expectation(&self) -> Result<Expect, anyhow::Error> {
        match self.policy {
            ConflictPolicy::LastWriteWins => Ok(Expect::Any),
            ConflictPolicy::Optimistic => scope::loaded_version().map(Expect::Version).ok_or_else(|| {
                anyhow::anyhow!("no version was loaded; run each request inside session::scope::run")
            }),
        }
    }
}

impl<S: SessionStore> Backend for Adapter<S> {
    fn name(&self) -> &'static str {
        self.store.name()
    }

    fn cookie_format(&self) -> CookieFormat {
        CookieFormat::Ours
    }

    fn held(&self) -> Option<u64> {
        self.store.held()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    fn reach(&self) -> Reach {
        match self.store.capabilities() {
            Capabilities { client_held: true, .. } => Reach::Client,
            Capabilities { shared: true, .. } => Reach::Shared,
            _ => Reach::Process,
        }
    }

    async fn search(
        &self,
        name: &str,
        fragment: &str,
        within: std::time::Duration,
    ) -> Result<Option<Seen>, StoreError> {
        // The state is a map of strings in JSON, so a value stands in it as JSON writes strings.
        let quoted = serde_json::to_string(fragment).map_err(|err| StoreError::Corrupt(err.to_string()))?;
        let inside = |quoted: &str| quoted.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
        let wanted = inside(&quoted).unwrap_or(quoted);
        let Some(search) = self.store.search(wanted.as_bytes(), within).await? else { return Ok(None) };
        let value = |sighting: Sighting| {
            let mut state: State = serde_json::from_slice(&sighting.stored.payload).ok()?;
            Some((sighting, state.remove(name)?)).filter(|(_, value)| value.contains(fragment))
        };
        let values = search.sightings.into_iter().filter_map(value).collect();
        Ok(Some(Seen { values, looked_at: search.looked_at, whole: search.whole }))
    }
}

impl<S: SessionStore> library::SessionStore for Adapter<S> {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        // What does not have the shape of our ids was not issued by us: it is no session, and costs the store nothing.
        let Some(id) = SessionId::parse(key.as_ref()) else { return Ok(None) };
        let loaded = self.store.load(&id.store_key()).await;
        // Never `LoadError::Deserialization`: the middleware would go on with an empty session and save it over this one.
        match loaded.and_then(|stored| stored.map(decode).transpose()) {
            Ok(state) => Ok(state),
            Err(err) => Err(LoadError::Other(refuse(err.into()))),
        }
    }

    async fn save(&self, state: State, _ttl: &Duration) -> Result<SessionKey, SaveError> {
        let id = SessionId::generate();
        let payload = encode(&state).map_err(SaveError::Serialization)?;
        match self.store.create(&id.store_key(), &payload).await {
            Ok(()) => session_key(&id).map_err(SaveError::Other),
            Err(err) => Err(SaveError::Other(refuse(err.into()))),
        }
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        _ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        let Some(old) = SessionId::parse(key.as_ref()) else {
            return Err(UpdateError::Other(refuse(WriteError::Gone)));
        };
        let payload = encode(&state).map_err(UpdateError::Serialization)?;
        let expect = self.expectation().map_err(UpdateError::Other)?;
        let (id, written) = if scope::renewal_requested() {
            let new = SessionId::generate();
            let renewed = self.store.renew(&old.store_key(), &new.store_key(), &payload, expect).await;
            (new, renewed)
        } else {
            let updated = self.store.update(&old.store_key(), &payload, expect).await;
            (old, updated)
        };
        match written {
            Ok(_version) => session_key(&id).map_err(UpdateError::Other),
            Err(err) => Err(UpdateError::Other(refuse(err))),
        }
    }

    /// Nothing to do: `load` has moved the idle deadline already.
    async fn update_ttl(&self, _key: &SessionKey, _ttl: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let Some(id) = SessionId::parse(key.as_ref()) else { return Ok(()) };
        self.store.delete(&id.store_key()).await.map_err(|err| refuse(err.into()))
    }
}

fn decode(stored: Stored) -> Result<State, StoreError> {
    let state = serde_json::from_slice(&stored.payload).map_err(|err| {
        StoreError::Corrupt(format!("a session's state is not the JSON that we write: {err}"))
    })?;
    scope::note_loaded(stored.version);
    Ok(state)
}

fn encode(state: &State) -> Result<Vec<u8>, anyhow::Error> {
    Ok(serde_json::to_vec(state)?)
}

fn session_key(id: &SessionId) -> Result<SessionKey, anyhow::Error> {
    Ok(id.expose().to_owned().try_into()?)
}

/// Leaves the typed reason in the request's scope, and gives actix-session a text of it.
fn refuse(refusal: WriteError) -> anyhow::Error {
    let text = anyhow::anyhow!("{refusal}");
    scope::refuse(refusal);
    text
}

/// A store of actix-session's own, exactly as the library has it: a baseline, not a model. Its errors stay opaque 500s and
/// its writes have no versions. Only a renewal is translated, into what the library's middleware does for `Session::renew`:
/// delete, then save.
#[derive(Debug)]
pub struct Library<S> {
    name: &'static str,
    store: Arc<S>,
}

impl<S> Clone for Library<S> {
    fn clone(&self) -> Self {
        Self { name: self.name, store: Arc::clone(&self.store) }
    }
}

impl<S: library::SessionStore> Library<S> {
    /// Passes `store` through under `name`.
    ///
    /// # Errors
    /// When the policy is [`ConflictPolicy::Optimistic`]: the library's stores have no versions.
    pub fn new(name: &'static str, store: S, policy: ConflictPolicy) -> Result<Self, CannotCompare> {
        policy.without_versions(name)?;
        Ok(Self { name, store: Arc::new(store) })
    }
}

impl<S: library::SessionStore + Send + Sync + 'static> Backend for Library<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cookie_format(&self) -> CookieFormat {
        CookieFormat::Library
    }

    /// The library has no ping; loading a session that nobody has is the cheapest question that it can ask.
    async fn ping(&self) -> Result<(), StoreError> {
        let nobody = session_key(&SessionId::generate());
        let nobody = nobody.map_err(|err| StoreError::Corrupt(err.to_string()))?;
        match self.store.load(&nobody).await {
            // A store that takes the key itself for the state has read it, and found that it is none.
            Ok(_) | Err(LoadError::Deserialization(_)) => Ok(()),
            Err(LoadError::Other(err)) => Err(StoreError::Unavailable(err.to_string())),
        }
    }
}

impl<S: library::SessionStore> library::SessionStore for Library<S> {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        self.store.load(key).await
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        self.store.save(state, ttl).await
    }

    async fn update(&self, key: SessionKey, state: State, ttl: &Duration) -> Result<SessionKey, UpdateError> {
        if !scope::renewal_requested() {
            return self.store.update(key, state, ttl).await;
        }
        self.store.delete(&key).await.map_err(UpdateError::Other)?;
        self.store.save(state, ttl).await.map_err(|err| match err {
            SaveError::Serialization(err) => UpdateError::Serialization(err),
            SaveError::Other(err) => UpdateError::Other(err),
        })
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &Duration) -> Result<(), anyhow::Error> {
        self.store.update_ttl(key, ttl).await
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        self.store.delete(key).await
    }
}

#[cfg(test)]
#[path = "adapter_tests.rs"]
mod tests;
