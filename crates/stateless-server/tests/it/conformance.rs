//! What every session store must do, demanded of each of ours.

use crate::backends::{fresh_prefix, shared_postgres, shared_redis};
use session::Lifetime;
use session::conformance::Fixture;
use stateless_server::store::Prefix;
use stateless_server::store::postgres::PostgresStore;
use stateless_server::store::redis::RedisStore;
use stateless_server::store::sqlite::SqliteStore;
use tempfile::TempDir;

struct OnRedis(Prefix);
struct OnPostgres(Prefix);
struct OnSqlite(TempDir);

impl Fixture for OnRedis {
    type Store = RedisStore;

    async fn open(&self, lifetime: Lifetime) -> RedisStore {
        RedisStore::open(&shared_redis().url(), self.0.clone(), lifetime).await.unwrap()
    }
}

impl Fixture for OnPostgres {
    type Store = PostgresStore;

    async fn open(&self, lifetime: Lifetime) -> PostgresStore {
        PostgresStore::open(&shared_postgres().url(), self.0.clone(), lifetime, false).await.unwrap()
    }
}

impl Fixture for OnSqlite {
    type Store = SqliteStore;

    async fn open(&self, lifetime: Lifetime) -> SqliteStore {
        let path = self.0.path().join("sessions.db");
        SqliteStore::open(path.to_str().unwrap(), "lab".parse().unwrap(), lifetime).await.unwrap()
    }
}

mod redis {
    session::conformance_tests!(super::OnRedis(super::fresh_prefix()));
}

mod postgres {
    session::conformance_tests!(super::OnPostgres(super::fresh_prefix()));
}

mod sqlite {
    session::conformance_tests!(super::OnSqlite(super::TempDir::new().unwrap()));
}

mod cookie {
    session::conformance_tests!(crate::browsers::InBrowsers::new());
}
