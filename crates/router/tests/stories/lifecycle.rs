//! From the first line to the last connection.

use crate::harness::{Router, command, until, within};
use protocol::admin::Policy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn sigterm_finishes_what_is_in_flight_closes_what_is_idle_and_ends_with_0() {
    let (mut router, [a]) = Router::with(Policy::RoundRobin, &["--shutdown-grace-ms", "15000"], ["a"]).await;
    let mut idle = TcpStream::connect(router.addr).await.unwrap();
    let waiting = tokio::spawn(router.request("GET", "/wait", None).send());
    until("the request to wait", async || a.requests() == 1).await;
    router.terminate().await;
    let end = within("the idle connection to be closed", idle.read(&mut [0])).await;
    assert_eq!(end.unwrap(), 0);
    until("nobody to listen any more", async || TcpStream::connect(router.addr).await.is_err()).await;
    a.state.go_on.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap().text().await.unwrap(), "waited");
    assert!(router.ended().await.success());
}

#[tokio::test]
async fn sigterm_waits_no_longer_than_the_grace() {
    let (mut router, [a]) = Router::with(Policy::RoundRobin, &["--shutdown-grace-ms", "100"], ["a"]).await;
    let waiting = tokio::spawn(router.request("GET", "/wait", None).send());
    until("the request to wait", async || a.requests() == 1).await;
    router.terminate().await;
    assert!(router.ended().await.success());
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--admin-listen"] {
        let (mut command, token_file) = command(&[flag, &addr]);
        let output = within("the router to give up", command.output()).await.unwrap();
        std::fs::remove_file(token_file).unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(text.contains(&format!("cannot listen on {addr} ({flag})")), "{text}");
    }
}

#[tokio::test]
async fn a_thousand_connections_are_served_at_the_same_time() {
    let (router, _backends) = Router::with(Policy::LeastConnections, &[], ["a", "b", "c"]).await;
    let mut connections = Vec::new();
    for _ in 0..1000 {
        connections.push(TcpStream::connect(router.addr).await.unwrap());
    }
    for _ in 0..2 {
        for connection in &mut connections {
            connection.write_all(REQUEST).await.unwrap();
        }
        for connection in &mut connections {
            let mut answer = [0; 15];
            within("an answer", connection.read_exact(&mut answer)).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
            // The rest of this answer is left in the buffer: the next round reads on from a fresh connection's start.
            *connection = TcpStream::connect(router.addr).await.unwrap();
        }
    }
    router.until_idle().await;
    let requests: u64 = router.snapshot().await.servers.iter().map(|server| server.requests).sum();
    assert_eq!(requests, 2000);
}

#[tokio::test]
async fn more_connections_than_allowed_wait_until_one_ends() {
    let (router, [a]) = Router::with(Policy::RoundRobin, &["--max-connections", "1"], ["a"]).await;
    let mut first = TcpStream::connect(router.addr).await.unwrap();
    first.write_all(REQUEST).await.unwrap();
    within("an answer", first.read_exact(&mut [0; 15])).await.unwrap();
    let mut second = TcpStream::connect(router.addr).await.unwrap();
    second.write_all(REQUEST).await.unwrap();
    // The admin API stays reachable, and says that the second request has not got through.
    router.until_idle().await;
    assert_eq!(a.requests(), 1);
    drop(first);
    within("its turn", second.read_exact(&mut [0; 15])).await.unwrap();
    assert_eq!(a.requests(), 2);
}

#[tokio::test]
async fn several_workers_serve_like_one() {
    let (router, _backends) = Router::with(Policy::CookieInsert, &["--workers", "2"], ["a", "b"]).await;
    let answers = futures_util::future::join_all((0..100).map(|_| router.get("/", None))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let bound: u64 = router.snapshot().await.servers.iter().map(|server| server.bound).sum();
    assert_eq!(bound, 100);
}
