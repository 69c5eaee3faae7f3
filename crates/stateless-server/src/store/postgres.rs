//! Sessions in PostgreSQL 15: one row a session, one statement an operation, time is the database's.
//!
//! The key has the only index. A touch changes no indexed column and finds room in its page (`fillfactor`), so it is a HOT
//! update; an index on either deadline would cost more than the walk of the sweep saves.

use super::hosts::Hosts;
use super::pool::{Pool, patiently, was_dead};
use super::{OPENING, OpenError, PATIENCE, Prefix, bounded, millis};
use session::{
    Capabilities, Expect, Lifetime, Search, SessionStore, Sighting, StoreError, StoreKey, Stored, Version,
    WriteError,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, Postgres, Row};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use table::Table;
use tokio::time::timeout;

mod table;

const NAME: &str = "postgres";
const ADVICE: &str = "start PostgreSQL there, or name another one with --store-url postgres://USER@HOST/DATABASE, or several with \
     --store-url postgres://USER@HOST:PORT,HOST:PORT/DATABASE?target_session_attrs=read-write";
/// Connections of one server process.
const CONNECTIONS: usize = 10;
/// Rows looked at in one step of the sweep, and the pause between steps.
const SWEEP_ROWS: i64 = 1_000;
const SWEEP_PAUSE: Duration = Duration::from_millis(500);
/// Rows that one step of a search looks at.
const SEARCH_ROWS: i64 = 1_000;

/// The store.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    pool: Arc<Pool<Hosts>>,
    sql: Sql,
    table: Table,
    lifetime: Lifetime,
}

/// The statements, with the table's name in them. `$n` milliseconds become intervals where they are used.
struct Sql {
    load: Arc<str>,
    create: Arc<str>,
    update: Arc<str>,
    renew: Arc<str>,
    exists: Arc<str>,
    delete: Arc<str>,
    sweep: Arc<str>,
    search: Arc<str>,
}

const LIVE: &str = "idle_deadline > now() AND absolute_deadline > now()";

impl Sql {
    fn new(prefix: &Prefix) -> Self {
        let table = format!("{prefix}_sessions");
        Self {
            // The touch is a part of the load's statement, and does nothing before a sixteenth of `idle` has passed. It
            // repeats the conditions, because it may wait for another statement that deletes or touches the row.
            load: format!(
                "WITH touch AS (UPDATE {table} SET idle_deadline = now() + $2 * interval '1 ms' \
                 WHERE key = decode($1, 'hex') AND {LIVE} AND idle_deadline <= now() + $3 * interval '1 ms') \
                 SELECT payload, version FROM {table} WHERE key = decode($1, 'hex') AND {LIVE}"
            )
            .into(),
            create: format!(
                "INSERT INTO {table} (key, payload, version, idle_deadline, absolute_deadline) \
                 VALUES (decode($1, 'hex'), $2, 1, now() + $3 * interval '1 ms', now() + $4 * interval '1 ms')"
            )
            .into(),
            update: format!(
                "UPDATE {table} SET payload = $2, version = version + 1, idle_deadline = now() + $3 * interval '1 ms' \
                 WHERE key = decode($1, 'hex') AND {LIVE} AND version = coalesce($4, version) RETURNING version"
            )
            .into(),
            renew: format!(
                "UPDATE {table} SET payload = $2, version = version + 1, idle_deadline = now() + $3 * interval '1 ms', \
                 key = decode($5, 'hex') \
                 WHERE key = decode($1, 'hex') AND {LIVE} AND version = coalesce($4, version) RETURNING version"
            )
            .into(),
            exists: format!("SELECT 1 FROM {table} WHERE key = decode($1, 'hex') AND {LIVE}").into(),
            delete: format!("DELETE FROM {table} WHERE key = decode($1, 'hex')").into(),
            sweep: format!(
                "WITH page AS (SELECT key, {LIVE} AS live FROM {table} WHERE key > decode($1, 'hex') ORDER BY key LIMIT $2), \
                 swept AS (DELETE FROM {table} USING page WHERE {table}.key = page.key AND NOT page.live) \
                 SELECT encode(key, 'hex') FROM page ORDER BY key DESC LIMIT 1"
            )
            .into(),
            // One row at least for a page that is not empty; what is not wanted does not travel.
            search: format!(
                "WITH page AS MATERIALIZED (SELECT * FROM {table} WHERE key > decode($1, 'hex') ORDER BY key LIMIT $2), \
                 found AS (SELECT * FROM page WHERE {LIVE} AND position($3 IN payload) > 0), \
                 last AS (SELECT max(encode(key, 'hex') COLLATE \"C\") AS key, count(*) AS looked_at FROM page) \
                 SELECT last.key, last.looked_at, encode(found.key, 'hex'), found.payload, found.version, \
                 (extract(epoch FROM found.absolute_deadline - now()) * 1000)::bigint, \
                 (extract(epoch FROM found.idle_deadline - now()) * 1000)::bigint \
                 FROM last LEFT JOIN found ON true WHERE last.key IS NOT NULL"
            )
            .into(),
        }
    }
}

