//! HAProxy in the router's seat: steered like the built-in router, and with the same effect on clients.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a test fails; clippy spares test functions only, not what they call"
)]

#[path = "../src/haproxy.rs"]
mod haproxy;

use bytes::Bytes;
use haproxy::{ConfigError, Haproxy, HaproxyError, config, render};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use protocol::admin::{Health, Policy, ServerStatus};
use protocol::app::{Refusal, SERVED_BY};
use reqwest::header::{COOKIE, SET_COOKIE};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct State {
    requests: AtomicU64,
    posts: AtomicU64,
    connections: AtomicU64,
    silent: AtomicBool,
    go_on: Notify,
}

struct Backend {
    id: &'static str,
    addr: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Backend {
    async fn start(id: &'static str) -> Self {
        // Not 127.0.0.1, from which connections start: one might take the port of a server that is to come back.
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let (addr, state) = (listener.local_addr().unwrap(), Arc::new(State::default()));
        let accepting = tokio::spawn(accept(listener, id, Arc::clone(&state)));
        Backend { id, addr, state, accepting }
    }

    async fn kill(&mut self) {
        self.accepting.abort();
        let _aborted = (&mut self.accepting).await;
        let closed = async || self.state.connections.load(SeqCst) == 0;
        until("the connections of a killed server to be closed", closed).await;
    }

    fn requests(&self) -> u64 {
        self.state.requests.load(SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, id: &'static str, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        connections.spawn(converse(stream, id, Arc::clone(&state)));
    }
}

struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, SeqCst);
    }
}

async fn converse(stream: TcpStream, id: &'static str, state: Arc<State>) {
    state.connections.fetch_add(1, SeqCst);
    let _open = Open(Arc::clone(&state));
    let service = service_fn(|request| answer(request, id, Arc::clone(&state)));
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    id: &str,
    state: Arc<State>,
) -> io::Result<Response<Full<Bytes>>> {
    if state.silent.load(SeqCst) {
        std::future::pending::<()>().await;
    }
    if request.uri().path() != protocol::app::HEALTH {
        state.requests.fetch_add(1, SeqCst);
        state.posts.fetch_add(u64::from(request.method() == Method::POST), SeqCst);
    }
    match request.uri().path() {
        "/die" => return Err(io::Error::other("killed in the middle of a request")),
        "/silence" => std::future::pending().await,
        "/wait" => state.go_on.notified().await,
        _ => {}
    }
    let forwarded = request.headers().get("x-forwarded-for").map(|value| value.as_bytes().to_vec());
    let mut response = Response::new(Full::from(forwarded.unwrap_or_default()));
    response.headers_mut().insert(SERVED_BY, id.parse().unwrap());
    Ok(response)
}

struct Seat {
    haproxy: Haproxy,
    http: reqwest::Client,
    port: u16,
    _process: Child,
    _folder: TempDir,
}

struct Answer {
    status: StatusCode,
    served_by: String,
    cookie: Option<String>,
    response: reqwest::Response,
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, future).await;
    waited.unwrap_or_else(|_| panic!("waited {DEADLINE:?} for {what}"))
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

impl Seat {
    async fn start(policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, socket) = (folder.path().join("haproxy.cfg"), folder.path().join("haproxy.sock"));
        // HAProxy cannot tell its port: choose one, and another when somebody else was faster.
        loop {
            let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
            std::fs::write(&file, config(policy, port, &socket).unwrap()).unwrap();
            // It dies with the test's thread, even when the tests are killed.
            let mut command = Command::new("setpriv");
            command
                .args(["--pdeathsig", "KILL", "haproxy"])
                .arg("-db")
                .arg("-f")
                .arg(&file)
                .kill_on_drop(true)
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            let mut process = command.spawn().expect("haproxy is missing; 'just setup' installs it");
            let haproxy = Haproxy::new(&socket);
            let mut gave_up = false;
            until("haproxy to come up", async || {
                gave_up = process.try_wait().unwrap().is_some();
                gave_up || haproxy.snapshot().await.is_ok_and(|snapshot| snapshot.policy == policy)
            })
            .await;
            if !gave_up {
                let http = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
                return Seat { haproxy, http, port, _process: process, _folder: folder };
            }
        }
    }

    async fn with<const N: usize>(policy: Policy, ids: [&'static str; N]) -> (Self, [Backend; N]) {
        let seat = Seat::start(policy).await;
        let mut backends = Vec::new();
        for id in ids {
            let backend = Backend::start(id).await;
            seat.haproxy.add(id, backend.addr).await.unwrap();
            backends.push(backend);
        }
        (seat, backends.try_into().ok().unwrap())
    }

    async fn status(&self, id: &str) -> ServerStatus {
        let snapshot = self.haproxy.snapshot().await.unwrap();
        snapshot.servers.into_iter().find(|server| server.id == id).unwrap()
    }

    async fn until_health(&self, id: &str, health: Health) {
        until(&format!("{id} to be {health:?}"), async || self.status(id).await.health == health).await;
    }

    fn request(&self, method: &str, path: &str, cookie: Option<&str>) -> reqwest::RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = self.http.request(method.parse().unwrap(), url).header("x-forwarded-for", "10.0.0.1");
        match cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    async fn send(&self, method: &str, path: &str, cookie: Option<&str>) -> Answer {
        let response = self.request(method, path, cookie).send().await.unwrap();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        let cookie = header(SET_COOKIE.as_str()).map(|cookie| {
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
            cookie.split(';').next().unwrap().to_owned()
        });
        Answer { status: response.status(), served_by: header(SERVED_BY).unwrap(), cookie, response }
    }

    async fn get(&self, cookie: Option<&str>) -> Answer {
        self.send("GET", "/", cookie).await
    }
}

