//! One direction of one connection: reads from one socket, holds as long as the level says, writes to the other.
//!
//! Invariants: bytes go on in the order in which they came, and their end comes after them; no more is held than the bounds
//! say, so that a sender that is faster meets a full socket, as it would without a relay.

use crate::link::Ticket;
use crate::relay::{Relay, Way};
use protocol::relay::{Lane, Level};
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::ErrorKind::WouldBlock;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// The most that is held for one direction of one connection.
const HELD_MAX_BYTES: usize = 1024 * 1024;
/// The most pieces that it may be held in: small ones cost more than their bytes.
const HELD_MAX_PIECES: usize = 4096;

/// Which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// From the client.
    Upstream,
    /// From the upstream.
    Client,
}

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something moved; there may be more.
    Moved,
    /// Nothing to do until the task is woken.
    Idle,
    /// The socket to write to is gone: its reset goes back to where the bytes came from.
    SinkGone,
    /// A reset that came from the source has arrived.
    Reset,
    /// An answer is to be lost here.
    LoseAnswer,
}

/// How the bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Reset,
}

struct Piece {
    bytes: Vec<u8>,
    passed: usize,
    came: Instant,
    /// Its share of the jitter, from 0 to 1.
    luck: f64,
    begins_answer: bool,
}

/// One direction.
pub struct Pump {
    toward: Toward,
    relay: Rc<Relay>,
    held: VecDeque<Piece>,
    held_bytes: usize,
    end: Option<(End, Instant)>,
    /// The close has been passed on, or nobody is left to pass anything to.
    over: bool,
    /// Granted by the link and not used yet.
    allowance: usize,
    ticket: Option<Ticket>,
    /// A wake-up that is under way.
    alarm: Option<Instant>,
    number: u64,
    reads: u64,
}

impl Pump {
    /// One direction of the `number`-th connection.
    pub fn new(toward: Toward, relay: Rc<Relay>, number: u64) -> Self {
        Pump {
            toward,
            relay,
            held: VecDeque::new(),
            held_bytes: 0,
            end: None,
            over: false,
            allowance: 0,
            ticket: None,
            alarm: None,
            number,
            reads: 0,
        }
    }

    /// Nothing will pass any more.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The source has closed, or was reset: nothing more will come.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The sink is gone, and what was to go there with it.
    pub fn give_up(&mut self) {
        self.relay.held_bytes.sub(std::mem::take(&mut self.held_bytes));
        self.held.clear();
        self.over = true;
    }

    /// The source was found to be gone while it was written to.
    pub fn source_is_gone(&mut self) {
        if !matches!(self.end, Some((End::Reset, _))) {
            self.end = Some((End::Reset, Instant::now()));
            self.over = false;
        }
    }

    /// Passes on what is due, and reads once. `asked` is whether the client's bytes have gone upstream since the last answer.
    pub fn step(
        &mut self,
        cx: &mut Context<'_>,
        source: &TcpStream,
        sink: &mut TcpStream,
        level: &Level,
        asked: &Cell<bool>,
    ) -> Step {
        if self.over {
            return Step::Idle;
        }
        let released = self.release(cx, sink, level, asked);
        if !matches!(released, Step::Idle | Step::Moved) {
            return released;
        }
        match self.take_in(cx, source, sink, level, asked) {
            Step::Idle => released,
            other => other,
        }
    }

    fn lane(&self, level: &Level) -> Lane {
        if self.toward == Toward::Upstream { level.up } else { level.down }
    }

    fn way(&self) -> &Way {
        if self.toward == Toward::Upstream { &self.relay.up } else { &self.relay.down }
    }

