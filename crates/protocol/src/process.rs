//! How the driver and the processes it starts speak: the Ready line on standard output, and the names of flags.
//!
//! A process binds its port itself (port 0: the kernel chooses), then prints exactly one [`Ready`] line to standard output.
//! Logs go to standard error and are never parsed.
//!
//! Both servers take: `--listen ADDR` (default `127.0.0.1:0`), `--instance ID`, `--service-time-ms N`,
//! `--concurrency N`, `--conflict-policy last-write-wins|optimistic`, `--idle-timeout-s N`, `--absolute-timeout-s N`,
//! `--shutdown-grace-ms N`, `--workers N`, `--cookie-key-file PATH`, `--plain-http-cookies`,
//! `--ops-token-file PATH` (or the variable [`TOKEN_FILE`](crate::ops::TOKEN_FILE); without it [`crate::ops`] is off).
//! `stateful-server` adds `--max-memory-mb N`. `stateless-server` adds
//! `--store redis|postgres|sqlite|cookie|redis-actix|cookie-actix`, `--store-url URL` (the cookie stores need none; for SQLite: a path;
//! `redis+sentinel://HOST:PORT,HOST:PORT,HOST:PORT/MASTER_NAME` follows Redis Sentinels,
//! `postgres://USER@HOST:PORT,HOST:PORT/DATABASE?target_session_attrs=read-write` the host that may be written),
//! `--store-prefix NAME` and `--postgres-unlogged`.
//!
//! A `--cookie-key-file` has one key, raw or in hexadecimal, or several in hexadecimal, one a line: the first seals session cookies, all
//! of them open. A server reads it once, when it starts. Keys are changed in two rolling deployments, so that nobody is logged out and
//! old and new servers open one another's cookies at every moment: first `old, new`, then `new, old`. `--absolute-timeout-s` later the
//! old key may go. actix-session's own stores take the first key alone, so a change of it logs everybody out.
//! `router` takes `--listen`, `--admin-listen`, `--admin-token-file PATH`, `--policy NAME`, and the timings that its help lists.
//! `relay` takes `--listen`, `--upstream ADDR`, `--admin-listen`, `--admin-token-file PATH`.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The one line that a process prints once it accepts connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ready", rename_all = "kebab-case")]
pub enum Ready {
    /// A server of either tier.
    Server {
        /// The id that the process was given, or chose.
        instance: String,
        /// Where it listens.
        addr: SocketAddr,
        /// Its process id.
        pid: u32,
        /// The store's name: `memory`, `redis`, `postgres`, `sqlite`, `cookie`, `redis-actix`, `cookie-actix`.
        store: String,
    },
    /// The router.
    Router {
        /// Where shoppers are served.
        addr: SocketAddr,
        /// Where the admin API listens.
        admin_addr: SocketAddr,
        /// Its process id.
        pid: u32,
    },
    /// A relay.
    Relay {
        /// Where clients connect.
        addr: SocketAddr,
        /// Where the admin API listens.
        admin_addr: SocketAddr,
        /// Its process id.
        pid: u32,
    },
}

impl Ready {
    /// The line as it is printed, without the line's end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a Ready line is plain data")
    }

    /// Reads a line; `None` when it is not a Ready line.
    pub fn from_line(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_survives_the_pipe() {
        let ready = Ready::Router {
            addr: "127.0.0.1:4000".parse().unwrap(),
            admin_addr: "127.0.0.1:4001".parse().unwrap(),
            pid: 7,
        };
        assert_eq!(Ready::from_line(&format!("{}\n", ready.to_line())), Some(ready));
        assert_eq!(Ready::from_line("starting up ..."), None);
    }
}
