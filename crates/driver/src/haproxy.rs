//! HAProxy (2.6) in the router's seat: its configuration, and the same steering as the built-in router's admin API, over
//! HAProxy's runtime socket.
//!
//! An affinity cookie must name the *process*. HAProxy's cookies name a slot, so every server process gets a slot that
//! nobody had before, with a cookie value of its own, and no slot is ever used again: a restarted server is a stranger.
//!
//! Differences to the built-in router that no setting removes: a server that is added takes requests before its first
//! check; new sessions are dealt in turn, not to the server with the fewest; [`ServerStatus::bound`] counts how often a
//! server was chosen for a request without a valid cookie; after a drain's deadline a server is no longer checked, and is
//! reported as down; and a request that is lost with its server is a 502 only when it was the first on the client's
//! connection. HAProxy answers a later one by closing the connection without a word, so that "the client retries" (its
//! `http_wait_for_response`), and does not count it as a failure: the outcome is as unknown as with a 502.

use protocol::admin::{Health, Policy, ServerStatus, Snapshot};
use protocol::app::{
    AFFINITY_COOKIE, HEALTH, SERVED_BY, SESSION_COOKIE_PLAIN, SESSION_COOKIE_SECURE, VISITOR_COOKIE,
};
use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

/// Server processes that one HAProxy can see in its life.
const SLOTS: usize = 64;

/// The frontend's name. The backend bears the policy's, so that the running HAProxy itself tells which policy it has.
const FRONTEND: &str = "shop";

/// The longest wait for an answer on the runtime socket.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// HAProxy has no such policy.
    #[error("haproxy has no policy like '{0}'; use the built-in router for it")]
    Unsupported(Policy),
    /// The cookies of the slots could not be drawn.
    #[error("the operating system's random source failed: {0}")]
    Random(getrandom::Error),
}