    fn release(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut TcpStream,
        level: &Level,
        asked: &Cell<bool>,
    ) -> Step {
        let lane = self.lane(level);
        let mut step = Step::Idle;
        if level.cut {
            return step;
        }
        while let Some(front) = self.held.front_mut() {
            let now = Instant::now();
            let due = front.came + delay(lane, front.luck);
            if due > now {
                self.wake_at(due, cx);
                return step;
            }
            if std::mem::take(&mut front.begins_answer) && self.relay.loses_answer(level) {
                return Step::LoseAnswer;
            }
            let left = front.bytes.len() - front.passed;
            let allowed = match self.allow(lane, left, now) {
                Ok(allowed) => allowed,
                Err(at) => {
                    self.wake_at(at, cx);
                    return step;
                }
            };
            match self.write_front(cx, sink, allowed) {
                Poll::Pending => return step,
                Poll::Ready(None) => return Step::SinkGone,
                Poll::Ready(Some(written)) => {
                    self.passed_on(written, asked);
                    step = Step::Moved;
                }
            }
        }
        self.release_end(cx, sink, lane).unwrap_or(step)
    }

    fn release_end(&mut self, cx: &mut Context<'_>, sink: &mut TcpStream, lane: Lane) -> Option<Step> {
        let (end, came) = self.end?;
        let due = came + delay(lane, 0.0);
        if due > Instant::now() {
            self.wake_at(due, cx);
            return None;
        }
        if end == End::Reset {
            return Some(Step::Reset);
        }
        self.over = true;
        // The kernel answers at once. If the sink is gone, the other direction will find out by reading.
        let _gone = Pin::new(sink).poll_shutdown(cx);
        Some(Step::Moved)
    }

    /// Writes of the first piece; `None` when nobody takes it any more.
    fn write_front(&mut self, cx: &mut Context<'_>, sink: &TcpStream, allowed: usize) -> Poll<Option<usize>> {
        let Some(front) = self.held.front_mut() else { return Poll::Pending };
        let rest = &front.bytes[front.passed..];
        let rest = &rest[..rest.len().min(allowed)];
        let written = loop {
            if ready!(sink.poll_write_ready(cx)).is_err() {
                return Poll::Ready(None);
            }
            match sink.try_write(rest) {
                Ok(written) => break written,
                Err(e) if e.kind() == WouldBlock => {}
                Err(_gone) => return Poll::Ready(None),
            }
        };
        front.passed += written;
        if front.passed == front.bytes.len() {
            self.held.pop_front();
        }
        self.held_bytes -= written;
        self.relay.held_bytes.sub(written);
        self.allowance = self.allowance.saturating_sub(written);
        Poll::Ready(Some(written))
    }

    fn passed_on(&self, bytes: usize, asked: &Cell<bool>) {
        self.way().passed.add(bytes);
        if self.toward == Toward::Upstream && bytes > 0 {
            asked.set(true);
        }
    }

    fn take_in(
        &mut self,
        cx: &mut Context<'_>,
        source: &TcpStream,
        sink: &TcpStream,
        level: &Level,
        asked: &Cell<bool>,
    ) -> Step {
        let room = HELD_MAX_BYTES - self.held_bytes;
        if self.end.is_some() || room == 0 || self.held.len() >= HELD_MAX_PIECES {
            return Step::Idle;
        }
        let relay = Rc::clone(&self.relay);
        let mut scratch = relay.scratch.borrow_mut();
        let scratch_bytes = scratch.len().min(room);
        let read = loop {
            match source.poll_read_ready(cx) {
                Poll::Pending => return Step::Idle,
                Poll::Ready(Err(_)) => break None,
                Poll::Ready(Ok(())) => match source.try_read(&mut scratch[..scratch_bytes]) {
                    Ok(read) => break Some(read),
                    Err(e) if e.kind() == WouldBlock => {}
                    Err(_reset) => break None,
                },
            }
        };
        match read {
            None => self.end = Some((End::Reset, Instant::now())),
            Some(0) => self.end = Some((End::Close, Instant::now())),
            Some(read) => return self.pass_or_hold(&scratch[..read], sink, level, asked),
        }
        Step::Moved
    }

