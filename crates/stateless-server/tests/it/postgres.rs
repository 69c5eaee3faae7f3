//! What is PostgreSQL's own: its table, its sweep, its locks, and how touches are written.

use crate::backends::{fresh_prefix, shared_postgres};
use session::conformance::LONG;
use session::{Expect, Lifetime, SessionId, SessionStore, StoreError, WriteError};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use stateless_server::store::Prefix;
use stateless_server::store::postgres::PostgresStore;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[tokio::test]
async fn servers_that_start_at_once_agree_on_one_table() {
    let prefix = fresh_prefix();
    let mut starts = JoinSet::new();
    for _ in 0..8 {
        let prefix = prefix.clone();
        starts.spawn(async move {
            PostgresStore::open(&shared_postgres().url(), prefix, LONG, false).await.unwrap()
        });
    }
    let stores = starts.join_all().await;
    let key = SessionId::generate().store_key();
    stores[0].create(&key, b"state").await.unwrap();
    assert!(stores[7].load(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn an_unlogged_table_is_one_and_is_not_taken_for_the_other() {
    let url = shared_postgres().url();
    for unlogged in [true, false] {
        let prefix = fresh_prefix();
        let store = PostgresStore::open(&url, prefix.clone(), LONG, unlogged).await.unwrap();
        store.create(&SessionId::generate().store_key(), b"state").await.unwrap();
        let persistence = "SELECT relpersistence = 'u' FROM pg_class WHERE relname = $1";
        let asked = sqlx::query_scalar(persistence).bind(format!("{prefix}_sessions"));
        assert_eq!(asked.fetch_one(&mut observer().await).await.ok(), Some(unlogged));

        PostgresStore::open(&url, prefix.clone(), LONG, unlogged).await.unwrap();
        let Err(refused) = PostgresStore::open(&url, prefix.clone(), LONG, !unlogged).await else {
            panic!("a table that is unlogged={unlogged} was taken for the other kind")
        };
        assert!(refused.to_string().contains("--postgres-unlogged: drop it"), "{refused}");
    }
}

#[tokio::test]
async fn a_table_that_is_dropped_is_made_again() {
    let prefix = fresh_prefix();
    let store = PostgresStore::open(&shared_postgres().url(), prefix.clone(), LONG, false).await.unwrap();
    let drop = format!("DROP TABLE {prefix}_sessions");
    observer().await.execute(sqlx::raw_sql(AssertSqlSafe(drop))).await.unwrap();
    let key = SessionId::generate().store_key();
    let start = Instant::now();
    while let Err(error) = store.create(&key, b"state").await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_touch_is_a_hot_update_and_rare() {
    let prefix = fresh_prefix();
    let store = PostgresStore::open(&shared_postgres().url(), prefix.clone(), LONG, false).await.unwrap();
    let keys: Vec<_> = (0..50).map(|_| SessionId::generate().store_key()).collect();
    for key in &keys {
        store.create(key, &[b'x'; 600]).await.unwrap();
    }
    // As if a tenth of the idle time had passed.
    let mut observer = observer().await;
    let earlier = format!("UPDATE {prefix}_sessions SET idle_deadline = idle_deadline - interval '60 s'");
    observer.execute(sqlx::raw_sql(AssertSqlSafe(earlier))).await.unwrap();
    observer.execute(sqlx::raw_sql(AssertSqlSafe(format!("VACUUM {prefix}_sessions")))).await.unwrap();
    let before = statistics(&mut observer, &prefix).await;
    for _ in 0..4 {
        for key in &keys {
            store.load(key).await.unwrap().expect("a live session");
        }
    }
    // A connection reports what it did at the end of a statement, at most once a second.
    let start = Instant::now();
    let (updated, hot) = loop {
        store.load(&keys[0]).await.unwrap();
        let (updated, hot) = statistics(&mut observer, &prefix).await;
        if updated - before.0 >= 50 {
            break (updated - before.0, hot - before.1);
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{updated} updates, {hot} HOT");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(updated, 50, "one touch a session; the other 150 loads were pure reads");
    assert!(hot * 10 >= updated * 9, "{hot} of {updated} touches were HOT");
}

#[tokio::test]
async fn a_write_that_waits_for_a_logout_finds_the_session_gone() {
    let prefix = fresh_prefix();
    let store = PostgresStore::open(&shared_postgres().url(), prefix.clone(), LONG, false).await.unwrap();
    for expect in [Expect::Any, Expect::Version(1)] {
        let key = SessionId::generate().store_key();
        store.create(&key, b"state").await.unwrap();
        let mut observer = observer().await;
        let mut logout = observer.begin().await.unwrap();
        let delete = format!("DELETE FROM {prefix}_sessions WHERE key = decode('{}', 'hex')", key.as_str());
        logout.execute(sqlx::raw_sql(AssertSqlSafe(delete))).await.unwrap();
        let write = {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move { store.update(&key, b"late", expect).await })
        };
        wait_for_a_lock(&prefix).await;
        logout.commit().await.unwrap();
        let outcome = write.await.unwrap();
        // Seen through the eyes of the statement that waited, the row still had version 1 (trap 9).
        assert!(matches!(outcome, Err(WriteError::Gone)), "{expect:?}: {outcome:?}");
        assert!(store.load(&key).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_row_that_somebody_locks_makes_its_writers_wait_in_bounds_and_nobody_else() {
    let prefix = fresh_prefix();
    let store = PostgresStore::open(&shared_postgres().url(), prefix.clone(), LONG, false).await.unwrap();
    let (locked, free) = (SessionId::generate().store_key(), SessionId::generate().store_key());
    store.create(&locked, b"state").await.unwrap();
    store.create(&free, b"state").await.unwrap();
    let mut observer = observer().await;
    let mut lock = observer.begin().await.unwrap();
    let select = format!(
        "SELECT 1 FROM {prefix}_sessions WHERE key = decode('{}', 'hex') FOR UPDATE",
        locked.as_str()
    );
    lock.execute(sqlx::raw_sql(AssertSqlSafe(select))).await.unwrap();

    let start = Instant::now();
    let outcome = store.update(&locked, b"more", Expect::Any).await;
    assert!(matches!(outcome, Err(WriteError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(store.load(&locked).await.unwrap().is_some(), "readers do not wait");
    store.update(&free, b"more", Expect::Any).await.unwrap();
    lock.rollback().await.unwrap();
    assert_eq!(store.update(&locked, b"more", Expect::Version(1)).await.unwrap(), 2);
}

#[tokio::test]
async fn what_has_expired_is_swept_and_what_lives_is_not() {
    let prefix = fresh_prefix();
    let url = shared_postgres().url();
    let brief = Lifetime { idle: Duration::from_millis(50), absolute: Duration::from_secs(60) };
    let expiring = PostgresStore::open(&url, prefix.clone(), brief, false).await.unwrap();
    let lasting = PostgresStore::open(&url, prefix.clone(), LONG, false).await.unwrap();
    let kept = SessionId::generate().store_key();
    lasting.create(&kept, b"state").await.unwrap();
    for _ in 0..30 {
        expiring.create(&SessionId::generate().store_key(), b"state").await.unwrap();
    }
    let mut observer = observer().await;
    let start = Instant::now();
    while rows(&mut observer, &prefix).await > 1 {
        assert!(start.elapsed() < Duration::from_secs(30), "{} rows", rows(&mut observer, &prefix).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(lasting.load(&kept).await.unwrap().is_some());
}

#[tokio::test]
async fn at_rest_there_is_the_hash_of_an_id_and_never_the_id() {
    let prefix = fresh_prefix();
    let store = PostgresStore::open(&shared_postgres().url(), prefix.clone(), LONG, false).await.unwrap();
    let id = SessionId::generate();
    store.create(&id.store_key(), b"state").await.unwrap();
    let text = format!("SELECT encode(key, 'hex'), {prefix}_sessions::text FROM {prefix}_sessions");
    let row = sqlx::query(AssertSqlSafe(text)).fetch_one(&mut observer().await).await.unwrap();
    assert_eq!(row.get::<String, _>(0), id.store_key().as_str());
    assert!(!row.get::<String, _>(1).contains(id.expose()));
}

#[tokio::test]
async fn a_url_that_leads_nowhere_is_refused_by_name_and_without_its_password() {
    for url in ["postgres://lab:hunter2@127.0.0.1:1/postgres", "postgres://lab:hunter2@127.0.0.1:1x/postgres"]
    {
        let Err(refused) = PostgresStore::open(url, fresh_prefix(), LONG, false).await else {
            panic!("port 1 answers")
        };
        let refused = refused.to_string();
        assert!(refused.contains("postgres store at postgres://***@127.0.0.1:1"), "{refused}");
        assert!(refused.contains("--store-url") && !refused.contains("hunter2"), "{refused}");
    }
}

async fn observer() -> PgConnection {
    PgConnection::connect(&shared_postgres().url()).await.unwrap()
}

async fn rows(observer: &mut PgConnection, prefix: &Prefix) -> i64 {
    let count = format!("SELECT count(*) FROM {prefix}_sessions");
    sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(observer).await.unwrap()
}

/// Updates of the table, and how many of them were HOT.
async fn statistics(observer: &mut PgConnection, prefix: &Prefix) -> (i64, i64) {
    observer.execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    let select = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = $1";
    let row = sqlx::query(select).bind(format!("{prefix}_sessions")).fetch_one(observer).await.unwrap();
    (row.get(0), row.get(1))
}

/// Until a statement on this table waits for a lock.
async fn wait_for_a_lock(prefix: &Prefix) {
    let mut observer = observer().await;
    let start = Instant::now();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1";
    loop {
        let query = sqlx::query_scalar(waiting).bind(format!("UPDATE {prefix}_sessions%"));
        if query.fetch_one(&mut observer).await.is_ok_and(|count: i64| count > 0) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "nobody waits");
    }
}
