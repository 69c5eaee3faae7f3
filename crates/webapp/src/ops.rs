//! The operator's look-up of `protocol::ops`: whose session is where. Off unless the server was started with a token.
//!
//! It needs no session of its own, takes no turn from the shoppers, and tells what a session is like, never what would open it.

use crate::cart::Cart;
use crate::refusal::{Reason, Refused};
use crate::shop::{CART, Shop};
use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Json, Query};
use protocol::ops::{LookedUp, Reach, Sighting};
use serde::Deserialize;
use session::{Backend, Seen};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A search that takes longer is broken off, and says so.
const SEARCH_WITHIN: Duration = Duration::from_secs(5);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("cannot read the operators' token from {} (--ops-token-file): {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It holds too little.
    #[error(
        "the operators' token in {} (--ops-token-file) has {bytes} bytes, and {LEAST_BYTES} or more are needed; \
         make one with: openssl rand -hex {LEAST_BYTES}", path.display()
    )]
    TooShort {
        /// The file.
        path: PathBuf,
        /// What it holds.
        bytes: usize,
    },
}

/// A token that can be guessed guards nothing.
const LEAST_BYTES: usize = 32;

/// What an operator has to show.
#[derive(Clone)]
pub(crate) struct Token(Arc<str>);

impl Token {
    /// Reads it from a file, without white space around it.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TokenError::Unreadable { path: path.to_owned(), source })?;
        match text.trim() {
            token if token.len() >= LEAST_BYTES => Ok(Self(token.into())),
            token => Err(TokenError::TooShort { path: path.to_owned(), bytes: token.len() }),
        }
    }

    /// Takes the same time for every wrong token of the right length.
    fn admits(&self, request: &HttpRequest) -> bool {
        let offered = request.headers().get(AUTHORIZATION);
        let offered = offered.and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")).unwrap_or_default();
        let ours = self.0.as_bytes();
        let differing = ours.iter().zip(offered).fold(0, |bits, (ours, theirs)| bits | (ours ^ theirs));
        ours.len() == offered.len() && std::hint::black_box(differing) == 0
    }
}

/// The question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    owner: String,
}

pub(crate) async fn sessions<B: Backend>(
    shop: Data<Shop>,
    backend: Data<B>,
    token: Data<Token>,
    request: HttpRequest,
) -> Result<Json<LookedUp>, Refused> {
    if !token.admits(&request) {
        return Err(shop.refuse(Reason::NoOperator));
    }
    let Asked { owner } = Query::<Asked>::from_query(request.query_string())
        .map_err(|err| shop.refuse(Reason::Malformed(err.to_string())))?
        .into_inner();
    shop.check_name("owner", &owner)?;
    let found = backend.search(CART, &Cart::mark_of(&owner), SEARCH_WITHIN).await;
    let found = found.map_err(|err| shop.refuse(err))?;
    Ok(Json(LookedUp {
        server: shop.instance.to_string(),
        store: backend.name().to_owned(),
        reach: reach(backend.reach()),
        looked_at: found.as_ref().map(|seen| seen.looked_at),
        whole: found.as_ref().is_none_or(|seen| seen.whole),
        sessions: found.map(|seen| sightings(seen, &owner)).unwrap_or_default(),
    }))
}

fn reach(reach: session::Reach) -> Reach {
    match reach {
        session::Reach::Process => Reach::Process,
        session::Reach::Shared => Reach::Shared,
        session::Reach::Client => Reach::Client,
        session::Reach::Closed => Reach::Closed,
    }
}

/// What the search has brought, less what only looks like this owner's.
fn sightings(seen: Seen, owner: &str) -> Vec<Sighting> {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let sighting = |(found, value): (session::Sighting, String)| {
        let cart: Cart = serde_json::from_str(&value).ok()?;
        let (epoch, version, lines) = cart.metadata_of(owner)?;
        let (age_ms, idle_ms) = (ms(found.age), found.idle.map(ms));
        Some(Sighting { key: found.key.masked().to_owned(), epoch, version, lines, age_ms, idle_ms })
    };
    seen.values.into_iter().filter_map(sighting).collect()
}
