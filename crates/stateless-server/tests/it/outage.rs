//! Stores that go away: 200, break, 503 within a second, restore, 200 within a second.

use crate::backends::{Backend, fresh_prefix};
use session::conformance::LONG;
use session::{Expect, SessionId, SessionStore, StoreError, StoreKey, WriteError};
use stateless_server::store::postgres::PostgresStore;
use stateless_server::store::redis::RedisStore;
use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// What is promised of a refusal and of the return.
const PROMISE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn redis_killed_and_started_again() {
    let mut redis = Backend::redis(&[]);
    let store = RedisStore::open(&redis.url(), fresh_prefix(), LONG).await.unwrap();
    let key = a_session(&store).await;
    redis.kill();
    everything_is_refused_in_time(&store, &key).await;
    redis.restart();
    // Nothing was written to disk, so that the session is lost; but that is an answer.
    assert_eq!(served_again(&store, &key, "redis, killed").await, None);
    a_session(&store).await;
}

#[tokio::test]
async fn redis_stopped_and_resumed() {
    let redis = Backend::redis(&[]);
    let store = RedisStore::open(&redis.url(), fresh_prefix(), LONG).await.unwrap();
    let key = a_session(&store).await;
    redis.stop();
    everything_is_refused_in_time(&store, &key).await;
    redis.resume();
    assert!(served_again(&store, &key, "redis, stopped").await.is_some());
}

#[tokio::test]
async fn postgres_killed_and_started_again() {
    let mut postgres = Backend::postgres();
    let store = PostgresStore::open(&postgres.url(), fresh_prefix(), LONG, false).await.unwrap();
    let key = a_session(&store).await;
    fill_the_pool(&store, &key).await;
    postgres.kill();
    everything_is_refused_in_time(&store, &key).await;
    postgres.restart();
    let payload = served_again(&store, &key, "postgres, killed").await;
    assert_eq!(payload.as_deref(), Some(&b"state"[..]), "what was committed survives a crash");
    a_session(&store).await;
}

#[tokio::test]
async fn postgres_stopped_and_resumed() {
    let postgres = Backend::postgres();
    let store = PostgresStore::open(&postgres.url(), fresh_prefix(), LONG, false).await.unwrap();
    let key = a_session(&store).await;
    fill_the_pool(&store, &key).await;
    postgres.stop();
    everything_is_refused_in_time(&store, &key).await;
    postgres.resume();
    assert!(served_again(&store, &key, "postgres, stopped").await.is_some());
}

#[tokio::test]
async fn a_restart_between_two_requests_fails_neither() {
    let mut postgres = Backend::postgres();
    let store = PostgresStore::open(&postgres.url(), fresh_prefix(), LONG, false).await.unwrap();
    let key = a_session(&store).await;
    fill_the_pool(&store, &key).await;
    postgres.kill();
    postgres.restart();
    // Every idle connection is dead, and no reader pays for it.
    store.load(&key).await.unwrap().expect("what was committed survives a crash");
    store.update(&key, b"more", Expect::Version(1)).await.unwrap();

    let mut redis = Backend::redis(&[]);
    let store = RedisStore::open(&redis.url(), fresh_prefix(), LONG).await.unwrap();
    redis.kill();
    redis.restart();
    let start = Instant::now();
    // The link hears that its connection was closed; only a request sent in that very moment could fail.
    while let Err(error) = store.ping().await {
        assert!(start.elapsed() < PROMISE, "{error}");
    }
    a_session(&store).await;
}

#[tokio::test]
async fn a_redis_that_was_silent_under_load_has_no_queue_before_it() {
    let redis = Backend::redis(&[]);
    let (url, prefix) = (redis.url(), fresh_prefix());
    let open = || RedisStore::open(&url, prefix.clone(), LONG);
    let servers = [open().await.unwrap(), open().await.unwrap(), open().await.unwrap()];
    silent_under_load(&servers, || redis.stop(), || redis.resume()).await;
}

