//! The router's own answers: a status, the contract's refusal, and whose it is.

use crate::body::Body;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use protocol::OPENMETRICS;
use protocol::app::{Refusal, SERVED_BY};
use serde::Serialize;

/// The name under which the router answers.
pub const ROUTER: &str = "router";

/// `no_server`: nobody may take the request; it may be tried again.
pub fn no_server(detail: &str) -> Response<Body> {
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, "no_server", detail);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// `bad_gateway`: the connection was lost after the request was sent; nobody knows whether it had an effect.
pub fn bad_gateway(detail: &str) -> Response<Body> {
    refuse(StatusCode::BAD_GATEWAY, "bad_gateway", detail)
}

/// `gateway_timeout`: no answer in time; nobody knows whether the request had an effect.
pub fn gateway_timeout(detail: &str) -> Response<Body> {
    refuse(StatusCode::GATEWAY_TIMEOUT, "gateway_timeout", detail)
}

/// `malformed`: the request reached no server. The connection is closed, since what follows on it may not be a request.
pub fn malformed(status: StatusCode, detail: &str) -> Response<Body> {
    let mut response = refuse(status, "malformed", detail);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Any refusal.
pub fn refuse(status: StatusCode, error: &str, detail: &str) -> Response<Body> {
    json(status, &Refusal { error: error.into(), detail: detail.into(), server: ROUTER.into() })
}

/// Any answer in JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_vec(value).expect("the contract's types are plain data");
    let mut response = Response::new(Body::Own(Some(Bytes::from(text))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(SERVED_BY, HeaderValue::from_static(ROUTER));
    response
}

/// Metrics.
pub fn text(metrics: String) -> Response<Body> {
    let mut response = Response::new(Body::Own(Some(Bytes::from(metrics))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
    response.headers_mut().insert(SERVED_BY, HeaderValue::from_static(ROUTER));
    response
}

/// An answer that has nothing to say.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Own(None));
    *response.status_mut() = status;
    response
}
