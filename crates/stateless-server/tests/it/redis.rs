//! What is Redis's own: round trips, scripts, a full memory, what lies in the store.

use crate::backends::{Backend, fresh_prefix, shared_redis};
use redis::{Commands, Connection};
use session::conformance::LONG;
use session::{Expect, Lifetime, SessionId, SessionStore, StoreError, WriteError};
use stateless_server::store::redis::{RedisStore, eviction_warning};
use std::collections::BTreeMap;
use std::time::Duration;

#[tokio::test]
async fn a_read_is_one_round_trip_and_a_write_one_more() {
    let redis = Backend::redis(&[]);
    let store = RedisStore::open(&redis.url(), fresh_prefix(), LONG).await.unwrap();
    let (key, renewed) = (SessionId::generate().store_key(), SessionId::generate().store_key());
    // The first use of each script loads it.
    store.create(&key, b"0").await.unwrap();
    store.load(&key).await.unwrap();
    store.update(&key, b"1", Expect::Any).await.unwrap();

    let mut observer = observer(&redis);
    let before = calls(&mut observer);
    for _ in 0..20 {
        store.load(&key).await.unwrap();
    }
    for _ in 0..10 {
        store.update(&key, b"2", Expect::Any).await.unwrap();
    }
    store.renew(&key, &renewed, b"3", Expect::Any).await.unwrap();
    store.create(&key, b"4").await.unwrap();
    let after = calls(&mut observer);

    let sent = |name: &str| after.get(name).unwrap_or(&0) - before.get(name).unwrap_or(&0);
    assert_eq!(sent("evalsha"), 32, "{after:?}");
    // `info` is ours; the rest was called by the scripts, on the server.
    let of_scripts = ["get", "set", "del", "exists", "pttl", "time", "evalsha", "info"];
    let others: Vec<_> =
        after.keys().filter(|name| !of_scripts.contains(&name.as_str()) && sent(name) > 0).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(sent("pexpire"), 0, "a touch within a sixteenth of the idle time");
}

#[tokio::test]
async fn scripts_that_redis_has_forgotten_are_loaded_again() {
    let redis = Backend::redis(&[]);
    let store = RedisStore::open(&redis.url(), fresh_prefix(), LONG).await.unwrap();
    let key = SessionId::generate().store_key();
    store.create(&key, b"state").await.unwrap();
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut observer(&redis)).unwrap();
    assert_eq!(store.load(&key).await.unwrap().expect("a live session").payload, b"state");
    assert_eq!(store.update(&key, b"more", Expect::Version(1)).await.unwrap(), 2);
}

#[tokio::test]
async fn at_rest_there_is_the_hash_of_an_id_and_never_the_id_and_always_an_expiry() {
    let prefix = fresh_prefix();
    let lifetime = Lifetime { idle: Duration::from_secs(900), absolute: Duration::from_secs(600) };
    let store = RedisStore::open(&shared_redis().url(), prefix.clone(), lifetime).await.unwrap();
    let id = SessionId::generate();
    store.create(&id.store_key(), b"state").await.unwrap();

    let mut observer = observer(shared_redis());
    let keys: Vec<String> = observer.keys(format!("{prefix}:*")).unwrap();
    assert_eq!(keys, [format!("{prefix}:{}", id.store_key().as_str())]);
    let value: String = observer.get(&keys[0]).unwrap();
    assert!(value.starts_with("1 ") && value.ends_with(" state"), "{value}");
    assert!(!keys[0].contains(id.expose()) && !value.contains(id.expose()));
    let expiry: u64 = observer.pttl(&keys[0]).unwrap();
    assert!((1..=600_000).contains(&expiry), "the absolute deadline is the sooner one: {expiry} ms");
}

