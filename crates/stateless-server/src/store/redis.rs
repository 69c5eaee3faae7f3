//! Sessions in Redis 7: one string a session, `<version> <absolute deadline, ms> <payload>`, whose expiry is the sooner of the
//! idle and the absolute deadline. Every operation is one Lua script, so it is atomic and costs one round trip; time is the
//! server's. The `create` that fills up Redis is refused (`maxmemory-policy noeviction`), nobody is evicted.

use super::link::Link;
use super::{OPENING, OpenError, Prefix, bounded, millis};
use redis::{RedisError, Script};
use session::{
    Capabilities, Expect, Lifetime, SessionStore, StoreError, StoreKey, Stored, Version, WriteError,
};
use std::sync::Arc;
use tokio::time::timeout;

const NAME: &str = "redis";
pub(super) const ADVICE: &str =
    "start redis-server there, or name another one with --store-url redis://HOST:PORT";

/// The store.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    link: Link,
    prefix: Prefix,
    lifetime: Lifetime,
    load: Script,
    create: Script,
    write: Script,
}

impl RedisStore {
    /// Opens the store at `redis://[[user]:password@]host[:port][/db]`.
    ///
    /// # Errors
    /// When the URL is not one, or nothing answers there.
    pub async fn open(url: &str, prefix: Prefix, lifetime: Lifetime) -> Result<Self, OpenError> {
        let refused = |reason: String| OpenError::new(NAME, url, reason, ADVICE);
        let store = Self(Arc::new(Inner {
            link: Link::new(url).map_err(|error| refused(error.to_string()))?,
            prefix,
            lifetime,
            load: Script::new(include_str!("redis/load.lua")),
            create: Script::new(include_str!("redis/create.lua")),
            write: Script::new(include_str!("redis/write.lua")),
        }));
        let answer = timeout(OPENING, store.0.link.query::<()>(&redis::cmd("PING"))).await;
        answer
            .map_err(|_| refused(format!("no answer within {} s", OPENING.as_secs())))?
            .map_err(|error| refused(error.to_string()))?;
        Ok(store)
    }

    fn key(&self, key: &StoreKey) -> String {
        format!("{}:{}", self.0.prefix, key.as_str())
    }

    /// An update and a renewal are the same script; an update keeps the key.
    async fn write(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        let expected = match expect {
            Expect::Any => String::new(),
            Expect::Version(version) => version.to_string(),
        };
        let mut script = self.0.write.key(self.key(old));
        script.key(self.key(new)).arg(millis(self.0.lifetime.idle)).arg(expected).arg(payload);
        match bounded(NAME, async { self.0.link.invoke(&script).await.map_err(store_error) }).await? {
            0_i64 => Err(WriteError::Gone),
            -1 => Err(WriteError::Conflict),
            version => Ok(version.unsigned_abs()),
        }
    }
}

impl SessionStore for RedisStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { revokes: true, shared: true, compare_and_set: true, client_held: false }
    }

    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let mut script = self.0.load.key(self.key(key));
        script.arg(millis(self.0.lifetime.idle));
        let found: Option<(Version, Vec<u8>)> =
            bounded(NAME, async { self.0.link.invoke(&script).await.map_err(store_error) }).await?;
        Ok(found.map(|(version, payload)| Stored { payload, version }))
    }

    async fn create(&self, key: &StoreKey, payload: &[u8]) -> Result<(), StoreError> {
        let Lifetime { idle, absolute } = self.0.lifetime;
        let mut script = self.0.create.key(self.key(key));
        script.arg(millis(idle)).arg(millis(absolute)).arg(payload);
        match bounded(NAME, async { self.0.link.invoke(&script).await.map_err(store_error) }).await? {
            1_i64 => Ok(()),
            _ => Err(StoreError::Corrupt(format!("{NAME}: the new key {key:?} is taken"))),
        }
    }

    async fn update(&self, key: &StoreKey, payload: &[u8], expect: Expect) -> Result<Version, WriteError> {
        self.write(key, key, payload, expect).await
    }

    async fn renew(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        self.write(old, new, payload, expect).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let command = redis::Cmd::del(self.key(key));
        bounded(NAME, async { self.0.link.query(&command).await.map_err(store_error) }).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let command = redis::cmd("PING");
        bounded(NAME, async { self.0.link.query(&command).await.map_err(store_error) }).await
    }
}

fn store_error(error: RedisError) -> StoreError {
    let detail = format!("{NAME}: {error}");
    match error.code() {
        Some("OOM") => StoreError::Full(detail),
        Some("CORRUPT" | "WRONGTYPE") => StoreError::Corrupt(detail),
        _ => StoreError::Unavailable(detail),
    }
}
