//! The router's seat: the built-in router or HAProxy, started and steered through one interface.

use crate::error::DriverError;
use crate::haproxy::{self, Haproxy};
use crate::http;
use crate::process::{Process, Spec};
use crate::program::{self, Program};
use crate::store::free_port;
use nix::sys::signal::Signal;
use protocol::admin::{AddServer, Drain, POLICY, Policy, SERVERS, SetPolicy, Snapshot};
use protocol::process::Ready;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Who sits in the router's seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouterKind {
    /// The lab's own router.
    Builtin,
    /// HAProxy, as Debian ships it.
    Haproxy,
}

impl RouterKind {
    /// The name that flags and journals use.
    pub fn name(self) -> &'static str {
        match self {
            RouterKind::Builtin => "builtin",
            RouterKind::Haproxy => "haproxy",
        }
    }
}

/// A running router.
pub struct Seat {
    process: Process,
    addr: SocketAddr,
    steering: Steering,
}

enum Steering {
    Admin { http: reqwest::Client, base: String, token: String },
    Socket(Haproxy),
}

const READY_WITHIN: Duration = Duration::from_secs(10);

impl Seat {
    /// Starts a router without servers, under this name.
    ///
    /// # Errors
    /// When it does not come up, or does not know the policy.
    pub async fn start(
        kind: RouterKind,
        policy: Policy,
        name: &str,
        run: &str,
        folder: &Path,
        logs: &Path,
    ) -> Result<Self, DriverError> {
        match kind {
            RouterKind::Builtin => Self::start_builtin(policy, name, run, folder, logs).await,
            RouterKind::Haproxy => Self::start_haproxy(policy, name, run, folder, logs).await,
        }
    }

    async fn start_builtin(
        policy: Policy,
        name: &str,
        run: &str,
        folder: &Path,
        logs: &Path,
    ) -> Result<Self, DriverError> {
        let token = secret();
        let token_file = folder.join("admin-token");
        write_secret(&token_file, &token)?;
        let mut command = Command::new(program::own("router")?);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--policy", policy.name()]);
        command.arg("--admin-token-file").arg(&token_file);
        let log = logs.join(format!("{name}.log"));
        let spec = Spec { name, command, death_signal: Signal::SIGKILL, log, says_ready: true };
        let mut process = Process::start(run, spec)?;
        let line = process.ready_line(READY_WITHIN).await?;
        let Some(Ready::Router { addr, admin_addr, .. }) = Ready::from_line(&line) else {
            return Err(DriverError::child(
                name,
                format!("said '{line}' instead of a Ready line"),
                process.log(),
            ));
        };
        let http = http::client(Duration::from_secs(2))?;
        let steering = Steering::Admin { http, base: format!("http://{admin_addr}"), token };
        Ok(Self { process, addr, steering })
    }

