//! What the shared stores have in common: their prefix, their deadlines, and how they refuse at start.
//!
//! A store that is down, stopped or slow is [`StoreError::Unavailable`] within [`DEADLINE`], whatever it waits for, and is used
//! again on the first call after its return: nobody waits out a back-off.

use session::StoreError;
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub mod cookie;
mod hosts;
mod link;
mod pool;
pub mod postgres;
pub mod redis;
pub mod redis_actix;
mod sentinel;
pub mod sqlite;

/// No call on a store takes longer than this.
pub const DEADLINE: Duration = Duration::from_millis(900);
/// How long a server may take to answer one command, or to give us a connection, before that connection is given up.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// How long a store may take to open: it may have to create its table while other servers do the same.
const OPENING: Duration = Duration::from_secs(5);
/// Between two attempts to open a store of which another server may take over.
const OPENING_PAUSE: Duration = Duration::from_millis(100);

/// Where no server serves, none is asked again sooner than this, and requests meanwhile have the same refusal: PostgreSQL starts a
/// process for each connection, and one for each request would hold up the very recovery or failover that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Names what belongs to us in a store that others may use too: keys `<prefix>:<store key>`, table `<prefix>_sessions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// The prefix itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = String;

    /// Strict, because the prefix becomes part of SQL identifiers.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if first && rest && text.len() <= 31 {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "store prefix '{text}' must be a lowercase letter, then at most 30 lowercase letters, digits or '_'"
        ))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A store that would not open.
#[derive(Debug, thiserror::Error)]
#[error("{store} store at {url} does not open: {reason}; {advice}")]
pub struct OpenError {
    store: &'static str,
    url: String,
    reason: String,
    advice: &'static str,
}

impl OpenError {
    /// `url` may hold a password; the error does not.
    pub fn new(store: &'static str, url: &str, reason: impl fmt::Display, advice: &'static str) -> Self {
        Self { store, url: without_password(url), reason: reason.to_string(), advice }
    }
}

/// The URL as it may be logged: without user, password and parameters.
pub fn without_password(url: &str) -> String {
    let (place, parameters) = match url.split_once('?') {
        Some((place, _)) => (place, "?..."),
        None => (url, ""),
    };
    // The last '@', because a password that was not percent-encoded may hold one.
    match (place.split_once("://"), place.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://***{}{parameters}", &place[at..]),
        _ => format!("{place}{parameters}"),
    }
}

/// Gives up `work` at [`DEADLINE`].
async fn bounded<T, E: From<StoreError>>(
    store: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(DEADLINE, work).await.unwrap_or_else(|_| {
        let detail = format!("{store} did not answer within {} ms", DEADLINE.as_millis());
        Err(StoreError::Unavailable(detail).into())
    })
}

/// Runs `work` on the runtime that opened the store; dropping the future ends it.
///
/// A connection is bound to the runtime it was made on. Each worker of the web server has a runtime of its own, and the first
/// to finish at shutdown would take connections with it that other workers still need.
async fn on_home<T: Send + 'static>(
    home: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, std::io::Error> {
    let mut task = JoinSet::new();
    task.spawn_on(work, home);
    match task.join_next().await {
        Some(Ok(value)) => Ok(value),
        _ => Err(std::io::Error::other("the server is shutting down")),
    }
}

/// A duration as the whole milliseconds that the stores count in.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_safe_inside_sql_or_refused() {
        for fine in ["lab", "a", "run_17", &"a".repeat(31)] {
            assert!(fine.parse::<Prefix>().is_ok(), "{fine:?}");
        }
        for wrong in ["", "Lab", "1lab", "_lab", "a-b", "a;drop", "a b", "ä", &"a".repeat(32)] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_url_is_logged_without_its_secrets() {
        for (url, logged) in [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("redis://:hunter2@db:6379", "redis://***@db:6379"),
            ("postgres://lab:hunt@er2@db/lab?password=x", "postgres://***@db/lab?..."),
            ("postgres://db/lab?password=hunter2@", "postgres://db/lab?..."),
            ("/tmp/sessions.db", "/tmp/sessions.db"),
        ] {
            assert_eq!(without_password(url), logged);
        }
    }
}
