//! Who gets what, under each policy.

use crate::backend::Backend;
use crate::harness::{Answer, Router, until};
use protocol::admin::{Health, Policy};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::SeqCst;

async fn spread(
    router: &Router,
    requests: usize,
    cookie: impl Fn(usize) -> Option<String>,
) -> BTreeMap<String, u64> {
    let mut spread = BTreeMap::new();
    for number in 0..requests {
        let answer = router.get("/", cookie(number).as_deref()).await;
        assert_eq!(answer.status, 200);
        *spread.entry(answer.served_by).or_default() += 1;
    }
    spread
}

#[tokio::test]
async fn every_policy_spreads_or_ties_as_its_name_says() {
    let (router, _backends) = Router::with(Policy::RoundRobin, &[], ["a", "b", "c"]).await;
    let even = BTreeMap::from([("a", 20), ("b", 20), ("c", 20)].map(|(id, count)| (id.to_owned(), count)));
    assert_eq!(spread(&router, 60, |_| None).await, even);

    for policy in [Policy::LeastConnections, Policy::CookieInsert] {
        router.set_policy(policy).await;
        assert_eq!(spread(&router, 60, |_| None).await, even, "{policy}");
    }
    router.set_policy(Policy::SourceIpHash).await;
    assert_eq!(spread(&router, 9, |number| Some(format!("sid={number}"))).await.len(), 1);

    for policy in [Policy::HashModulo, Policy::ConsistentHash, Policy::RendezvousHash] {
        router.set_policy(policy).await;
        let sessions = spread(&router, 120, |number| Some(format!("sid={number}"))).await;
        assert!(sessions.len() == 3 && sessions.values().all(|count| *count >= 20), "{policy}: {sessions:?}");
        assert_eq!(spread(&router, 9, |_| Some("a=b; sid=one".into())).await.len(), 1, "{policy}");
    }
}

#[tokio::test]
async fn least_connections_avoids_the_server_that_is_busy() {
    let (router, [busy, idle]) = Router::with(Policy::LeastConnections, &[], ["busy", "idle"]).await;
    let waiting = tokio::spawn(router.request("GET", "/wait", None).send());
    until("the request to wait", async || busy.requests() + idle.requests() == 1).await;
    let (busy, idle) = if busy.requests() == 1 { (busy, idle) } else { (idle, busy) };
    assert_eq!(router.status(&busy.id).await.in_flight, 1);
    for _ in 0..10 {
        assert_eq!(router.get("/", None).await.served_by, idle.id);
    }
    busy.state.go_on.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().text().await.unwrap(), "waited");
    router.until_idle().await;
}

#[tokio::test]
async fn a_session_sticks_to_its_server_while_others_come_and_go() {
    let (router, [a, mut b]) = Router::with(Policy::CookieInsert, &[], ["a", "b"]).await;
    let first = router.get("/", None).await;
    let cookie = first.cookie().expect("a cookie for a new client");
    assert_eq!(first.served_by, a.id, "ties go by order");
    assert_eq!(cookie.len(), "lab-server=".len() + 32, "opaque: {cookie}");

    let stays = async |when: &str| {
        let answer = router.get("/", Some(&cookie)).await;
        assert_eq!((answer.served_by.as_str(), answer.cookie()), ("a", None), "{when}");
    };
    stays("at first").await;
    let c = Backend::start("c").await;
    router.add(&c).await;
    router.until_all_up().await;
    stays("with a new server").await;
    b.kill().await;
    router.until_health("b", Health::Down).await;
    stays("with a dead one").await;
    router.remove("b").await;
    stays("with one removed").await;
    assert_eq!(router.status("a").await.bound, 1);
}

#[tokio::test]
async fn three_hundred_new_clients_at_once_are_bound_evenly() {
    let (router, _backends) = Router::with(Policy::CookieInsert, &[], ["a", "b", "c"]).await;
    let requests = (0..300).map(|_| router.get("/", None));
    let answers: Vec<Answer> = futures_util::future::join_all(requests).await;
    let cookies: BTreeSet<_> = answers.iter().map(|answer| answer.cookie().unwrap()).collect();
    assert_eq!(cookies.len(), 3, "one for each server process");
    let bound: Vec<_> = router.snapshot().await.servers.iter().map(|server| server.bound).collect();
    assert_eq!(bound, [100; 3]);
}