/// The configuration of an HAProxy that listens on this port of 127.0.0.1, with the timings of the built-in router and
/// fresh cookies.
///
/// # Errors
/// When HAProxy has no such policy.
pub fn config(policy: Policy, port: u16, socket: &Path) -> Result<String, ConfigError> {
    let mut random = [0_u8; SLOTS * 16];
    getrandom::fill(&mut random).map_err(ConfigError::Random)?;
    let cookies: Vec<_> = random.chunks(16).map(hexadecimal).collect();
    render(policy, port, socket, &cookies)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same, with these cookies, one for each slot: pure.
///
/// # Errors
/// When HAProxy has no such policy.
pub fn render(policy: Policy, port: u16, socket: &Path, cookies: &[String]) -> Result<String, ConfigError> {
    let balance = balance(policy)?;
    let refusals: String = [
        (503, "no_server", "no server is up and takes new sessions", " hdr retry-after 1"),
        (502, "bad_gateway", "the server's connection was lost; the request may have had an effect", ""),
        (504, "gateway_timeout", "the server did not answer in time; the request may have had an effect", ""),
        (400, "malformed", "the request is malformed", ""),
        (408, "malformed", "the request did not arrive in time", ""),
    ]
    .map(refusal)
    .concat();
    let socket = socket.display();
    let mut text = format!(
        "global
    nbthread 1
    stats socket {socket} mode 600 level admin
    hard-stop-after 1s

defaults
    mode http
    timeout connect 1000ms
    timeout server 2000ms
    timeout client 60000ms
    timeout http-request 60000ms
    timeout http-keep-alive 60000ms
    timeout queue 1000ms
    timeout check 500ms
    # Nothing is sent twice: only a connection that was never made is tried again, at once and elsewhere.
    retries 3
    option redispatch 1
    retry-on conn-failure
    option http-no-delay
{refusals}
frontend {FRONTEND}
    bind 127.0.0.1:{port}
    http-request del-header X-Forwarded-For
    http-request set-header X-Forwarded-For %[src]
    http-request set-header Forwarded for=%[src];proto=http
    default_backend {policy}

backend {policy}
{balance}    option httpchk GET {HEALTH}
    http-check expect rstatus ^2
    default-server check inter 250ms rise 1 fall 2 observe layer4 error-limit 1 on-error mark-down
"
    );
    // 256 is 4096 points on the ring, as many as the built-in router has.
    let weight = if policy == Policy::ConsistentHash { " weight 256" } else { "" };
    for (slot, cookie) in cookies.iter().enumerate() {
        let cookie = if policy == Policy::CookieInsert { format!(" cookie {cookie}") } else { String::new() };
        writeln!(text, "    server slot{slot} 127.0.0.1:9{cookie}{weight} disabled")
            .expect("a String takes all");
    }
    Ok(text)
}

fn balance(policy: Policy) -> Result<String, ConfigError> {
    let by_session = |kind: &str| {
        format!(
            "    http-request set-var(txn.key) req.cook({VISITOR_COOKIE})
    http-request set-var(txn.key) req.cook({SESSION_COOKIE_SECURE}) unless {{ var(txn.key) -m found }}
    http-request set-var(txn.key) req.cook({SESSION_COOKIE_PLAIN}) unless {{ var(txn.key) -m found }}
    http-request set-var-fmt(txn.key) %[src]:%[src_port] unless {{ var(txn.key) -m found }}
    balance hash var(txn.key)
    hash-type {kind} sdbm avalanche
"
        )
    };
    Ok(match policy {
        Policy::RoundRobin => "    balance roundrobin\n".into(),
        Policy::LeastConnections => "    balance leastconn\n".into(),
        Policy::SourceIpHash => "    balance source\n    hash-type map-based\n".into(),
        Policy::HashModulo => by_session("map-based"),
        Policy::ConsistentHash => by_session("consistent"),
        // In turn, since requests that bring a cookie do not take a turn: that spreads new sessions evenly.
        Policy::CookieInsert => format!(
            "    balance roundrobin\n    cookie {AFFINITY_COOKIE} insert indirect nocache httponly attr SameSite=Lax\n"
        ),
        Policy::RendezvousHash => return Err(ConfigError::Unsupported(policy)),
    })
}

/// The same answer as the built-in router's, under HAProxy's name.
fn refusal((status, error, detail, headers): (u16, &str, &str, &str)) -> String {
    let body =
        format!(r#"{{"error":"{error}","detail":"{detail}","server":"haproxy"}}"#).replace('\'', "\\u0027");
    format!(
        "    http-error status {status} content-type application/json string '{body}' hdr {SERVED_BY} haproxy{headers}\n"
    )
}

/// Why HAProxy was not steered.
#[derive(Debug, thiserror::Error)]
pub enum HaproxyError {
    /// The id exists.
    #[error("id '{0}' is taken; give every process an id of its own")]
    Taken(String),
    /// The id does not exist.
    #[error("haproxy has no server '{0}'; add it first")]
    Unknown(String),
    /// Every slot has had its process.
    #[error("all {SLOTS} slots of haproxy have been used; use fewer restarts, or the built-in router")]
    NoSlot,
    /// The runtime socket does not answer.
    #[error("haproxy's runtime socket {socket} does not answer: {reason}")]
    Socket {
        /// Where it should be.
        socket: PathBuf,
        /// What happened instead.
        reason: io::Error,
    },
    /// HAProxy does not do what it was told.
    #[error("haproxy answers '{answer}' to '{command}'")]
    Answer {
        /// What it was told.
        command: String,
        /// What it said.
        answer: String,
    },
}

/// A server process in a slot.
#[derive(Debug)]
struct Occupant {
    id: String,
    addr: SocketAddr,
    slot: usize,
    /// Waits for its deadline while it drains.
    draining: Option<tokio::task::AbortHandle>,
}

#[derive(Debug, Default)]
struct Occupants {
    /// In the order in which they were added.
    present: Vec<Occupant>,
    next_slot: usize,
    deadlines: JoinSet<()>,
}

/// Steers a running HAProxy.
#[derive(Debug)]
pub struct Haproxy {
    socket: Arc<PathBuf>,
    occupants: Mutex<Occupants>,
}

impl Haproxy {
    /// The HAProxy whose runtime socket this is. It must not be steered by anybody else.
    pub fn new(socket: &Path) -> Self {
        Haproxy { socket: Arc::new(socket.to_owned()), occupants: Mutex::default() }
    }

    /// Adds a server process, in a slot of its own.
    ///
    /// # Errors
    /// When the id is taken, no slot is left or HAProxy does not follow.
    pub async fn add(&self, id: &str, addr: SocketAddr) -> Result<(), HaproxyError> {
        let policy = self.policy().await?;
        let slot = {
            let mut occupants = self.occupants();
            if occupants.present.iter().any(|occupant| occupant.id == id) {
                return Err(HaproxyError::Taken(id.to_owned()));
            }
            if occupants.next_slot == SLOTS {
                return Err(HaproxyError::NoSlot);
            }
            let slot = occupants.next_slot;
            occupants.next_slot += 1;
            occupants.present.push(Occupant { id: id.to_owned(), addr, slot, draining: None });
            slot
        };
        let command = format!("set server {policy}/slot{slot} addr {} port {}", addr.ip(), addr.port());
        let answer = ask(&self.socket, &command).await?;
        if !answer.contains("changed") {
            return Err(HaproxyError::Answer { command, answer });
        }
        set_state(&self.socket, policy, slot, "ready").await
    }

    /// Sends new sessions elsewhere from now on, and bound ones after the deadline.
    ///
    /// # Errors
    /// When the id is unknown or HAProxy does not follow.
    pub async fn drain(&self, id: &str, deadline: Duration) -> Result<(), HaproxyError> {
        let policy = self.policy().await?;
        let slot = {
            let mut occupants = self.occupants();
            let present = occupants.present.iter_mut();
            let occupant = present.into_iter().find(|occupant| occupant.id == id);
            occupant.ok_or_else(|| HaproxyError::Unknown(id.to_owned()))?.slot
        };
        set_state(&self.socket, policy, slot, "drain").await?;
        let socket = Arc::clone(&self.socket);
        let mut occupants = self.occupants();
        let waiting = occupants.deadlines.spawn(async move {
            tokio::time::sleep(deadline).await;
            // An HAProxy that is gone by now sends nobody anywhere.
            let _gone = set_state(&socket, policy, slot, "maint").await;
        });
        if let Some(occupant) = occupants.present.iter_mut().find(|occupant| occupant.slot == slot) {
            occupant.draining = Some(waiting);
        }
        Ok(())
    }

    /// Sends a server new sessions again.
    ///
    /// # Errors
    /// When the id is unknown or HAProxy does not follow.
    pub async fn undrain(&self, id: &str) -> Result<(), HaproxyError> {
        let policy = self.policy().await?;
        let slot = {
            let mut occupants = self.occupants();
            let mut present = occupants.present.iter_mut();
            let occupant = present.find(|occupant| occupant.id == id);
            let occupant = occupant.ok_or_else(|| HaproxyError::Unknown(id.to_owned()))?;
            if let Some(waiting) = occupant.draining.take() {
                waiting.abort();
            }
            occupant.slot
        };
        set_state(&self.socket, policy, slot, "ready").await
    }

    /// Removes a server process. Its requests in flight are finished.
    ///
    /// # Errors
    /// When the id is unknown or HAProxy does not follow.
    pub async fn remove(&self, id: &str) -> Result<(), HaproxyError> {
        let policy = self.policy().await?;
        let slot = {
            let mut occupants = self.occupants();
            let place = occupants.present.iter().position(|occupant| occupant.id == id);
            let place = place.ok_or_else(|| HaproxyError::Unknown(id.to_owned()))?;
            occupants.present.remove(place).slot
        };
        set_state(&self.socket, policy, slot, "maint").await
    }

    /// What HAProxy thinks of its servers.
    ///
    /// # Errors
    /// When HAProxy does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, HaproxyError> {
        let command = "show stat";
        let table = ask(&self.socket, command).await?;
        let stats = Stats::parse(&table);
        let policy = stats.policy().ok_or_else(|| unclear(command, &table))?;
        let occupants = self.occupants();
        let statuses = occupants.present.iter().map(|occupant| stats.status(policy, occupant));
        let servers: Option<Vec<_>> = statuses.collect();
        Ok(Snapshot { policy, servers: servers.ok_or_else(|| unclear(command, &table))? })
    }

    async fn policy(&self) -> Result<Policy, HaproxyError> {
        let command = "show backend";
        let names = ask(&self.socket, command).await?;
        names.lines().find_map(|name| name.trim().parse().ok()).ok_or_else(|| unclear(command, &names))
    }

    fn occupants(&self) -> MutexGuard<'_, Occupants> {
        // Each change is a single push, removal or assignment: a panic elsewhere leaves the list sound.
        self.occupants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unclear(command: &str, answer: &str) -> HaproxyError {
    HaproxyError::Answer { command: command.to_owned(), answer: answer.trim().to_owned() }
}

async fn set_state(socket: &Path, policy: Policy, slot: usize, state: &str) -> Result<(), HaproxyError> {
    let command = format!("set server {policy}/slot{slot} state {state}");
    let answer = ask(socket, &command).await?;
    if answer.trim().is_empty() { Ok(()) } else { Err(unclear(&command, &answer)) }
}

async fn ask(socket: &Path, command: &str) -> Result<String, HaproxyError> {
    let exchange = async {
        let mut stream = UnixStream::connect(socket).await?;
        stream.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    let answer = match tokio::time::timeout(ANSWER_WITHIN, exchange).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    };
    answer.map_err(|reason| HaproxyError::Socket { socket: socket.to_owned(), reason })
}

/// HAProxy's table of statistics (management guide, 9.1).
struct Stats<'a> {
    columns: HashMap<&'a str, usize>,
    rows: Vec<Vec<&'a str>>,
}

impl<'a> Stats<'a> {
    fn parse(table: &'a str) -> Self {
        let mut lines = table.lines().filter(|line| !line.is_empty());
        let names = lines.next().unwrap_or_default().trim_start_matches("# ");
        Stats {
            columns: names.split(',').zip(0..).collect(),
            rows: lines.map(|line| line.split(',').collect()).collect(),
        }
    }

    fn cell(&self, row: &[&'a str], column: &str) -> Option<&'a str> {
        row.get(*self.columns.get(column)?).copied()
    }

    fn policy(&self) -> Option<Policy> {
        let mut backends = self.rows.iter().filter(|row| self.cell(row, "svname") == Some("BACKEND"));
        backends.find_map(|row| self.cell(row, "pxname")?.parse().ok())
    }

    fn status(&self, policy: Policy, occupant: &Occupant) -> Option<ServerStatus> {
        let name = format!("slot{}", occupant.slot);
        let row = self.rows.iter().find(|row| self.cell(row, "svname") == Some(name.as_str()))?;
        let count = |column: &str| self.cell(row, column)?.parse::<u64>().ok();
        // `UP 1/2` is a server that failed a check, and `DRAIN` one that is up.
        let status = self.cell(row, "status")?;
        let is_up = status.starts_with("UP") || status.starts_with("DRAIN") || status.starts_with("NOLB");
        Some(ServerStatus {
            id: occupant.id.clone(),
            addr: occupant.addr,
            health: if is_up { Health::Up } else { Health::Down },
            draining: occupant.draining.is_some(),
            in_flight: count("scur")?,
            requests: count("stot")?,
            failures: count("eresp")?,
            bound: if policy == Policy::CookieInsert { count("lbtot")? } else { 0 },
        })
    }
}
