//! A relay on an edge: started like every other process, and steered over its admin API.

use crate::error::DriverError;
use crate::http;
use crate::process::{Process, Spec};
use crate::program;
use crate::seat::{secret, write_secret};
use nix::sys::signal::Signal;
use protocol::process::Ready;
use protocol::relay::{LEVEL, Level, STATE, SetUpstream, State, UPSTREAM};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const READY_WITHIN: Duration = Duration::from_secs(10);
/// Longer than the relay itself waits until every connection has read a level.
const ANSWER_WITHIN: Duration = Duration::from_secs(7);

/// A running relay.
pub struct Relay {
    process: Process,
    addr: SocketAddr,
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Relay {
    /// Starts a calm relay under a name that nothing else in the trial has: its token is kept in `folder`, its output in `logs`.
    /// Nobody need listen at the upstream yet.
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
        let http = http::client(ANSWER_WITHIN)?;
        Ok(Self { process, addr, base: format!("http://{admin_addr}"), token, http })
    }

    /// Where to connect instead of to the upstream.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The relay's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Sets the level; heals with `Level::default()`. When this returns, every open connection has read it.
    ///
    /// # Errors
    /// When the relay does not do it.
    pub async fn set_level(&self, level: Level) -> Result<State, DriverError> {
        self.ask(self.http.put(format!("{}{LEVEL}", self.base)).json(&level), "set the level").await
    }

    /// Sends new connections elsewhere; those that are open keep their upstream.
    ///
    /// # Errors
    /// When the relay does not do it.
    pub async fn set_upstream(&self, upstream: SocketAddr) -> Result<State, DriverError> {
        let request = self.http.put(format!("{}{UPSTREAM}", self.base)).json(&SetUpstream { upstream });
        self.ask(request, "set the upstream").await
    }

    /// Its level and its counts.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn state(&self) -> Result<State, DriverError> {
        self.ask(self.http.get(format!("{}{STATE}", self.base)), "tell its state").await
    }

    async fn ask(&self, request: reqwest::RequestBuilder, what: &str) -> Result<State, DriverError> {
        let failed = |why: String| {
            DriverError::child(self.process.name(), format!("does not {what}: {why}"), self.process.log())
        };
        let answer = request.bearer_auth(&self.token).send().await.map_err(|e| failed(e.to_string()))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|e| failed(e.to_string()))?;
        if !status.is_success() {
            return Err(failed(format!("{status} {}", String::from_utf8_lossy(&body))));
        }
        serde_json::from_slice(&body).map_err(|e| failed(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::relay::Lane;
    use std::io::ErrorKind;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn exchange(client: &mut TcpStream, server: &mut TcpStream) {
        client.write_all(b"?").await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'?');
    }

    #[tokio::test]
    async fn a_relay_is_started_steered_asked_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let relay =
            Relay::start("relay-store", upstream, "a-run", folder.path(), folder.path()).await.unwrap();
        let mut client = TcpStream::connect(relay.addr()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        exchange(&mut client, &mut server).await;

        let up = Lane { delay_ms: 30, ..Lane::default() };
        let state = relay.set_level(Level { up, ..Level::default() }).await.unwrap();
        assert_eq!((state.read_by, state.unread_by, state.level.up), (1, 0, up));
        let begin = std::time::Instant::now();
        exchange(&mut client, &mut server).await;
        assert!(begin.elapsed() >= Duration::from_millis(30));

        let state = relay.set_level(Level { refuse: true, ..Level::default() }).await.unwrap();
        assert_eq!((state.listening, state.resets), (false, 1));
        assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);

        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        relay.set_level(Level::default()).await.unwrap();
        relay.set_upstream(other.local_addr().unwrap()).await.unwrap();
        let mut client = TcpStream::connect(relay.addr()).await.unwrap();
        client.write_all(b"?").await.unwrap();
        let arrived = async {
            // The relay looks whether somebody is there, which brings nothing.
            while !matches!(other.accept().await.unwrap().0.read_u8().await, Ok(b'?')) {}
        };
        tokio::time::timeout(Duration::from_secs(10), arrived).await.unwrap();
        let state = relay.state().await.unwrap();
        assert_eq!((state.bytes_up, state.held_bytes, state.connections_total), (3, 0, 2));

        assert_eq!(relay.process().stop(Signal::SIGTERM, Duration::from_secs(5)).await.unwrap(), "code 0");
        let error = relay.state().await.unwrap_err().to_string();
        assert!(error.contains("relay-store: does not tell its state"), "{error}");
    }
}