#[tokio::test]
async fn a_cookie_that_was_tampered_with_is_a_fresh_choice_and_never_an_error() {
    let (router, _backends) = Router::with(Policy::CookieInsert, &[], ["a", "b"]).await;
    let cookie = router.get("/", None).await.cookie().unwrap();
    let flipped = if cookie.ends_with('0') { "1" } else { "0" };
    let altered = format!("{}{flipped}", &cookie[..cookie.len() - 1]);
    for tampered in
        [&altered, &cookie.to_uppercase(), "lab-server=a", "lab-server=", "lab-server=127.0.0.1:1"]
    {
        let answer = router.get("/", Some(tampered)).await;
        assert_eq!(answer.status, 200, "{tampered}");
        assert!(answer.cookie().is_some(), "{tampered}");
    }
    // Six fresh choices, spread like any others: who tampers cannot choose.
    let bound: Vec<_> = router.snapshot().await.servers.iter().map(|server| server.bound).collect();
    assert_eq!(bound, [3, 3]);
}

#[tokio::test]
async fn a_restarted_server_is_a_stranger_even_at_the_same_address() {
    let (router, [mut a, b]) = Router::with(Policy::CookieInsert, &[], ["a", "b"]).await;
    let cookie = router.get("/", None).await.cookie().unwrap();
    a.kill().await;
    router.remove("a").await;
    let again = Backend::start_at("a-again", a.addr).await;
    router.add(&again).await;
    router.until_all_up().await;
    let answer = router.get("/", Some(&cookie)).await;
    assert!(answer.cookie().is_some(), "the old cookie names nobody");
    assert_eq!(b.requests() + again.requests(), 1);
}

#[tokio::test]
async fn a_draining_server_keeps_its_sessions_until_the_deadline_and_finishes_what_is_in_flight() {
    let (router, [a, b]) = Router::with(Policy::CookieInsert, &[], ["a", "b"]).await;
    let cookie = router.get("/", None).await.cookie().unwrap();
    let status = router.drain("a", 60_000).await;
    assert!(status.draining && status.bound == 1);

    for _ in 0..5 {
        assert_eq!(router.get("/", None).await.served_by, "b", "no new sessions");
    }
    assert_eq!(router.get("/", Some(&cookie)).await.served_by, "a", "bound ones stay");
    assert!(!router.undrain("a").await.draining);
    let a_again = async || router.get("/", None).await.served_by == "a";
    until("new sessions to come again", a_again).await;
    let before = a.requests();
    router.drain("a", 60_000).await;

    let waiting = tokio::spawn(router.request("GET", "/wait", Some(&cookie)).send());
    until("the request to wait", async || a.requests() == before + 1).await;
    router.drain("a", 0).await;
    let moved = async || router.get("/", Some(&cookie)).await.served_by == "b";
    until("bound sessions to move after the deadline", moved).await;
    assert!(router.get("/", Some(&cookie)).await.cookie().is_some(), "with a new cookie");

    router.remove("a").await;
    a.state.go_on.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().text().await.unwrap(), "waited");
    let closed = async || a.state.connections.load(SeqCst) == 0;
    until("a removed server's connections to be closed", closed).await;
    assert_eq!(b.state.posts.load(SeqCst), 0);
}

#[tokio::test]
async fn policies_that_bind_nobody_skip_a_draining_server_at_once() {
    let (router, [a, _b]) = Router::with(Policy::RoundRobin, &[], ["a", "b"]).await;
    router.drain("a", 60_000).await;
    for policy in Policy::ALL {
        router.set_policy(policy).await;
        for session in 0..4 {
            assert_eq!(router.get("/", Some(&format!("sid={session}"))).await.served_by, "b", "{policy}");
        }
    }
    assert_eq!(a.requests(), 0);
}