impl PostgresStore {
    /// Opens the store at `postgres://user[:password]@host[:port]/database`, creates its table if it is not there (`unlogged`:
    /// without write-ahead log, so that a crash of the database empties it), and starts the sweep, which ends when the store
    /// is dropped. Several hosts, separated by commas, need `?target_session_attrs=read-write`: the store uses the one that may
    /// be written, and looks for it again whenever it is gone or has become read-only.
    ///
    /// One host that is a read-only standby is no error: requests are refused until it is promoted, and the table is made then.
    ///
    /// # Errors
    /// When the URL is not one, nothing answers there, none of several hosts can be written, the table cannot be created, or
    /// it is there and is not as `unlogged` says.
    pub async fn open(
        url: &str,
        prefix: Prefix,
        lifetime: Lifetime,
        unlogged: bool,
    ) -> Result<Self, OpenError> {
        let refused = |reason: String| OpenError::new(NAME, url, reason, ADVICE);
        let hosts = url.parse::<Hosts>().map_err(refused)?.with(|options| {
            options
                .application_name("stateless-server")
                .options([("statement_timeout", PATIENCE.as_millis().to_string())])
                .disable_statement_logging()
        });
        let table = Table::new(&prefix, unlogged);
        timeout(OPENING, table.first_creation(&hosts))
            .await
            .map_err(|_| refused(format!("no answer within {} s", OPENING.as_secs())))?
            .map_err(|error| refused(error.to_string()))?;
        let pool = Pool::new(hosts, CONNECTIONS);
        let store = Self(Arc::new(Inner { pool, sql: Sql::new(&prefix), table, lifetime }));
        tokio::spawn(sweep(Arc::downgrade(&store.0)));
        Ok(store)
    }

    async fn write(
        &self,
        sql: &Arc<str>,
        key: &StoreKey,
        payload: &[u8],
        expect: Expect,
        new_key: Option<&StoreKey>,
    ) -> Result<Version, WriteError> {
        let expected = match expect {
            Expect::Any => None,
            // A version that no row can have stays one: it is a conflict, not an overflow.
            Expect::Version(version) => Some(i64::try_from(version).unwrap_or(-1)),
        };
        bounded(NAME, async {
            let mut statement =
                query(sql).bind(key.as_str()).bind(payload).bind(millis(self.0.lifetime.idle));
            statement = statement.bind(expected);
            if let Some(new_key) = new_key {
                statement = statement.bind(new_key.as_str());
            }
            let rows = self.0.run(statement).await.map_err(store_error)?;
            match rows.first() {
                Some(row) => Ok(version_of(row, 0)?),
                None => Err(self.why_nothing_was_written(key, expect).await?),
            }
        })
        .await
    }

    /// Asked in a statement of its own, with a snapshot of its own: the statement that found nothing to write may have waited
    /// for the one that deleted the row, and would still see it.
    async fn why_nothing_was_written(
        &self,
        key: &StoreKey,
        expect: Expect,
    ) -> Result<WriteError, StoreError> {
        if expect == Expect::Any {
            return Ok(WriteError::Gone);
        }
        let rows = self.0.run(query(&self.0.sql.exists).bind(key.as_str())).await.map_err(store_error)?;
        Ok(if rows.is_empty() { WriteError::Gone } else { WriteError::Conflict })
    }
}

impl Inner {
    /// One statement on one connection. The rows are read to the end, because only then has the statement been committed.
    async fn run(&self, statement: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut lease = self.pool.lease().await?;
        let rows = patiently("answer", statement.fetch_all(&mut lease.connection)).await;
        lease.settle(rows)
    }

    /// What a row of a search's page tells; `None` for one that tells of the page alone.
    fn sighting(&self, row: &PgRow) -> Result<Option<Sighting>, sqlx::Error> {
        let Some(key) = row.try_get::<Option<String>, _>(2)? else { return Ok(None) };
        let Some(key) = StoreKey::from_digits(&key) else { return Ok(None) };
        let version = row.try_get::<i64, _>(4)?.unsigned_abs();
        let stored = Stored { payload: row.try_get(3)?, version };
        let left =
            |column| row.try_get::<i64, _>(column).map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
        let (absolute_left, idle_left) = (left(5)?, left(6)?);
        let (age, _) = self.lifetime.gone(absolute_left, idle_left);
        let idle = Some(self.lifetime.idle.saturating_sub(idle_left));
        Ok(Some(Sighting { key, stored, age, idle }))
    }

    async fn create_table(&self) -> Result<(), sqlx::Error> {
        let mut lease = self.pool.lease().await?;
        self.table.create(&mut lease.connection).await
    }

    /// As [`Inner::run`]; when the connection turns out to have died while it was idle, once more on a fresh one. For reads
    /// alone: of a write nobody knows whether it was done.
    async fn read<'q>(
        &self,
        statement: impl Fn() -> Query<'q, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        match self.run(statement()).await {
            Err(error) if was_dead(&error) => self.run(statement()).await,
            answer => answer,
        }
    }
}