#[tokio::test]
async fn a_full_redis_refuses_new_state_and_keeps_everybody_who_is_logged_in() {
    let redis = Backend::redis(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]);
    let store = RedisStore::open(&redis.url(), fresh_prefix(), LONG).await.unwrap();
    let mut keys = Vec::new();
    let refusal = loop {
        let key = SessionId::generate().store_key();
        match store.create(&key, &[b'x'; 16_384]).await {
            Ok(()) => keys.push(key),
            Err(error) => break error,
        }
        assert!(keys.len() < 1_000, "4 MB never fill up");
    };
    assert!(matches!(refusal, StoreError::Full(_)), "{refusal:?}");
    let update = store.update(&keys[0], &[b'y'; 16_384], Expect::Any).await;
    assert!(matches!(update, Err(WriteError::Store(StoreError::Full(_)))), "{update:?}");
    for key in &keys {
        assert_eq!(store.load(key).await.unwrap().expect("nobody is evicted").version, 1);
    }
    // Logging out makes room.
    for key in &keys[1..] {
        store.delete(key).await.unwrap();
    }
    store.update(&keys[0], b"small", Expect::Version(1)).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_would_evict_sessions_or_does_not_tell_is_warned_of() {
    let redis = Backend::redis(&[]);
    let mut observer = observer(&redis);
    let mut set = |name: &str, value: &str| {
        redis::cmd("CONFIG").arg("SET").arg(name).arg(value).exec(&mut observer).unwrap();
    };
    set("maxmemory-policy", "volatile-lru");
    assert_eq!(eviction_warning(&redis.url()).await, None, "without a limit nothing is evicted");
    set("maxmemory", "100mb");
    let warning = eviction_warning(&redis.url()).await.expect("it evicts");
    assert!(warning.contains("104857600") && warning.contains("volatile-lru"), "{warning}");
    set("maxmemory-policy", "noeviction");
    assert_eq!(eviction_warning(&redis.url()).await, None);

    let mut acl = redis::cmd("ACL");
    acl.arg("SETUSER").arg(&["shy", "on", ">hunter2", "~*", "+@all", "-info"]).exec(&mut observer).unwrap();
    let warning =
        eviction_warning(&redis.url().replace("//", "//shy:hunter2@")).await.expect("it is not told");
    assert!(warning.contains("does not tell") && !warning.contains("hunter2"), "{warning}");
}

#[tokio::test]
async fn somebody_elses_data_under_our_key_is_corrupt_and_not_an_absent_session() {
    let prefix = fresh_prefix();
    let store = RedisStore::open(&shared_redis().url(), prefix.clone(), LONG).await.unwrap();
    let mut observer = observer(shared_redis());
    for foreign in ["SET", "LPUSH"] {
        let key = SessionId::generate().store_key();
        let name = format!("{prefix}:{}", key.as_str());
        redis::cmd(foreign).arg(name).arg("not a session").exec(&mut observer).unwrap();
        let loaded = store.load(&key).await;
        assert!(matches!(loaded, Err(StoreError::Corrupt(_))), "{foreign}: {loaded:?}");
        let written = store.update(&key, b"state", Expect::Any).await;
        assert!(matches!(written, Err(WriteError::Store(StoreError::Corrupt(_)))), "{foreign}: {written:?}");
    }
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_refused_by_name_and_without_its_password() {
    let url = "redis://:hunter2@127.0.0.1:1";
    let Err(refused) = RedisStore::open(url, fresh_prefix(), LONG).await else { panic!("port 1 answers") };
    let refused = refused.to_string();
    assert!(refused.contains("redis store at redis://***@127.0.0.1:1"), "{refused}");
    assert!(refused.contains("--store-url") && !refused.contains("hunter2"), "{refused}");
    assert!(RedisStore::open("nonsense", fresh_prefix(), LONG).await.is_err());
}

fn observer(redis: &Backend) -> Connection {
    redis::Client::open(redis.url()).unwrap().get_connection().unwrap()
}

/// How often each command was called, by clients and by scripts.
fn calls(observer: &mut Connection) -> BTreeMap<String, u64> {
    let stats: String = redis::cmd("INFO").arg("commandstats").query(observer).unwrap();
    let line = |line: &str| {
        let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), stats.split(',').next()?.parse().ok()?))
    };
    stats.lines().filter_map(line).collect()
}
