//! Starts a small demo, and asks it things as the page does.

use demo::show::{Ended, Sides};
use demo::{ClassRoom, Demo, Options, scene};
use driver::{ExternalStores, Scratch};
use reqwest::{Client, Response};
use scenario::Stack;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Everything that a test waits for comes within this, on a busy machine too.
pub const SOON: Duration = Duration::from_secs(60);

/// A demo, and a browser's worth of HTTP.
pub struct Stage {
    demo: Demo,
    folder: TempDir,
    /// Nobody breaks it off, as long as this is here.
    _quiet: tokio::sync::watch::Sender<bool>,
    pub http: Client,
    pub origin: String,
    pub token: String,
}

impl Stage {
    /// Sixty shoppers on each side, the stateless ones on SQLite, which needs nothing installed.
    pub async fn set(class: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (quiet, interrupt) = tokio::sync::watch::channel(false);
        // Tests run side by side, and each has a scratch folder by its run's name.
        let run = format!("demo-test-{}-{class}", std::process::id());
        let room = ClassRoom { address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), port: 0 };
        let demo = Demo::start(Options {
            port: 0,
            stacks: [Stack::stateful(), "stateless-sqlite".parse().unwrap()],
            // Longer than a scenario may be.
            cast: scene::Cast { shoppers: 60, think_time_ms: 600, minutes: 90 },
            seed: 7,
            scratch: Scratch::new(&run).unwrap(),
            run,
            dir: folder.path().to_owned(),
            external: ExternalStores::default(),
            class: class.then_some(room),
            interrupt,
            on_segment: Box::new(|_| {}),
        })
        .await
        .unwrap();
        let token = demo.url().split("#token=").nth(1).unwrap().to_owned();
        let origin = format!("http://{}", demo.addr());
        Self {
            demo,
            folder,
            _quiet: quiet,
            http: Client::builder().no_proxy().build().unwrap(),
            origin,
            token,
        }
    }

    /// Where the journals are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn class(&self) -> (SocketAddr, String) {
        self.demo.class().map(|(addr, code)| (addr, code.to_owned())).unwrap()
    }

    /// A post as the page sends it.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.http.post(format!("{}{path}", self.origin)).header("origin", &self.origin);
        request.bearer_auth(&self.token).json(body).send().await.unwrap()
    }

    /// An order that is accepted.
    pub async fn order(&self, body: Value) {
        let answer = loop {
            let answer = self.post("/control", &body).await;
            if answer.status() != 429 {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let status = answer.status();
        assert!(status.is_success(), "{body}: {status} {}", answer.text().await.unwrap());
    }

    /// Everything as it stands: the first message of a fresh stream.
    pub async fn snapshot(&self) -> Value {
        let mut stream = self.http.get(format!("{}/events", self.origin)).send().await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"\n\n") {
            text.extend_from_slice(&stream.chunk().await.unwrap().unwrap());
        }
        let text = String::from_utf8(text).unwrap();
        let first = text.split("\n\n").next().unwrap();
        assert!(first.starts_with("event: snapshot\n"), "{first}");
        serde_json::from_str(first.split_once("data: ").unwrap().1).unwrap()
    }

    /// Waits until a snapshot is as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + SOON;
        loop {
            let snapshot = self.snapshot().await;
            if wanted(&snapshot) {
                return snapshot;
            }
            assert!(
                Instant::now() < deadline,
                "not within {SOON:?}: {what}; {}\n{}",
                snapshot["tiers"],
                snapshot["log"]
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Ends it; what was found, and where the journals are.
    pub async fn strike(self) -> (Vec<Sides<Option<Ended>>>, TempDir) {
        (self.demo.stop().await.unwrap(), self.folder)
    }
}

/// A visitor with a cookie of its own.
pub struct Visitor<'a> {
    stage: &'a Stage,
    cookie: Option<String>,
}

impl<'a> Visitor<'a> {
    pub fn of(stage: &'a Stage) -> Self {
        Self { stage, cookie: None }
    }

    /// Does something with the cart on both tiers.
    pub async fn does(&mut self, body: Value) -> Value {
        let origin = &self.stage.origin;
        let mut request = self.stage.http.post(format!("{origin}/cart")).header("origin", origin).json(&body);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let answer = request.send().await.unwrap();
        if let Some(set) = answer.headers().get("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
            self.cookie = Some(set.split(';').next().unwrap().to_owned());
        }
        answer.json().await.unwrap()
    }

    pub async fn looks(&mut self) -> Value {
        self.does(json!({ "do": "look" })).await
    }
}

/// The place in an instance's name.
pub fn place(server: &Value) -> u32 {
    server.as_str().unwrap().strip_prefix("server-").unwrap().split('.').next().unwrap().parse().unwrap()
}
