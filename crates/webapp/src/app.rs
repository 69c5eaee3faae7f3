//! The application as actix-web sees it: which path is served by what, inside which middleware.

use crate::args::ServerArgs;
use crate::cookie_key::{self, Keys};
use crate::envelope::{Envelope, envelope};
use crate::ops::{self, Token};
use crate::refusal::Reason;
use crate::routes;
use crate::shop::Shop;
use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_web::body::MessageBody;
use actix_web::cookie::{Key, SameSite, time};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, JsonConfig, ServiceConfig};
use actix_web::{Error, ResponseError, Route};
use protocol::app;
use session::{Backend, CookieFormat};

/// The longest body that a request may have: an operation's id, escaped at worst, and room around it.
const MAX_BODY_BYTES: usize = 4_096;

/// How session cookies are made.
#[derive(Clone)]
pub(crate) struct Cookies {
    keys: Keys,
    /// For what never leaves this process, see [`Envelope`].
    inner: Key,
    secure: bool,
    lifetime: time::Duration,
}

impl Cookies {
    pub(crate) fn new(args: &ServerArgs) -> Result<Self, cookie_key::KeyError> {
        let keys = match &args.cookie_key_file {
            Some(path) => cookie_key::read(path)?,
            None => Keys::random(),
        };
        let lifetime = time::Duration::seconds(i64::try_from(args.idle_timeout_s).unwrap_or(i64::MAX));
        Ok(Self { keys, inner: Key::generate(), secure: !args.plain_http_cookies, lifetime })
    }

    fn name(&self) -> &'static str {
        if self.secure { app::SESSION_COOKIE_SECURE } else { app::SESSION_COOKIE_PLAIN }
    }

    /// What stands between the wire and the session middleware, where cookies are ours.
    fn envelope(&self) -> Envelope {
        Envelope { ring: self.keys.ring(), name: self.name(), inner: self.inner.clone() }
    }

    /// In either format, what is forged, truncated, renamed or sealed with a key that we do not have is no session, before any store
    /// is asked.
    fn middleware<B: Backend>(&self, sessions: B) -> SessionMiddleware<B> {
        let (key, security) = match sessions.cookie_format() {
            CookieFormat::Ours => (self.inner.clone(), CookieContentSecurity::Signed),
            CookieFormat::Library => (self.keys.single(), CookieContentSecurity::Private),
        };
        SessionMiddleware::builder(sessions, key)
            .cookie_name(self.name().to_owned())
            .cookie_secure(self.secure)
            .cookie_http_only(true)
            .cookie_same_site(SameSite::Lax)
            .cookie_path("/".to_owned())
            .cookie_domain(None)
            .cookie_content_security(security)
            // Our stores have life times of their own; the library's take this one. Extended on writes, its default.
            .session_lifecycle(BrowserSession::default().state_ttl(self.lifetime))
            .build()
    }
}

/// Registers everything. Only routes that need a session pay for one: the middleware wraps them and nothing else.
pub(crate) fn configure<B: Backend>(
    config: &mut ServiceConfig,
    shop: Data<Shop>,
    cookies: &Cookies,
    sessions: B,
    operators: Option<Token>,
) {
    let keeper = cookies.middleware(sessions.clone());
    let with_session =
        |route: Route| route.wrap(keeper.clone()).wrap(from_fn(envelope)).wrap(from_fn(session_scope));
    if sessions.cookie_format() == CookieFormat::Ours {
        config.app_data(Data::new(cookies.envelope()));
    }
    if let Some(token) = operators {
        config.app_data(Data::new(token));
        config.service(get_only(protocol::ops::SESSIONS, web::get().to(ops::sessions::<B>)));
    }
    config
        .app_data(shop)
        .app_data(Data::new(sessions))
        .app_data(JsonConfig::default().limit(MAX_BODY_BYTES).error_handler(routes::malformed))
        .service(post_only(app::LOGIN, with_session(web::post().to(routes::login))))
        .service(get_only(app::CART, with_session(web::get().to(routes::cart))))
        .service(post_only(app::LINES, with_session(web::post().to(routes::add_line))))
        .service(post_only(app::CHECKOUT, with_session(web::post().to(routes::check_out))))
        .service(post_only(app::LOGOUT, with_session(web::post().to(routes::logout))))
        .service(get_only(app::HEALTH, web::get().to(routes::health)))
        .service(get_only(app::READY, web::get().to(routes::ready::<B>)))
        .service(get_only(protocol::METRICS, web::get().to(routes::metrics::<B>)))
        .default_service(web::to(routes::unknown));
}

fn get_only(path: &str, route: Route) -> actix_web::Resource {
    only("GET", path, route)
}

fn post_only(path: &str, route: Route) -> actix_web::Resource {
    only("POST", path, route)
}

fn only(method: &'static str, path: &str, route: Route) -> actix_web::Resource {
    let refuse =
        move |shop: Data<Shop>| async move { shop.refuse(Reason::WrongMethod(method)).error_response() };
    web::resource(path).route(route).default_service(web::to(refuse))
}

/// Names the process that answered, in every answer.
pub(crate) async fn sign(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let instance = Shop::of(&request).and_then(|shop| HeaderValue::from_str(&shop.instance).ok());
    let answer = next.call(request).await;
    with_header(answer, HeaderName::from_static(app::SERVED_BY), instance)
}

/// Runs a request in the scope that the store's adapter speaks through, and answers from what it left there.
async fn session_scope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let shop = Shop::of(&request);
    let counter = shop.clone();
    let _turn = match &counter {
        Some(shop) => shop.turn().await,
        None => None,
    };
    let (answer, refusal) = session::scope::run(next.call(request)).await;
    let answer = match (answer, refusal, shop) {
        (Err(_opaque), Some(refusal), Some(shop)) => {
            let refused = shop.refuse(refusal);
            if refused.status_code().is_server_error() {
                shop.log.failure(&refused);
            }
            Err(refused.into())
        }
        (Err(err), None, Some(shop)) => {
            shop.log.failure(&err);
            Err(err)
        }
        (answer, ..) => answer,
    };
    if let Some(shop) = &counter {
        let status =
            answer.as_ref().map_or_else(|err| err.as_response_error().status_code(), ServiceResponse::status);
        shop.metrics.answered(status);
    }
    with_header(answer, CACHE_CONTROL, Some(HeaderValue::from_static("no-store")))
}

/// Sets a header on an answer, and just so on an error that will become one.
fn with_header<B>(
    answer: Result<ServiceResponse<B>, Error>,
    name: HeaderName,
    value: Option<HeaderValue>,
) -> Result<ServiceResponse<B>, Error> {
    let Some(value) = value else { return answer };
    let set = |headers: &mut HeaderMap| {
        headers.insert(name, value);
    };
    match answer {
        Ok(mut response) => {
            set(response.headers_mut());
            Ok(response)
        }
        Err(err) => {
            let mut response = err.error_response();
            set(response.headers_mut());
            Err(InternalError::from_response(err, response).into())
        }
    }
}