    /// Bytes that nothing holds back are written at once, from where they were read to.
    fn pass_or_hold(&mut self, bytes: &[u8], sink: &TcpStream, level: &Level, asked: &Cell<bool>) -> Step {
        let mut begins_answer = self.toward == Toward::Client && asked.take();
        let mut written = 0;
        if self.held.is_empty() && !level.cut && self.lane(level) == Lane::default() {
            if std::mem::take(&mut begins_answer) && self.relay.loses_answer(level) {
                return Step::LoseAnswer;
            }
            written = match sink.try_write(bytes) {
                Ok(written) => written,
                Err(e) if e.kind() == WouldBlock => 0,
                Err(_gone) => return Step::SinkGone,
            };
            self.passed_on(written, asked);
        }
        if written < bytes.len() {
            let rest = &bytes[written..];
            self.held_bytes += rest.len();
            self.relay.held_bytes.add(rest.len());
            let luck = draw(level.jitter_seed, self.number, self.toward, self.reads);
            let came = Instant::now();
            self.held.push_back(Piece { bytes: rest.to_vec(), passed: 0, came, luck, begins_answer });
        }
        self.reads += 1;
        Step::Moved
    }

    /// How much may be written now, or when something may.
    fn allow(&mut self, lane: Lane, wanted: usize, now: Instant) -> Result<usize, Instant> {
        let Some(rate) = lane.rate_bytes_per_s else { return Ok(wanted) };
        if self.allowance == 0 {
            let link = &self.way().link;
            let valid = self.ticket.filter(|ticket| link.honours(ticket));
            let ticket = valid.unwrap_or_else(|| link.reserve(now, wanted, rate));
            self.ticket = Some(ticket);
            if ticket.at > now {
                return Err(ticket.at);
            }
            self.ticket = None;
            self.allowance = ticket.bytes;
        }
        Ok(self.allowance)
    }

    fn wake_at(&mut self, at: Instant, cx: &mut Context<'_>) {
        if self.alarm != Some(at) {
            self.alarm = Some(at);
            self.relay.timer.wake_at(at, cx.waker());
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.relay.held_bytes.sub(self.held_bytes);
    }
}

fn delay(lane: Lane, luck: f64) -> Duration {
    let jitter = Duration::from_millis(lane.jitter_ms.into()).mul_f64(luck);
    Duration::from_millis(lane.delay_ms.into()) + jitter
}

/// From 0 to 1, the same for the same arguments: splitmix64 (Steele, Lea, Flood 2014).
fn draw(seed: u64, number: u64, toward: Toward, reads: u64) -> f64 {
    [number, toward as u64, reads].into_iter().fold(mix(seed), |state, part| mix(state ^ mix(part))) as f64
        / u64::MAX as f64
}

fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Closes a socket so that its peer is told of a reset.
pub fn reset(stream: TcpStream) {
    // Where the option is not to be had, the peer is told of a close.
    let _closed = stream.set_zero_linger();
    drop(stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_within_its_bounds_everywhere_and_the_same_for_the_same_seed_connection_and_read() {
        let lane = Lane { delay_ms: 10, jitter_ms: 100, rate_bytes_per_s: None };
        let draws = |seed| -> Vec<Duration> {
            let of =
                |number| (0..100).map(move |reads| delay(lane, draw(seed, number, Toward::Client, reads)));
            (0..100).flat_map(of).collect()
        };
        let (once, again, other) = (draws(1), draws(1), draws(2));
        assert_eq!(once, again);
        assert_ne!(once, other);
        let (least, most) = (Duration::from_millis(10), Duration::from_millis(110));
        assert!(once.iter().all(|delay| (least..=most).contains(delay)));
        let mean = once.iter().sum::<Duration>() / 10_000;
        assert!(mean.abs_diff(Duration::from_millis(60)) < Duration::from_millis(2), "{mean:?}");
    }
}
