//! One connection: a client, its upstream, and a pump for each direction, all in one task.

use crate::pump::{Pump, Step, Toward, reset};
use crate::relay::{Reader, Relay};
use protocol::relay::Level;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;

/// How a connection ended.
enum End {
    /// Both sides have closed, and both have been told.
    Closed,
    /// One side was reset, and the other is to be told.
    Reset,
    /// The level does not let it live.
    Refused,
    /// An answer was thrown away.
    AnswerLost,
}

/// Passes a client's connection on until it ends.
pub async fn serve(relay: Rc<Relay>, client: TcpStream, number: u64) {
    let mut reader = Reader::new(Rc::clone(&relay));
    let upstream = match connect(&relay, &mut reader).await {
        Ok(Some(upstream)) => upstream,
        Ok(None) => {
            relay.resets.add(1);
            return reset(client);
        }
        Err(_refused) => {
            relay.upstream_refused.add(1);
            relay.doubt.notify_one();
            return reset(client);
        }
    };
    // Bytes go on as they come, and no option of a socket that lives is refused.
    let _set = (client.set_nodelay(true), upstream.set_nodelay(true));
    let mut pair = Pair {
        relay: Rc::clone(&relay),
        up: Pump::new(Toward::Upstream, Rc::clone(&relay), number),
        down: Pump::new(Toward::Client, Rc::clone(&relay), number),
        client,
        upstream,
        asked: Cell::new(false),
        in_doubt: false,
    };
    match pair.last(&mut reader).await {
        End::Closed => return,
        End::Reset => {}
        End::Refused => relay.resets.add(1),
        End::AnswerLost => {
            relay.answers_lost.add(1);
            relay.resets.add(1);
        }
    }
    reset(pair.client);
    reset(pair.upstream);
}

/// Connects to the upstream, once the level lets anything through; `None` when the level says no.
async fn connect(relay: &Relay, reader: &mut Reader) -> io::Result<Option<TcpStream>> {
    loop {
        let level = reader.read();
        if level.refuse {
            return Ok(None);
        }
        if !level.cut {
            break;
        }
        reader.changed().await;
    }
    let mut connecting = pin!(reach(relay.upstream()));
    loop {
        if reader.read().refuse {
            return Ok(None);
        }
        tokio::select! {
            biased;
            () = reader.changed() => {}
            connected = connecting.as_mut() => return connected.map(Some),
        }
    }
}

/// Connects to an address where nobody may listen.
///
/// # Errors
/// Those of the kernel, and a refusal where the kernel connects a socket with itself: it may choose the very port as the source.
pub async fn reach(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        reset(stream);
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

struct Pair {
    relay: Rc<Relay>,
    client: TcpStream,
    upstream: TcpStream,
    up: Pump,
    down: Pump,
    /// Bytes of the client have gone upstream since the last answer.
    asked: Cell<bool>,
    /// The upstream ended it of its own accord.
    in_doubt: bool,
}

impl Pair {
    /// Lets the pumps work, under each level that comes, until the end.
    async fn last(&mut self, reader: &mut Reader) -> End {
        loop {
            let level = reader.read();
            if level.refuse {
                return End::Refused;
            }
            tokio::select! {
                biased;
                () = reader.changed() => {}
                end = poll_fn(|cx| self.poll(cx, &level)) => return end,
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, level: &Level) -> Poll<End> {
        loop {
            let up = self.up.step(cx, &self.client, &mut self.upstream, level, &self.asked);
            if up == Step::SinkGone {
                self.up.give_up();
                self.down.source_is_gone();
            }
            let down = self.down.step(cx, &self.upstream, &mut self.client, level, &self.asked);
            if down == Step::SinkGone {
                self.down.give_up();
                self.up.source_is_gone();
            }
            if !self.in_doubt && self.down.has_ended() && !self.up.has_ended() {
                self.in_doubt = true;
                self.relay.doubt.notify_one();
            }
            if up == Step::Reset || down == Step::Reset {
                return Poll::Ready(End::Reset);
            }
            if down == Step::LoseAnswer {
                return Poll::Ready(End::AnswerLost);
            }
            if self.up.is_over() && self.down.is_over() {
                return Poll::Ready(End::Closed);
            }
            if up == Step::Idle && down == Step::Idle {
                return Poll::Pending;
            }
        }
    }
}
