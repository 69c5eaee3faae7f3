//! Sessions in one SQLite file, shared by the server processes of one machine; time is the machine's.
//!
//! Reads go through a few connections and never wait for a write (WAL). Writes, touches included, go through the
//! writer, which commits many at once: with `synchronous = FULL` a commit costs one flush to the disk, and what was
//! answered survives a power cut, as it does in Postgres.

use super::pool::{Pool, patiently};
use super::{OpenError, Prefix, bounded, millis};
use session::{
    Capabilities, Expect, Lifetime, Search, SessionStore, Sighting, StoreError, StoreKey, Stored, Version,
    WriteError,
};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, Sqlite};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use writer::{Change, Job, Outcome, Writer};

mod writer;

const NAME: &str = "sqlite";
const ADVICE: &str = "name a file in a folder that this user may write to with --store-url PATH";
/// Reading connections of one server process.
const READERS: usize = 4;
/// How long a statement waits for the other processes' writers.
const BUSY: Duration = Duration::from_millis(600);
/// Writes that may wait for the writer; more are refused at once.
const QUEUE: usize = 1_024;

/// Rows that one step of a search looks at.
const SEARCH_ROWS: i64 = 1_000;

/// The store.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    readers: Arc<Pool<SqliteConnectOptions>>,
    writer: mpsc::Sender<Job>,
    load: Arc<str>,
    search: Arc<str>,
    lifetime: Lifetime,
}

impl SqliteStore {
    /// Opens the file at `path`, makes it when it is not there, and starts the writer, which ends when the store is dropped.
    ///
    /// # Errors
    /// When the file cannot be opened or is not an SQLite database.
    pub async fn open(path: &str, prefix: Prefix, lifetime: Lifetime) -> Result<Self, OpenError> {
        let refused = |error: sqlx::Error| OpenError::new(NAME, path, error, ADVICE);
        let options = SqliteConnectOptions::new()
            .filename(path.strip_prefix("sqlite://").unwrap_or(path))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let (writer, jobs) = mpsc::channel(QUEUE);
        let task = Writer::new(options.clone(), &prefix, lifetime.idle, jobs);
        tokio::spawn(task.open(&prefix).await.map_err(refused)?.run());
        let load = format!(
            "SELECT payload, version, idle_deadline FROM {prefix}_sessions \
             WHERE key = ?1 AND idle_deadline > ?2 AND absolute_deadline > ?2"
        );
        // One row at least for a page that is not empty.
        let search = format!(
            "WITH page AS MATERIALIZED (SELECT * FROM {prefix}_sessions WHERE id > ?1 ORDER BY id LIMIT ?2), \
             found AS (SELECT * FROM page WHERE idle_deadline > ?4 AND absolute_deadline > ?4 AND instr(payload, ?3) > 0), \
             last AS (SELECT max(id) AS id, count(*) AS looked_at FROM page) \
             SELECT last.id, last.looked_at, found.key, found.payload, found.version, found.absolute_deadline - ?4, \
             found.idle_deadline - ?4 FROM last LEFT JOIN found ON TRUE WHERE last.id IS NOT NULL"
        );
        let readers = Pool::new(options, READERS);
        let (load, search) = (load.into(), search.into());
        Ok(Self(Arc::new(Inner { readers, writer, load, search, lifetime })))
    }

    async fn read(&self, statement: Query<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        let mut lease = self.0.readers.lease().await.map_err(store_error)?;
        let rows = patiently("answer", statement.fetch_all(&mut lease.connection)).await;
        lease.settle(rows).map_err(store_error)
    }

    /// What a row of a search's page tells; `None` for one that tells of the page alone.
    fn sighting(&self, row: &SqliteRow) -> Result<Option<Sighting>, sqlx::Error> {
        let Some(key) = row.try_get::<Option<String>, _>(2)? else { return Ok(None) };
        let Some(key) = StoreKey::from_digits(&key) else { return Ok(None) };
        let version = row.try_get::<i64, _>(4)?.unsigned_abs();
        let stored = Stored { payload: row.try_get(3)?, version };
        let left =
            |column| row.try_get::<i64, _>(column).map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
        let (absolute_left, idle_left) = (left(5)?, left(6)?);
        let (age, _) = self.0.lifetime.gone(absolute_left, idle_left);
        let idle = Some(self.0.lifetime.idle.saturating_sub(idle_left));
        Ok(Some(Sighting { key, stored, age, idle }))
    }

