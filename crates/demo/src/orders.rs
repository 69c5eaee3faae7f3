//! The way by which orders come, from the page and from a terminal alike: one limit for all of them, and a sentence for what is refused.

use crate::control::Control;
use crate::demo::{Inner, lock};
use crate::guard::Rate;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// So many orders a second are taken, from all who give them together.
const MOST_PER_S: usize = 10;

/// The limit that all orders share.
pub(crate) fn rate() -> Mutex<Rate> {
    Mutex::new(Rate::per_second(MOST_PER_S))
}

/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something is malformed.
    #[error("{0}")]
    Malformed(String),
    /// It cannot be done now.
    #[error("{0}")]
    NotNow(String),
    /// Too many orders come at once.
    #[error("not so fast")]
    TooFast,
    /// Nothing will be done any more.
    #[error("the demo is ending")]
    Ending,
}

/// Gives orders to a demo that runs.
#[derive(Clone)]
pub struct Orders {
    inner: Arc<Inner>,
}

impl Orders {
    pub(crate) fn of(inner: &Arc<Inner>) -> Self {
        Self { inner: Arc::clone(inner) }
    }

    /// Gives one, from whatever thread, and answers what is being done.
    ///
    /// # Errors
    /// When it is not done: the reason is a sentence for whoever gave it.
    pub async fn give(&self, control: Control) -> Result<String, Refusal> {
        if !lock(&self.inner.orders).allows(Instant::now()) {
            return Err(Refusal::TooFast);
        }
        let inner = Arc::clone(&self.inner);
        let done = self.inner.on_stage(async move { inner.control(control).await }).await;
        done.unwrap_or(Err(Refusal::Ending))
    }
}
