//! The page over HTTP: who may ask for what, and nothing else. What is done is in `demo`.

mod class;

pub(crate) use class::{class_listener, code, serve_class};

use crate::carts::{CartError, CartRequest};
use crate::control::Control;
use crate::demo::{DemoError, Inner, lock};
use crate::guard::{Hosts, Rate};
use crate::history::as_list;
use crate::orders::{Orders, Refusal};
use crate::page;
use crate::show::Side;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Data, PayloadConfig, Query, ServiceConfig, get, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, ResponseError};
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::convert::Infallible;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest body.
const MOST_BODY_BYTES: usize = 4096;
/// A recording is sent in pieces of so many bytes.
const PIECE_BYTES: usize = 64 << 10;
/// Knows a visitor of the page again.
const VISITOR: &str = "demo-visitor";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A server that runs.
pub(crate) struct Served {
    handle: actix_web::dev::ServerHandle,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    /// Ends it at once: whoever watches is cut off.
    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
        let _ = self.task.await;
    }
}

/// What a listener's handlers know.
struct Site {
    inner: Arc<Inner>,
    hosts: Hosts,
    carts: Mutex<Rate>,
    looks: Mutex<Rate>,
    spans: Mutex<Rate>,
    /// Reads of the recording that may be under way at once.
    reading: Arc<Semaphore>,
    /// A whole recording is held in memory until it is sent.
    exporting: Arc<Semaphore>,
    pupils: class::Bounds,
}

impl Site {
    fn new(inner: &Arc<Inner>, hosts: Hosts) -> Data<Self> {
        let rate = |most| Mutex::new(Rate::per_second(most));
        Data::new(Self {
            inner: Arc::clone(inner),
            hosts,
            carts: rate(50),
            looks: rate(50),
            spans: rate(20),
            reading: Arc::new(Semaphore::new(4)),
            exporting: Arc::new(Semaphore::new(1)),
            pupils: class::Bounds::default(),
        })
    }

    /// Whether a request names us, and comes from us.
    fn admit(&self, request: &HttpRequest, changes: bool) -> Result<(), No> {
        let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        let site = text(HeaderName::from_static("sec-fetch-site"));
        match self.hosts.refuse(text(header::HOST), text(header::ORIGIN), site, changes) {
            Some(why) => Err(no(StatusCode::FORBIDDEN, why)),
            None => Ok(()),
        }
    }
}

type Answer = Result<HttpResponse, No>;

/// A refusal: its status, and a sentence.
#[derive(Debug)]
struct No {
    status: StatusCode,
    why: String,
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl ResponseError for No {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        careful(HttpResponse::build(self.status)).json(json!({ "ok": false, "why": self.why }))
    }
}

/// Binds a port.
pub(crate) fn listen(addr: SocketAddr, option: &'static str) -> Result<TcpListener, DemoError> {
    TcpListener::bind(addr).map_err(|reason| DemoError::Listen { addr, reason, option })
}

pub(crate) fn addr_of(listener: &TcpListener) -> Result<SocketAddr, DemoError> {
    let addr = SocketAddr::from(([127, 0, 0, 1], 0));
    listener.local_addr().map_err(|reason| DemoError::Listen { addr, reason, option: "--port" })
}

fn word() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's random source failed");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Serves the page.
pub(crate) fn serve(listener: TcpListener, inner: &Arc<Inner>) -> Result<Served, DemoError> {
    let addr = addr_of(&listener)?;
    run(listener, Site::new(inner, Hosts::loopback(addr.port())), |config| {
        config
            .route("/events", get().to(events))
            .route("/history", get().to(history))
            .route("/export", get().to(export))
            .route("/control", post().to(control))
            .route("/cart", post().to(cart))
            .route("/", get().to(index))
            .route("/{name}", get().to(file));
    })
}

