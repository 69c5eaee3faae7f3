//! Accepts connections, bounded in number and time, and ends them in good order: used by the proxy and the admin API.

use crate::body::Body;
use crate::log;
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
                    log::line(format_args!("cannot accept a connection: {error}; raise the limit of open files if it lasts"));
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

/// Notices a Content-Length in a request's head. hyper drops it when there is a Transfer-Encoding too, so that nobody
/// after hyper can tell such a request, which is how requests are smuggled, from an honest one.
///
/// Bytes that arrive together with the end of the request before are not watched. A client that pipelines can hide the
/// shape so, and gains nothing: hyper takes the body as chunked and closes the connection after it, and the server is sent
/// a length that the router counted itself.
#[derive(Debug, Default)]
pub struct Sighting {
    past_head: AtomicBool,
    length: AtomicBool,
}

impl Sighting {
    /// Whether the head that was just read has a Content-Length.
    pub fn length(&self) -> bool {
        self.length.load(Relaxed)
    }

    /// The request has been read to its end: what comes now is the head of another.
    pub fn expect_head(&self) {
        self.length.store(false, Relaxed);
        self.past_head.store(false, Relaxed);
    }
}

/// Finds a header line and the end of a head in a stream, wherever the stream is cut.
#[derive(Debug, Default)]
struct Finder {
    /// Bytes of this line so far, without its end.
    line: usize,
    /// How many of them, from the first, are those of the wanted name.
    matched: usize,
    /// Empty lines before the request line do not end the head.
    began: bool,
}

impl Finder {
    const WANTED: &[u8] = b"content-length";

    fn watch(&mut self, bytes: &[u8], sighting: &Sighting) {
        if sighting.past_head.load(Relaxed) {
            return;
        }
        for byte in bytes {
            match byte {
                b'\n' if self.line == 0 && self.began => {
                    *self = Finder::default();
                    return sighting.past_head.store(true, Relaxed);
                }
                b'\n' => *self = Finder { began: self.began || self.line > 0, ..Finder::default() },
                b'\r' => {}
                byte => {
                    if self.line == self.matched
                        && Self::WANTED.get(self.line) == Some(&byte.to_ascii_lowercase())
                    {
                        self.matched += 1;
                        if self.matched == Self::WANTED.len() {
                            sighting.length.store(true, Relaxed);
                        }
                    }
                    self.line += 1;
                }
            }
        }
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
        let wire = &mut *self;
        wire.finder.watch(new, &wire.sighting);
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

    fn length_in(pieces: &[&[u8]]) -> bool {
        let (mut finder, sighting) = (Finder::default(), Sighting::default());
        pieces.iter().for_each(|piece| finder.watch(piece, &sighting));
        sighting.length()
    }

    #[test]
    fn a_length_in_the_head_is_seen_wherever_the_stream_is_cut() {
        let stream = b"\r\n\nPOST / HTTP/1.1\r\nHost: x\r\nCoNtEnt-LENGTH: 3\r\n\r\nabc";
        for cut in 0..stream.len() {
            let (first, second) = stream.split_at(cut);
            assert!(length_in(&[first, second]), "cut at {cut}");
        }
    }

    #[test]
    fn nothing_else_is_a_length_in_the_head() {
        let chunked =
            "POST / HTTP/1.1\r\nX-Content-Length: 3\r\nContent-Lengt: 3\r\nVia: content-length: 3\r\n\r\n";
        let body = "3\r\nabc\r\n0\r\n\r\ncontent-length: 3\r\n";
        assert!(!length_in(&[chunked.as_bytes(), body.as_bytes()]));
        assert!(!length_in(&[[chunked, body].concat().as_bytes()]));
    }

    #[test]
    fn the_next_head_is_watched_again() {
        let (mut finder, sighting) = (Finder::default(), Sighting::default());
        finder.watch(b"GET / HTTP/1.1\r\ncontent-length: 3\r\n\r\n", &sighting);
        finder.watch(b"abc", &sighting);
        sighting.expect_head();
        finder.watch(b"GET / HTTP/1.1\r\n\r\n", &sighting);
        assert!(!sighting.length());
        sighting.expect_head();
        finder.watch(b"GET / HTTP/1.1\r\ncontent-length: 3\r\n\r\n", &sighting);
        assert!(sighting.length());
    }
}
