//! The routes of `protocol::app`.

use crate::cart::Cart;
use crate::refusal::{Reason, Refused};
use crate::shop::Shop;
use actix_session::Session;
use actix_web::http::header::{CONTENT_TYPE, FORWARDED, X_FORWARDED_FOR};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use protocol::app::{AddLine, CartView, Checkout, IDEMPOTENCY_KEY, Login};
use session::Backend;
use std::time::Duration;

/// A store that does not answer a ping within this is not ready. A store's own time-outs are shorter; not every store has some.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

type Answer = Result<Json<CartView>, Refused>;

pub(crate) async fn login(shop: Data<Shop>, session: Session, body: Json<Login>) -> Answer {
    let Login { owner } = body.into_inner();
    shop.check_name("owner", &owner)?;
    let before = shop.read(&session).await?;
    // An id that was known before the login must be worth nothing after it.
    session::scope::request_renewal();
    shop.write(&session, Cart::after_login(before, owner)).map(Json)
}

pub(crate) async fn cart(shop: Data<Shop>, session: Session) -> Answer {
    match shop.read(&session).await? {
        Some(cart) => Ok(Json(cart.into_view(&shop.instance))),
        None => Ok(Json(shop.nobody())),
    }
}

pub(crate) async fn add_line(
    shop: Data<Shop>,
    session: Session,
    request: HttpRequest,
    body: Json<AddLine>,
) -> Answer {
    let AddLine { op } = body.into_inner();
    operate(&shop, &session, &request, op, |cart, op| {
        cart.add_line(op).map_err(|_full| shop.refuse(Reason::CartFull))
    })
    .await
}

pub(crate) async fn check_out(
    shop: Data<Shop>,
    session: Session,
    request: HttpRequest,
    body: Json<Checkout>,
) -> Answer {
    let Checkout { op } = body.into_inner();
    operate(&shop, &session, &request, op, |cart, _op| {
        cart.check_out();
        Ok(())
    })
    .await
}

/// A read-modify-write of the cart. What comes again with its idempotency key is answered and not done again.
async fn operate(
    shop: &Shop,
    session: &Session,
    request: &HttpRequest,
    op: String,
    change: impl FnOnce(&mut Cart, String) -> Result<(), Refused>,
) -> Answer {
    shop.check_name("op", &op)?;
    let key = request.headers().get(IDEMPOTENCY_KEY);
    if key.is_some_and(|key| key.as_bytes() != op.as_bytes()) {
        return Err(shop.refuse(Reason::ForeignKey));
    }
    let mut cart = shop.read(session).await?.ok_or_else(|| shop.refuse(Reason::NoSession))?;
    if key.is_some() {
        if cart.has_done(&op) {
            return Ok(Json(cart.into_view(&shop.instance)));
        }
        cart.remember(op.clone());
    }
    change(&mut cart, op)?;
    shop.write(session, cart).map(Json)
}

pub(crate) async fn logout(shop: Data<Shop>, session: Session) -> Answer {
    shop.read(&session).await?.ok_or_else(|| shop.refuse(Reason::NoSession))?;
    session.purge();
    Ok(Json(shop.nobody()))
}

pub(crate) async fn health() -> HttpResponse {
    HttpResponse::Ok().finish()
}

pub(crate) async fn ready<B: Backend>(shop: Data<Shop>, sessions: Data<B>) -> Result<HttpResponse, Refused> {
    if shop.is_draining() {
        return Err(shop.refuse(Reason::Draining));
    }
    match tokio::time::timeout(PING_TIMEOUT, sessions.ping()).await {
        Ok(Ok(())) => Ok(HttpResponse::Ok().finish()),
        Ok(Err(err)) => Err(shop.refuse(err)),
        Err(_elapsed) => {
            let silence = format!("the session store did not answer within {} ms", PING_TIMEOUT.as_millis());
            Err(shop.refuse(Reason::StoreUnavailable(silence)))
        }
    }
}

/// For whoever watches this process, and for nobody who came through a proxy: what a server counts is no shopper's business.
pub(crate) async fn metrics<B: Backend>(
    shop: Data<Shop>,
    sessions: Data<B>,
    request: HttpRequest,
) -> Result<HttpResponse, Refused> {
    if [FORWARDED, X_FORWARDED_FOR].iter().any(|header| request.headers().contains_key(header)) {
        return Err(shop.refuse(Reason::UnknownRoute));
    }
    let text = shop.metrics.openmetrics(&shop.instance, sessions.held(), shop.is_draining());
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, protocol::OPENMETRICS)).body(text))
}

pub(crate) async fn unknown(shop: Data<Shop>) -> HttpResponse {
    shop.refuse(Reason::UnknownRoute).error_response()
}

pub(crate) fn malformed(err: actix_web::error::JsonPayloadError, request: &HttpRequest) -> actix_web::Error {
    match request.app_data::<Data<Shop>>() {
        Some(shop) => shop.refuse(Reason::Malformed(err.to_string())).into(),
        None => err.into(),
    }
}
