//! The real program: what a shopper sees when the store goes away and comes back, and what an operator sees when it does not start.

use crate::backends::{Backend, fresh_prefix, shared_postgres, shared_redis, undertaker};
use protocol::app::{self, AddLine, CartView, Login};
use protocol::ops::{LookedUp, Reach, SESSIONS};
use protocol::process::Ready;
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What is promised of a refusal and of the return.
pub const PROMISE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_shopper_lives_through_a_stop_of_redis() {
    let redis = Backend::redis(&[]);
    an_outage("redis", &redis).await;
}

#[tokio::test]
async fn a_shopper_lives_through_a_stop_of_postgres() {
    let postgres = Backend::postgres();
    an_outage("postgres", &postgres).await;
}

#[tokio::test]
async fn a_shopper_lives_through_a_crash_of_postgres() {
    let mut postgres = Backend::postgres();
    let server = Server::start("postgres", &postgres.url(), &[]);
    let mut shopper = Shopper::new(&server);
    shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
    postgres.kill();
    shopper.refused(Method::POST, app::LINES, &AddLine { op: "apple".into() }).await;
    postgres.restart();
    served_again(&mut shopper, "postgres behind HTTP, killed").await;
    let cart = shopper.cart(Method::POST, app::LINES, &AddLine { op: "pear".into() }).await;
    assert_eq!((cart.owner.as_deref(), cart.ops), (Some("ann"), vec!["pear".to_owned()]));
}

async fn an_outage(store: &str, backend: &Backend) {
    let server = Server::start(store, &backend.url(), &[]);
    let mut shopper = Shopper::new(&server);
    let cart = shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
    assert_eq!(cart.owner.as_deref(), Some("ann"));
    shopper.cart(Method::POST, app::LINES, &AddLine { op: "apple".into() }).await;

    backend.stop();
    for _ in 0..2 {
        shopper.refused(Method::GET, app::CART, &()).await;
        shopper.refused(Method::POST, app::LINES, &AddLine { op: "pear".into() }).await;
    }
    assert_eq!(shopper.send(Method::GET, app::HEALTH, &()).await.status(), StatusCode::OK);
    assert_eq!(shopper.send(Method::GET, app::READY, &()).await.status(), StatusCode::SERVICE_UNAVAILABLE);

    backend.resume();
    let cart = served_again(&mut shopper, &format!("{store} behind HTTP, stopped")).await;
    assert_eq!((cart.owner.as_deref(), cart.ops), (Some("ann"), vec!["apple".to_owned()]));
    assert_eq!(shopper.send(Method::GET, app::READY, &()).await.status(), StatusCode::OK);
}

async fn served_again(shopper: &mut Shopper, story: &str) -> CartView {
    let start = Instant::now();
    loop {
        let answer = shopper.send(Method::GET, app::CART, &()).await;
        assert!(start.elapsed() < PROMISE, "{story}: {} after {:?}", answer.status(), start.elapsed());
        if answer.status() == StatusCode::OK {
            eprintln!("{story}: served again after {:?}", start.elapsed());
            return answer.json().await.unwrap();
        }
    }
}

#[tokio::test]
async fn two_servers_share_one_session_on_every_store() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("sessions.db").to_str().unwrap().to_owned();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, [b'k'; 64]).unwrap();
    let stores = [
        ("redis", shared_redis().url()),
        ("redis-actix", shared_redis().url()),
        ("postgres", shared_postgres().url()),
        ("sqlite", file),
    ];
    for (store, url) in stores {
        let prefix = fresh_prefix().to_string();
        let key = key_file.to_str().unwrap();
        // Two workers, because each has a runtime of its own and they share the store's connections.
        let flags = ["--store-prefix", &prefix, "--cookie-key-file", key, "--workers", "2"];
        let servers = [Server::start(store, &url, &flags), Server::start(store, &url, &flags)];
        let mut shopper = Shopper::new(&servers[0]);
        shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
        for (turn, op) in ["a", "b", "c", "d"].into_iter().enumerate() {
            shopper.base = servers[turn % 2].base();
            let cart = shopper.cart(Method::POST, app::LINES, &AddLine { op: op.into() }).await;
            assert_eq!(cart.ops.last().map(String::as_str), Some(op), "{store}");
        }
        let cart = shopper.cart(Method::GET, app::CART, &()).await;
        assert_eq!(cart.ops, ["a", "b", "c", "d"], "{store}");
    }
}

