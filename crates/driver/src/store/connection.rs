//! Connections for control: versions, health, cleaning. The load never goes this way.

use scenario::Family;
use sqlx::Connection as _;
use std::time::Duration;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// A connection to a store, made for one errand.
pub(super) struct Connection;

impl Connection {
    pub(super) async fn redis(url: &str) -> Result<redis::aio::MultiplexedConnection, String> {
        let client = redis::Client::open(url).map_err(|e| e.to_string())?;
        let connected = tokio::time::timeout(CONNECT_WITHIN, client.get_multiplexed_async_connection()).await;
        connected.map_err(|_| format!("no connection within {CONNECT_WITHIN:?}"))?.map_err(|e| e.to_string())
    }

    pub(super) async fn postgres(url: &str) -> Result<sqlx::PgConnection, String> {
        let connected = tokio::time::timeout(CONNECT_WITHIN, sqlx::PgConnection::connect(url)).await;
        connected.map_err(|_| format!("no connection within {CONNECT_WITHIN:?}"))?.map_err(|e| e.to_string())
    }

    /// Connects once and asks for the version.
    pub(super) async fn version(family: Family, url: &str) -> Result<String, String> {
        match family {
            Family::Postgres => {
                let mut connection = Self::postgres(url).await?;
                let (version,): (String,) = sqlx::query_as("SHOW server_version")
                    .fetch_one(&mut connection)
                    .await
                    .map_err(|e| e.to_string())?;
                Ok(format!("PostgreSQL {version}"))
            }
            _ => {
                let info = Self::info(url, "server").await?;
                Ok(format!("Redis {}", field(&info, "redis_version").unwrap_or("of unknown version")))
            }
        }
    }

    /// What a Redis has allocated for its data.
    pub(super) async fn redis_bytes(url: &str) -> Result<u64, String> {
        let info = Self::info(url, "memory").await?;
        let bytes = field(&info, "used_memory").and_then(|bytes| bytes.parse().ok());
        bytes.ok_or_else(|| "INFO memory has no used_memory".to_owned())
    }

    /// The size of the table of sessions, its index and its large values.
    pub(super) async fn postgres_bytes(url: &str, prefix: &str) -> Result<u64, String> {
        let mut connection = Self::postgres(url).await?;
        let (bytes,): (i64,) = sqlx::query_as("SELECT pg_total_relation_size($1::regclass)")
            .bind(format!("{prefix}_sessions"))
            .fetch_one(&mut connection)
            .await
            .map_err(|e| e.to_string())?;
        u64::try_from(bytes).map_err(|e| e.to_string())
    }

    /// A section of what a Redis says of itself.
    pub(super) async fn info(url: &str, section: &str) -> Result<String, String> {
        let mut connection = Self::redis(url).await?;
        redis::cmd("INFO").arg(section).query_async(&mut connection).await.map_err(|e| e.to_string())
    }
}

/// A field of it.
pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