#[tokio::test]
async fn a_postgres_that_was_silent_under_load_has_no_queue_before_it() {
    let postgres = Backend::postgres();
    let (url, prefix) = (postgres.url(), fresh_prefix());
    let open = || PostgresStore::open(&url, prefix.clone(), LONG, false);
    let servers = [open().await.unwrap(), open().await.unwrap(), open().await.unwrap()];
    silent_under_load(&servers, || postgres.stop(), || postgres.resume()).await;
}

/// A hundred requests a second to each of three servers while the store is silent for 3 s, and afterwards: each is answered in
/// time, and all are served that are sent a second after the store has come back.
async fn silent_under_load<S: SessionStore>(servers: &[S; 3], stop: impl Fn(), resume: impl Fn()) {
    let key = a_session(&servers[0]).await;
    for server in servers {
        fill_the_pool(server, &key).await;
    }
    stop();
    let start = Instant::now();
    let mut resumed = None;
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    let mut loads = tokio::task::JoinSet::new();
    while resumed.is_none_or(|at: Instant| at.elapsed() < PROMISE + Duration::from_millis(500)) {
        beat.tick().await;
        if resumed.is_none() && start.elapsed() > Duration::from_secs(3) {
            resume();
            resumed = Some(Instant::now());
        }
        for server in servers {
            let (server, key) = (server.clone(), key.clone());
            loads.spawn(async move {
                let sent = Instant::now();
                let answer = server.load(&key).await;
                (sent, sent.elapsed(), answer)
            });
        }
    }
    let back = resumed.unwrap();
    for (sent, took, answer) in loads.join_all().await {
        assert!(took < PROMISE, "answered after {took:?}");
        let since = sent.saturating_duration_since(back);
        assert!(since < PROMISE || answer.is_ok(), "refused {since:?} after the store was back: {answer:?}");
    }
}

pub async fn a_session<S: SessionStore>(store: &S) -> StoreKey {
    let key = SessionId::generate().store_key();
    store.create(&key, b"state").await.unwrap();
    key
}

/// So many reads at once that every connection of the pool is open, and idle afterwards.
async fn fill_the_pool<S: SessionStore>(store: &S, key: &StoreKey) {
    let mut loads = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (store, key) = (store.clone(), key.clone());
        loads.spawn(async move { store.load(&key).await.unwrap().expect("a live session") });
    }
    loads.join_all().await;
}

/// Twice in a row, because the first request finds the old connection and the second has to make one; then many at once.
pub async fn everything_is_refused_in_time<S: SessionStore>(store: &S, key: &StoreKey) {
    let fresh = SessionId::generate().store_key();
    for _ in 0..2 {
        refused_in_time("load", store.load(key)).await;
        refused_in_time("create", store.create(&fresh, b"new")).await;
        refused_in_time("update", store.update(key, b"state", Expect::Any)).await;
        refused_in_time("renew", store.renew(&fresh, &fresh, b"new", Expect::Any)).await;
        refused_in_time("delete", store.delete(&fresh)).await;
        refused_in_time("ping", store.ping()).await;
    }
    let mut loads = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (store, key) = (store.clone(), key.clone());
        loads.spawn(async move { refused_in_time("load", store.load(&key)).await });
    }
    loads.join_all().await;
}

async fn refused_in_time<T: Debug, E: Into<WriteError>>(
    what: &str,
    call: impl Future<Output = Result<T, E>>,
) {
    let start = Instant::now();
    let outcome = call.await.map_err(Into::into);
    let took = start.elapsed();
    assert!(
        matches!(outcome, Err(WriteError::Store(StoreError::Unavailable(_)))),
        "{what} on a dead store: {outcome:?}"
    );
    assert!(took < PROMISE, "{what} was refused after {took:?}");
}

async fn served_again<S: SessionStore>(store: &S, key: &StoreKey, story: &str) -> Option<Vec<u8>> {
    let start = Instant::now();
    loop {
        match store.load(key).await {
            Ok(found) => {
                let took = start.elapsed();
                eprintln!("{story}: served again after {took:?}");
                assert!(took < PROMISE, "{story}: served again after {took:?}");
                return found.map(|stored| stored.payload);
            }
            Err(error) => assert!(start.elapsed() < PROMISE, "{story}: {error}"),
        }
    }
}