/// From any server, for all of them; where nobody can tell, that is the answer.
#[tokio::test]
async fn an_operator_asks_any_server_for_all_of_the_tier() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("sessions.db").to_str().unwrap().to_owned();
    let token = "t".repeat(32);
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, &token).unwrap();
    let stores = [
        ("redis", shared_redis().url(), Reach::Shared),
        ("postgres", shared_postgres().url(), Reach::Shared),
        ("sqlite", file, Reach::Shared),
        ("cookie", String::new(), Reach::Client),
        ("redis-actix", shared_redis().url(), Reach::Closed),
        ("cookie-actix", String::new(), Reach::Closed),
    ];
    for (store, url, reach) in stores {
        let prefix = fresh_prefix().to_string();
        let flags = ["--store-prefix", &prefix, "--ops-token-file", token_file.to_str().unwrap()];
        let servers = [Server::start(store, &url, &flags), Server::start(store, &url, &flags)];
        let mut shopper = Shopper::new(&servers[0]);
        shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;
        shopper.cart(Method::POST, app::LINES, &AddLine { op: "apple".into() }).await;
        for server in &servers {
            let url = format!("{}{SESSIONS}?owner=ann", server.base());
            let asked = reqwest::Client::builder().no_proxy().build().unwrap().get(url).bearer_auth(&token);
            let found: LookedUp = asked.send().await.unwrap().json().await.unwrap();
            assert_eq!((found.store.as_str(), found.reach, found.whole), (store, reach, true));
            let seen: Vec<_> = found.sessions.iter().map(|s| (s.epoch, s.version, s.lines)).collect();
            let expected = if reach == Reach::Shared { vec![(1, 2, 1)] } else { Vec::new() };
            assert_eq!(seen, expected, "{store}");
            assert_eq!(found.looked_at.is_some(), reach == Reach::Shared, "{store}");
        }
    }
}

#[tokio::test]
async fn a_slow_write_that_a_logout_overtakes_is_refused() {
    let late = a_write_that_a_logout_overtakes("redis").await;
    assert_eq!(late.status(), StatusCode::UNAUTHORIZED);
    assert!(!late.headers().contains_key("set-cookie"), "nobody is logged in again");
}

/// If this fails, the library has been mended, and the comparison has to say so.
#[tokio::test]
async fn the_baseline_logs_in_again_who_has_logged_out() {
    let late = a_write_that_a_logout_overtakes("redis-actix").await;
    assert_eq!(late.status(), StatusCode::OK);
    assert!(late.headers().contains_key("set-cookie"), "the old state under a new id");
}

/// The answer to a write that has read its session before a logout, and writes it after.
async fn a_write_that_a_logout_overtakes(store: &str) -> Response {
    let redis = Backend::redis(&[]);
    let folder = TempDir::new().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, [b'k'; 64]).unwrap();
    let key = ["--cookie-key-file", key_file.to_str().unwrap()];
    let quick = Server::start(store, &redis.url(), &key);
    let slow = Server::start(store, &redis.url(), &[&key[..], &["--service-time-ms", "2000"]].concat());
    let mut shopper = Shopper::new(&quick);
    shopper.cart(Method::POST, app::LOGIN, &Login { owner: "ann".into() }).await;

    let mut observer = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut reads = || {
        let stats: String = redis::cmd("INFO").arg("commandstats").query(&mut observer).unwrap();
        let calls = stats.split("cmdstat_get:calls=").nth(1).and_then(|rest| rest.split(',').next());
        calls.map_or(0, |calls| calls.parse::<u64>().unwrap())
    };
    let before = reads();
    let mut other_tab = Shopper { base: slow.base(), ..shopper.clone() };
    let write = tokio::spawn(async move {
        other_tab.send(Method::POST, app::LINES, &AddLine { op: "late".into() }).await
    });
    let start = Instant::now();
    while reads() == before {
        assert!(start.elapsed() < Duration::from_secs(10), "the write never reads its session");
        tokio::task::yield_now().await;
    }
    assert_eq!(shopper.send(Method::POST, app::LOGOUT, &()).await.status(), StatusCode::OK);
    write.await.unwrap()
}

