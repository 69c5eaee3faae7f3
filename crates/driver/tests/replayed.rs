//! A replayed cookie is the one crime that no honest load can meet, for a jar holds the newest cookie. That a probe meets it is in
//! `planted.rs`; here a *shopper* does, as one with a restored backup would: a scripted client sends the older cookie, to a server whose
//! cookies are its state, and to an honest one.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use analysis::{AnomalyKind, judge};
use journal::{Entry, Event, Header, Outcome, StepEvent, View};
use protocol::app::{CART, CHECKOUT, CartView, LINES, LOGIN, LOGOUT, Refusal};
use protocol::process::Ready;
use reqwest::header::{COOKIE, SET_COOKIE};
use scenario::{Action, Phase, Scenario, Stack};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const SCENARIO: &str = r#"
name = "planted"
question = "?"
story = "."
stacks = ["stateful"]
topology = { servers = 1 }
load = { shoppers = 3, think_time_ms = 100, mix = { read = 1, add = 1 } }
phases = { warm_up_s = 1, baseline_s = 1, fault_s = 0, recovery_s = 0, quiet_s = 0 }
steady_state = { ok_ratio = 0.9, p99_ms = 500, sustain_s = 0.5 }
"#;

/// A server that ends with its test.
struct Server(Child, String);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(bug: &str) -> Server {
    let mut command = Command::new(driver::own("planted-server").unwrap());
    command.args(["--plain-http-cookies", "--service-time-ms=40", "--conflict-policy=last-write-wins"]);
    let mut child = command.arg(format!("--bug={bug}")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let Some(Ready::Server { addr, .. }) = Ready::from_line(&line) else { panic!("{line}") };
    Server(child, format!("http://{addr}"))
}

/// One shop, its shoppers' jars, and the journal.
struct Shop {
    server: Server,
    client: reqwest::Client,
    begun: Instant,
    jars: RefCell<BTreeMap<u32, String>>,
    events: RefCell<Vec<Event>>,
}

impl Shop {
    fn open(bug: &str) -> Self {
        Self {
            server: start(bug),
            client: reqwest::Client::new(),
            begun: Instant::now(),
            jars: RefCell::default(),
            events: RefCell::default(),
        }
    }

    fn now_us(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }

    async fn sends(&self, shopper: u32, tab: u32, action: Action, op: &str) {
        let jar = self.jars.borrow().get(&shopper).cloned();
        self.sends_with(shopper, tab, action, op, jar).await;
    }

    /// One request with this cookie; only a complete answer changes the jar.
    async fn sends_with(&self, shopper: u32, tab: u32, action: Action, op: &str, cookie: Option<String>) {
        let path = match action {
            Action::LogIn => LOGIN,
            Action::Read => CART,
            Action::Add => LINES,
            Action::CheckOut => CHECKOUT,
            Action::LogOut => LOGOUT,
        };
        let url = format!("{}{path}", self.server.1);
        let body = match action {
            Action::LogIn => serde_json::json!({ "owner": format!("shopper-{shopper}") }),
            _ => serde_json::json!({ "op": op }),
        };
        let mut request = if action == Action::Read { self.client.get(url) } else { self.client.post(url) };
        if matches!(action, Action::LogIn | Action::Add | Action::CheckOut) {
            request = request.json(&body);
        }
        if let Some(cookie) = &cookie {
            request = request.header(COOKIE, format!("sid={cookie}"));
        }
        let sent_us = self.now_us();
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let set = answer.headers().get(SET_COOKIE).map(|set| set.to_str().unwrap().to_owned());
        let body = answer.bytes().await.unwrap();
        let fresh = set.map(|set| set.split([';', '=']).nth(1).unwrap().to_owned());
        let (mut view, mut error) = (None, None);
        if status == 200 {
            let CartView { owner, epoch, version, ops, .. } = serde_json::from_slice(&body).unwrap();
            view = Some(View { owner, epoch, version, ops });
        } else {
            error = serde_json::from_slice(&body).ok().map(|refusal: Refusal| refusal.error);
        }
        match &fresh {
            Some(fresh) if fresh.is_empty() => drop(self.jars.borrow_mut().remove(&shopper)),
            Some(fresh) => drop(self.jars.borrow_mut().insert(shopper, fresh.clone())),
            None => {}
        }
        let mut events = self.events.borrow_mut();
        let event = StepEvent {
            shopper,
            step: events.len() as u32,
            tab,
            retry_of: None,
            idempotent: false,
            phase: if op == "final" { Phase::Final } else { Phase::Baseline },
            action,
            op: matches!(action, Action::Add | Action::CheckOut).then(|| op.to_owned()),
            planned_us: sent_us,
            sent_us: Some(sent_us),
            first_byte_us: None,
            done_us: self.now_us(),
            outcome: if status == 200 { Outcome::Ok } else { Outcome::Failed },
            status: Some(status),
            error,
            server: None,
            view,
            sid: cookie,
            new_sid: fresh.filter(|fresh| !fresh.is_empty()),
        };
        events.push(Event::Step(event));
    }

