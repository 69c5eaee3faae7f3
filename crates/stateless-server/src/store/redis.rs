//! Sessions in Redis 7: one string a session, `<version> <absolute deadline, ms> <payload>`, whose expiry is the sooner of the
//! idle and the absolute deadline. Every operation is one Lua script, so it is atomic and costs one round trip; time is the
//! server's. The `create` that fills up Redis is refused (`maxmemory-policy noeviction`), nobody is evicted.

use super::link::Link;
use super::sentinel::{self, Sentinels};
use super::{OPENING, OPENING_PAUSE, OpenError, PATIENCE, Prefix, bounded, millis, without_password};
use redis::{RedisError, Script};
use session::{
    Capabilities, Expect, Lifetime, Search, SessionStore, Sighting, StoreError, StoreKey, Stored, Version,
    WriteError,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const NAME: &str = "redis";
pub(super) const ADVICE: &str =
    "start redis-server there, or name another one with --store-url redis://HOST:PORT";

/// Keys that one step of a search looks at: Redis does nothing else meanwhile, for about a millisecond.
const SEARCH_KEYS: usize = 250;

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
    search: Script,
}

impl RedisStore {
    /// Opens the store at `redis://[[user]:password@]host[:port][/db]`, or at the primary that Sentinels name:
    /// `redis+sentinel://[[user]:password@]host[:port],.../master[/db]`, where user and password are those of the Redis servers.
    /// Behind Sentinels the store follows each failover by itself, and may be opened in the middle of one.
    ///
    /// # Errors
    /// When the URL is not one, or no Redis that may be written answers there.
    pub async fn open(url: &str, prefix: Prefix, lifetime: Lifetime) -> Result<Self, OpenError> {
        let refused = |reason: String| OpenError::new(NAME, url, reason, advice(url));
        let store = Self(Arc::new(Inner {
            link: Link::new(url).map_err(refused)?,
            prefix,
            lifetime,
            load: Script::new(include_str!("redis/load.lua")),
            create: Script::new(include_str!("redis/create.lua")),
            write: Script::new(include_str!("redis/write.lua")),
            search: Script::new(include_str!("redis/search.lua")),
        }));
        store.0.first_answer().await.map_err(refused)?;
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

/// Key, version, milliseconds to the absolute deadline, milliseconds to live, payload.
type Found = (String, Version, i64, i64, Vec<u8>);

impl Inner {
    /// `None` for what expires at this moment.
    fn sighting(&self, (key, version, absolute_left, left, payload): Found) -> Option<Sighting> {
        let key = StoreKey::from_digits(key.strip_prefix(self.prefix.as_str())?.strip_prefix(':')?)?;
        let until = |ms: i64| u64::try_from(ms).ok().map(Duration::from_millis);
        let (age, idle) = self.lifetime.gone(until(absolute_left)?, until(left)?);
        Some(Sighting { key, stored: Stored { payload, version }, age, idle })
    }

    async fn first_answer(&self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let answer = timeout(OPENING, self.link.query::<()>(&redis::cmd("PING"))).await;
            match answer.map_err(|_| format!("no answer within {} s", OPENING.as_secs()))? {
                Ok(()) => return Ok(()),
                Err(_) if self.link.may_move() && start.elapsed() < OPENING => {
                    tokio::time::sleep(OPENING_PAUSE).await;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

fn advice(url: &str) -> &'static str {
    if Sentinels::parse(url).is_some() { sentinel::ADVICE } else { ADVICE }
}

/// What an operator has to know when the Redis at `url` deletes sessions to make room for others, or does not tell whether it does.
/// `None` when it keeps them all: no limit on its memory, or `maxmemory-policy noeviction`.
pub async fn eviction_warning(url: &str) -> Option<String> {
    let place = without_password(url);
    let unknown = |why: &str| {
        format!(
            "the Redis at {place} does not tell whether it evicts live sessions ({why}); see that its maxmemory-policy is \
             noeviction"
        )
    };
    let link = Link::new(url).ok()?;
    let command = redis::cmd("INFO").arg("memory").take();
    let memory: String = match timeout(PATIENCE, link.query(&command)).await {
        Ok(Ok(memory)) => memory,
        Ok(Err(error)) => return Some(unknown(&error.to_string())),
        Err(_) => return Some(unknown("no answer")),
    };
    let value = |name: &str| {
        memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
    };
    match (value("maxmemory"), value("maxmemory_policy")) {
        (Some("0"), _) | (_, Some("noeviction")) => None,
        (Some(limit), Some(policy)) => Some(format!(
            "WARNING: the Redis at {place} evicts live sessions when {limit} bytes are used: its maxmemory-policy is {policy}; \
             set it to noeviction"
        )),
        _ => Some(unknown("INFO memory names no maxmemory-policy")),
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

    async fn search(&self, wanted: &[u8], within: Duration) -> Result<Option<Search>, StoreError> {
        let (began, pattern) = (Instant::now(), format!("{}:*", self.0.prefix));
        let (mut search, mut cursor) = (Search::default(), "0".to_owned());
        while began.elapsed() < within {
            let mut step = self.0.search.prepare_invoke();
            step.arg(&cursor).arg(&pattern).arg(wanted).arg(SEARCH_KEYS);
            let (next, looked_at, found): (String, u64, Vec<Found>) =
                bounded(NAME, async { self.0.link.invoke(&step).await.map_err(store_error) }).await?;
            search.looked_at += looked_at;
            found.into_iter().filter_map(|found| self.0.sighting(found)).for_each(|seen| search.keep(seen));
            if next == "0" {
                search.whole = true;
                break;
            }
            cursor = next;
        }
        Ok(Some(search))
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
