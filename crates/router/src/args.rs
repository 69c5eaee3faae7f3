//! The command line, as written; `main` makes of it what the parts take.

use crate::health::Checks;
use crate::listener::Limits;
use crate::proxy::Bounds;
use clap::Parser;
use protocol::admin::Policy;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Spreads requests over servers, which are added over the admin API. Prints one Ready line once it listens.
#[derive(Debug, Parser)]
#[command(name = "router", version)]
pub struct Args {
    /// Where clients are served; port 0 lets the kernel choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where the admin API listens; port 0 lets the kernel choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub admin_listen: SocketAddr,
    /// File that holds the token which every request to the admin API must carry.
    #[arg(long)]
    pub admin_token_file: PathBuf,
    /// round-robin, least-connections, source-ip-hash, hash-modulo, consistent-hash, rendezvous-hash or cookie-insert.
    #[arg(long, default_value_t = Policy::RoundRobin)]
    pub policy: Policy,
    /// Threads that serve.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,

    /// What the health checks ask for; 2xx passes.
    #[arg(long, default_value = protocol::app::HEALTH, value_parser = path)]
    pub health_path: String,
    /// From the start of one health check to the start of the next.
    #[arg(long, default_value_t = 250, value_parser = ms())]
    pub health_interval_ms: u64,
    /// The longest that a health check may take.
    #[arg(long, default_value_t = 500, value_parser = ms())]
    pub health_timeout_ms: u64,
    /// Checks passed in a row that bring a server up.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub rise: u32,
    /// Checks failed in a row that take a server down; a refused connection does so at once.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub fall: u32,

    /// The longest wait for a connection to a server; after it the request goes elsewhere.
    #[arg(long, default_value_t = 1_000, value_parser = ms())]
    pub connect_timeout_ms: u64,
    /// The longest wait for a server's answer, then 504; also the longest silence within one.
    #[arg(long, default_value_t = 2_000, value_parser = ms())]
    pub response_timeout_ms: u64,
    /// Idle connections to servers are closed after this; keep it below the servers' own.
    #[arg(long, default_value_t = 3_000, value_parser = ms())]
    pub server_idle_ms: u64,

    /// A client's connection is closed when the next request's head is not complete after this: idle or slow.
    #[arg(long, default_value_t = 60_000, value_parser = ms())]
    pub header_timeout_ms: u64,
    /// The longest wait for a request's body, then 408.
    #[arg(long, default_value_t = 10_000, value_parser = ms())]
    pub body_timeout_ms: u64,
    /// A client's connection is closed when it takes nothing of an answer for this long.
    #[arg(long, default_value_t = 10_000, value_parser = ms())]
    pub write_timeout_ms: u64,
    /// The longest request body, then 413.
    #[arg(long, default_value_t = 1024 * 1024)]
    pub body_max_bytes: usize,
    /// Client connections at a time; more wait in the kernel's queue.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// How long requests in flight may go on after SIGTERM or SIGINT.
    #[arg(long, default_value_t = 1_000)]
    pub shutdown_grace_ms: u64,
}

impl Args {
    /// How servers are checked.
    pub fn checks(&self) -> Checks {
        Checks {
            path: self.health_path.clone(),
            interval: Duration::from_millis(self.health_interval_ms),
            timeout: Duration::from_millis(self.health_timeout_ms),
            rise: self.rise,
            fall: self.fall,
            idle_timeout: Duration::from_millis(self.server_idle_ms),
        }
    }

    /// Bounds on a request's way.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            response_timeout: Duration::from_millis(self.response_timeout_ms),
            body_timeout: Duration::from_millis(self.body_timeout_ms),
            body_max_bytes: self.body_max_bytes,
            idle_timeout: Duration::from_millis(self.server_idle_ms),
        }
    }

    /// Bounds on client connections.
    pub fn limits(&self) -> Limits {
        Limits {
            max_connections: self.max_connections as usize,
            header_timeout: Duration::from_millis(self.header_timeout_ms),
            write_timeout: Duration::from_millis(self.write_timeout_ms),
            grace: Duration::from_millis(self.shutdown_grace_ms),
        }
    }
}

fn ms() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..)
}

fn path(text: &str) -> Result<String, String> {
    let plain = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| text.to_owned()).ok_or_else(|| format!("'{text}' is not a path; it begins with '/'"))
}
