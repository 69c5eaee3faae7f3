//! What all workers of one server share.

use crate::args::ServerArgs;
use crate::cart::Cart;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::refusal::{Reason, Refused};
use actix_session::Session;
use actix_web::dev::ServiceRequest;
use actix_web::web::Data;
use protocol::app::{CartView, MAX_NAME_BYTES};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The one key of a session's state.
pub(crate) const CART: &str = "cart";

pub(crate) struct Shop {
    pub(crate) instance: Arc<str>,
    pub(crate) log: Log,
    pub(crate) metrics: Metrics,
    service_time: Duration,
    /// One for each request that may be worked on.
    turns: Option<Semaphore>,
    draining: AtomicBool,
}

impl Shop {
    pub(crate) fn new(args: &ServerArgs) -> Self {
        Self {
            instance: args.instance.as_str().into(),
            log: Log::new(&args.instance),
            metrics: Metrics::default(),
            service_time: Duration::from_millis(args.service_time_ms),
            turns: args.concurrency.map(|n| Semaphore::new(n.try_into().unwrap_or(Semaphore::MAX_PERMITS))),
            draining: AtomicBool::new(false),
        }
    }

    /// Waits until fewer requests are worked on than may be; first come, first served. The turn is over when the answer is dropped.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.turns.as_ref()?.acquire().await.ok()
    }

    /// The shop that serves this request; every route is registered beside it.
    pub(crate) fn of(request: &ServiceRequest) -> Option<Data<Shop>> {
        request.app_data::<Data<Shop>>().cloned()
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse(&self, reason: impl Into<Reason>) -> Refused {
        let reason = reason.into();
        self.metrics.refused(&reason);
        Refused { reason, server: Arc::clone(&self.instance) }
    }

    pub(crate) fn check_name(&self, field: &'static str, name: &str) -> Result<(), Refused> {
        match name.len() {
            1..=MAX_NAME_BYTES => Ok(()),
            bytes => Err(self.refuse(Reason::BadName { field, bytes })),
        }
    }

    /// Reads the cart, then does the work that this request stands for. What comes after is a read-modify-write with an await
    /// in the middle, the same for every store.
    pub(crate) async fn read(&self, session: &Session) -> Result<Option<Cart>, Refused> {
        let cart = session.get(CART).map_err(|err| self.refuse(Reason::StoreCorrupt(err.to_string())))?;
        if !self.service_time.is_zero() {
            tokio::time::sleep(self.service_time).await;
        }
        Ok(cart)
    }

    /// Writes the cart; the middleware saves it before the answer's head is sent.
    pub(crate) fn write(&self, session: &Session, cart: Cart) -> Result<CartView, Refused> {
        session.insert(CART, &cart).map_err(|err| self.refuse(Reason::StoreCorrupt(err.to_string())))?;
        Ok(cart.into_view(&self.instance))
    }

    /// What a client without a session sees.
    pub(crate) fn nobody(&self) -> CartView {
        CartView { server: self.instance.to_string(), ..CartView::default() }
    }
}