    async fn start_haproxy(
        policy: Policy,
        name: &str,
        run: &str,
        folder: &Path,
        logs: &Path,
    ) -> Result<Self, DriverError> {
        let executable = Program::Haproxy.find()?;
        let socket = folder.join("haproxy.sock");
        let mut tries = 0;
        loop {
            tries += 1;
            let port = free_port()?;
            let text = haproxy::config(policy, port, &socket)
                .map_err(|e| DriverError::Unsupported(e.to_string()))?;
            let file = folder.join("haproxy.cfg");
            std::fs::write(&file, text).map_err(|e| DriverError::io(&file, e))?;
            let mut command = Command::new(&executable);
            command.arg("-db").arg("-f").arg(&file);
            let log = logs.join(format!("{name}.log"));
            let spec = Spec { name, command, death_signal: Signal::SIGKILL, log, says_ready: false };
            let process = Process::start(run, spec)?;
            let seat = Self {
                process,
                addr: SocketAddr::from(([127, 0, 0, 1], port)),
                steering: Steering::Socket(Haproxy::new(&socket)),
            };
            let deadline = Instant::now() + READY_WITHIN;
            while seat.process.is_running() && Instant::now() < deadline {
                if seat.snapshot().await.is_ok() && seat.process.is_running() {
                    return Ok(seat);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if tries >= 5 || seat.process.is_running() {
                return Err(DriverError::child(name, "haproxy does not come up", seat.process.log()));
            }
        }
    }

    /// Where shoppers are served.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The router's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Adds a server process.
    ///
    /// # Errors
    /// When the router refuses or does not answer.
    pub async fn add(&self, id: &str, addr: SocketAddr) -> Result<(), DriverError> {
        match &self.steering {
            Steering::Admin { http, base, token } => {
                let body = AddServer { id: id.to_owned(), addr };
                let request = http.post(format!("{base}{SERVERS}")).bearer_auth(token).json(&body);
                self.accepted(request.send().await, "add a server").await.map(|_| ())
            }
            Steering::Socket(haproxy) => haproxy.add(id, addr).await.map_err(|e| self.refused(e.to_string())),
        }
    }

    /// Removes a server process.
    ///
    /// # Errors
    /// When the router refuses or does not answer.
    pub async fn remove(&self, id: &str) -> Result<(), DriverError> {
        match &self.steering {
            Steering::Admin { http, base, token } => {
                let request = http.delete(format!("{base}{SERVERS}/{id}")).bearer_auth(token);
                self.accepted(request.send().await, "remove a server").await.map(|_| ())
            }
            Steering::Socket(haproxy) => haproxy.remove(id).await.map_err(|e| self.refused(e.to_string())),
        }
    }

    /// Sends new sessions elsewhere from now on, and bound ones after the deadline.
    ///
    /// # Errors
    /// When the router refuses or does not answer.
    pub async fn drain(&self, id: &str, deadline: Duration) -> Result<(), DriverError> {
        match &self.steering {
            Steering::Admin { http, base, token } => {
                let body = Drain { deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX) };
                let request = http.post(format!("{base}{SERVERS}/{id}/drain")).bearer_auth(token).json(&body);
                self.accepted(request.send().await, "drain a server").await.map(|_| ())
            }
            Steering::Socket(haproxy) => {
                haproxy.drain(id, deadline).await.map_err(|e| self.refused(e.to_string()))
            }
        }
    }

    /// Sends a server that drains new sessions again.
    ///
    /// # Errors
    /// When the router refuses or does not answer.
    pub async fn undrain(&self, id: &str) -> Result<(), DriverError> {
        match &self.steering {
            Steering::Admin { http, base, token } => {
                let request = http.delete(format!("{base}{SERVERS}/{id}/drain")).bearer_auth(token);
                self.accepted(request.send().await, "end a drain").await.map(|_| ())
            }
            Steering::Socket(haproxy) => haproxy.undrain(id).await.map_err(|e| self.refused(e.to_string())),
        }
    }

    /// Makes the router choose servers in another way; answers how it chooses now.
    ///
    /// # Errors
    /// When the router refuses, does not answer, or cannot change while it runs.
    pub async fn set_policy(&self, policy: Policy) -> Result<Policy, DriverError> {
        match &self.steering {
            Steering::Admin { http, base, token } => {
                let request =
                    http.put(format!("{base}{POLICY}")).bearer_auth(token).json(&SetPolicy { policy });
                let body = self.accepted(request.send().await, "change its policy").await?;
                let snapshot: Snapshot =
                    serde_json::from_slice(&body).map_err(|e| self.refused(e.to_string()))?;
                Ok(snapshot.policy)
            }
            Steering::Socket(_) => {
                Err(DriverError::Unsupported("HAProxy cannot change its policy while it runs".to_owned()))
            }
        }
    }

    /// What the router thinks of its servers.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, DriverError> {
        match &self.steering {
            Steering::Admin { http, base, token } => {
                let request = http.get(format!("{base}{SERVERS}")).bearer_auth(token);
                let body = self.accepted(request.send().await, "list the servers").await?;
                serde_json::from_slice(&body).map_err(|e| self.refused(e.to_string()))
            }
            Steering::Socket(haproxy) => haproxy.snapshot().await.map_err(|e| self.refused(e.to_string())),
        }
    }

    async fn accepted(
        &self,
        answer: Result<reqwest::Response, reqwest::Error>,
        what: &str,
    ) -> Result<Vec<u8>, DriverError> {
        let answer = answer.map_err(|e| self.refused(format!("cannot {what}: {e}")))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|e| self.refused(format!("cannot {what}: {e}")))?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            return Err(self.refused(format!("does not {what}: {status} {text}")));
        }
        Ok(body.to_vec())
    }

    fn refused(&self, what: String) -> DriverError {
        DriverError::child(self.process.name(), what, self.process.log())
    }
}

/// A secret for one run: 64 random bytes in hexadecimal.
///
/// # Panics
/// When the operating system has no randomness to give.
pub fn secret() -> String {
    let mut bytes = [0_u8; 64];
    getrandom::fill(&mut bytes).expect("the operating system's random source failed");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// Those of the file system.
pub fn write_secret(path: &Path, text: &str) -> Result<(), DriverError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| DriverError::io(path, e))
}
