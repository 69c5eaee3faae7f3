//! Every way in which a request is turned down, and the answer that says so.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use protocol::app::{MAX_LINES, MAX_NAME_BYTES, Refusal};
use session::{StoreError, WriteError};
use std::fmt;
use std::sync::Arc;

/// Why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("{0}")]
    Malformed(String),
    #[error("'{field}' needs 1 to {MAX_NAME_BYTES} bytes, this one has {bytes}")]
    BadName { field: &'static str, bytes: usize },
    #[error("the idempotency key is not this operation's id; send the id as the key, or no key")]
    ForeignKey,
    #[error("the cart holds {MAX_LINES} lines, which is all that it can; check out first")]
    CartFull,
    #[error("no live session came with this request; log in")]
    NoSession,
    #[error("another request changed this session first; read it again, then repeat")]
    Conflict,
    #[error("{0}; take something out of it")]
    SessionTooLarge(String),
    #[error("{0}; try again later")]
    StoreUnavailable(String),
    #[error("{0}")]
    StoreCorrupt(String),
    #[error("operators show a token here: 'Authorization: Bearer TOKEN'")]
    NoOperator,
    #[error("this server is shutting down; ask another one")]
    Draining,
    #[error("there is nothing at this path")]
    UnknownRoute,
    #[error("this path takes {0} only")]
    WrongMethod(&'static str),
}

impl Reason {
    /// Every word that [`Reason::status_and_word`] gives.
    pub(crate) const WORDS: [&'static str; 10] = [
        "malformed",
        "cart_full",
        "no_session",
        "conflict",
        "session_too_large",
        "store_unavailable",
        "store_corrupt",
        "draining",
        "unknown_route",
        "wrong_method",
    ];

    /// The word for machines.
    pub(crate) fn word(&self) -> &'static str {
        self.status_and_word().1
    }

    fn status_and_word(&self) -> (StatusCode, &'static str) {
        match self {
            Reason::Malformed(_) | Reason::BadName { .. } | Reason::ForeignKey => {
                (StatusCode::BAD_REQUEST, "malformed")
            }
            Reason::CartFull => (StatusCode::BAD_REQUEST, "cart_full"),
            Reason::NoOperator => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Reason::NoSession => (StatusCode::UNAUTHORIZED, "no_session"),
            Reason::Conflict => (StatusCode::CONFLICT, "conflict"),
            // Not 507, which promises that the server may have room later.
            Reason::SessionTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "session_too_large"),
            Reason::StoreUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            // Not 503: no later try will read what is unreadable.
            Reason::StoreCorrupt(_) => (StatusCode::INTERNAL_SERVER_ERROR, "store_corrupt"),
            Reason::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            Reason::UnknownRoute => (StatusCode::NOT_FOUND, "unknown_route"),
            Reason::WrongMethod(_) => (StatusCode::METHOD_NOT_ALLOWED, "wrong_method"),
        }
    }
}

impl From<WriteError> for Reason {
    fn from(refusal: WriteError) -> Self {
        match refusal {
            WriteError::Gone => Reason::NoSession,
            WriteError::Conflict => Reason::Conflict,
            WriteError::Store(err) => err.into(),
        }
    }
}

impl From<StoreError> for Reason {
    fn from(err: StoreError) -> Self {
        match err {
            StoreError::Unavailable(_) | StoreError::Full(_) => Reason::StoreUnavailable(err.to_string()),
            StoreError::TooLarge(_) => Reason::SessionTooLarge(err.to_string()),
            StoreError::Corrupt(_) => Reason::StoreCorrupt(err.to_string()),
        }
    }
}

/// A [`Reason`], and the process that gives it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) server: Arc<str>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.reason.status_and_word().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, word) = self.reason.status_and_word();
        let mut answer = HttpResponse::build(status);
        answer.insert_header((CACHE_CONTROL, "no-store"));
        match self.reason {
            Reason::StoreUnavailable(_) | Reason::Draining => answer.insert_header((RETRY_AFTER, "1")),
            Reason::NoOperator => answer.insert_header((WWW_AUTHENTICATE, "Bearer")),
            Reason::WrongMethod(allowed) => answer.insert_header((ALLOW, allowed)),
            _ => &mut answer,
        };
        answer.json(Refusal {
            error: word.to_owned(),
            detail: self.reason.to_string(),
            server: self.server.to_string(),
        })
    }
}