#[tokio::test]
async fn what_cannot_start_says_why_and_what_to_do_and_never_the_password() {
    let missing = TempDir::new().unwrap().path().join("gone/sessions.db");
    let nowhere = [
        ("redis", "redis://:hunter2@127.0.0.1:1"),
        ("redis-actix", "redis://:hunter2@127.0.0.1:1"),
        ("postgres", "postgres://lab:hunter2@127.0.0.1:1/lab"),
        ("redis", "redis+sentinel://:hunter2@127.0.0.1:1"),
        ("postgres", "postgres://lab:hunter2@127.0.0.1:1,127.0.0.1:2/lab"),
        ("sqlite", missing.to_str().unwrap()),
    ];
    for (store, url) in nowhere {
        let said = failed_start(&["--store", store, "--store-url", url]);
        assert!(said.contains(&format!("{store} store at ")) && said.contains("--store-url"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let url = shared_redis().url();
    let refusals: [(&[&str], &str); 4] = [
        (&["--store", "redis-actix", "--conflict-policy", "optimistic"], "cannot compare versions"),
        (&["--store", "redis", "--store-prefix", "a;b"], "store prefix 'a;b'"),
        (&["--store", "memory"], "redis-actix"),
        (&["--store", "redis", "--postgres-unlogged"], "needs --store postgres"),
    ];
    for (flags, reason) in refusals {
        let said = failed_start(&[flags, &["--store-url", &url]].concat());
        assert!(said.contains(reason), "{said}");
    }
}

/// Starts the program, which must exit by itself and not with success; what it said.
pub(crate) fn failed_start(flags: &[&str]) -> String {
    let output = program().args(flags).output().unwrap();
    assert!(!output.status.success(), "{flags:?} started");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stateless-server"))
}

pub(crate) struct Server {
    process: Child,
    undertaker: Child,
    addr: std::net::SocketAddr,
}

impl Server {
    /// The URL goes through the environment, where no process list shows it.
    pub(crate) fn start(store: &str, url: &str, flags: &[&str]) -> Self {
        Self::secure(store, url, &[&["--plain-http-cookies"], flags].concat())
    }

    /// The same with cookies that a browser would send over TLS alone.
    pub(crate) fn secure(store: &str, url: &str, flags: &[&str]) -> Self {
        let mut process = program()
            .args(["--store", store])
            .args(flags)
            .env("LAB_STORE_URL", url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let undertaker = undertaker(r#"cat > /dev/null; kill -KILL "$1""#, process.id().to_string().as_ref());
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        match Ready::from_line(&line) {
            Some(Ready::Server { addr, .. }) => Self { process, undertaker, addr },
            other => panic!("no Ready line of a server: {other:?}"),
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The undertaker first: once the process has been waited for, its id may be somebody else's.
        let _ = self.undertaker.kill();
        let _ = self.undertaker.wait();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One cookie jar.
#[derive(Clone)]
pub(crate) struct Shopper {
    pub(crate) client: reqwest::Client,
    pub(crate) base: String,
    pub(crate) cookie: Option<String>,
}

impl Shopper {
    pub(crate) fn new(server: &Server) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        Self { client, base: server.base(), cookie: None }
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, body: &impl Serialize) -> Response {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if method == Method::POST {
            request = request.json(body);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let answer = request.send().await.unwrap();
        if let Some(set) = answer.headers().get("set-cookie") {
            self.cookie = set.to_str().unwrap().split(';').next().map(str::to_owned);
        }
        answer
    }

    pub(crate) async fn cart(&mut self, method: Method, path: &str, body: &impl Serialize) -> CartView {
        let answer = self.send(method, path, body).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    pub async fn refused(&mut self, method: Method, path: &str, body: &impl Serialize) {
        let start = Instant::now();
        let answer = self.send(method, path, body).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        assert!(!answer.headers().contains_key("set-cookie"), "{path}: a refusal logs nobody out");
        assert!(start.elapsed() < PROMISE, "{path} was refused after {:?}", start.elapsed());
    }
}