fn run(listener: TcpListener, site: Data<Site>, routes: fn(&mut ServiceConfig)) -> Result<Served, DemoError> {
    let addr = addr_of(&listener)?;
    let failed = |reason| DemoError::Listen { addr, reason, option: "--port" };
    let server = HttpServer::new(move || {
        App::new().app_data(site.clone()).app_data(PayloadConfig::new(MOST_BODY_BYTES)).configure(routes)
    })
    .workers(1)
    .max_connections(1_000)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)
    .map_err(failed)?
    .run();
    let handle = server.handle();
    Ok(Served { handle, task: tokio::spawn(server) })
}

fn no(status: StatusCode, why: &str) -> No {
    No { status, why: why.to_owned() }
}

/// What every answer says to the browser.
fn careful(mut answer: HttpResponseBuilder) -> HttpResponseBuilder {
    answer
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    answer
}

fn ok() -> HttpResponseBuilder {
    careful(HttpResponse::Ok())
}

fn allowed(rate: &Mutex<Rate>) -> Result<(), No> {
    match lock(rate).allows(Instant::now()) {
        true => Ok(()),
        false => Err(no(StatusCode::TOO_MANY_REQUESTS, "not so fast")),
    }
}

/// Reads a body that says that it is JSON: a form of another site cannot say so.
fn parse<T: DeserializeOwned>(request: &HttpRequest, body: &Bytes) -> Result<T, No> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json =
        kind.is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"));
    if !is_json {
        return Err(no(StatusCode::BAD_REQUEST, "say it in JSON: Content-Type: application/json"));
    }
    serde_json::from_slice(body).map_err(|e| no(StatusCode::BAD_REQUEST, &format!("not understood: {e}")))
}

fn send_file(site: &Site, request: &HttpRequest, name: &str) -> Answer {
    site.admit(request, false)?;
    let (text, kind) = page::file(name).ok_or_else(|| no(StatusCode::NOT_FOUND, "there is no such thing"))?;
    Ok(ok().content_type(kind).body(text))
}

async fn index(site: Data<Site>, request: HttpRequest) -> Answer {
    send_file(&site, &request, "index.html")
}

async fn file(site: Data<Site>, request: HttpRequest) -> Answer {
    send_file(&site, &request, request.match_info().query("name"))
}

async fn events(site: Data<Site>, request: HttpRequest) -> Answer {
    site.admit(&request, false)?;
    allowed(&site.looks)?;
    let stream = site.inner.hub.watch();
    let stream = stream.ok_or_else(|| no(StatusCode::SERVICE_UNAVAILABLE, "too many watch already"))?;
    Ok(ok().content_type("text/event-stream").streaming(stream))
}

#[derive(Deserialize)]
struct Span {
    from_us: u64,
    to_us: u64,
}

async fn history(site: Data<Site>, request: HttpRequest, span: Query<Span>) -> Answer {
    site.admit(&request, false)?;
    allowed(&site.spans)?;
    let turn = turn(&site.reading)?;
    let look = lock(&site.inner.history).look(span.from_us, span.to_us);
    let lines = actix_web::web::block(move || look.read()).await;
    drop(turn);
    match lines {
        Ok(Ok(lines)) => Ok(ok().content_type("application/json").body(as_list(&lines))),
        _ => Err(no(StatusCode::INTERNAL_SERVER_ERROR, "the recording cannot be read")),
    }
}

async fn export(site: Data<Site>, request: HttpRequest) -> Answer {
    site.admit(&request, false)?;
    // Whoever asks for too many does not keep others from watching.
    let turn = turn(&site.exporting)?;
    let look = lock(&site.inner.history).all();
    let page =
        actix_web::web::block(move || look.read().map(|lines| page::offline(&without_pictures(&lines))))
            .await;
    match page {
        Ok(Ok(page)) => Ok(ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"demo.html\""))
            .streaming(in_pieces(page, turn))),
        _ => Err(no(StatusCode::INTERNAL_SERVER_ERROR, "the recording cannot be read")),
    }
}

