//! Servers that die, stop, are sick, slow or gone: what the client gets, and that nothing is sent twice.

use crate::backend::Backend;
use crate::harness::{Router, until, within};
use protocol::admin::{Health, Policy};
use std::sync::atomic::Ordering::SeqCst;

#[tokio::test]
async fn a_server_that_refuses_connections_costs_no_client_an_error_whatever_the_method() {
    // Checks are too rare to find out: only the refused connection itself can.
    for policy in Policy::ALL {
        let router = Router::start_unwatchful(policy).await;
        let (mut a, b) = (Backend::start("a").await, Backend::start("b").await);
        router.add(&a).await;
        router.add(&b).await;
        router.until_all_up().await;
        // Leaves an idle connection, which will turn out to be closed.
        router.get("/", None).await;
        router.get("/", None).await;
        a.kill().await;
        for number in 0..10 {
            let answer = router.send("POST", "/", Some(&format!("sid={number}"))).await;
            assert_eq!((answer.status.as_u16(), answer.served_by.as_str()), (200, "b"), "{policy}");
        }
        assert!(b.state.posts.load(SeqCst) == 10);
    }
}

#[tokio::test]
async fn a_dead_server_is_down_at_once_its_sessions_are_bound_elsewhere_and_a_healthy_check_brings_it_back() {
    let (router, [mut a, _b]) = Router::with(Policy::CookieInsert, &[], ["a", "b"]).await;
    let cookie = router.get("/", None).await.cookie().unwrap();
    a.kill().await;
    let answer = router.get("/", Some(&cookie)).await;
    assert_eq!((answer.status.as_u16(), answer.served_by.as_str()), (200, "b"));
    let moved = answer.cookie().expect("a new cookie");
    assert_eq!(router.status("a").await.health, Health::Down);
    assert_eq!(router.status("a").await.failures, 0, "nothing was sent, so nothing failed");

    let _again = Backend::start_at("a", a.addr).await;
    router.until_health("a", Health::Up).await;
    assert_eq!(router.get("/", Some(&moved)).await.served_by, "b", "who moved stays");
}

#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_request_is_a_502_and_the_request_is_not_sent_again() {
    let (router, [a, b]) = Router::with(Policy::RoundRobin, &[], ["a", "b"]).await;
    for method in ["POST", "GET"] {
        let answer = router.send(method, "/die", None).await;
        assert_eq!(answer.status, 502);
        let refusal = answer.refusal().await;
        assert_eq!((refusal.error.as_str(), refusal.server.as_str()), ("bad_gateway", "router"));
    }
    assert_eq!(a.requests() + b.requests(), 2);
    assert_eq!(a.state.posts.load(SeqCst) + b.state.posts.load(SeqCst), 1);
    let failures: u64 = router.snapshot().await.servers.iter().map(|server| server.failures).sum();
    assert_eq!(failures, 2);
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    let mut answer = router.get("/half", None).await;
    assert_eq!(answer.status, 200, "the head was on its way before");
    assert_eq!(answer.response.chunk().await.unwrap().unwrap(), "half");
    a.state.go_on.notify_one();
    assert!(answer.response.chunk().await.is_err());
    until("the failure to be counted", async || router.status("a").await.failures == 1).await;
    router.until_idle().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_a_504_and_the_request_is_not_sent_again() {
    let (router, [a, b]) =
        Router::with(Policy::RoundRobin, &["--response-timeout-ms", "100"], ["a", "b"]).await;
    let answer = router.send("POST", "/silence", None).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.refusal().await.error, "gateway_timeout");
    assert_eq!(a.requests() + b.requests(), 1);
    router.until_idle().await;
}

#[tokio::test]
async fn a_server_that_falls_silent_within_its_answer_breaks_it_off() {
    let (router, _backends) =
        Router::with(Policy::RoundRobin, &["--response-timeout-ms", "100"], ["a"]).await;
    let mut answer = router.get("/half", None).await;
    assert_eq!(answer.response.chunk().await.unwrap().unwrap(), "half");
    assert!(answer.response.chunk().await.is_err());
    until("the failure to be counted", async || router.status("a").await.failures == 1).await;
}

