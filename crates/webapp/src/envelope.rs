//! The session cookie on the wire, where it is ours: sealed by a [`Keyring`], whatever is inside.
//!
//! actix-session has a cookie format of its own, with one key, which nobody can turn off. So a cookie is opened before its middleware
//! sees it, and handed on under a key that never leaves this process; what the middleware sets is sealed on its way out. There, and
//! not before, the size that a browser will see is known.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::cookie::{Cookie, CookieJar, Key};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use session::{Keyring, StoreError, WriteError};

/// Between the wire and actix-session.
pub(crate) struct Envelope {
    pub(crate) ring: Keyring,
    pub(crate) name: &'static str,
    /// The key that actix-session signs with.
    pub(crate) inner: Key,
}

/// Opens the cookie of a request and seals that of its answer, on routes beside which an [`Envelope`] is registered.
pub(crate) async fn envelope(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(envelope) = request.app_data::<Data<Envelope>>().cloned() else {
        return next.call(request).await;
    };
    envelope.open(request.headers_mut());
    let mut answer = next.call(request).await?;
    match envelope.seal(answer.headers_mut()) {
        Ok(()) => Ok(answer),
        Err(refusal) => {
            let opaque = ErrorInternalServerError(refusal.to_string());
            session::scope::refuse(WriteError::Store(refusal));
            Err(opaque)
        }
    }
}

impl Envelope {
    /// Leaves the session cookie as actix-session knows it, or no cookie at all: the application reads no other.
    fn open(&self, headers: &mut HeaderMap) {
        let opened = headers
            .get_all(COOKIE)
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .find_map(|(_, value)| self.ring.open(self.name, value));
        headers.remove(COOKIE);
        let Some(content) = opened else { return };
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.inner).add(Cookie::new(self.name, content));
        let signed = jar.get(self.name).map(|cookie| cookie.encoded().stripped().to_string());
        if let Some(header) = signed.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
            headers.insert(COOKIE, header);
        }
    }

    fn seal(&self, headers: &mut HeaderMap) -> Result<(), StoreError> {
        let set: Vec<HeaderValue> = headers.remove(SET_COOKIE).collect();
        for header in set {
            headers.append(SET_COOKIE, self.sealed(&header)?);
        }
        Ok(())
    }

    fn sealed(&self, header: &HeaderValue) -> Result<HeaderValue, StoreError> {
        let strange =
            || StoreError::Corrupt("the session middleware set a cookie that is not its own".to_owned());
        let cookie = header.to_str().ok().and_then(|text| Cookie::parse_encoded(text.to_owned()).ok());
        let cookie = cookie.filter(|cookie| cookie.name() == self.name).ok_or_else(strange)?;
        if cookie.value().is_empty() {
            // A removal.
            return Ok(header.clone());
        }
        let mut cookie = CookieJar::new().signed(&self.inner).verify(cookie).ok_or_else(strange)?;
        let value = self.ring.seal(self.name, cookie.value());
        cookie.set_value(value.map_err(|err| StoreError::TooLarge(err.to_string()))?);
        HeaderValue::from_str(&cookie.to_string()).map_err(|_| strange())
    }
}