/// A turn at what only so many may do at once; it is over when it is dropped.
fn turn(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, No> {
    let taken = Arc::clone(of).try_acquire_owned();
    taken.map_err(|_| no(StatusCode::TOO_MANY_REQUESTS, "others look back just now; try again in a moment"))
}

/// A page piece by piece. The turn is over when all of it is sent, or whoever asked has left.
fn in_pieces(
    page: String,
    turn: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    unfold((Bytes::from(page), turn), |(mut rest, turn)| async move {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        (!piece.is_empty()).then(|| (Ok(piece), (rest, turn)))
    })
}

/// The first whole picture, the last, and all changes between: what one file needs.
pub(crate) fn without_pictures(lines: &str) -> String {
    let picture = |line: &&str| line.starts_with("{\"event\":\"snapshot\"");
    let many = lines.lines().filter(picture).count();
    let mut seen = 0;
    let kept = lines.lines().filter(|line| {
        seen += usize::from(picture(line));
        !picture(line) || seen == 1 || seen == many
    });
    kept.map(|line| format!("{line}\n")).collect()
}

async fn control(site: Data<Site>, request: HttpRequest, body: Bytes) -> Answer {
    site.admit(&request, true)?;
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !site.inner.token.as_ref().is_some_and(|token| token.admits(authorization)) {
        return Err(no(
            StatusCode::UNAUTHORIZED,
            "only whoever started the demo may do this: use the address that it printed",
        ));
    }
    let control: Control = parse(&request, &body)?;
    if control == (Control::Hello {}) {
        allowed(&site.looks)?;
        return Ok(ok().json(json!({ "ok": true, "said": "" })));
    }
    let said = Orders::of(&site.inner).give(control).await.map_err(|refusal| {
        let status = match refusal {
            Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
            Refusal::NotNow(_) => StatusCode::CONFLICT,
            Refusal::TooFast => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Ending => StatusCode::SERVICE_UNAVAILABLE,
        };
        no(status, &refusal.to_string())
    })?;
    Ok(ok().json(json!({ "ok": true, "said": said })))
}

/// The word by which somebody is known again, and whether it is new.
fn known(request: &HttpRequest, name: &str) -> (String, bool) {
    let cookie = request.cookie(name).map(|cookie| cookie.value().to_owned());
    match cookie.filter(|word| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some(word) => (word, false),
        None => (word(), true),
    }
}

fn remember(mut answer: HttpResponseBuilder, name: &'static str, word: &str) -> HttpResponseBuilder {
    let cookie = Cookie::build(name, word.to_owned()).path("/").http_only(true).same_site(SameSite::Strict);
    answer.cookie(cookie.finish());
    answer
}

async fn cart(site: Data<Site>, request: HttpRequest, body: Bytes) -> Answer {
    site.admit(&request, true)?;
    let wanted: CartRequest = parse(&request, &body)?;
    allowed(&site.carts)?;
    let (visitor, _) = known(&request, VISITOR);
    let name = match &wanted {
        CartRequest::LogIn { name } => Some(name.trim().to_owned()),
        _ => None,
    };
    let (inner, who) = (Arc::clone(&site.inner), visitor.clone());
    let visited = site.inner.on_stage(async move { inner.visit(&who, wanted).await }).await;
    match visited {
        Some(Ok(visited)) => Ok(remember(ok(), VISITOR, &visitor).json(json!({
            "ok": true,
            "me": { "shopper": visited.shopper, "name": name },
            "a": visited.got.of(Side::A),
            "b": visited.got.of(Side::B),
        }))),
        Some(Err(CartError::Malformed(why))) => Err(no(StatusCode::BAD_REQUEST, why)),
        Some(Err(CartError::NotNow(why))) => Err(no(StatusCode::CONFLICT, why)),
        // The page forgets the visitor at this status, and at no other.
        Some(Err(CartError::Unknown)) => Err(no(StatusCode::UNAUTHORIZED, "log in first")),
        Some(Err(CartError::TooMany)) => Err(no(StatusCode::TOO_MANY_REQUESTS, "one thing after the other")),
        None => Err(no(StatusCode::SERVICE_UNAVAILABLE, "the demo is ending")),
    }
}
