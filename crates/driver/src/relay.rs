//! A relay on an edge: started before what uses it, steered over its admin API.

use crate::error::DriverError;
use crate::process::{Process, Spec};
use crate::program;
use crate::seat::{secret, write_secret};
use nix::sys::signal::Signal;
use protocol::process::Ready;
use protocol::relay::{LEVEL, Level, STATE, SetUpstream, State, UPSTREAM};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A running relay.
pub struct Relay {
    process: Process,
    addr: SocketAddr,
    base: String,
    token: String,
    http: reqwest::Client,
}

const READY_WITHIN: Duration = Duration::from_secs(10);

impl Relay {
    /// Starts a calm relay before `upstream`.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(
        name: &str,
        upstream: SocketAddr,
        run: &str,
        folder: &Path,
        logs: &Path,
    ) -> Result<Self, DriverError> {
        let token = secret();
        let token_file = folder.join(format!("{name}-token"));
        write_secret(&token_file, &token)?;
        let mut command = Command::new(program::own("relay")?);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--upstream").arg(upstream.to_string()).arg("--admin-token-file").arg(&token_file);
        let log = logs.join(format!("{name}.log"));
        let spec = Spec { name, command, death_signal: Signal::SIGKILL, log, says_ready: true };
        let mut process = Process::start(run, spec)?;
        let line = process.ready_line(READY_WITHIN).await?;
        let Some(Ready::Relay { addr, admin_addr, .. }) = Ready::from_line(&line) else {
            let what = format!("said '{line}' instead of a Ready line");
            return Err(DriverError::child(name, what, process.log()));
        };
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .no_proxy()
            .build()
            .map_err(|e| DriverError::child(name, format!("no HTTP client: {e}"), process.log()))?;
        Ok(Self { process, addr, base: format!("http://{admin_addr}"), token, http })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What it does and has done.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn state(&self) -> Result<State, DriverError> {
        self.ask(self.http.get(format!("{}{STATE}", self.base))).await
    }

    /// Sets what is done to every connection, and waits until every open one has read it.
    ///
    /// # Errors
    /// When it refuses or does not answer.
    pub async fn set_level(&self, level: Level) -> Result<State, DriverError> {
        self.put(LEVEL, &level).await
    }

    /// Sets where new connections go.
    ///
    /// # Errors
    /// When it refuses or does not answer.
    pub async fn set_upstream(&self, upstream: SocketAddr) -> Result<State, DriverError> {
        self.put(UPSTREAM, &SetUpstream { upstream }).await
    }

    async fn put(&self, path: &str, body: &impl Serialize) -> Result<State, DriverError> {
        self.ask(self.http.put(format!("{}{path}", self.base)).json(body)).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<State, DriverError> {
        let failed = |what: String| DriverError::child(self.process.name(), what, self.process.log());
        let answer = request.bearer_auth(&self.token).send().await;
        let answer = answer.map_err(|e| failed(format!("does not answer: {e}")))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|e| failed(format!("does not answer: {e}")))?;
        if !status.is_success() {
            return Err(failed(format!("says {status}: {}", String::from_utf8_lossy(&body))));
        }
        serde_json::from_slice(&body).map_err(|e| failed(format!("answers what is not a state: {e}")))
    }
}
