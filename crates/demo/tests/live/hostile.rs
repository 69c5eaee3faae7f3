//! What strangers, clumsy fingers and other sites may try.

use crate::stage::{SOON, Stage, Visitor};
use futures_util::{StreamExt, stream};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

/// Sends a post with these headers instead of the page's.
async fn post(stage: &Stage, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let mut request = stage.http.post(format!("{}{path}", stage.origin)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_change_nothing_and_a_thousand_clicks_break_nothing() {
    let stage = Stage::set(true).await;
    let (origin, bearer) = (stage.origin.clone(), format!("Bearer {}", stage.token));
    let kill = r#"{"do":"kill","tier":"both","server":1}"#;
    let json_type = ("content-type", "application/json");
    let ours = [("origin", origin.as_str()), ("authorization", bearer.as_str()), json_type];

    // Without the token, with a wrong one, from another site, under another name, as a form: nothing is done.
    assert_eq!(post(&stage, "/control", &[ours[0], json_type], kill).await, 401);
    assert_eq!(
        post(&stage, "/control", &[ours[0], ("authorization", "Bearer 00"), json_type], kill).await,
        401
    );
    assert_eq!(
        post(&stage, "/control", &[("origin", "http://evil.example"), ours[1], json_type], kill).await,
        403
    );
    assert_eq!(post(&stage, "/control", &[ours[1], json_type], kill).await, 403);
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example"), ours[1], json_type];
    assert_eq!(post(&stage, "/control", &rebound, kill).await, 403);
    assert_eq!(
        post(&stage, "/control", &[ours[0], ours[1], ("content-type", "text/plain")], kill).await,
        400
    );
    assert_eq!(post(&stage, "/control", &ours, "{").await, 400);
    assert_eq!(
        post(&stage, "/cart", &[("origin", "http://evil.example"), json_type], r#"{"do":"look"}"#).await,
        403
    );
    assert_eq!(post(&stage, "/cart", &[ours[0], json_type], r#"{"do":"look"}"#).await, 401, "nobody's cart");
    assert_eq!(post(&stage, "/control", &ours, &" ".repeat(10_000)).await, 413);
    for path in ["/", "/events", "/history?from_us=0&to_us=1", "/export", "/style.css"] {
        let get = stage.http.get(format!("{origin}{path}")).header("host", "evil.example");
        assert_eq!(get.send().await.unwrap().status(), 403, "{path}");
    }
    let embedded = stage.http.get(format!("{origin}/events")).header("sec-fetch-site", "cross-site");
    assert_eq!(embedded.send().await.unwrap().status(), 403);
    assert_eq!(stage.http.get(format!("{origin}/..%2f..%2fCargo.toml")).send().await.unwrap().status(), 404);
    let page = stage.http.get(&origin).send().await.unwrap();
    nothing_from_elsewhere(page.headers());
    stage.until("nobody was killed", all_up).await;

    many_want_the_whole_recording(&stage).await;
    the_class_votes_and_steers_nothing(&stage).await;
    a_thousand_clicks(&stage).await;
    a_segment_that_does_not_begin_is_begun_by_the_next_reset(&stage).await;

    // A viewer that never reads is no burden, and one that leaves in the middle of a fault leaves it to be finished.
    let idle = stage.http.get(format!("{origin}/events")).send().await.unwrap();
    let terminate = json!({ "do": "terminate", "tier": "both", "server": 2 });
    let leaving = stage.post("/control", &terminate);
    let _ = tokio::time::timeout(Duration::from_millis(5), leaving).await;
    stage.order(json!({ "do": "pause", "tier": "both", "server": 3 })).await;
    // Ended while servers are stopped and hang: everything is healed, read, and ended.
    let ended = tokio::time::timeout(SOON, stage.strike()).await.expect("it ends soon").0;
    drop(idle);
    for shown in ended.iter().flat_map(|sides| [&sides.a, &sides.b]) {
        let shown = shown.as_ref().unwrap();
        assert!(shown.agrees && shown.acknowledged > 0, "{shown:?}");
        assert!(
            !shown.reasons.iter().any(|reason| reason.contains("whole again")),
            "healed: {:?}",
            shown.reasons
        );
    }
}

fn all_up(snapshot: &Value) -> bool {
    ["a", "b"].iter().all(|side| {
        let servers = snapshot["tiers"][side]["servers"].as_array().unwrap();
        servers.len() == 3 && servers.iter().all(|server| server["state"] == "up")
    })
}

fn nothing_from_elsewhere(headers: &HeaderMap) {
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert!(!headers.contains_key("access-control-allow-origin"));
}

/// It is made for one after the other, and each look back has its turn.
async fn many_want_the_whole_recording(stage: &Stage) {
    let get = |path: &str| stage.http.get(format!("{}{path}", stage.origin)).send();
    for path in ["/export", "/history?from_us=0&to_us=1"] {
        let asked = stream::iter((0..100).map(|_| get(path))).buffer_unordered(50);
        let got: Vec<u16> = asked.map(|answer| answer.unwrap().status().as_u16()).collect().await;
        assert!(got.iter().all(|status| [200, 429].contains(status)), "{path}: {got:?}");
        assert!(got.contains(&200) && got.contains(&429), "{path}: {got:?}");
    }
}

async fn a_thousand_clicks(stage: &Stage) {
    let look = json!({ "do": "start", "tier": "a", "server": 1 });
    let clicks = (0..1_000).map(|_| stage.post("/control", &look));
    let answers = stream::iter(clicks).buffer_unordered(50).map(|answer| answer.status().as_u16());
    let answers: Vec<u16> = answers.collect().await;
    assert!(answers.iter().all(|status| [409, 429].contains(status)), "refused, one way or the other");
    assert!(answers.iter().filter(|status| **status == 429).count() > 500);
    let mut bob = Visitor::of(stage);
    let got = bob.does(json!({ "do": "log-in", "name": "Bob" })).await;
    assert_eq!(got["a"]["there"], true, "everything goes on: {got}");
}

async fn a_segment_that_does_not_begin_is_begun_by_the_next_reset(stage: &Stage) {
    let before = stage.snapshot().await;
    let in_the_way = stage.folder().join("003-demo-stateful");
    std::fs::write(&in_the_way, "a file where a folder should be").unwrap();
    stage.order(json!({ "do": "reset" })).await;
    let said = |s: &Value| {
        s["log"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line["text"].as_str().unwrap().contains("Reset tries again"))
    };
    stage.until("it does not begin", said).await;
    let kill = stage.post("/control", &json!({ "do": "kill", "tier": "a", "server": 1 })).await;
    assert!(kill.text().await.unwrap().contains("no segment runs"));

    std::fs::remove_file(&in_the_way).unwrap();
    stage.order(json!({ "do": "reset" })).await;
    let after = stage.until("the second segment", |s| s["segment"] == 2 && all_up(s)).await;
    assert_eq!(after["run"], before["run"], "the same lab");
    stage.until("shoppers", |s| s["tiers"]["b"]["counters"]["alive"].as_u64() > Some(30)).await;
}

async fn the_class_votes_and_steers_nothing(stage: &Stage) {
    let (addr, code) = stage.class();
    let class = format!("http://{addr}");
    let post = |path: &str, body: Value, cookie: Option<&str>| {
        let mut request = stage.http.post(format!("{class}{path}")).header("origin", &class).json(&body);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        request.bearer_auth(&stage.token).send()
    };
    // The presenter's doors are not on this listener, whatever is known.
    for path in ["/control", "/cart"] {
        let status = post(path, json!({ "do": "reset" }), None).await.unwrap().status();
        assert!([404, 405].contains(&status.as_u16()), "{path}: {status}");
    }
    assert_eq!(stage.http.get(format!("{class}/events")).send().await.unwrap().status(), 404);
    assert_eq!(post("/class/join", json!({ "code": "wrong" }), None).await.unwrap().status(), 403);
    let joined = post("/class/join", json!({ "code": code }), None).await.unwrap();
    assert!(joined.status().is_success());
    let cookie = joined.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let ballot = json!({ "a": "some", "b": "none" });
    assert_eq!(post("/class/vote", ballot.clone(), Some(&cookie)).await.unwrap().status(), 403, "not open");
    stage.order(json!({ "do": "vote-open" })).await;
    assert_eq!(post("/class/vote", ballot.clone(), None).await.unwrap().status(), 403, "not joined");
    assert!(post("/class/vote", ballot, Some(&cookie)).await.unwrap().status().is_success());
    stage.order(json!({ "do": "vote-close" })).await;
    stage.order(json!({ "do": "vote-reveal" })).await;
    let state: Value =
        stage.http.get(format!("{class}/class/state")).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["counts"]["a"], json!({ "none": 0, "some": 1, "all": 0 }));
    assert_eq!(state["truth"]["a"]["lost"], 0);
    assert!(state.get("code").is_none(), "the code is on the board, not here");
    assert_eq!(state["known"], false, "who asks without having joined is told so");
    // What may cost sessions closes an open vote: nobody predicts what can be seen.
    stage.order(json!({ "do": "vote-open" })).await;
    stage.order(json!({ "do": "policy", "tier": "b", "policy": "round-robin" })).await;
    assert_eq!(stage.snapshot().await["class"]["closed"], true);
    let late = json!({ "a": "all", "b": "none" });
    assert_eq!(post("/class/vote", late, Some(&cookie)).await.unwrap().status(), 403, "too late");
    stage.order(json!({ "do": "vote-reveal" })).await;
    assert_eq!(stage.snapshot().await["class"]["code"], json!(code));
    // Codes cannot be tried one after the other.
    let mut guesses = Vec::new();
    for guess in 0..40 {
        let guess = json!({ "code": format!("{guess:05}") });
        guesses.push(post("/class/join", guess, None).await.unwrap().status().as_u16());
    }
    assert_eq!((guesses[0], guesses[39]), (403, 429), "{guesses:?}");
}
