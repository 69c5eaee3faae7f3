//! The admin API of `protocol::admin`. Every request needs the token; without it nothing is told, not even what exists.

use crate::body::{self, Body};
use crate::listener::{Responder, Sighting};
use crate::metrics;
use crate::refusal::{empty, json, malformed, refuse, text};
use crate::registry::{Registry, RegistryError};
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use protocol::METRICS;
use protocol::admin::{Drain, POLICY, SERVERS, SetPolicy};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The longest body.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// The longest wait for one.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

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
#[derive(Debug)]
pub struct AdminToken {
    digest: [u8; 32],
}

impl AdminToken {
    /// Reads it from a file, without white space around it.
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

/// The API.
#[derive(Debug)]
pub struct Admin {
    /// What it is about.
    pub registry: Arc<Registry>,
    /// Who may use it.
    pub token: AdminToken,
}

impl Responder for Admin {
    type Client = ();

    fn client(&self, _addr: SocketAddr, _sighting: Arc<Sighting>) {}

    async fn answer(&self, _client: &(), request: Request<Incoming>) -> Response<Body> {
        if !self.token.admits(request.headers()) {
            let detail = "the admin API needs 'Authorization: Bearer <token>'";
            return refuse(StatusCode::UNAUTHORIZED, "unauthorized", detail);
        }
        let (parts, body) = request.into_parts();
        let body = match body::read(body, BODY_MAX_BYTES, BODY_TIMEOUT).await {
            Ok(body) => body,
            Err(unread) => return malformed(StatusCode::BAD_REQUEST, &unread.to_string()),
        };
        self.act(&parts.method, parts.uri.path(), &body)
            .unwrap_or_else(|fault| refuse(fault.status(), fault.word(), &fault.to_string()))
    }
}

impl Admin {
    fn act(&self, method: &Method, path: &str, body: &[u8]) -> Result<Response<Body>, Fault> {
        let server = path.strip_prefix(SERVERS).and_then(|rest| rest.strip_prefix('/'));
        let drained = server.and_then(|server| server.strip_suffix("/drain"));
        match (method, path, server, drained) {
            (&Method::GET, SERVERS, ..) => Ok(json(StatusCode::OK, &self.registry.fleet().snapshot())),
            (&Method::GET, METRICS, ..) => Ok(text(metrics::openmetrics(&self.registry.fleet().snapshot())?)),
            (&Method::POST, SERVERS, ..) => Ok(json(StatusCode::CREATED, &self.registry.add(parse(body)?)?)),
            (&Method::PUT, POLICY, ..) => {
                let SetPolicy { policy } = parse(body)?;
                Ok(json(StatusCode::OK, &self.registry.set_policy(policy)))
            }
            (&Method::POST, _, _, Some(id)) => {
                let Drain { deadline_ms } = parse(body)?;
                Ok(json(StatusCode::OK, &self.registry.drain(id, Duration::from_millis(deadline_ms))?))
            }
            (&Method::DELETE, _, _, Some(id)) => Ok(json(StatusCode::OK, &self.registry.undrain(id)?)),
            (&Method::DELETE, _, Some(id), None) => {
                self.registry.remove(id)?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            _ => Err(Fault::NoRoute(format!("{method} {path}"))),
        }
    }
}

/// Why a request to the admin API was refused.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Registry(#[from] RegistryError),
    #[error("the body is not what this request takes: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the metrics cannot be written: {0}")]
    Metrics(#[from] std::fmt::Error),
    #[error("'{0}' is not part of the admin API; protocol::admin lists what is")]
    NoRoute(String),
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Fault::Registry(RegistryError::Taken(_)) => StatusCode::CONFLICT,
            Fault::Registry(RegistryError::Unknown(_)) | Fault::NoRoute(_) => StatusCode::NOT_FOUND,
            Fault::Registry(RegistryError::BadId(_)) | Fault::Malformed(_) => StatusCode::BAD_REQUEST,
            Fault::Registry(RegistryError::Random(_)) | Fault::Metrics(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Fault::Registry(RegistryError::Taken(_)) => "conflict",
            Fault::Registry(RegistryError::Unknown(_)) => "unknown_server",
            Fault::NoRoute(_) => "not_found",
            Fault::Registry(RegistryError::BadId(_)) | Fault::Malformed(_) => "malformed",
            Fault::Registry(RegistryError::Random(_)) | Fault::Metrics(_) => "internal",
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body)
}
