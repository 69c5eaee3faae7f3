//! The baseline: actix-session's own Redis store, as its documentation opens it. What it does wrong is the point: no time-outs, a
//! renewal that is two commands, and a late write that brings a session back.
//!
//! Architecture invariant: nothing is improved here but the start, which is bounded so that a wrong URL is told.

use super::{OPENING, OpenError, Prefix};
use actix_session::storage::RedisSessionStore;
use tokio::time::timeout;

/// The store's name for reports.
pub const NAME: &str = "redis-actix";

/// Opens the store at `redis://[[user]:password@]host[:port][/db]`.
///
/// # Errors
/// When the URL is not one, or nothing answers there.
pub async fn open(url: &str, prefix: Prefix) -> Result<RedisSessionStore, OpenError> {
    let store = RedisSessionStore::builder(url).cache_keygen(move |key| format!("{prefix}:{key}")).build();
    match timeout(OPENING, store).await {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(error)) => Err(OpenError::new(NAME, url, error, super::redis::ADVICE)),
        Err(_) => {
            let reason = format!("no answer within {} s", OPENING.as_secs());
            Err(OpenError::new(NAME, url, reason, super::redis::ADVICE))
        }
    }
}
