//! Accepts connections, bounded in number and time, and ends them in good order: used by the proxy and the admin API.

use crate::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Sleep;

/// Connections that the kernel holds until they are accepted; it lowers this to its own limit.
const BACKLOG: u32 = 4096;

/// The longest request head.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// The pause after a failed accept, which most often means that there is no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Bounds on client connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// More connections than this wait in the kernel's queue.
    pub max_connections: usize,
    /// A connection is closed when the next request's head is not complete after this: idle or slow.
    pub header_timeout: Duration,
    /// A connection is closed when the client takes nothing of an answer for this long.
    pub write_timeout: Duration,
    /// How long connections may go on after the order to stop.
    pub grace: Duration,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr} ({flag}): {reason}; choose another port, or 0 to let the kernel choose")]
pub struct BindError {
    flag: &'static str,
    addr: SocketAddr,
    reason: io::Error,
}

/// Binds the address that `flag` gave.
pub fn bind(addr: SocketAddr, flag: &'static str) -> Result<TcpListener, BindError> {
    let bound = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Without it, connections of a router that just ended would keep its port taken.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|reason| BindError { flag, addr, reason })
}

/// What answers the requests of a listener's connections.
pub trait Responder: Send + Sync + 'static {
    /// What it knows of a client for as long as a connection lasts.
    type Client: Send + Sync;

    /// A client has connected from this address. `sighting` tells what is seen on its connection.
    fn client(&self, addr: SocketAddr, sighting: Arc<Sighting>) -> Self::Client;

    /// Answers one request.
    fn answer(
        &self,
        client: &Self::Client,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves connections until `stop` is true, then for the grace. Answers with the number of connections that were cut off.
pub async fn serve<R: Responder>(
    listener: TcpListener,
    limits: Limits,
    stop: watch::Receiver<bool>,
    responder: Arc<R>,
) -> usize {
    let mut stopped = stop.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = ordered(&mut stopped) => break,
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limits.max_connections => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(converse(stream, peer, limits.clone(), Arc::clone(&responder), stop.clone()));
                }
                Err(error) => {
                    eprintln!("router: cannot accept a connection: {error}; raise the limit of open files if it lasts");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // Whether they ended or not, the number that is left tells.
    let _elapsed = tokio::time::timeout(limits.grace, ended).await;
    connections.len()
}

/// Waits for the order to stop.
async fn ordered(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could give the order, which is one too.
    let _order = stop.wait_for(|stop| *stop).await;
}

async fn converse<R: Responder>(
    stream: TcpStream,
    peer: SocketAddr,
    limits: Limits,
    responder: Arc<R>,
    mut stop: watch::Receiver<bool>,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let sighting = Arc::new(Sighting::default());
    let client = responder.client(peer, Arc::clone(&sighting));
    let (responder, client) = (&responder, &client);
    let service =
        service_fn(
            move |request| async move { Ok::<_, Infallible>(responder.answer(client, request).await) },
        );
    let wire =
        Wire { stream, finder: Finder::default(), sighting, timeout: limits.write_timeout, blocked: None };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(wire), service);
    let mut connection = pin!(connection);
    // How a client's connection ends is the client's business: it left, was too slow, or sent what is not HTTP.
    tokio::select! {
        biased;
        _ended = connection.as_mut() => return,
        () = ordered(&mut stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}

/// Notices a Content-Length on the wire. hyper drops it when there is a Transfer-Encoding too, so that nobody after hyper
/// can tell such a request, which is how requests are smuggled, from an honest one.
#[derive(Debug, Default)]
pub struct Sighting {
    length: AtomicBool,
}

impl Sighting {
    /// Whether a line began with Content-Length since this was last asked.
    pub fn take_length(&self) -> bool {
        self.length.swap(false, Relaxed)
    }
}

/// Finds a line's beginning in a stream, wherever the stream is cut.
#[derive(Debug, Default)]
struct Finder {
    matched: usize,
}

impl Finder {
    const WANTED: &[u8] = b"\ncontent-length";

    fn found_in(&mut self, bytes: &[u8]) -> bool {
        let mut found = false;
        for byte in bytes {
            self.matched = match byte {
                b'\n' => 1,
                byte if self.matched > 0 && byte.to_ascii_lowercase() == Self::WANTED[self.matched] => {
                    self.matched + 1
                }
                _ => 0,
            };
            if self.matched == Self::WANTED.len() {
                found = true;
                self.matched = 0;
            }
        }
        found
    }
}

/// A client's connection: it watches what comes in, and does not wait for ever for what goes out.
struct Wire {
    stream: TcpStream,
    finder: Finder,
    sighting: Arc<Sighting>,
    timeout: Duration,
    blocked: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    fn bounded<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.blocked = None;
            return result;
        }
        let timeout = self.timeout;
        let blocked = self.blocked.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        blocked.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let new = buffer.filled().get(before..).unwrap_or_default();
        if self.finder.found_in(new) {
            self.sighting.length.store(true, Relaxed);
        }
        result
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.bounded(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_seen_wherever_the_stream_is_cut_and_nowhere_else() {
        let stream = b"POST / HTTP/1.1\r\nX-Content-Length: 1\r\n\ncontent\n\nCoNtEnt-LENGTH: 3\r\n";
        for cut in 0..stream.len() {
            let mut finder = Finder::default();
            let (first, second) = stream.split_at(cut);
            assert!(finder.found_in(first) | finder.found_in(second), "cut at {cut}");
        }
        assert!(!Finder::default().found_in(b"content-length: 3\r\nx-content-length: 3\r\ncontent-lengt: 3"));
    }
}