    async fn adds(&self, shopper: u32, op: &str) {
        self.sends(shopper, 0, Action::Add, op).await;
    }

    async fn reads(&self, shopper: u32, tab: u32) {
        self.sends(shopper, tab, Action::Read, "").await;
    }

    /// Everybody reads once more, and the journal is judged.
    async fn kinds(self) -> Vec<AnomalyKind> {
        for shopper in 1..4 {
            self.sends(shopper, 0, Action::Read, "final").await;
        }
        let header = Header {
            format: journal::FORMAT,
            run: "planted".to_owned(),
            order: 1,
            repeat: 1,
            replica: 0,
            stack: Stack::stateful(),
            router: "builtin".to_owned(),
            seed: 1,
            plan_sha256: "none".to_owned(),
            planned_steps: 0,
            scenario: Scenario::parse("planted.toml", SCENARIO).unwrap(),
            store: BTreeMap::new(),
            start_up_ms: None,
            growth: None,
            started_unix_ms: 0,
        };
        let events = self.events.take();
        let entries = (1..).zip(events.clone()).map(|(seq, event)| Ok(Entry { seq, event }));
        let findings = judge(&header, entries);
        assert!(findings.anomalies.len() < 2, "{:#?}\n{events:#?}", findings.anomalies);
        findings.anomalies.iter().map(|anomaly| anomaly.kind).collect()
    }
}

#[tokio::test]
async fn a_cookie_that_was_replaced_and_is_sent_again_is_named_and_nothing_else_is_reported() {
    let shop = Shop::open("replayed_cookie");
    for shopper in 1..4 {
        shop.sends(shopper, 0, Action::LogIn, "").await;
        shop.adds(shopper, &format!("a-{shopper}")).await;
        shop.reads(shopper, 0).await;
    }
    let old = shop.jars.borrow().get(&1).cloned();
    shop.adds(1, "b-1").await;
    shop.sends_with(1, 0, Action::Read, "", old).await;
    for shopper in [2, 3] {
        shop.adds(shopper, &format!("b-{shopper}")).await;
        shop.reads(shopper, 0).await;
    }
    assert_eq!(shop.kinds().await, [AnomalyKind::ReplayedCookie]);
}

#[tokio::test]
async fn the_same_server_without_a_crime_is_innocent_of_every_script() {
    let shop = Shop::open("none");
    for shopper in 1..4 {
        shop.sends(shopper, 0, Action::LogIn, "").await;
        for n in 0..5 {
            shop.adds(shopper, &format!("{n}-{shopper}")).await;
            let old = shop.jars.borrow().get(&shopper).cloned();
            tokio::join!(shop.reads(shopper, 0), shop.reads(shopper, 1), shop.reads(shopper, 2));
            shop.sends_with(shopper, 1, Action::Read, "", old).await;
        }
        let old = shop.jars.borrow().get(&shopper).cloned();
        shop.sends(shopper, 0, Action::CheckOut, &format!("out-{shopper}")).await;
        shop.sends_with(shopper, 1, Action::Read, "", old.clone()).await;
        shop.sends(shopper, 0, Action::LogOut, "").await;
        shop.sends_with(shopper, 1, Action::Read, "", old).await;
        shop.sends(shopper, 0, Action::LogIn, "").await;
    }
    assert_eq!(shop.kinds().await, []);
}
