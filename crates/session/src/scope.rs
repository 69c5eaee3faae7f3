//! What the adapter must know of the request that it works for, and cannot be told through actix-session's trait: the
//! version that was loaded, whether the handler asked for a new id, and why the store refused.
//!
//! A middleware runs each request inside [`run`]; the state lives and dies with that request's task.

use crate::store::{Version, WriteError};
use std::cell::RefCell;
use std::future::Future;

tokio::task_local! {
    static REQUEST: RefCell<Request>;
}

#[derive(Default)]
struct Request {
    loaded: Option<Version>,
    renewal: bool,
    refusal: Option<WriteError>,
}

/// Runs one request; returns its output, and the store's refusal if there was one.
pub async fn run<F: Future>(request: F) -> (F::Output, Option<WriteError>) {
    let scoped = async {
        let output = request.await;
        (output, within(|request| request.refusal.take()).flatten())
    };
    REQUEST.scope(RefCell::default(), scoped).await
}

/// Asks for a new id when this request's session is written (after a login, say, so that an id which somebody planted before
/// is worth nothing). It takes effect with a write, so insert something too; a session that is new has a new id anyway.
///
/// Use this and never `actix_session::Session::renew`, which is a delete and then a save, with a gap in between.
pub fn request_renewal() {
    within(|request| request.renewal = true);
}

/// Whether the handler asked for a new id.
pub fn renewal_requested() -> bool {
    within(|request| request.renewal).unwrap_or(false)
}

/// Leaves the reason why this request's session cannot be read or written, whatever the middleware makes of the error.
pub fn refuse(refusal: WriteError) {
    within(|request| request.refusal = Some(refusal));
}

pub(crate) fn note_loaded(version: Version) {
    within(|request| request.loaded = Some(version));
}

pub(crate) fn loaded_version() -> Option<Version> {
    within(|request| request.loaded).flatten()
}

fn within<T>(access: impl FnOnce(&mut Request) -> T) -> Option<T> {
    REQUEST.try_with(|request| access(&mut request.borrow_mut())).ok()
}
