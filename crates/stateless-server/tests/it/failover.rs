//! Another process of the store takes over: the servers find it by themselves, refuse in time meanwhile, and do not
//! return to the old one.

use crate::backends::fresh_prefix;
use crate::http::{PROMISE, Server, Shopper};
use crate::outage::{a_session, everything_is_refused_in_time};
use crate::topology::{PostgresWithStandby, RedisWithSentinels, ask, is_in_step, until};
use protocol::app::{self, AddLine, Login};
use reqwest::{Method, StatusCode};
use session::conformance::LONG;
use session::{Expect, SessionId, SessionStore};
use sqlx::{Connection, Executor, PgConnection};
use stateless_server::store::postgres::PostgresStore;
use stateless_server::store::redis::RedisStore;
use std::time::{Duration, Instant};

/// Beyond it, a failover has failed. A slow machine may make Sentinel's election fail and be tried again.
const FAILOVER: Duration = Duration::from_secs(60);
/// How long after a failover a server that was idle all the while may still believe in the old primary.
const WATCHED: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shopper_lives_through_a_crash_of_the_primary_redis() {
    let mut redis = RedisWithSentinels::start().await;
    let server = Server::start("redis", &redis.url(), &[]);
    let mut shopper = Shopper::new(&server);
    shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
    shopper.cart(Method::POST, app::LINES, &AddLine { op: "apple".into() }).await;
    until("the replica has the session", async || ask(&redis.replica, &["DBSIZE"]) == Some(1)).await;

    redis.primary.kill();
    let refused = until_added(&mut shopper, "pear", "redis behind HTTP, primary killed").await;
    assert!(refused > 0, "nothing was refused: the primary was not lost");
    let cart = shopper.cart(Method::GET, app::CART, &()).await;
    assert_eq!((cart.owner.as_deref(), cart.ops), (Some("ann"), vec!["apple".into(), "pear".into()]));

    // It comes back as it was started, a primary with nothing in it, until the Sentinels tell it otherwise.
    redis.primary.restart();
    let mut logins = 1;
    let demoted = until("the old primary follows the new one", async || {
        logins += 1;
        shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
        is_in_step(&redis.primary)
    });
    eprintln!("the old primary was a replica {:?} after its return", demoted.await);
    assert_eq!(shopper.cart(Method::GET, app::CART, &()).await.epoch, logins, "each was acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_redis_that_is_stopped_is_not_written_again_when_it_resumes() {
    let redis = RedisWithSentinels::start().await;
    let prefix = fresh_prefix();
    let store = RedisStore::open(&redis.url(), prefix.clone(), LONG).await.unwrap();
    let idle = RedisStore::open(&redis.url(), prefix.clone(), LONG).await.unwrap();
    let keys = [a_session(&store).await, a_session(&idle).await];
    until("the replica has the sessions", async || ask(&redis.replica, &["DBSIZE"]) == Some(2)).await;

    let start = Instant::now();
    redis.primary.stop();
    // Two of three are a majority still.
    redis.silence_a_sentinel();
    let mut refused = 0;
    until("writes are served", async || {
        let call = Instant::now();
        let written = store.update(&keys[0], b"new", Expect::Any).await;
        assert!(call.elapsed() < PROMISE, "{written:?} after {:?}", call.elapsed());
        refused += u32::from(written.is_err());
        written.is_ok()
    })
    .await;
    eprintln!("redis, primary stopped: served again {:?} after the stop, {refused} refused", start.elapsed());
    assert!(refused > 0, "nothing was refused: the primary was not lost");
    let new_primary = Instant::now();
    while new_primary.elapsed() < WATCHED {
        let call = Instant::now();
        store.update(&keys[0], b"newer", Expect::Any).await.expect("the new primary serves");
        assert!(call.elapsed() < PROMISE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    redis.primary.resume();
    until("the old primary answers", async || ask(&redis.primary, &["PING"]) == Some("PONG".to_owned()))
        .await;
    // The old primary still believes in itself; the connection of the idle server to it was never used meanwhile.
    idle.update(&keys[1], b"late", Expect::Any).await.expect("the new primary serves");
    store.update(&keys[0], b"last", Expect::Any).await.expect("the new primary serves");
    for (key, state) in [(&keys[0], "last"), (&keys[1], "late")] {
        let name = format!("{prefix}:{}", key.as_str());
        let found: String = ask(&redis.replica, &["GET", &name]).expect("it is on the new primary");
        assert!(found.ends_with(state), "{found}");
    }
    let demoted = until("the old primary follows the new one", async || {
        store.update(&keys[0], b"on and on", Expect::Any).await.expect("the new primary serves");
        is_in_step(&redis.primary)
    });
    eprintln!("the old primary was a replica {:?} after it resumed", demoted.await);
}

/// Adds a line until it is accepted; each refusal is a 503 in time. How many there were.
async fn until_added(shopper: &mut Shopper, op: &str, story: &str) -> u32 {
    let start = Instant::now();
    for refused in 0.. {
        let call = Instant::now();
        let answer = shopper.send(Method::POST, app::LINES, &AddLine { op: op.into() }).await;
        assert!(call.elapsed() < PROMISE, "{story}: {} after {:?}", answer.status(), call.elapsed());
        if answer.status() == StatusCode::OK {
            eprintln!("{story}: served again after {:?} and {refused} refusals", start.elapsed());
            return refused;
        }
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{story}");
        assert!(answer.headers().contains_key("retry-after"), "{story}");
        assert!(start.elapsed() < FAILOVER, "{story}: still refused");
    }
    unreachable!()
}

#[tokio::test]
async fn a_shopper_lives_through_a_crash_of_the_primary_postgres() {
    let mut postgres = PostgresWithStandby::start().await;
    let server = Server::start("postgres", &postgres.url(), &[]);
    let mut shopper = Shopper::new(&server);
    shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
    shopper.cart(Method::POST, app::LINES, &AddLine { op: "apple".into() }).await;
    postgres.in_step().await;

    postgres.primary.kill();
    for _ in 0..3 {
        shopper.refused(Method::POST, app::LINES, &AddLine { op: "fig".into() }).await;
    }
    postgres.promote().await;
    until_added(&mut shopper, "pear", "postgres behind HTTP, primary killed and standby promoted").await;
    let cart = shopper.cart(Method::GET, app::CART, &()).await;
    assert_eq!((cart.owner.as_deref(), cart.ops), (Some("ann"), vec!["apple".into(), "pear".into()]));
}

#[tokio::test]
async fn a_postgres_that_becomes_read_only_is_left_for_the_one_that_is_promoted() {
    let postgres = PostgresWithStandby::start().await;
    let store = PostgresStore::open(&postgres.url(), fresh_prefix(), LONG, false).await.unwrap();
    let key = a_session(&store).await;
    // One whose only host is the standby, and whose table nobody has made.
    let waiting = PostgresStore::open(&postgres.standby.url(), fresh_prefix(), LONG, false).await.unwrap();
    everything_is_refused_in_time(&waiting, &key).await;
    postgres.in_step().await;

    // The connections of the pool stay, and their next transaction only reads.
    let mut observer = PgConnection::connect(&postgres.primary.url()).await.unwrap();
    observer.execute("ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
    observer.execute("SELECT pg_reload_conf()").await.unwrap();
    until("it only reads", async || store.load(&key).await.is_err()).await;
    everything_is_refused_in_time(&store, &key).await;

    postgres.promote().await;
    let start = Instant::now();
    while let Err(error) = store.update(&key, b"new", Expect::Version(1)).await {
        assert!(start.elapsed() < PROMISE, "{error}");
    }
    eprintln!("postgres, primary made read-only: served {:?} after the promotion", start.elapsed());
    assert_eq!(store.load(&key).await.unwrap().expect("a live session").payload, b"new");
    let key = SessionId::generate().store_key();
    until("the table is made", async || waiting.create(&key, b"state").await.is_ok()).await;
    waiting.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_postgres_that_is_stopped_costs_its_share_of_the_time() {
    let postgres = PostgresWithStandby::start().await;
    let store = PostgresStore::open(&postgres.url(), fresh_prefix(), LONG, false).await.unwrap();
    let key = a_session(&store).await;
    postgres.in_step().await;
    postgres.primary.stop();
    everything_is_refused_in_time(&store, &key).await;
    postgres.promote().await;
    let start = Instant::now();
    while let Err(error) = store.update(&key, b"new", Expect::Version(1)).await {
        assert!(start.elapsed() < PROMISE, "{error}");
    }
    eprintln!("postgres, primary stopped: served {:?} after the promotion", start.elapsed());
    // It resumes and would take writes; nobody has told it that it is one no longer.
    postgres.primary.resume();
    assert_eq!(store.update(&key, b"newer", Expect::Version(2)).await.unwrap(), 3);
}
