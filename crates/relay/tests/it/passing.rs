//! What must hold under any level that lets bytes through: all of them arrive, in order, and so do their ends.

use crate::harness::{
    Echo, Relay, both, echoed, random_bytes, read_whole, until_reset, within, write_raggedly,
};
use protocol::relay::{Lane, Level};
use std::num::NonZeroU64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A client and what it is connected to behind the relay.
async fn pair(relay: &Relay, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = relay.connect().await;
    let (server, _) = within("the relay to connect", listener.accept()).await.unwrap();
    (client, server)
}

#[tokio::test]
async fn random_bytes_arrive_whole_and_in_order_both_ways_while_the_level_changes_again_and_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::before(listener.local_addr().unwrap()).await;
    let mut streams = Vec::new();
    for seed in 0..4 {
        let (client, server) = pair(&relay, &listener).await;
        for (number, stream) in [client, server].into_iter().enumerate() {
            let (source, sink) = stream.into_split();
            let sent = random_bytes(seed * 2 + number as u64, 3_000_000);
            let received = random_bytes(seed * 2 + 1 - number as u64, 3_000_000);
            streams.push(tokio::spawn(async move {
                let (read, ()) = tokio::join!(read_whole(source), write_raggedly(sink, sent, seed));
                assert!(read == received, "other bytes came than were sent");
            }));
        }
    }
    let delayed = both(Lane { delay_ms: 3, jitter_ms: 9, rate_bytes_per_s: None });
    let throttled = both(Lane { rate_bytes_per_s: NonZeroU64::new(40_000_000), ..Lane::default() });
    let cut = Level { cut: true, ..Level::default() };
    let mut seed = 0;
    while !streams.iter().all(tokio::task::JoinHandle::is_finished) {
        for level in [delayed, throttled, cut, Level::default()] {
            seed += 1;
            relay.set(Level { jitter_seed: seed, ..level }).await;
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
    }
    for stream in streams {
        stream.await.unwrap();
    }
    relay.until("every connection to be over", |state| state.connections_open == 0).await;
    let state = relay.state().await;
    assert_eq!((state.bytes_up, state.bytes_down), (12_000_000, 12_000_000));
    assert_eq!((state.held_bytes, state.resets, state.connections_total), (0, 0, 4));
}

#[tokio::test]
async fn a_half_close_goes_through_and_the_other_half_lives_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::before(listener.local_addr().unwrap()).await;
    let (mut client, mut server) = pair(&relay, &listener).await;
    client.write_all(b"all that I have").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_whole(&mut server).await, b"all that I have");
    server.write_all(b"an answer after the end").await.unwrap();
    drop(server);
    assert_eq!(read_whole(&mut client).await, b"an answer after the end");
    drop(client);
    relay.until("the connection to be over", |state| state.connections_open == 0).await;
}

#[tokio::test]
async fn a_reset_goes_through_from_either_side() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::before(listener.local_addr().unwrap()).await;
    let (client, mut server) = pair(&relay, &listener).await;
    client.set_zero_linger().unwrap();
    drop(client);
    until_reset(&mut server).await;
    let (mut client, server) = pair(&relay, &listener).await;
    server.set_zero_linger().unwrap();
    drop(server);
    until_reset(&mut client).await;
    relay.until("both connections to be over", |state| state.connections_open == 0).await;
    assert_eq!(relay.state().await.resets, 0, "the relay made none of its own");
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_sender_and_costs_the_relay_no_more_than_the_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::before(listener.local_addr().unwrap()).await;
    relay.set(Level { cut: true, ..Level::default() }).await;
    let mut client = relay.connect().await;
    relay.heal().await;
    let (mut server, _) = within("the relay to connect", listener.accept()).await.unwrap();
    relay.set(Level { cut: true, ..Level::default() }).await;
    let bytes = random_bytes(1, 32 * 1024 * 1024);
    let sent = bytes.clone();
    let sending = tokio::spawn(async move {
        server.write_all(&sent).await.unwrap();
    });
    relay.until("a full hold", |state| state.held_bytes == 1024 * 1024).await;
    assert!(!sending.is_finished());
    relay.heal().await;
    let mut received = vec![0; bytes.len()];
    within("all bytes", client.read_exact(&mut received)).await.unwrap();
    assert!(received == bytes);
    sending.await.unwrap();
    relay.until("nothing to be held", |state| state.held_bytes == 0).await;
}

#[tokio::test]
async fn thousands_of_connections_live_side_by_side_and_none_is_left_behind() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let mut connections = Vec::new();
    for number in 0..2_000_u32 {
        let mut stream = relay.connect().await;
        stream.write_all(&number.to_be_bytes()).await.unwrap();
        connections.push(stream);
    }
    for (number, stream) in (0..).zip(&mut connections) {
        assert_eq!(within("the echo", stream.read_u32()).await.unwrap(), number);
    }
    let state = relay.set(both(Lane { delay_ms: 1, ..Lane::default() })).await;
    assert_eq!((state.connections_open, state.read_by, state.unread_by), (2_000, 2_000, 0));
    for stream in &mut connections {
        echoed(stream, b"still here").await;
    }
    drop(connections);
    relay.until("no connection to be left", |state| state.connections_open == 0).await;
    assert_eq!(relay.state().await.held_bytes, 0);
}