    async fn write(&self, key: &StoreKey, change: Change) -> Result<Outcome, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let job = Job { key: key.clone(), change, reply: Some(reply) };
        self.0.writer.try_send(job).map_err(|_| unavailable("too many writes wait for the disk"))?;
        outcome.await.unwrap_or_else(|_| Err(unavailable("the writer has ended")))
    }

    async fn replace(
        &self,
        key: &StoreKey,
        new_key: Option<&StoreKey>,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        let change = Change::Replace { new_key: new_key.cloned(), payload: payload.to_vec(), expect };
        match bounded(NAME, self.write(key, change)).await? {
            Outcome::Done(version) => Ok(version),
            Outcome::Gone => Err(WriteError::Gone),
            Outcome::Conflict => Err(WriteError::Conflict),
        }
    }
}

impl SessionStore for SqliteStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { revokes: true, shared: true, compare_and_set: true, client_held: false }
    }

    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let now = now_ms();
        let statement = query(&self.0.load).bind(key.as_str()).bind(now);
        let rows = bounded(NAME, self.read(statement)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let stored = Stored {
            payload: row.try_get(0).map_err(corrupt)?,
            version: row.try_get::<i64, _>(1).map_err(corrupt)?.unsigned_abs(),
        };
        let idle = millis(self.0.lifetime.idle);
        if row.try_get::<i64, _>(2).map_err(corrupt)? <= now + idle - idle / 16 {
            // Nobody waits for a touch; one that finds no room in the queue is left to the next load.
            let touch = Job { key: key.clone(), change: Change::Touch, reply: None };
            let _ = self.0.writer.try_send(touch);
        }
        Ok(Some(stored))
    }

    async fn create(&self, key: &StoreKey, payload: &[u8]) -> Result<(), StoreError> {
        let change = Change::Create { payload: payload.to_vec(), absolute: self.0.lifetime.absolute };
        bounded(NAME, self.write(key, change)).await?;
        Ok(())
    }

    async fn update(&self, key: &StoreKey, payload: &[u8], expect: Expect) -> Result<Version, WriteError> {
        self.replace(key, None, payload, expect).await
    }

    async fn renew(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        self.replace(old, Some(new), payload, expect).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        bounded(NAME, self.write(key, Change::Delete)).await?;
        Ok(())
    }

    async fn search(&self, wanted: &[u8], within: Duration) -> Result<Option<Search>, StoreError> {
        let (began, mut search, mut after) = (Instant::now(), Search::default(), 0_i64);
        while began.elapsed() < within {
            let statement = query(&self.0.search).bind(after).bind(SEARCH_ROWS).bind(wanted).bind(now_ms());
            let page = bounded(NAME, self.read(statement)).await?;
            let Some(first) = page.first() else {
                search.whole = true;
                break;
            };
            after = first.try_get(0).map_err(corrupt)?;
            search.looked_at += first.try_get::<i64, _>(1).map_err(corrupt)?.unsigned_abs();
            for row in &page {
                if let Some(sighting) = self.sighting(row).map_err(corrupt)? {
                    search.keep(sighting);
                }
            }
        }
        Ok(Some(search))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        bounded(NAME, self.read(sqlx::query("SELECT 1"))).await?;
        Ok(())
    }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

fn query(sql: &Arc<str>) -> Query<'_> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}

/// Milliseconds since 1970, by the clock that all processes of the machine share.
fn now_ms() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn unavailable(detail: &str) -> StoreError {
    StoreError::Unavailable(format!("{NAME}: {detail}"))
}

fn corrupt(error: sqlx::Error) -> StoreError {
    StoreError::Corrupt(format!("{NAME}: {error}"))
}

/// The primary result code, the low byte of the extended one: <https://www.sqlite.org/rescode.html>.
fn result_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?.parse::<u32>().ok()?;
    Some(code & 0xff)
}

fn is_busy(error: &sqlx::Error) -> bool {
    result_code(error) == Some(5)
}

fn store_error(error: sqlx::Error) -> StoreError {
    let detail = format!("{NAME}: {error}");
    match result_code(&error) {
        Some(13) => StoreError::Full(detail),
        // 1: no such table or column; 11: corrupt; 19: a key that is taken; 26: not a database.
        Some(1 | 11 | 19 | 26) => StoreError::Corrupt(detail),
        _ => StoreError::Unavailable(detail),
    }
}
