//! The application's routes and bodies: a shop's cart.
//!
//! | method and path | body | answers |
//! |---|---|---|
//! | `POST /login` | [`Login`] | 200 [`CartView`]; the session's id is renewed, its epoch counted up, its cart emptied |
//! | `GET /cart` | | 200 [`CartView`]; without a session an *empty* one, as shops do |
//! | `POST /cart/lines` | [`AddLine`] | 200 [`CartView`] with the line appended; 401 without a session |
//! | `POST /checkout` | [`Checkout`] | 200 [`CartView`] with no lines; 401 without a session |
//! | `POST /logout` | | 200 [`CartView`] without an owner; 401 without a session |
//! | `GET /healthz` | | 200 while the process serves; needs no session and no store |
//! | `GET /metrics` | | 200 OpenMetrics text for whoever asks the server itself, see [`crate::METRICS`]; 404 for what came through a proxy |
//! | `GET /readyz` | | 200 when the store answers too; 503 while it does not, or while the server drains |
//!
//! Refusals carry [`Refusal`]: 400 (malformed), 401 (no session), 409 (`optimistic` policy: somebody else wrote first),
//! 413 (the session would be more than its store takes, see `--store cookie`; it stays as it was),
//! 503 with `Retry-After` (the store is down, slow or full; nothing was changed as far as the server knows).

use serde::{Deserialize, Serialize};

/// `POST`: log in, see [`Login`].
pub const LOGIN: &str = "/login";
/// `GET`: read the cart.
pub const CART: &str = "/cart";
/// `POST`: append a line, see [`AddLine`].
pub const LINES: &str = "/cart/lines";
/// `POST`: clear the cart, see [`Checkout`].
pub const CHECKOUT: &str = "/checkout";
/// `POST`: end the session.
pub const LOGOUT: &str = "/logout";
/// `GET`: liveness.
pub const HEALTH: &str = "/healthz";
/// `GET`: readiness.
pub const READY: &str = "/readyz";

/// The session cookie over plain HTTP, which the lab uses on loopback.
pub const SESSION_COOKIE_PLAIN: &str = "sid";
/// The session cookie where cookies are `Secure`; the prefix binds it to this host and path (RFC 6265bis).
pub const SESSION_COOKIE_SECURE: &str = "__Host-sid";
/// The cookie by which a client is known before and after it logs in, like one that an analytics script sets: the client's own
/// choice, and no secret. Hashing policies go by it.
pub const VISITOR_COOKIE: &str = "visitor";
/// The router's affinity cookie (policy `cookie-insert`).
pub const AFFINITY_COOKIE: &str = "lab-server";
/// Response header, set by the application: the id of the process that served the request.
pub const SERVED_BY: &str = "x-served-by";
/// Request header of [`LINES`] and [`CHECKOUT`]: the operation's id again, as a key. The session remembers the latest
/// [`KEYS_REMEMBERED`] operations that came with one, and answers one of these that comes again (with its key) with the cart as it is:
/// 200, no second effect, no write. Without the header an operation that comes twice has its effect twice.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// How many operations with a key a session remembers.
pub const KEYS_REMEMBERED: usize = 64;

/// The most lines that a cart may hold; one more is refused with 400, so that sessions stay bounded.
pub const MAX_LINES: usize = 1_000;
/// The longest owner or operation id, in bytes; a longer one is refused with 400.
pub const MAX_NAME_BYTES: usize = 128;

/// Body of [`LOGIN`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Who logs in. There is no password: the lab measures sessions, not authentication.
    pub owner: String,
}

/// Body of [`LINES`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddLine {
    /// Unique id of this operation; it becomes the cart's line, so that one read shows the whole history.
    pub op: String,
}

/// Body of [`CHECKOUT`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// Unique id of this operation.
    pub op: String,
}

/// What every answer of the application says of the session that it acted on. A reader may borrow its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartView<S = String> {
    /// Whose session this is; absent when the server knows no session for the request.
    pub owner: Option<S>,
    /// How many logins this session has seen; 0 without a session.
    pub epoch: u64,
    /// Counts the writes to this session since its first login.
    pub version: u64,
    /// The cart's lines, oldest first: the id of the operation that added each.
    pub ops: Vec<S>,
    /// The process that answered, the same as in [`SERVED_BY`].
    pub server: S,
}

/// Body of every refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A word for machines: `no_session` (401), `conflict` (409), `malformed` and `cart_full` (400), `unknown_route` (404),
    /// `wrong_method` (405), `session_too_large` (413), `unauthorized` (401, of [`crate::ops`]), `store_unavailable` and `draining` (503), `store_corrupt` (500: another try would not help);
    /// from the router `no_server` (503), `bad_gateway` (502), `gateway_timeout` (504) and `malformed`.
    pub error: String,
    /// A sentence for people.
    pub detail: String,
    /// The process that refused.
    pub server: String,
}

#[cfg(test)]
mod tests {
    /// The paths of the OpenAPI document, by indentation: it is a document for people first.
    #[test]
    fn the_openapi_document_has_every_route_and_no_other() {
        let document = include_str!("../../../docs/openapi.yaml");
        let paths = document.lines().filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':'));
        let paths: Vec<String> = paths.map(|path| format!("/{path}")).collect();
        let routes = [
            super::LOGIN,
            super::CART,
            super::LINES,
            super::CHECKOUT,
            super::LOGOUT,
            super::HEALTH,
            super::READY,
            crate::ops::SESSIONS,
            crate::METRICS,
        ];
        assert_eq!(paths, routes);
    }
}
