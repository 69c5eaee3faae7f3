//! The one task of a process that writes to the file. It takes what has gathered in its queue, does it in one transaction, and
//! answers after the commit. Between the batches it sweeps, a few rows at a time.

use super::{BUSY, Query, is_busy, now_ms, query, store_error, unavailable};
use crate::store::{DEADLINE, OPENING, Prefix, millis};
use session::{Expect, StoreError, StoreKey, Version};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row, SqliteConnection};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// How long SQLite itself waits for another process before we ask again.
const BUSY_STEP: Duration = Duration::from_millis(5);
/// Changes in one transaction.
const BATCH: usize = 256;
/// Rows looked at in one step of the sweep, and the pause between steps.
const SWEEP_ROWS: i64 = 1_000;
const SWEEP_PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Job {
    pub(super) key: StoreKey,
    pub(super) change: Change,
    /// `None`: nobody waits for the outcome.
    pub(super) reply: Option<oneshot::Sender<Result<Outcome, StoreError>>>,
}

pub(super) enum Change {
    Create { payload: Vec<u8>, absolute: Duration },
    Replace { new_key: Option<StoreKey>, payload: Vec<u8>, expect: Expect },
    Touch,
    Delete,
}

/// What a change did once it is committed.
pub(super) enum Outcome {
    /// It took effect; the version, where there is one.
    Done(Version),
    Gone,
    Conflict,
}

pub(super) struct Writer {
    options: SqliteConnectOptions,
    /// `None` after a failure: the next batch opens the file anew.
    connection: Option<SqliteConnection>,
    jobs: mpsc::Receiver<Job>,
    sql: Sql,
    idle_ms: i64,
    /// The last row that the sweep has looked at.
    swept: i64,
}

struct Sql {
    create: Arc<str>,
    replace: Arc<str>,
    exists: Arc<str>,
    touch: Arc<str>,
    delete: Arc<str>,
    page: Arc<str>,
    sweep: Arc<str>,
}

impl Sql {
    fn new(prefix: &Prefix) -> Self {
        let table = format!("{prefix}_sessions");
        let live = "idle_deadline > ?2 AND absolute_deadline > ?2";
        Self {
            create: format!(
                "INSERT INTO {table} (key, payload, version, idle_deadline, absolute_deadline) VALUES (?1, ?2, 1, ?3, ?4)"
            )
            .into(),
            replace: format!(
                "UPDATE {table} SET key = ?3, payload = ?4, version = version + 1, idle_deadline = ?5 \
                 WHERE key = ?1 AND {live} AND version = coalesce(?6, version) RETURNING version"
            )
            .into(),
            exists: format!("SELECT 1 FROM {table} WHERE key = ?1 AND {live}").into(),
            touch: format!("UPDATE {table} SET idle_deadline = ?3 WHERE key = ?1 AND {live}").into(),
            delete: format!("DELETE FROM {table} WHERE key = ?1").into(),
            page: format!(
                "SELECT max(id), coalesce(sum(idle_deadline <= ?3 OR absolute_deadline <= ?3), 0) \
                 FROM (SELECT * FROM {table} WHERE id > ?1 ORDER BY id LIMIT ?2)"
            )
            .into(),
            sweep: format!(
                "DELETE FROM {table} WHERE id > ?1 AND id <= ?2 AND (idle_deadline <= ?3 OR absolute_deadline <= ?3)"
            )
            .into(),
        }
    }
}

impl Writer {
    pub(super) fn new(
        options: SqliteConnectOptions,
        prefix: &Prefix,
        idle: Duration,
        jobs: mpsc::Receiver<Job>,
    ) -> Self {
        let options = options.busy_timeout(BUSY_STEP);
        Self { options, connection: None, jobs, sql: Sql::new(prefix), idle_ms: millis(idle), swept: 0 }
    }

    /// Opens the file and creates the table. Servers that start at once and find no file race to switch it to WAL, and SQLite does
    /// not make the losers wait: they ask again.
    pub(super) async fn open(mut self, prefix: &Prefix) -> Result<Self, sqlx::Error> {
        let gives_up = Instant::now() + OPENING;
        loop {
            match self.create_table(prefix).await {
                Err(error) if is_busy(&error) && Instant::now() < gives_up => sleep(BUSY_STEP).await,
                created => return created.map(|()| self),
            }
        }
    }

