//! Each level: its effect at the sockets, its proof in the state, and its healing.

use crate::harness::{
    Echo, Relay, both, echoed, random_bytes, read_whole, silent, until, until_reset, within,
};
use protocol::relay::{Lane, Level};
use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn delayed(delay_ms: u32) -> Lane {
    Lane { delay_ms, ..Lane::default() }
}

#[tokio::test]
async fn a_delay_is_as_long_as_it_says_in_each_direction_and_is_over_when_healed() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let mut stream = relay.connect().await;
    echoed(&mut stream, b"calm").await;
    let levels = [
        (Level { up: delayed(40), ..Level::default() }, 40),
        (Level { down: delayed(60), ..Level::default() }, 60),
        (both(delayed(50)), 100),
    ];
    for (level, least_ms) in levels {
        assert_eq!(relay.set(level).await.read_by, 1);
        let begin = Instant::now();
        echoed(&mut stream, b"slow").await;
        assert!(begin.elapsed() >= Duration::from_millis(least_ms), "{:?}", begin.elapsed());
    }
    // What is on its way when the level is set goes by the new one: this would take an hour.
    relay.set(both(delayed(3_600_000))).await;
    stream.write_all(b"held").await.unwrap();
    relay.until("the bytes to be held", |state| state.held_bytes == 4).await;
    relay.heal().await;
    let mut back = [0; 4];
    within("what was held", stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"held");
    assert_eq!(relay.state().await.held_bytes, 0);
}

#[tokio::test]
async fn a_delay_is_a_long_way_and_not_a_narrow_gate() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    relay.set(both(Lane { delay_ms: 100, jitter_ms: 50, rate_bytes_per_s: None })).await;
    let stream = relay.connect().await;
    let (source, mut sink) = stream.into_split();
    let bytes = random_bytes(7, 900_000);
    let sent = bytes.clone();
    let begin = Instant::now();
    // 900 writes: one after the other they would take 180 s.
    let writing = tokio::spawn(async move {
        for piece in sent.chunks(1_000) {
            sink.write_all(piece).await.unwrap();
        }
        sink.shutdown().await.unwrap();
    });
    assert!(read_whole(source).await == bytes);
    writing.await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(200), "{:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn jitter_is_drawn_from_the_seed_for_each_connection() {
    let echo = Echo::start().await;
    let mut seen = Vec::new();
    for jitter_seed in [5, 5, 6] {
        let relay = Relay::before(echo.addr).await;
        let up = Lane { delay_ms: 20, jitter_ms: 400, rate_bytes_per_s: None };
        relay.set(Level { up, jitter_seed, ..Level::default() }).await;
        let mut streams = Vec::new();
        for _ in 0..7 {
            streams.push(relay.connect().await);
        }
        relay.until("their numbers", |state| state.connections_total == 7).await;
        let exchanges = streams.into_iter().map(|mut stream| {
            tokio::spawn(async move {
                let begin = Instant::now();
                echoed(&mut stream, b"x").await;
                begin.elapsed()
            })
        });
        let mut took = Vec::new();
        for exchange in exchanges.collect::<Vec<_>>() {
            took.push(exchange.await.unwrap());
        }
        assert!(took.iter().all(|took| *took >= Duration::from_millis(20)));
        seen.push(took);
    }
    // The median, since this machine may be busy with something else for a while.
    let distance = |a: &[Duration], b: &[Duration]| {
        let mut distances: Vec<_> = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).collect();
        distances.sort_unstable();
        distances[3]
    };
    assert!(distance(&seen[0], &seen[1]) < distance(&seen[0], &seen[2]), "{seen:?}");
    let spread = *seen[0].iter().max().unwrap() - *seen[0].iter().min().unwrap();
    assert!(spread > Duration::from_millis(100), "each connection has a jitter of its own: {seen:?}");
}

