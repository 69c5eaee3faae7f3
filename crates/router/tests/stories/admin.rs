//! The admin API as `protocol::admin` describes it.

use crate::backend::Backend;
use crate::harness::{Router, TOKEN};
use protocol::admin::{Health, POLICY, Policy, SERVERS, ServerStatus};
use protocol::app::Refusal;
use reqwest::RequestBuilder;

async fn refused(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json::<Refusal>().await.unwrap().error)
}

#[tokio::test]
async fn without_the_token_nothing_is_told_and_nothing_done() {
    let router = Router::start(Policy::RoundRobin, &[]).await;
    let url = |path: &str| format!("http://{}{path}", router.admin_addr);
    let unauthorized = (401, "unauthorized".to_owned());
    for path in [SERVERS, "/nothing"] {
        assert_eq!(refused(router.http.get(url(path))).await, unauthorized);
    }
    for wrong in ["", "a", &TOKEN[1..], &format!("{TOKEN}x")] {
        assert_eq!(
            refused(router.http.get(url(SERVERS)).bearer_auth(wrong)).await,
            unauthorized,
            "{wrong:?}"
        );
    }
    assert_eq!(refused(router.http.get(url(SERVERS)).basic_auth(TOKEN, Some(""))).await, unauthorized);
}

#[tokio::test]
async fn servers_are_added_listed_drained_and_removed() {
    let router = Router::start(Policy::ConsistentHash, &[]).await;
    let backend = Backend::start("a").await;
    let new = serde_json::json!({ "id": "a", "addr": backend.addr });
    let added = router.admin("POST", SERVERS).json(&new).send().await.unwrap();
    assert_eq!(added.status(), 201);
    let added: ServerStatus = added.json().await.unwrap();
    let expected = ServerStatus {
        id: "a".into(),
        addr: backend.addr,
        health: Health::Starting,
        draining: false,
        in_flight: 0,
        requests: 0,
        failures: 0,
        bound: 0,
    };
    assert_eq!(added, expected);
    assert_eq!(refused(router.admin("POST", SERVERS).json(&new)).await, (409, "conflict".into()));

    router.until_all_up().await;
    router.get("/", None).await;
    router.until_idle().await;
    let listed = router.snapshot().await;
    assert_eq!(listed.policy, Policy::ConsistentHash);
    assert_eq!(listed.servers, [ServerStatus { health: Health::Up, requests: 1, ..expected.clone() }]);
    assert!(router.drain("a", 1).await.draining);
    router.remove("a").await;
    assert_eq!(router.snapshot().await.servers, []);
    router.add(&backend).await;
    assert_eq!(router.snapshot().await.servers, [expected], "an id that is free again counts from zero");
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_reason() {
    let router = Router::start(Policy::RoundRobin, &[]).await;
    let malformed = (400, "malformed".to_owned());
    for body in ["", "{}", r#"{"id":"a","addr":"x"}"#, r#"{"id":"a","addr":"127.0.0.1:1","more":1}"#] {
        assert_eq!(refused(router.admin("POST", SERVERS).body(body)).await, malformed, "{body}");
    }
    for id in ["", "a/b", "a b", &"x".repeat(129)] {
        let body = serde_json::json!({ "id": id, "addr": "127.0.0.1:1" });
        assert_eq!(refused(router.admin("POST", SERVERS).json(&body)).await, malformed, "{id}");
    }
    let body = serde_json::json!({ "policy": "random" });
    assert_eq!(refused(router.admin("PUT", POLICY).json(&body)).await, malformed);

    let unknown = (404, "unknown_server".to_owned());
    assert_eq!(refused(router.admin("DELETE", "/admin/servers/x")).await, unknown);
    let drain = router.admin("POST", "/admin/servers/x/drain").json(&serde_json::json!({ "deadline_ms": 1 }));
    assert_eq!(refused(drain).await, unknown);
    assert_eq!(refused(router.admin("PATCH", SERVERS)).await, (404, "not_found".into()));
}
