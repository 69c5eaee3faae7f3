//! Answers that are lost after the effect, and upstreams that die and move.

use crate::harness::{Echo, Relay, both, echoed, until, until_reset, within};
use protocol::relay::{Lane, Level, LoseAnswers};
use std::io::ErrorKind;
use std::num::NonZeroU64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn losing(one_in: u64) -> Level {
    let one_in = NonZeroU64::new(one_in).unwrap();
    Level { lose_answers: Some(LoseAnswers { one_in }), ..Level::default() }
}

/// Sends one request; true when its answer came back.
async fn asks(stream: &mut TcpStream) -> bool {
    stream.write_all(b"?").await.unwrap();
    match within("an answer or a reset", stream.read_u8()).await {
        Ok(b'?') => true,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_third_answer_is_lost_over_all_connections_after_its_request_had_its_effect() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let mut streams = [relay.connect().await, relay.connect().await];
    for level in [losing(3), Level { up: Lane { delay_ms: 2, ..Lane::default() }, ..losing(3) }] {
        let (heard, lost) = (echo.heard(), relay.set(level).await.answers_lost);
        for request in 1..=12 {
            let stream = &mut streams[request % 2];
            assert_eq!(asks(stream).await, request % 3 != 0, "request {request}");
            assert_eq!(
                echo.heard() - heard,
                request as u64,
                "the effect happened, whatever the client was told"
            );
            if request % 3 == 0 {
                *stream = relay.connect().await;
            }
        }
        let state = relay.state().await;
        assert_eq!((state.answers_lost - lost, state.resets, state.held_bytes), (4, lost + 4, 0));
    }
    relay.heal().await;
    for _ in 0..6 {
        assert!(asks(&mut streams[0]).await);
    }
}

#[tokio::test]
async fn a_long_answer_is_one_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::before(listener.local_addr().unwrap()).await;
    relay.set(losing(2)).await;
    let mut client = relay.connect().await;
    let (mut server, _) = within("the relay to connect", listener.accept()).await.unwrap();
    // A greeting answers nothing.
    server.write_all(b"welcome").await.unwrap();
    within("the greeting", client.read_exact(&mut [0; 7])).await.unwrap();
    client.write_all(b"?").await.unwrap();
    within("the request", server.read_u8()).await.unwrap();
    for _ in 0..20 {
        server.write_all(&[1; 1_000]).await.unwrap();
        within("a part of the answer", client.read_exact(&mut [0; 1_000])).await.unwrap();
    }
    client.write_all(b"?").await.unwrap();
    within("the request", server.read_u8()).await.unwrap();
    server.write_all(&[1; 1_000]).await.unwrap();
    until_reset(&mut client).await;
    assert_eq!(relay.state().await.answers_lost, 1);
}

#[tokio::test]
async fn an_answer_that_is_held_when_the_level_is_set_can_still_be_lost() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    relay.set(both(Lane::default())).await;
    let mut stream = relay.connect().await;
    relay.set(Level { down: Lane { delay_ms: 3_600_000, ..Lane::default() }, ..Level::default() }).await;
    stream.write_all(b"?").await.unwrap();
    relay.until("the answer to be held", |state| state.held_bytes == 1).await;
    relay.set(losing(1)).await;
    until_reset(&mut stream).await;
    relay.until("the proof", |state| state.answers_lost == 1 && state.held_bytes == 0).await;
}

#[tokio::test]
async fn an_upstream_dies_is_refused_and_another_takes_its_place_elsewhere() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let mut stream = relay.connect().await;
    echoed(&mut stream, b"first").await;
    drop(echo);
    within("the end of the connection", async { while let Ok(1..) = stream.read(&mut [0; 64]).await {} })
        .await;
    // As without a relay: nobody is there, so the kernel says so.
    relay.until("the door to be shut", |state| !state.listening).await;
    let refused = TcpStream::connect(relay.addr).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let second = Echo::start().await;
    relay.set_upstream(second.addr).await;
    relay.until("the door to be open", |state| state.listening).await;
    let mut stream = relay.connect().await;
    echoed(&mut stream, b"second").await;
    // An upstream that is set while connections are open takes the new ones only.
    let third = Echo::start().await;
    relay.set_upstream(third.addr).await;
    echoed(&mut stream, b"still the second").await;
    echoed(&mut relay.connect().await, b"third").await;
    assert_eq!((second.heard(), third.heard()), (22, 5));
}

#[tokio::test]
async fn an_upstream_that_comes_back_to_its_port_is_found_again() {
    // Not 127.0.0.1, from which connections start: one might take the port in the meantime.
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let relay = Relay::before(addr).await;
    // Reset so soon that the attempt to connect may learn of it already.
    if let Ok(mut stream) = TcpStream::connect(relay.addr).await {
        until_reset(&mut stream).await;
    }
    relay.until("the refusal", |state| state.upstream_refused == 1 && !state.listening).await;
    let listener = TcpListener::bind(addr).await.unwrap();
    until("the door to be open", async || TcpStream::connect(relay.addr).await.is_ok()).await;
    let mut client = relay.connect().await;
    client.write_all(b"?").await.unwrap();
    within("the request", async {
        loop {
            // Looks and earlier tries bring nothing.
            let (mut server, _) = listener.accept().await.unwrap();
            if server.read_u8().await.is_ok() {
                break;
            }
        }
    })
    .await;
}
