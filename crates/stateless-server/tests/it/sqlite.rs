//! What is SQLite's own: the file, the writer that groups commits, and neighbours that write to the same file.

use session::conformance::LONG;
use session::{Expect, Lifetime, SessionId, SessionStore, StoreError, WriteError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor, SqliteConnection};
use stateless_server::store::sqlite::SqliteStore;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinSet;

#[tokio::test]
async fn several_processes_writers_lose_nothing_to_one_another() {
    let (_folder, path) = a_file();
    // A store is a writer of its own; three of them stand for three processes.
    let stores = [open(&path, LONG).await, open(&path, LONG).await, open(&path, LONG).await];
    let mut writers = JoinSet::new();
    for store in stores.iter().cycle().take(24) {
        let store = store.clone();
        writers.spawn(async move {
            let key = SessionId::generate().store_key();
            store.create(&key, b"0").await.unwrap();
            for version in 1..=20 {
                assert_eq!(store.update(&key, b"more", Expect::Version(version)).await.unwrap(), version + 1);
            }
            key
        });
    }
    for key in writers.join_all().await {
        assert_eq!(stores[0].load(&key).await.unwrap().expect("a live session").version, 21);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_start_at_once_agree_on_one_file() {
    for _ in 0..20 {
        let (_folder, path) = a_file();
        let mut starts = JoinSet::new();
        for _ in 0..6 {
            let path = path.clone();
            starts.spawn(async move { open(&path, LONG).await });
        }
        let stores = starts.join_all().await;
        let key = SessionId::generate().store_key();
        stores[0].create(&key, b"state").await.unwrap();
        assert!(stores[5].load(&key).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_neighbour_that_holds_the_file_makes_writers_wait_in_bounds_and_readers_not_at_all() {
    let (_folder, path) = a_file();
    let store = open(&path, LONG).await;
    let key = SessionId::generate().store_key();
    store.create(&key, b"state").await.unwrap();
    let mut neighbour = observer(&path).await;
    neighbour.execute("BEGIN IMMEDIATE").await.unwrap();

    let start = Instant::now();
    let outcome = store.update(&key, b"more", Expect::Any).await;
    assert!(matches!(outcome, Err(WriteError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(store.load(&key).await.unwrap().expect("readers do not wait").payload, b"state");
    neighbour.execute("ROLLBACK").await.unwrap();
    // What was refused has not happened, and the writer works again.
    assert_eq!(store.update(&key, b"more", Expect::Version(1)).await.unwrap(), 2);
}

#[tokio::test]
async fn an_error_in_one_write_harms_no_other_of_its_batch() {
    let (_folder, path) = a_file();
    let store = open(&path, LONG).await;
    let taken = SessionId::generate().store_key();
    store.create(&taken, b"state").await.unwrap();
    let mut writes = JoinSet::new();
    for number in 0..60 {
        let (store, taken) = (store.clone(), taken.clone());
        writes.spawn(async move {
            if number % 3 == 0 {
                let again = store.create(&taken, b"thief").await;
                assert!(matches!(again, Err(StoreError::Corrupt(_))), "{again:?}");
                return;
            }
            let key = SessionId::generate().store_key();
            store.create(&key, b"state").await.unwrap();
            assert!(store.load(&key).await.unwrap().is_some());
        });
    }
    writes.join_all().await;
    assert_eq!(store.load(&taken).await.unwrap().expect("a live session").payload, b"state");
}

#[tokio::test]
async fn what_has_expired_is_swept_and_what_lives_is_not() {
    let (_folder, path) = a_file();
    let brief = Lifetime { idle: Duration::from_millis(50), absolute: Duration::from_secs(60) };
    let (expiring, lasting) = (open(&path, brief).await, open(&path, LONG).await);
    let kept = SessionId::generate().store_key();
    lasting.create(&kept, b"state").await.unwrap();
    for _ in 0..30 {
        expiring.create(&SessionId::generate().store_key(), b"state").await.unwrap();
    }
    let mut observer = observer(&path).await;
    let start = Instant::now();
    while rows(&mut observer).await > 1 {
        assert!(start.elapsed() < Duration::from_secs(30), "{} rows", rows(&mut observer).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(lasting.load(&kept).await.unwrap().is_some());
}

#[tokio::test]
async fn at_rest_there_is_the_hash_of_an_id_and_never_the_id() {
    let (folder, path) = a_file();
    let store = open(&path, LONG).await;
    let id = SessionId::generate();
    store.create(&id.store_key(), b"state").await.unwrap();
    let (mut hash_found, mut id_found) = (false, false);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        hash_found |= holds(id.store_key().as_str());
        id_found |= holds(id.expose());
    }
    assert!(hash_found && !id_found);
}

#[tokio::test]
async fn sessions_survive_the_process_that_wrote_them() {
    let (_folder, path) = a_file();
    let key = SessionId::generate().store_key();
    open(&path, LONG).await.create(&key, b"state").await.unwrap();
    assert_eq!(open(&path, LONG).await.load(&key).await.unwrap().expect("a live session").payload, b"state");
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let (folder, path) = a_file();
    std::fs::write(&path, "this is not a database, and long enough to be seen as none ".repeat(20)).unwrap();
    for wrong in [folder.path().join("no/such/folder/sessions.db"), path] {
        let opened = SqliteStore::open(wrong.to_str().unwrap(), "lab".parse().unwrap(), LONG).await;
        let Err(refused) = opened else { panic!("{wrong:?} was opened") };
        let refused = refused.to_string();
        assert!(refused.contains(wrong.to_str().unwrap()) && refused.contains("--store-url"), "{refused}");
    }
}

fn a_file() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sessions.db");
    (folder, path)
}

async fn open(path: &Path, lifetime: Lifetime) -> SqliteStore {
    SqliteStore::open(path.to_str().unwrap(), "lab".parse().unwrap(), lifetime).await.unwrap()
}

async fn observer(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

async fn rows(observer: &mut SqliteConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM lab_sessions").fetch_one(observer).await.unwrap()
}