#[tokio::test]
async fn a_rate_is_shared_by_all_connections_and_is_over_when_healed() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let rate_bytes_per_s = NonZeroU64::new(400_000);
    relay.set(Level { down: Lane { rate_bytes_per_s, ..Lane::default() }, ..Level::default() }).await;
    let begin = Instant::now();
    let clients: Vec<_> = (0..4)
        .map(|seed| {
            let addr = relay.addr;
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                echoed(&mut stream, &random_bytes(seed, 50_000)).await;
                begin.elapsed()
            })
        })
        .collect();
    let mut took = Vec::new();
    for client in clients {
        took.push(client.await.unwrap());
    }
    let (first, last) = (took.iter().min().unwrap(), took.iter().max().unwrap());
    // 200 kB at 400 kB/s, and nobody has to wait until the others are through.
    assert!(*last >= Duration::from_millis(490) && *last < Duration::from_secs(5), "{took:?}");
    assert!(*first >= *last / 3, "{took:?}");
    // Another rate in the middle of a transfer: at the old one this would take two minutes.
    let mut stream = relay.connect().await;
    let bytes = random_bytes(9, 50_000_000);
    let (mut source, mut sink) = stream.split();
    let mut back = vec![0; bytes.len()];
    let healing = async {
        relay.until("some bytes to be through", |state| state.bytes_down > 230_000).await;
        relay.heal().await;
    };
    let exchange = async {
        let (written, read, ()) = tokio::join!(sink.write_all(&bytes), source.read_exact(&mut back), healing);
        written.and(read).unwrap();
    };
    within("all bytes", exchange).await;
    assert!(back == bytes);
}

#[tokio::test]
async fn a_cut_lets_nothing_through_and_closes_nothing_and_all_goes_on_when_it_is_healed() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let mut old = relay.connect().await;
    echoed(&mut old, b"before").await;
    let state = relay.set(Level { cut: true, ..Level::default() }).await;
    assert_eq!((state.read_by, state.listening), (1, true));
    let heard = echo.heard();
    old.write_all(b"into the void").await.unwrap();
    let mut new = relay.connect().await;
    new.write_all(b"is anybody there").await.unwrap();
    relay.until("the bytes to be held", |state| state.held_bytes == 13).await;
    silent(&mut old).await;
    silent(&mut new).await;
    assert_eq!(echo.heard(), heard);
    relay.heal().await;
    for (stream, expected) in [(&mut old, &b"into the void"[..]), (&mut new, b"is anybody there")] {
        let mut back = vec![0; expected.len()];
        within("what was held", stream.read_exact(&mut back)).await.unwrap();
        assert_eq!(back, expected);
    }
    assert_eq!(relay.state().await.held_bytes, 0);
}

#[tokio::test]
async fn behind_a_cut_nobody_learns_that_the_other_side_is_gone() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let mut stream = relay.connect().await;
    echoed(&mut stream, b"before").await;
    relay.set(Level { cut: true, ..Level::default() }).await;
    drop(echo);
    silent(&mut stream).await;
    assert_eq!(relay.state().await.connections_open, 1);
    relay.heal().await;
    assert_eq!(within("the close", stream.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn refusing_resets_the_old_and_refuses_the_new_until_it_is_healed() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    let mut old = Vec::new();
    for _ in 0..10 {
        old.push(relay.connect().await);
        echoed(old.last_mut().unwrap(), b"before").await;
    }
    let state = relay.set(Level { refuse: true, ..Level::default() }).await;
    assert_eq!((state.listening, state.resets, state.connections_open), (false, 10, 0));
    for stream in &mut old {
        until_reset(stream).await;
    }
    for _ in 0..10 {
        let refused = TcpStream::connect(relay.addr).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
    let state = relay.heal().await;
    assert!(state.listening);
    echoed(&mut relay.connect().await, b"after").await;
}

#[tokio::test]
async fn refusing_ends_a_cut_and_the_connections_that_it_held() {
    let echo = Echo::start().await;
    let relay = Relay::before(echo.addr).await;
    relay.set(Level { cut: true, ..Level::default() }).await;
    let mut stream = relay.connect().await;
    stream.write_all(b"x").await.unwrap();
    relay.until("the connection", |state| state.connections_open == 1).await;
    relay.set(Level { cut: true, refuse: true, ..Level::default() }).await;
    until_reset(&mut stream).await;
    relay.until("nothing to be held", |state| state.held_bytes == 0 && state.resets == 1).await;
    relay.heal().await;
    until("the door to be open", async || TcpStream::connect(relay.addr).await.is_ok()).await;
}
