//! Bodies: a request's is read whole, bounded in size and time; an answer's is streamed, and only its end tells whether
//! the server did its part.

use crate::pool::Sender;
use crate::registry::Server;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// Why a request's body was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UnreadBody {
    /// Longer than allowed.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time.
    #[error("the body did not arrive within {0:?}")]
    TooSlow(Duration),
    /// Its framing is wrong, or the client left.
    #[error("the body is malformed: {0}")]
    Malformed(hyper::Error),
}

/// Reads a request's body.
pub async fn read(body: Incoming, limit_bytes: usize, timeout: Duration) -> Result<Bytes, UnreadBody> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > limit_bytes as u64 {
        return Err(UnreadBody::TooLarge(limit_bytes));
    }
    let read = tokio::time::timeout(timeout, collect(body, limit_bytes)).await;
    read.unwrap_or(Err(UnreadBody::TooSlow(timeout)))
}

async fn collect(mut body: Incoming, limit_bytes: usize) -> Result<Bytes, UnreadBody> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are dropped, like every other hop-by-hop part.
        let Ok(data) = frame.map_err(UnreadBody::Malformed)?.into_data() else { continue };
        if first.len() + joined.len() + data.len() > limit_bytes {
            return Err(UnreadBody::TooLarge(limit_bytes));
        }
        if first.is_empty() && joined.is_empty() {
            // Almost every body is one frame, and then nothing is copied.
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// One request at one server, counted from the pick until the answer's end. Whatever ends it, the counts come right.
#[derive(Debug)]
pub struct Flight {
    server: Arc<Server>,
    binding: bool,
}

impl Flight {
    /// Starts to count. `binding` tells that the answer will bind the session.
    pub fn start(server: Arc<Server>, binding: bool) -> Self {
        server.counts.in_flight.fetch_add(1, Relaxed);
        if binding {
            server.counts.binding.fetch_add(1, Relaxed);
        }
        Flight { server, binding }
    }

    /// The server.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// The request is being sent.
    pub fn sent(&self) {
        self.server.counts.requests.fetch_add(1, Relaxed);
    }

    /// It was given back: not a byte of it was sent.
    pub fn given_back(&self) {
        self.server.counts.requests.fetch_sub(1, Relaxed);
    }

    /// It got no complete answer.
    pub fn failed(&self) {
        self.server.counts.failures.fetch_add(1, Relaxed);
    }

    /// Whether the answer must carry the cookie, which is thereby issued.
    pub fn bind(&mut self) -> bool {
        let bind = std::mem::take(&mut self.binding);
        if bind {
            self.server.counts.bound.fetch_add(1, Relaxed);
            self.server.counts.binding.fetch_sub(1, Relaxed);
        }
        bind
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.server.counts.in_flight.fetch_sub(1, Relaxed);
        if self.binding {
            self.server.counts.binding.fetch_sub(1, Relaxed);
        }
    }
}

/// Why an answer's body broke off. The client's connection is then closed, which is all that HTTP/1 can say.
#[derive(Debug, thiserror::Error)]
pub enum BrokenBody {
    /// The server's connection was lost.
    #[error("the server's connection was lost: {0}")]
    Lost(hyper::Error),
    /// The server went silent.
    #[error("the server sent nothing for {0:?}")]
    Silent(Duration),
}

/// An answer's body.
#[derive(Debug)]
pub enum Body {
    /// The router's own.
    Own(Option<Bytes>),
    /// A server's.
    Streamed(Streamed),
}

/// A server's body on its way to the client.
#[derive(Debug)]
pub struct Streamed {
    incoming: Incoming,
    /// Present until the body's end: dropped before it, they close the connection to the server.
    exchange: Option<(Flight, Sender)>,
    timeout: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl Streamed {
    /// A body that gives its connection back at its end. `timeout` bounds the server's silence.
    pub fn new(incoming: Incoming, flight: Flight, sender: Sender, timeout: Duration) -> Self {
        let mut body = Streamed { incoming, exchange: Some((flight, sender)), timeout, silence: None };
        body.finish_at_end();
        body
    }

    fn finish_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Some((flight, sender)) = self.exchange.take() {
            flight.server().pool.put(sender);
        }
    }

    fn fail(&mut self) {
        if let Some((flight, _sender)) = self.exchange.take() {
            flight.failed();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.silence = None;
                self.finish_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.fail();
                Poll::Ready(Some(Err(BrokenBody::Lost(error))))
            }
            Poll::Ready(None) => {
                self.finish();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let timeout = self.timeout;
                let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
                if silence.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.fail();
                Poll::Ready(Some(Err(BrokenBody::Silent(timeout))))
            }
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        match self.get_mut() {
            Body::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Body::Streamed(body) => body.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Own(bytes) => bytes.is_none(),
            Body::Streamed(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Body::Streamed(body) => body.incoming.size_hint(),
        }
    }
}
