//! The admin API of `protocol::relay`. Every request needs the token; without it nothing is told, not even what exists.

use crate::log;
use crate::relay::Relay;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::app::Refusal;
use protocol::relay::{LEVEL, STATE, SetUpstream, UPSTREAM};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The longest body.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// The longest wait for a request's head, for its body, and for connections to read a level.
const PATIENCE: Duration = Duration::from_secs(5);
/// More connections wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// The pause after a failed accept, which most often means that there is no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No file.
    #[error("cannot read the admin token from {path} (--admin-token-file): {reason}")]
    Unreadable {
        /// Where it should be.
        path: String,
        /// What the kernel said.
        reason: std::io::Error,
    },
    /// Nothing in it.
    #[error("the admin token file {0} (--admin-token-file) is empty; write a long random word into it")]
    Empty(String),
}

/// The token, kept as a digest: comparing digests takes the same time whatever was sent.
#[derive(Clone, Copy, Debug)]
pub struct AdminToken {
    digest: [u8; 32],
}

impl AdminToken {
    /// Reads it from a file, without white space around it.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|reason| TokenError::Unreadable { path: name.clone(), reason })?;
        let token = text.trim();
        if token.is_empty() {
            return Err(TokenError::Empty(name));
        }
        Ok(AdminToken { digest: Sha256::digest(token).into() })
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let offered = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let offered: [u8; 32] = Sha256::digest(offered.unwrap_or_default()).into();
        let differing =
            self.digest.iter().zip(offered).fold(0, |bits, (ours, theirs)| bits | (ours ^ theirs));
        std::hint::black_box(differing) == 0
    }
}

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the admin API needs 'Authorization: Bearer <token>'")]
    NoToken,
    #[error("the body is not what this request takes: {0}")]
    Malformed(String),
    #[error("'{0}' is not part of the admin API; protocol::relay lists what is")]
    NoRoute(String),
    #[error("not every connection has read the level within {PATIENCE:?}; it is set")]
    Unread,
}

impl Fault {
    fn response(&self) -> Response<Full<Bytes>> {
        let (status, word) = match self {
            Fault::NoToken => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Fault::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Fault::NoRoute(_) => (StatusCode::NOT_FOUND, "not_found"),
            Fault::Unread => (StatusCode::INTERNAL_SERVER_ERROR, "unread"),
        };
        json(status, &Refusal { error: word.into(), detail: self.to_string(), server: "relay".into() })
    }
}

/// Serves the admin API for ever.
pub async fn serve(listener: TcpListener, relay: Rc<Relay>, token: AdminToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _peer)) => {
                    connections.spawn_local(converse(stream, Rc::clone(&relay), token));
                }
                Err(error) => {
                    log::line(format_args!("cannot accept an admin connection: {error}; raise the limit of open files if it lasts"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn converse(stream: TcpStream, relay: Rc<Relay>, token: AdminToken) {
    // No option of a socket that lives is refused.
    let _set = stream.set_nodelay(true);
    let service = service_fn(|request| async {
        let answer =
            if token.admits(request.headers()) { act(&relay, request).await } else { Err(Fault::NoToken) };
        Ok::<_, Infallible>(answer.unwrap_or_else(|fault| fault.response()))
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // How a client's connection ends is the client's business.
    let _ended = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn act(relay: &Relay, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Fault> {
    let (parts, body) = request.into_parts();
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, STATE) => {}
        (&Method::PUT, LEVEL) => {
            relay.set_level(parse(body).await?);
            settle(relay).await?;
        }
        (&Method::PUT, UPSTREAM) => {
            let SetUpstream { upstream } = parse(body).await?;
            relay.set_upstream(upstream);
        }
        (method, path) => return Err(Fault::NoRoute(format!("{method} {path}"))),
    }
    Ok(json(StatusCode::OK, &relay.state()))
}

/// Lets those who have been woken run, until all have read the level.
async fn settle(relay: &Relay) -> Result<(), Fault> {
    let settled = async {
        while !relay.is_settled() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.map_err(|_elapsed| Fault::Unread)
}

async fn parse<T: DeserializeOwned>(body: Incoming) -> Result<T, Fault> {
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, BODY_MAX_BYTES).collect()).await;
    let malformed = |reason: String| Fault::Malformed(reason);
    let body = read.map_err(|_elapsed| malformed(format!("it did not come within {PATIENCE:?}")))?;
    let body = body.map_err(|e| malformed(e.to_string()))?.to_bytes();
    serde_json::from_slice(&body).map_err(|e| malformed(e.to_string()))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let text = serde_json::to_vec(value).expect("the contract's types are plain data");
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
