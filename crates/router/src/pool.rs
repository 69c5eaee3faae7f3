//! The idle connections to one server, and how a new one is made.
//!
//! Invariant: a connection is in the pool only between two exchanges, and at most one request at a time is on it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// The request's body: read whole before anything is sent, so that a request that was not sent can go elsewhere.
pub type Outgoing = Full<Bytes>;

/// A connection to a server, able to send the next request.
pub type Sender = SendRequest<Outgoing>;

/// More idle connections than this are closed: enough for what one core can have in flight.
const IDLE_MAX: usize = 1024;

/// Why there is no connection. Nothing was sent in any case.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there: the process is gone.
    #[error("connection to {0} refused; its process is gone")]
    Refused(SocketAddr),
    /// No answer to the attempt.
    #[error("connection to {0} timed out; its queue is full or the network is cut")]
    TimedOut(SocketAddr),
    /// Anything else, such as no free file descriptor.
    #[error("cannot connect to {addr}: {reason}")]
    Other {
        /// Where to.
        addr: SocketAddr,
        /// What the kernel or the handshake said.
        reason: String,
    },
}

/// Idle connections, the most recently used first, so that in quiet times the rest grows old and is closed.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<(Sender, Instant)>,
    closed: bool,
}

impl Pool {
    /// An idle connection that is still open, as far as can be known.
    pub fn take(&self, idle_timeout: Duration) -> Option<Sender> {
        let mut idle = self.lock();
        let mut place = idle.connections.len();
        while place > 0 {
            place -= 1;
            let (sender, since) = &idle.connections[place];
            if sender.is_closed() || since.elapsed() > idle_timeout {
                idle.connections.remove(place);
            } else if sender.is_ready() {
                return Some(idle.connections.remove(place).0);
            }
            // Neither: its last answer was read a moment ago and its task has not run since. It is left for the next.
        }
        None
    }

    /// Gives a connection back after an exchange that came to its end.
    pub fn put(&self, sender: Sender) {
        let mut idle = self.lock();
        if !idle.closed && !sender.is_closed() && idle.connections.len() < IDLE_MAX {
            idle.connections.push((sender, Instant::now()));
        }
    }

    /// Closes what nobody used for this long.
    pub fn sweep(&self, idle_timeout: Duration) {
        self.lock()
            .connections
            .retain(|(sender, since)| !sender.is_closed() && since.elapsed() <= idle_timeout);
    }

    /// Closes what is idle now.
    pub fn clear(&self) {
        self.lock().connections.clear();
    }

    /// Closes what is idle now, and later what is given back.
    pub fn close(&self) {
        let mut idle = self.lock();
        idle.closed = true;
        idle.connections.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing can panic half way through a change of the list, so a poisoned lock guards a sound one.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a connection. Its task lives as long as the [`Sender`], or an answer that is still being read.
pub async fn connect(addr: SocketAddr, timeout: Duration) -> Result<Sender, ConnectError> {
    let other = |reason: String| ConnectError::Other { addr, reason };
    let stream = match tokio::time::timeout(timeout, TcpStream::connect(addr)).await {
        Err(_elapsed) => return Err(ConnectError::TimedOut(addr)),
        Ok(Err(error)) => return Err(failed_connect(addr, &error)),
        Ok(Ok(stream)) => stream,
    };
    stream.set_nodelay(true).map_err(|error| other(error.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| other(error.to_string()))?;
    // How it ended is told to whoever waits for an answer on it; without one, an idle connection was closed.
    tokio::spawn(connection);
    sender.ready().await.map_err(|error| other(error.to_string()))?;
    Ok(sender)
}

fn failed_connect(addr: SocketAddr, error: &io::Error) -> ConnectError {
    match error.kind() {
        ErrorKind::ConnectionRefused => ConnectError::Refused(addr),
        _ => ConnectError::Other { addr, reason: error.to_string() },
    }
}
