//! The stateless web tier: no server keeps a session; all of them ask one store, and any of them can answer any shopper.
//!
//! Read it beside `stateful-server/src/main.rs`: everything but the store is the same crate.

use actix_session::storage::CookieSessionStore;
use anyhow::ensure;
use clap::{Parser, ValueEnum};
use session::{Adapter, Library};
use stateless_server::store::cookie::{self, CookieStore};
use stateless_server::store::postgres::PostgresStore;
use stateless_server::store::redis::RedisStore;
use stateless_server::store::sqlite::SqliteStore;
use stateless_server::store::{Prefix, redis, redis_actix};
use webapp::{ServerArgs, serve};

/// Serves the shop with sessions in a store that all servers share.
#[derive(Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    server: ServerArgs,

    /// Where sessions live
    #[arg(long)]
    store: Store,

    /// redis://HOST:PORT, redis+sentinel://HOST:PORT,HOST:PORT,HOST:PORT/MASTER_NAME, postgres://USER@HOST/DATABASE, or the path of
    /// an SQLite file; the cookie stores need none. Several PostgreSQL hosts: postgres://USER@HOST:PORT,HOST:PORT/DATABASE?target_session_attrs=read-write
    #[arg(long, value_name = "URL", env = "LAB_STORE_URL", hide_env_values = true)]
    #[arg(required_if_eq_any = ["redis", "postgres", "sqlite", "redis-actix"].map(|store| ("store", store)))]
    store_url: Option<String>,

    /// Keeps our keys, tables and cookies apart from those of others
    #[arg(long, value_name = "NAME", default_value = "lab")]
    store_prefix: Prefix,

    /// With --store postgres: an UNLOGGED table, which is quicker, and empty after a crash of PostgreSQL or a failover
    #[arg(long)]
    postgres_unlogged: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Store {
    /// Redis, one Lua script an operation
    Redis,
    /// PostgreSQL, one statement an operation
    Postgres,
    /// One SQLite file for the server processes of one machine
    Sqlite,
    /// The client: all of a session in its cookie, sealed
    Cookie,
    /// actix-session's own Redis store, untouched: the baseline
    RedisActix,
    /// actix-session's own cookie store, untouched: the baseline
    CookieActix,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Args { server, store, store_url: url, store_prefix: prefix, postgres_unlogged: unlogged } =
        Args::parse();
    ensure!(!unlogged || matches!(store, Store::Postgres), "--postgres-unlogged needs --store postgres");
    let url = url.unwrap_or_default();
    let (lifetime, policy) = (server.lifetime(), server.conflict_policy);
    match store {
        Store::Redis => {
            let store = RedisStore::open(&url, prefix, lifetime).await?;
            warn_of_eviction(&server, &url).await;
            serve(&server, Adapter::new(store, policy)?).await?;
        }
        Store::Postgres => {
            let store = PostgresStore::open(&url, prefix, lifetime, unlogged).await?;
            serve(&server, Adapter::new(store, policy)?).await?;
        }
        Store::Sqlite => {
            let store = SqliteStore::open(&url, prefix, lifetime).await?;
            serve(&server, Adapter::new(store, policy)?).await?;
        }
        Store::Cookie => serve(&server, CookieStore::new(prefix, lifetime, policy)?).await?,
        Store::CookieActix => {
            let store = CookieSessionStore::default();
            serve(&server, Library::new(cookie::ACTIX_NAME, store, policy)?).await?;
        }
        Store::RedisActix => {
            let store = redis_actix::open(&url, prefix).await?;
            warn_of_eviction(&server, &url).await;
            serve(&server, Library::new(redis_actix::NAME, store, policy)?).await?;
        }
    }
    Ok(())
}

async fn warn_of_eviction(server: &ServerArgs, url: &str) {
    if let Some(warning) = redis::eviction_warning(url).await {
        eprintln!("{}: {warning}", server.instance);
    }
}
