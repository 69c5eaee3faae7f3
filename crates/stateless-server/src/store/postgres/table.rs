//! The table: how it is made, and when it is not what was asked for.

use super::Hosts;
use crate::store::{OPENING, OPENING_PAUSE, Prefix};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::time::Instant;

pub(super) struct Table {
    name: String,
    unlogged: bool,
}

impl Table {
    pub(super) fn new(prefix: &Prefix, unlogged: bool) -> Self {
        Self { name: format!("{prefix}_sessions"), unlogged }
    }

    /// Creates it, as soon as one of several hosts can be written. A single host that only reads is left as it is.
    pub(super) async fn first_creation(&self, hosts: &Hosts) -> Result<(), sqlx::Error> {
        let start = Instant::now();
        let mut connection = loop {
            match hosts.connect_within(OPENING).await {
                Err(_) if hosts.may_move() && start.elapsed() + OPENING_PAUSE * 2 < OPENING => {
                    tokio::time::sleep(OPENING_PAUSE).await;
                }
                answer => break answer?,
            }
        };
        match self.create(&mut connection).await {
            Err(error) if has_code(&error, "25006") => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.expect_persistence(&mut connection).await?;
                connection.close().await
            }
        }
    }

    /// Several servers start at once, and `CREATE TABLE IF NOT EXISTS` fails when two of them race: they take turns.
    pub(super) async fn create(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let Self { name, unlogged } = self;
        let unlogged = if *unlogged { "UNLOGGED" } else { "" };
        let script = format!(
            "BEGIN; \
             SET LOCAL statement_timeout = 0; \
             SELECT pg_advisory_xact_lock(hashtext('{name}')); \
             CREATE {unlogged} TABLE IF NOT EXISTS {name} ( \
               key BYTEA PRIMARY KEY, \
               payload BYTEA NOT NULL, \
               version BIGINT NOT NULL, \
               idle_deadline TIMESTAMPTZ NOT NULL, \
               absolute_deadline TIMESTAMPTZ NOT NULL \
             ) WITH (fillfactor = 70); \
             COMMIT"
        );
        connection.execute(sqlx::raw_sql(AssertSqlSafe(script))).await?;
        Ok(())
    }

    /// A table of an earlier start keeps its kind; what it survives would not be what was asked for.
    async fn expect_persistence(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let asked =
            sqlx::query_scalar("SELECT relpersistence = 'u' FROM pg_class WHERE oid = to_regclass($1)");
        let found: bool = asked.bind(&self.name).fetch_one(connection).await?;
        if found == self.unlogged {
            return Ok(());
        }
        let (is, flag) = if found { ("unlogged", "without") } else { ("logged", "with") };
        let detail = format!(
            "its table {} is there and is {is}, which does not go {flag} --postgres-unlogged: drop it, or choose another \
             --store-prefix",
            self.name
        );
        Err(sqlx::Error::Configuration(detail.into()))
    }
}

/// Whether a statement failed because there is no table.
pub(super) fn is_missing(error: &sqlx::Error) -> bool {
    has_code(error, "42P01")
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some(code)
}