    async fn create_table(&mut self, prefix: &Prefix) -> Result<(), sqlx::Error> {
        let script = format!(
            "CREATE TABLE IF NOT EXISTS {prefix}_sessions ( \
               id INTEGER PRIMARY KEY, \
               key TEXT NOT NULL UNIQUE, \
               payload BLOB NOT NULL, \
               version INTEGER NOT NULL, \
               idle_deadline INTEGER NOT NULL, \
               absolute_deadline INTEGER NOT NULL \
             ) STRICT"
        );
        let connection = connected(&mut self.connection, &self.options).await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(script))).await?;
        Ok(())
    }

    /// Until every handle on the store is gone.
    pub(super) async fn run(mut self) {
        let mut sweep = interval(SWEEP_PAUSE);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                taken = self.jobs.recv_many(&mut batch, BATCH) => {
                    if taken == 0 { return }
                    self.answer(batch).await;
                }
                _ = sweep.tick() => {
                    // A sweep that fails is tried again at the next tick.
                    if self.sweep().await.is_err() { self.connection = None }
                }
            }
        }
    }

    async fn answer(&mut self, mut batch: Vec<Job>) {
        // Whoever has given up has been told so: the change must not happen after all.
        batch.retain(|job| job.reply.as_ref().is_none_or(|reply| !reply.is_closed()));
        match timeout(DEADLINE, self.commit(&batch)).await {
            Ok(Ok(outcomes)) => {
                for (job, outcome) in batch.into_iter().zip(outcomes) {
                    job.tell(outcome);
                }
            }
            Ok(Err(error)) => {
                self.connection = None;
                let detail = error.to_string();
                for job in batch {
                    job.tell(Err(match &error {
                        StoreError::Full(_) => StoreError::Full(detail.clone()),
                        _ => StoreError::Unavailable(detail.clone()),
                    }));
                }
            }
            Err(_) => {
                self.connection = None;
                for job in batch {
                    job.tell(Err(unavailable("the disk is slow")));
                }
            }
        }
    }

    /// All of the batch in one transaction. An error within one job is that job's; any other error undoes all.
    async fn commit(&mut self, batch: &[Job]) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        let idle_deadline = now_ms() + self.idle_ms;
        let connection = connected(&mut self.connection, &self.options).await.map_err(store_error)?;
        begin(connection).await?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for job in batch {
            let outcome = apply(connection, &self.sql, job, idle_deadline).await;
            if let Err(StoreError::Unavailable(_) | StoreError::Full(_)) = outcome {
                execute(connection, sqlx::query("ROLLBACK")).await.ok();
                return Err(outcome.err().unwrap_or_else(|| unavailable("rolled back")));
            }
            outcomes.push(outcome);
        }
        execute(connection, sqlx::query("COMMIT")).await?;
        Ok(outcomes)
    }

    async fn sweep(&mut self) -> Result<(), sqlx::Error> {
        let now = now_ms();
        let connection = connected(&mut self.connection, &self.options).await?;
        let page = query(&self.sql.page)
            .bind(self.swept)
            .bind(SWEEP_ROWS)
            .bind(now)
            .fetch_one(&mut *connection)
            .await?;
        let (last, dead): (Option<i64>, i64) = (page.try_get(0)?, page.try_get(1)?);
        if let (Some(last), 1..) = (last, dead) {
            query(&self.sql.sweep).bind(self.swept).bind(last).bind(now).execute(connection).await?;
        }
        self.swept = last.unwrap_or(0);
        Ok(())
    }
}

impl Job {
    fn tell(self, outcome: Result<Outcome, StoreError>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(outcome);
        }
    }
}

async fn connected<'c>(
    slot: &'c mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
) -> Result<&'c mut SqliteConnection, sqlx::Error> {
    match slot {
        Some(connection) => Ok(connection),
        None => Ok(slot.insert(options.connect().await?)),
    }
}

/// Waits for the other processes' writers. Asked again and again at short intervals, because SQLite's own wait backs off to 100 ms
/// and would lose against busy neighbours.
async fn begin(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let gives_up = Instant::now() + BUSY;
    loop {
        match sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await {
            Err(error) if is_busy(&error) && Instant::now() < gives_up => {}
            begun => return begun.map(|_| ()).map_err(store_error),
        }
    }
}

async fn apply(
    connection: &mut SqliteConnection,
    sql: &Sql,
    job: &Job,
    idle_deadline: i64,
) -> Result<Outcome, StoreError> {
    let (key, now) = (job.key.as_str(), now_ms());
    match &job.change {
        Change::Create { payload, absolute } => {
            let statement = query(&sql.create).bind(key).bind(payload.as_slice());
            execute(connection, statement.bind(idle_deadline).bind(now + millis(*absolute))).await?;
            Ok(Outcome::Done(1))
        }
        Change::Replace { new_key, payload, expect } => {
            let expected = match expect {
                Expect::Any => None,
                // A version that no row can have stays one: it is a conflict, not an overflow.
                Expect::Version(version) => Some(i64::try_from(*version).unwrap_or(-1)),
            };
            let new_key = new_key.as_ref().map_or(key, StoreKey::as_str);
            let statement = query(&sql.replace).bind(key).bind(now).bind(new_key).bind(payload.as_slice());
            let statement = statement.bind(idle_deadline).bind(expected);
            let written = statement.fetch_all(&mut *connection).await.map_err(store_error)?;
            if let Some(row) = written.first() {
                let version: i64 = row.try_get(0).map_err(store_error)?;
                return Ok(Outcome::Done(version.unsigned_abs()));
            }
            let exists =
                query(&sql.exists).bind(key).bind(now).fetch_all(connection).await.map_err(store_error)?;
            Ok(if exists.is_empty() { Outcome::Gone } else { Outcome::Conflict })
        }
        Change::Touch => {
            execute(connection, query(&sql.touch).bind(key).bind(now).bind(idle_deadline)).await?;
            Ok(Outcome::Done(0))
        }
        Change::Delete => {
            execute(connection, query(&sql.delete).bind(key)).await?;
            Ok(Outcome::Done(0))
        }
    }
}

async fn execute(connection: &mut SqliteConnection, statement: Query<'_>) -> Result<(), StoreError> {
    statement.execute(connection).await.map_err(store_error)?;
    Ok(())
}
