//! What a client is told when something is wrong: with its request, or with the store.

use crate::browser::Browser;
use crate::scripted::Scripted;
use crate::server::{Server, memory};
use protocol::app::{CART, HEALTH, LINES, LOGIN, MAX_NAME_BYTES, READY};
use reqwest::Method;
use serde_json::json;
use session::StoreError;

fn down() -> StoreError {
    StoreError::Unavailable("connection refused".to_owned())
}

fn full() -> StoreError {
    StoreError::Full("no room".to_owned())
}

fn garbled() -> StoreError {
    StoreError::Corrupt("not ours".to_owned())
}

#[tokio::test]
async fn an_outage_of_the_store_is_503_where_a_session_is_needed_and_harms_no_session() {
    let store = Scripted::new();
    let server = Server::plain(store.clone(), "").await;
    let (mut ada, mut stranger) = (Browser::new(&server), Browser::new(&server));
    ada.login("ada").await.cart();
    ada.add("apple").await.cart();

    store.break_with(down);
    for answer in [
        ada.read().await,
        ada.add("lost").await,
        ada.login("ada").await,
        ada.logout().await,
        stranger.login("eve").await,
        ada.send(Method::GET, READY, None).await,
    ] {
        answer.refused(503, "store_unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(ada.send(Method::GET, HEALTH, None).await.status, 200);
    assert_eq!(stranger.lines().await.len(), 0, "who has no session needs no store");

    store.restore();
    assert_eq!(ada.lines().await, ["apple"]);
    assert_eq!(ada.send(Method::GET, READY, None).await.status, 200);
}

#[tokio::test]
async fn a_store_that_is_full_refuses_like_one_that_is_down() {
    let store = Scripted::new();
    let server = Server::plain(store.clone(), "").await;
    store.break_with(full);
    let answer = Browser::new(&server).login("ada").await;
    answer.refused(503, "store_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_session_that_cannot_be_read_is_an_error_and_not_an_empty_session() {
    let store = Scripted::new();
    let server = Server::plain(store.clone(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    store.break_with(garbled);
    ada.read().await.refused(500, "store_corrupt");
    ada.login("ada").await.refused(500, "store_corrupt");
    store.restore();
    assert_eq!(ada.read().await.cart().epoch, 1);
}

#[tokio::test]
async fn what_is_malformed_is_refused_with_400_and_changes_nothing() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    let too_long = "x".repeat(MAX_NAME_BYTES + 1);
    for (path, body) in [
        (LOGIN, json!({ "owner": too_long })),
        (LOGIN, json!({ "owner": "" })),
        (LOGIN, json!({})),
        (LINES, json!({ "op": too_long })),
        (LINES, json!({ "op": 7 })),
        (LINES, json!({ "op": "apple", "price": 0 })),
        (LINES, json!({ "op": "x".repeat(100_000) })),
        (LINES, json!("apple")),
    ] {
        ada.send(Method::POST, path, Some(body)).await.refused(400, "malformed");
    }
    ada.send(Method::POST, LINES, None).await.refused(400, "malformed");
    let longest = "x".repeat(MAX_NAME_BYTES);
    assert_eq!(ada.add(&longest).await.cart().ops, [longest]);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_apart_and_cost_the_store_nothing() {
    let store = Scripted::new();
    let server = Server::plain(store.clone(), "").await;
    let mut ada = Browser::new(&server);
    ada.login("ada").await.cart();
    let calls = store.calls();

    ada.send(Method::GET, "/nowhere", None).await.refused(404, "unknown_route");
    let wrong = ada.send(Method::GET, LOGIN, None).await;
    wrong.refused(405, "wrong_method");
    assert_eq!(wrong.header("allow"), Some("POST"));
    ada.send(Method::DELETE, CART, None).await.refused(405, "wrong_method");
    assert_eq!(ada.send(Method::GET, HEALTH, None).await.status, 200);
    assert_eq!(store.calls(), calls);
}

#[tokio::test]
async fn every_answer_about_a_session_forbids_caches_and_every_answer_is_signed() {
    let server = Server::plain(memory(), "").await;
    let mut ada = Browser::new(&server);
    for answer in [
        ada.add("no session").await,
        ada.send(Method::POST, LOGIN, Some(json!({}))).await,
        ada.login("ada").await,
        ada.read().await,
        ada.add("apple").await,
        ada.check_out("pay").await,
        ada.logout().await,
    ] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.body);
        assert_eq!(answer.header("x-served-by"), Some(crate::server::NAME));
    }
    for path in [HEALTH, READY, "/nowhere"] {
        let answer = ada.send(Method::GET, path, None).await;
        assert_eq!(answer.header("x-served-by"), Some(crate::server::NAME), "{path}");
    }
}
