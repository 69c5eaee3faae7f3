//! One tab's HTTP: one connection, its shopper's cookie jar, and the exact fate of each request.

use crate::clock::Clock;
use crate::jar::Jar;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use protocol::app::{IDEMPOTENCY_KEY, SERVED_BY};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;

/// A longer answer is no cart.
const MOST_BODY_BYTES: usize = 1 << 20;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

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

/// What is asked.
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// The body, as JSON.
    pub body: Option<Vec<u8>>,
    /// Sent along, so that a second try has no second effect.
    pub idempotency_key: Option<&'a str>,
}

/// One tab's end of the line.
pub struct Client {
    addr: SocketAddr,
    host: HeaderValue,
    timeout: Duration,
    clock: Clock,
    connection: Option<SendRequest<Full<Bytes>>>,
    jar: Rc<RefCell<Jar>>,
}

impl Client {
    /// A client without a connection.
    pub fn new(addr: SocketAddr, timeout: Duration, clock: Clock, jar: Rc<RefCell<Jar>>) -> Self {
        let host = HeaderValue::from_str(&addr.to_string()).expect("an address is visible ASCII");
        Self { addr, host, timeout, clock, connection: None, jar }
    }

    /// Sends one request, once, and waits for the last byte of its answer or for the time-out.
    pub async fn send(&mut self, ask: Ask<'_>) -> Exchange {
        let sid = self.jar.borrow().sid();
        let mut exchange =
            Exchange { sent_us: None, first_byte_us: None, done_us: 0, answer: Err(String::new()), sid };
        let timeout = self.timeout;
        let answered = tokio::time::timeout(timeout, self.exchange(ask, &mut exchange)).await;
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

    async fn exchange(&mut self, ask: Ask<'_>, exchange: &mut Exchange) -> Result<Answer, String> {
        let mut request = self.request(ask)?;
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

    fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, String> {
        let Ask { method, path, body, idempotency_key } = ask;
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.host);
        if let Some(cookies) = self.jar.borrow().header() {
            request = request.header(header::COOKIE, cookies);
        }
        if let Some(key) = idempotency_key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, JSON);
        }
        request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(|e| e.to_string())
    }

    async fn complete(&mut self, answer: http::Response<hyper::body::Incoming>) -> Result<Answer, String> {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MOST_BODY_BYTES).collect().await;
        let body = body.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes();
        // Only a complete answer changes the jar, as only a complete answer counts.
        let new_sid = self.jar.borrow_mut().take(&head.headers);
        let server = head.headers.get(SERVED_BY).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { status: head.status.as_u16(), server, body, new_sid })
    }
}

fn describe(error: &hyper::Error) -> String {
    use std::error::Error;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