#[tokio::test]
async fn a_stopped_server_is_found_by_its_checks_and_comes_back_when_it_goes_on() {
    let (router, [a, _b]) = Router::with(Policy::RoundRobin, &[], ["a", "b"]).await;
    a.state.silent.store(true, SeqCst);
    router.until_health("a", Health::Down).await;
    for _ in 0..4 {
        assert_eq!(router.get("/", None).await.served_by, "b");
    }
    a.state.silent.store(false, SeqCst);
    router.until_health("a", Health::Up).await;
}

#[tokio::test]
async fn a_server_that_fails_its_checks_is_down_until_it_passes_them_again() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    a.state.sick.store(true, SeqCst);
    router.until_health("a", Health::Down).await;
    let answer = router.get("/", None).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.response.headers()["retry-after"], "1");
    assert_eq!(answer.refusal().await.error, "no_server");
    a.state.sick.store(false, SeqCst);
    router.until_health("a", Health::Up).await;
    assert_eq!(router.get("/", None).await.status, 200);
}

#[tokio::test]
async fn with_nobody_left_the_answer_is_503_and_tells_when_to_try_again() {
    let router = Router::start(Policy::CookieInsert, &[]).await;
    let answer = router.get("/", None).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.response.headers()["retry-after"], "1");
    let refusal = answer.refusal().await;
    assert_eq!((refusal.error.as_str(), refusal.detail.as_str()), ("no_server", "there are no servers"));

    let mut a = Backend::start("a").await;
    router.add(&a).await;
    router.until_all_up().await;
    a.kill().await;
    let answer = router.send("POST", "/", None).await;
    assert_eq!((answer.status.as_u16(), answer.cookie()), (503, None));
    assert_eq!(router.status("a").await.bound, 0, "no cookie was issued");
}

#[tokio::test]
async fn a_new_server_is_checked_at_once_and_takes_requests() {
    let router = Router::start_unwatchful(Policy::RoundRobin).await;
    let a = Backend::start("a").await;
    router.add(&a).await;
    router.until_health("a", Health::Up).await;
    assert_eq!(router.get("/", None).await.served_by, "a");
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    let leaving = tokio::spawn(router.request("GET", "/silence", None).send());
    until("the request to arrive", async || a.requests() == 1).await;
    leaving.abort();
    within("the router to let go of it", router.until_idle()).await;
    assert_eq!(router.status("a").await.failures, 0, "that is not the server's failure");
}

#[tokio::test]
async fn no_request_fails_when_the_server_closes_its_connections_after_each_answer() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    for _ in 0..50 {
        assert_eq!(router.send("POST", "/close", None).await.status, 200);
    }
    assert_eq!(a.requests(), 50);
}

#[tokio::test]
async fn a_server_that_dies_under_load_costs_at_most_what_was_in_flight_and_nothing_is_done_twice() {
    let (router, [mut a, b]) = Router::with(Policy::RoundRobin, &[], ["a", "b"]).await;
    let client = async || {
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(router.send("POST", "/", None).await.status.as_u16());
        }
        statuses
    };
    let killer = async {
        until("the load to be on", async || a.requests() > 100).await;
        a.kill().await;
    };
    let clients = futures_util::future::join_all((0..20).map(|_| client()));
    let (statuses, ()) = tokio::join!(clients, killer);
    let statuses = statuses.concat();
    let (served, lost) = (count(&statuses, 200), count(&statuses, 502));
    assert_eq!(served + lost, 800, "nothing but 200 and 502");
    assert!(lost <= 20, "{lost} lost, but a client has one request in flight");
    let done = a.state.posts.load(SeqCst) + b.state.posts.load(SeqCst);
    assert!((served..=800).contains(&done), "{done} requests arrived, {served} were answered");
}

fn count(statuses: &[u16], wanted: u16) -> u64 {
    statuses.iter().filter(|status| **status == wanted).count() as u64
}
