//! What passes, what does not, and what is refused before it reaches a server.

use crate::harness::{Router, until, within};
use protocol::admin::Policy;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn echoed(request: reqwest::RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_server_sees_who_the_client_is_and_not_what_the_client_claims() {
    let (router, _backends) = Router::with(Policy::CookieInsert, &[], ["a"]).await;
    let request = router
        .request("POST", "/cart?x=1", Some("sid=s; lab-server=0"))
        .header("x-forwarded-for", "10.9.8.7")
        .header("forwarded", "for=10.9.8.7")
        .header("x-forwarded-proto", "https")
        .header("connection", "x-hop, keep-alive")
        .header("x-hop", "1")
        .header("te", "trailers")
        .header("x-kept", "1")
        .body("twelve bytes");
    let echo = echoed(request).await;
    let headers = &echo["headers"];
    assert_eq!(echo["target"], "/cart?x=1");
    assert_eq!(echo["body_bytes"], 12);
    assert_eq!(headers["x-forwarded-for"], serde_json::json!(["127.0.0.1"]));
    assert_eq!(headers["forwarded"], serde_json::json!(["for=127.0.0.1;proto=http"]));
    assert_eq!(headers["cookie"], serde_json::json!(["sid=s"]), "the affinity cookie is the router's");
    assert_eq!(headers["host"], serde_json::json!([router.addr.to_string()]));
    assert_eq!(headers["x-kept"], serde_json::json!(["1"]));
    for dropped in ["x-hop", "te", "connection", "x-forwarded-proto"] {
        assert_eq!(headers[dropped], Value::Null, "{dropped}");
    }
}

#[tokio::test]
async fn a_client_sees_no_hop_by_hop_header_of_the_server() {
    let (router, _backends) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    let answer = router.get("/close", None).await;
    assert!(!answer.response.headers().contains_key("connection"));
    assert!(!answer.response.headers().contains_key("x-private"));
    assert_eq!(answer.response.text().await.unwrap(), "last");
}

#[tokio::test]
async fn shapes_that_smuggle_requests_are_refused_and_reach_no_server() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    let shapes = [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\ncontent-LENGTH: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nhello!",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded: 1\r\n\r\n",
    ];
    for shape in shapes {
        let answer = router.raw(shape.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{shape:?} was answered {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "nothing after it is a request: {shape:?}");
    }
    assert_eq!(a.requests(), 0);
}

#[tokio::test]
async fn honest_chunks_and_pipelined_requests_are_served() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    let chunked =
        "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let sized = "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    let old = "GET /3 HTTP/1.0\r\n\r\n";
    let answers = router.raw(format!("{chunked}{sized}{old}").as_bytes()).await;
    assert_eq!(answers.matches(" 200 OK\r\n").count(), 3, "{answers}");
    assert_eq!(answers.matches(r#""body_bytes":5"#).count(), 2, "{answers}");
    assert_eq!(a.requests(), 3);
}

#[tokio::test]
async fn tunnels_and_other_protocols_are_refused() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    let connect = router.raw(b"CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\n\r\n").await;
    assert!(connect.starts_with("HTTP/1.1 405 "), "{connect}");
    let upgrade = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let upgrade = router.raw(upgrade).await;
    assert!(upgrade.starts_with("HTTP/1.1 501 "), "{upgrade}");
    assert_eq!(a.requests(), 0);
}

#[tokio::test]
async fn bodies_are_bounded_whether_they_tell_their_length_or_not() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &["--body-max-bytes", "1000"], ["a"]).await;
    let fits = router.request("POST", "/", None).body(vec![b'x'; 1000]);
    assert_eq!(echoed(fits).await["body_bytes"], 1000);
    let told = router.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    let chunk = format!("{:x}\r\n{}\r\n", 600, "x".repeat(600));
    let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let untold = router.raw(format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes()).await;
    assert!(untold.starts_with("HTTP/1.1 413 "), "{untold}");
    assert_eq!(a.requests(), 1);
}

#[tokio::test]
async fn slow_clients_time_out() {
    let args = ["--header-timeout-ms", "100", "--body-timeout-ms", "100"];
    let (router, [a]) = Router::with(Policy::RoundRobin, &args, ["a"]).await;
    assert_eq!(router.raw(b"GET / HTTP/1.1\r\nHost:").await, "", "a head that never ends");
    let body = router.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhell").await;
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    assert_eq!(a.requests(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_let_go() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &["--write-timeout-ms", "100"], ["a"]).await;
    let mut lazy = TcpStream::connect(router.addr).await.unwrap();
    lazy.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    until("the request to arrive", async || a.requests() == 1).await;
    within("the router to let go of it", router.until_idle()).await;
    let mut rest = Vec::new();
    let _reset = within("the end", lazy.read_to_end(&mut rest)).await;
    assert_eq!(router.status("a").await.failures, 0, "that is not the server's failure");
}

#[tokio::test]
async fn answers_without_a_body_stay_without_one() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &[], ["a"]).await;
    let answer = router.raw(b"HEAD /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: 4194304\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(router.get("/big", None).await.response.bytes().await.unwrap().len(), 4 << 20);
    assert_eq!(a.requests(), 2);
    router.until_idle().await;
}
