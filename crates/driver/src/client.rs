//! One shopper's HTTP: one connection, one cookie jar, and the exact fate of each request.

use crate::clock::Clock;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use protocol::app::{SERVED_BY, SESSION_COOKIE_PLAIN};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// A longer answer is no cart.
const MOST_BODY_BYTES: usize = 1 << 20;

/// What a request came to.
pub struct Exchange {
    /// When its first byte was handed to the socket; `None` when none was.
    pub sent_us: Option<u64>,
    /// When the head of the answer was there.
    pub first_byte_us: Option<u64>,
    /// When it was over.
    pub done_us: u64,
    /// The answer, complete to its last byte, or what happened instead.
    pub answer: Result<Answer, String>,
    /// Fingerprint of the session cookie that was sent.
    pub sid: Option<String>,
}

/// A complete answer.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The process that says it answered.
    pub server: Option<String>,
    /// The body.
    pub body: Bytes,
    /// Fingerprint of the session cookie that it set.
    pub new_sid: Option<String>,
}

/// One shopper's end of the line.
pub struct Client {
    addr: SocketAddr,
    host: String,
    timeout: Duration,
    clock: Clock,
    connection: Option<SendRequest<Full<Bytes>>>,
    jar: BTreeMap<String, String>,
}

impl Client {
    /// A client without cookies and without a connection.
    pub fn new(addr: SocketAddr, timeout: Duration, clock: Clock) -> Self {
        Self { addr, host: addr.to_string(), timeout, clock, connection: None, jar: BTreeMap::new() }
    }

    /// Sends one request, once, and waits for the last byte of its answer or for the time-out.
    pub async fn send(&mut self, method: Method, path: &str, body: Option<Vec<u8>>) -> Exchange {
        let sid = self.jar.get(SESSION_COOKIE_PLAIN).map(|value| fingerprint(value));
        let mut exchange =
            Exchange { sent_us: None, first_byte_us: None, done_us: 0, answer: Err(String::new()), sid };
        let timeout = self.timeout;
        let answered = tokio::time::timeout(timeout, self.exchange(method, path, body, &mut exchange)).await;
        exchange.answer = answered.unwrap_or_else(|_| {
            // The answer may still come; on this connection it would be taken for the next one's.
            self.connection = None;
            Err(format!("no answer within {} ms", timeout.as_millis()))
        });
        if exchange.answer.is_err() {
            self.connection = None;
        }
        exchange.done_us = self.clock.now_us();
        exchange
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        exchange: &mut Exchange,
    ) -> Result<Answer, String> {
        let mut request = self.request(method, path, body)?;
        // A connection that was closed between two requests is no failure of the service. hyper gives back a request of
        // which not one byte was written, so that sending it on a new connection is no retry.
        for _ in 0..2 {
            if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
                self.connection = Some(self.connect().await?);
            }
            let Some(connection) = self.connection.as_mut() else { break };
            if connection.ready().await.is_err() {
                self.connection = None;
                continue;
            }
            exchange.sent_us = Some(self.clock.now_us());
            match connection.try_send_request(request).await {
                Ok(answer) => {
                    exchange.first_byte_us = Some(self.clock.now_us());
                    return self.complete(answer).await;
                }
                Err(mut e) => {
                    self.connection = None;
                    match e.take_message() {
                        Some(unsent) => {
                            exchange.sent_us = None;
                            request = unsent;
                        }
                        None => return Err(describe(e.error())),
                    }
                }
            }
        }
        Err("the connection was closed before the request could be sent".to_owned())
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream =
            TcpStream::connect(self.addr).await.map_err(|e| format!("no connection: {}", e.kind()))?;
        stream.set_nodelay(true).map_err(|e| format!("no connection: {}", e.kind()))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| describe(&e))?;
        // Ends when the sender is dropped or the peer closes.
        tokio::task::spawn_local(connection);
        Ok(sender)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
        if !self.jar.is_empty() {
            let pairs: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(|e| e.to_string())
    }

    async fn complete(&mut self, answer: http::Response<hyper::body::Incoming>) -> Result<Answer, String> {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MOST_BODY_BYTES).collect().await;
        let body = body.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes();
        // Only a complete answer changes the jar, as only a complete answer counts.
        let new_sid = self.take_cookies(&head.headers);
        let server = head.headers.get(SERVED_BY).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { status: head.status.as_u16(), server, body, new_sid })
    }

    /// Takes the cookies of an answer (RFC 6265: name, value and expiry are all that matters between two parties).
    fn take_cookies(&mut self, headers: &HeaderMap) -> Option<String> {
        let mut new_sid = None;
        for cookie in headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = cookie.split(';');
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let (name, value) = (name.trim(), value.trim());
            let removed = value.is_empty() || parts.any(|p| p.trim().eq_ignore_ascii_case("max-age=0"));
            if removed {
                self.jar.remove(name);
                continue;
            }
            if name == SESSION_COOKIE_PLAIN {
                new_sid = Some(fingerprint(value));
            }
            self.jar.insert(name.to_owned(), value.to_owned());
        }
        new_sid
    }
}

/// Enough of a hash (96 bits) to tell billions of cookies apart, and nothing to log in with.
fn fingerprint(value: &str) -> String {
    Sha256::digest(value).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

fn describe(error: &hyper::Error) -> String {
    use std::error::Error;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
