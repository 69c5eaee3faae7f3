//! Which of several PostgreSQL servers may be written: libpq's URLs with several hosts and `target_session_attrs`, which sqlx
//! does not know.

use super::pool::Source;
use super::{LOOK_AGAIN, PATIENCE};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::io;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The hosts of one URL.
///
/// They are asked in turn, beginning with the one that was right the last time and not with the first of the URL, as libpq
/// does: an old primary that comes back, and has not been told that it is one no longer, gets no new connections while
/// the new one answers.
#[derive(Clone)]
pub(super) struct Hosts {
    hosts: Arc<[PgConnectOptions]>,
    /// Whether a host that only reads is passed over.
    read_write: bool,
    turn: Arc<AtomicUsize>,
    /// Why none of them serves, and when that was.
    refusal: Arc<Mutex<Option<(Instant, String)>>>,
}

const ATTRS: &str = "target_session_attrs";

impl FromStr for Hosts {
    type Err = String;

    /// Reads `postgres://[user[:password]@]host[:port],.../database?target_session_attrs=read-write`. The error says which part is
    /// wrong, without the password.
    fn from_str(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url
            .split_once("://")
            .filter(|(scheme, _)| ["postgres", "postgresql"].contains(scheme))
            .ok_or("the URL must begin with postgres://")?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, place) = match place.rfind('@') {
            Some(at) => place.split_at(at + 1),
            None => ("", place),
        };
        let (hosts, database) = place.split_at(place.find('/').unwrap_or(place.len()));

        let mut read_write = false;
        let mut others = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some((ATTRS, "any")) => read_write = false,
                Some((ATTRS, "read-write")) => read_write = true,
                Some((ATTRS, other)) => {
                    return Err(format!("{ATTRS}={other}: write read-write or any"));
                }
                _ => others.push(parameter),
            }
        }
        let hosts: Vec<_> = hosts.split(',').collect();
        if hosts.len() > 1 && !read_write {
            return Err(format!(
                "several hosts need ?{ATTRS}=read-write: sessions are kept where they can be written"
            ));
        }
        if hosts.len() > 1 && hosts.contains(&"") {
            return Err(format!(
                "one of the hosts in '{}' is empty: write HOST:PORT,HOST:PORT",
                hosts.join(",")
            ));
        }
        let options = |host: &&str| {
            let url = format!("{scheme}://{credentials}{host}{database}?{}", others.join("&"));
            url.parse::<PgConnectOptions>().map_err(|error| format!("host '{host}': {error}"))
        };
        let hosts = hosts.iter().map(options).collect::<Result<Arc<[_]>, _>>()?;
        Ok(Self { hosts, read_write, turn: Arc::default(), refusal: Arc::default() })
    }
}

impl Hosts {
    /// The same with other options for each host.
    pub(super) fn with(mut self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        self.hosts = self.hosts.iter().cloned().map(change).collect();
        self
    }

    /// Whether another host may take over, so that it is worth while to wait.
    pub(super) fn may_move(&self) -> bool {
        self.hosts.len() > 1
    }

    /// A connection to a host that serves, looked for no longer than `within`: a host that is silent has its share of that time, and
    /// one that refuses or only reads costs next to nothing.
    pub(super) async fn connect_within(&self, within: Duration) -> Result<PgConnection, sqlx::Error> {
        if let Some((at, refusal)) = &*self.refusal()
            && at.elapsed() < LOOK_AGAIN
        {
            return Err(io::Error::other(refusal.clone()).into());
        }
        let share = within / u32::try_from(self.hosts.len()).unwrap_or(1);
        let mut failures = Vec::new();
        for _ in 0..self.hosts.len() {
            let turn = self.turn.load(Ordering::Relaxed);
            let host = &self.hosts[turn % self.hosts.len()];
            let silent = |_| {
                Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in its share of the time").into())
            };
            match timeout(share, self.connect_to(host)).await.unwrap_or_else(silent) {
                Ok(connection) => return Ok(connection),
                Err(error) if self.hosts.len() == 1 => {
                    *self.refusal() = Some((Instant::now(), error.to_string()));
                    return Err(error);
                }
                Err(error) => {
                    failures.push(format!("{}:{}: {error}", host.get_host(), host.get_port()));
                    // Whoever waits for the next connection begins where this one has not been.
                    let _ = self.turn.compare_exchange(turn, turn + 1, Ordering::Relaxed, Ordering::Relaxed);
                }
            }
        }
        let refusal = failures.join("; ");
        *self.refusal() = Some((Instant::now(), refusal.clone()));
        Err(io::Error::other(refusal).into())
    }

    fn refusal(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect_to(&self, host: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
        let mut connection = ConnectOptions::connect(host).await?;
        if self.read_write {
            // On a standby it is on as well.
            let asked = sqlx::query_scalar::<_, String>("SHOW transaction_read_only");
            if asked.fetch_one(&mut connection).await? != "off" {
                // Told goodbye, or its log would call this a lost connection.
                let _ = connection.close().await;
                return Err(io::Error::other("it is read-only").into());
            }
        }
        Ok(connection)
    }
}

impl Source for Hosts {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.connect_within(PATIENCE).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_several_hosts() {
        let url =
            "postgresql://ann:p%40ss@a:5433,b,[::1]:7/shop?sslmode=disable&target_session_attrs=read-write";
        let read: Hosts = url.parse().unwrap();
        let places: Vec<_> = read.hosts.iter().map(|host| (host.get_host(), host.get_port())).collect();
        assert_eq!(places, [("a", 5433), ("b", 5432), ("[::1]", 7)]);
        for host in &*read.hosts {
            assert_eq!((host.get_username(), host.get_database()), ("ann", Some("shop")));
            assert!(matches!(host.get_ssl_mode(), sqlx::postgres::PgSslMode::Disable));
        }
        assert!(read.read_write && read.may_move());
        let one: Hosts = "postgres://ann@a/shop".parse().unwrap();
        assert!(!one.read_write && !one.may_move());
    }

    #[test]
    fn a_wrong_url_is_refused_by_its_part_and_without_its_password() {
        for (url, part) in [
            ("mysql://a/shop", "postgres://"),
            ("postgres://:hunter2@a,b/shop", "?target_session_attrs=read-write"),
            ("postgres://:hunter2@a/shop?target_session_attrs=primary", "target_session_attrs=primary"),
            ("postgres://:hunter2@a,,b/shop?target_session_attrs=read-write", "'a,,b' is empty"),
            ("postgres://:hunter2@a,b:1x/shop?target_session_attrs=read-write", "host 'b:1x'"),
        ] {
            let refused = url.parse::<Hosts>().err().unwrap_or_else(|| panic!("{url} is fine"));
            assert!(refused.contains(part), "{url}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
