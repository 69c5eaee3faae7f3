//! Stores that somebody else runs: used under a prefix of the trial's own, and never hurt.

use super::Connection;
use scenario::{Family, StoreKind};

/// Stores that are there already.
#[derive(Clone, Debug, Default)]
pub struct ExternalStores {
    /// `redis://...`
    pub redis: Option<String>,
    /// `postgres://...`
    pub postgres: Option<String>,
}

impl ExternalStores {
    /// The URL of the one that a stack uses instead of a private one. How durable it is and who follows it is its owner's choice, so
    /// only the plain kinds can be there already.
    pub fn url_for(&self, kind: StoreKind) -> Option<&str> {
        match kind {
            StoreKind::Redis | StoreKind::RedisActix => self.redis.as_deref(),
            StoreKind::Postgres => self.postgres.as_deref(),
            _ => None,
        }
    }
}

/// Removes what one trial wrote.
pub(super) async fn remove(family: Family, url: &str, prefix: &str) -> Result<(), String> {
    match family {
        Family::Redis => remove_redis_keys(url, prefix).await,
        Family::Postgres => remove_postgres_tables(url, prefix).await,
        Family::Memory | Family::Sqlite | Family::Cookie => Ok(()),
    }
}

/// A URL as it may be shown: without the password, and without the query, which may hold one too.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    if let Some((before, _)) = rest.split_once('?') {
        return format!("{}?***", without_password(&format!("{scheme}://{before}")));
    }
    let Some((credentials, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = credentials.split(':').next().unwrap_or_default();
    if credentials.contains(':') { format!("{scheme}://{user}:***@{host}") } else { url.to_owned() }
}

async fn remove_redis_keys(url: &str, prefix: &str) -> Result<(), String> {
    let mut connection = Connection::redis(url).await?;
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}:*")).arg("COUNT").arg(500);
        let (next, keys): (u64, Vec<String>) =
            scan.query_async(&mut connection).await.map_err(|e| e.to_string())?;
        if !keys.is_empty() {
            redis::cmd("DEL")
                .arg(keys)
                .query_async::<()>(&mut connection)
                .await
                .map_err(|e| e.to_string())?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

async fn remove_postgres_tables(url: &str, prefix: &str) -> Result<(), String> {
    let mut connection = Connection::postgres(url).await?;
    // The prefix is the lab's own and holds only a-z, 0-9 and '_'.
    let statement = sqlx::AssertSqlSafe(format!("DROP TABLE IF EXISTS {prefix}_sessions"));
    sqlx::query(statement).execute(&mut connection).await.map_err(|e| e.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_shown_url_holds_no_secret() {
        let shown = [
            ("redis://127.0.0.1:6379/", "redis://127.0.0.1:6379/"),
            ("redis://:secret@127.0.0.1/", "redis://:***@127.0.0.1/"),
            ("postgres://me:sec@ret@host:1/db", "postgres://me:***@host:1/db"),
            ("postgres://host/db?user=me&password=secret", "postgres://host/db?***"),
            ("--redis-url=redis://me:secret@host", "--redis-url=redis://me:***@host"),
            ("server-kill", "server-kill"),
        ];
        for (url, expected) in shown {
            assert_eq!(without_password(url), expected);
        }
    }
}