#[tokio::test]
async fn every_policy_that_haproxy_has_spreads_or_ties_as_its_name_says() {
    for policy in Policy::ALL {
        if policy == Policy::RendezvousHash {
            let refused = config(policy, 1, Path::new("/none"));
            assert!(matches!(refused, Err(ConfigError::Unsupported(Policy::RendezvousHash))));
            continue;
        }
        let (seat, _backends) = Seat::with(policy, ["a", "b", "c"]).await;
        let mut owners = BTreeMap::<_, BTreeMap<String, u64>>::new();
        for number in 0..120 {
            let session = number / 2;
            let answer = seat.get(Some(&format!("sid=session-{session}"))).await;
            assert_eq!(answer.status, 200);
            *owners.entry(session).or_default().entry(answer.served_by).or_default() += 1;
        }
        let snapshot = seat.haproxy.snapshot().await.unwrap();
        assert_eq!(snapshot.policy, policy);
        let requests: Vec<_> = snapshot.servers.iter().map(|server| server.requests).collect();
        assert_eq!(requests.iter().sum::<u64>(), 120, "{policy}");
        match policy {
            Policy::RoundRobin | Policy::LeastConnections | Policy::CookieInsert => {
                assert_eq!(requests, [40; 3], "{policy}");
            }
            Policy::SourceIpHash => assert!(requests.contains(&120), "{requests:?}"),
            _ => {
                assert!(owners.values().all(|owners| owners.len() == 1), "{policy}: {owners:?}");
                assert!(requests.iter().all(|count| *count >= 16), "{policy}: {requests:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_session_sticks_while_others_come_and_go_and_new_ones_are_spread_evenly() {
    let (seat, [a, mut b]) = Seat::with(Policy::CookieInsert, ["a", "b"]).await;
    let first = seat.get(None).await;
    let (home, cookie) = (first.served_by, first.cookie.expect("a cookie for a new client"));
    assert_eq!(first.response.text().await.unwrap(), "127.0.0.1", "the client's claim is not believed");
    let other = if home == a.id { b.id } else { a.id };
    let c = Backend::start("c").await;
    seat.haproxy.add(c.id, c.addr).await.unwrap();
    for _ in 0..10 {
        let answer = seat.get(Some(&cookie)).await;
        assert_eq!((&answer.served_by, answer.cookie), (&home, None));
    }
    let mut spread = BTreeMap::<_, u64>::new();
    for _ in 0..30 {
        *spread.entry(seat.get(None).await.served_by).or_default() += 1;
    }
    assert_eq!(spread.into_values().collect::<Vec<_>>(), [10; 3]);
    assert_eq!(seat.status("c").await.bound, 10);
    seat.haproxy.remove(other).await.unwrap();
    assert_eq!(seat.get(Some(&cookie)).await.served_by, home);
    let tampered = seat.get(Some("lab-server=a")).await;
    assert!(tampered.status == 200 && tampered.cookie.is_some());
    b.kill().await;
}

#[tokio::test]
async fn a_server_that_refuses_connections_costs_no_client_an_error_and_is_down_at_once() {
    let (seat, [mut a, mut b]) = Seat::with(Policy::CookieInsert, ["a", "b"]).await;
    let first = seat.get(None).await;
    let cookie = first.cookie.unwrap();
    let (dead, alive) = if first.served_by == "a" { (&mut a, &mut b) } else { (&mut b, &mut a) };
    dead.kill().await;
    let answer = seat.send("POST", "/", Some(&cookie)).await;
    assert_eq!((answer.status.as_u16(), answer.served_by.as_str()), (200, alive.id));
    assert!(answer.cookie.is_some_and(|moved| moved != cookie), "bound elsewhere");
    seat.until_health(dead.id, Health::Down).await;
    assert_eq!(alive.state.posts.load(SeqCst), 1);

    // The process comes back at its old address: it gets another slot, and the old cookie is worth nothing.
    let listener = TcpListener::bind(dead.addr).await.unwrap();
    seat.haproxy.remove(dead.id).await.unwrap();
    let again = Arc::new(State::default());
    let accepting = tokio::spawn(accept(listener, "again", Arc::clone(&again)));
    seat.haproxy.add("again", dead.addr).await.unwrap();
    assert!(seat.get(Some(&cookie)).await.cookie.is_some(), "a restarted server is a stranger");
    accepting.abort();
}

#[tokio::test]
async fn a_request_is_never_sent_twice() {
    let (seat, [a, b]) = Seat::with(Policy::RoundRobin, ["a", "b"]).await;
    for method in ["POST", "GET"] {
        let request = seat.request(method, "/die", None).build().unwrap();
        // The first request on its connection is answered; a later one is lost without a word.
        let response = reqwest::Client::builder().no_proxy().build().unwrap().execute(request).await.unwrap();
        assert_eq!(response.status(), 502, "{method}");
        assert_eq!(response.json::<Refusal>().await.unwrap().error, "bad_gateway");
        assert_eq!(seat.get(None).await.status, 200);
        assert!(seat.request(method, "/die", None).send().await.is_err(), "{method}");
    }
    assert_eq!(a.requests() + b.requests(), 6);
    assert_eq!(a.state.posts.load(SeqCst) + b.state.posts.load(SeqCst), 2);
    let answer = seat.send("POST", "/silence", None).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.response.json::<Refusal>().await.unwrap().error, "gateway_timeout");
    assert_eq!(a.state.posts.load(SeqCst) + b.state.posts.load(SeqCst), 3);
    let servers = seat.haproxy.snapshot().await.unwrap().servers;
    let failures: u64 = servers.iter().map(|server| server.failures).sum();
    assert_eq!(failures, 3, "those without a word are not counted");
}

#[tokio::test]
async fn a_stopped_server_is_found_by_its_checks_and_comes_back() {
    let (seat, [a]) = Seat::with(Policy::RoundRobin, ["a"]).await;
    a.state.silent.store(true, SeqCst);
    seat.until_health("a", Health::Down).await;
    let answer = seat.get(None).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.response.headers()["retry-after"], "1");
    assert_eq!(answer.response.json::<Refusal>().await.unwrap().error, "no_server");
    a.state.silent.store(false, SeqCst);
    seat.until_health("a", Health::Up).await;
    assert_eq!(seat.get(None).await.status, 200);
}

#[tokio::test]
async fn a_draining_server_keeps_its_sessions_until_the_deadline_and_finishes_what_is_in_flight() {
    let (seat, [a, b]) = Seat::with(Policy::CookieInsert, ["a", "b"]).await;
    let first = seat.get(None).await;
    let cookie = first.cookie.unwrap();
    let (leaving, staying) = if first.served_by == "a" { (&a, &b) } else { (&b, &a) };
    seat.haproxy.drain(leaving.id, Duration::from_secs(60)).await.unwrap();
    assert!(seat.status(leaving.id).await.draining);
    for _ in 0..4 {
        assert_eq!(seat.get(None).await.served_by, staying.id, "no new sessions");
    }
    assert_eq!(seat.get(Some(&cookie)).await.served_by, leaving.id, "bound ones stay");
    seat.haproxy.undrain(leaving.id).await.unwrap();
    assert!(!seat.status(leaving.id).await.draining);
    until("new sessions to come again", async || seat.get(None).await.served_by == leaving.id).await;
    seat.haproxy.drain(leaving.id, Duration::from_secs(60)).await.unwrap();

    let before = leaving.requests();
    let waiting = tokio::spawn(seat.request("GET", "/wait", Some(&cookie)).send());
    until("the request to wait", async || leaving.requests() == before + 1).await;
    assert_eq!(seat.status(leaving.id).await.in_flight, 1);
    seat.haproxy.drain(leaving.id, Duration::ZERO).await.unwrap();
    let moved = async || seat.get(Some(&cookie)).await.served_by == staying.id;
    until("bound sessions to move after the deadline", moved).await;
    seat.haproxy.remove(leaving.id).await.unwrap();
    leaving.state.go_on.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn what_cannot_be_done_is_an_error_that_says_why() {
    let (seat, [a]) = Seat::with(Policy::RoundRobin, ["a"]).await;
    assert!(matches!(seat.haproxy.add("a", a.addr).await, Err(HaproxyError::Taken(_))));
    assert!(matches!(seat.haproxy.remove("b").await, Err(HaproxyError::Unknown(_))));
    assert!(matches!(seat.haproxy.drain("b", Duration::ZERO).await, Err(HaproxyError::Unknown(_))));
    let gone = Haproxy::new(Path::new("/nowhere/haproxy.sock"));
    assert!(matches!(gone.snapshot().await, Err(HaproxyError::Socket { .. })));
}

#[test]
fn the_same_choices_give_the_same_configuration() {
    let cookies = ["one".to_owned(), "two".to_owned()];
    let text = || render(Policy::CookieInsert, 8080, Path::new("/s"), &cookies).unwrap();
    assert_eq!(text(), text());
    assert!(text().contains("server slot1 127.0.0.1:9 cookie two disabled"));
}