impl SessionStore for PostgresStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { revokes: true, shared: true, compare_and_set: true, client_held: false }
    }

    async fn load(&self, key: &StoreKey) -> Result<Option<Stored>, StoreError> {
        let idle = millis(self.0.lifetime.idle);
        let statement = || query(&self.0.sql.load).bind(key.as_str()).bind(idle).bind(idle - idle / 16);
        let rows = bounded(NAME, async { self.0.read(statement).await.map_err(store_error) }).await?;
        let stored = |row: &PgRow| {
            let payload = row.try_get(0).map_err(corrupt)?;
            Ok(Stored { payload, version: version_of(row, 1)? })
        };
        rows.first().map(stored).transpose()
    }

    async fn create(&self, key: &StoreKey, payload: &[u8]) -> Result<(), StoreError> {
        let Lifetime { idle, absolute } = self.0.lifetime;
        let statement = query(&self.0.sql.create).bind(key.as_str()).bind(payload);
        let statement = statement.bind(millis(idle)).bind(millis(absolute));
        bounded(NAME, async { self.0.run(statement).await.map_err(store_error) }).await?;
        Ok(())
    }

    async fn update(&self, key: &StoreKey, payload: &[u8], expect: Expect) -> Result<Version, WriteError> {
        self.write(&self.0.sql.update, key, payload, expect, None).await
    }

    async fn renew(
        &self,
        old: &StoreKey,
        new: &StoreKey,
        payload: &[u8],
        expect: Expect,
    ) -> Result<Version, WriteError> {
        self.write(&self.0.sql.renew, old, payload, expect, Some(new)).await
    }

    async fn delete(&self, key: &StoreKey) -> Result<(), StoreError> {
        let statement = query(&self.0.sql.delete).bind(key.as_str());
        bounded(NAME, async { self.0.run(statement).await.map_err(store_error) }).await?;
        Ok(())
    }

    async fn search(&self, wanted: &[u8], within: Duration) -> Result<Option<Search>, StoreError> {
        let (began, mut search, mut after) = (Instant::now(), Search::default(), String::new());
        while began.elapsed() < within {
            let statement =
                || query(&self.0.sql.search).bind(after.clone()).bind(SEARCH_ROWS).bind(wanted.to_vec());
            let page = bounded(NAME, async { self.0.read(statement).await.map_err(store_error) }).await?;
            let Some(first) = page.first() else {
                search.whole = true;
                break;
            };
            after = first.try_get(0).map_err(corrupt)?;
            search.looked_at += first.try_get::<i64, _>(1).map_err(corrupt)?.unsigned_abs();
            for row in &page {
                if let Some(sighting) = self.0.sighting(row).map_err(corrupt)? {
                    search.keep(sighting);
                }
            }
        }
        Ok(Some(search))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let statement = || sqlx::query("SELECT pg_is_in_recovery()");
        let rows = bounded(NAME, async { self.0.read(statement).await.map_err(store_error) }).await?;
        match rows.first().map(|row| row.try_get(0)) {
            Some(Ok(false)) => Ok(()),
            _ => Err(StoreError::Unavailable(format!("{NAME}: a standby, which only reads"))),
        }
    }
}

/// Walks through the table for as long as somebody holds the store, one page at a time. A connection that died while idle
/// is met here first, and rarely by a shopper. A table that is missing is made: a standby was promoted that never had it, or the
/// database was started anew.
async fn sweep(store: Weak<Inner>) {
    let mut after = String::new();
    loop {
        tokio::time::sleep(SWEEP_PAUSE).await;
        let Some(store) = store.upgrade() else { return };
        let statement = query(&store.sql.sweep).bind(after.as_str()).bind(SWEEP_ROWS);
        let page = store.run(statement).await;
        if page.as_ref().err().is_some_and(table::is_missing) {
            // Its failure is the next request's failure, and is told there.
            let _ = timeout(OPENING, store.create_table()).await;
        }
        let page = page.ok();
        let last = page.and_then(|rows| rows.first().and_then(|row| row.try_get::<String, _>(0).ok()));
        after = last.unwrap_or_default();
    }
}

fn query(sql: &Arc<str>) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}

fn version_of(row: &PgRow, column: usize) -> Result<Version, StoreError> {
    Ok(row.try_get::<i64, _>(column).map_err(corrupt)?.unsigned_abs())
}

fn corrupt(error: sqlx::Error) -> StoreError {
    StoreError::Corrupt(format!("{NAME}: {error}"))
}

fn store_error(error: sqlx::Error) -> StoreError {
    let detail = format!("{NAME}: {error}");
    match error.as_database_error().and_then(|error| error.code()).as_deref() {
        // 53100: disk full.
        Some("53100") => StoreError::Full(detail),
        // 23505: a key that is taken. 42703: the table is not ours. (42P01, no table, is mended by the sweep.)
        Some("23505" | "42703") => StoreError::Corrupt(detail),
        _ => StoreError::Unavailable(detail),
    }
}
