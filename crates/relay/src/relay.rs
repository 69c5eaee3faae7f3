//! What all connections of the relay share: the level, where to go, and the counts that prove what was done.

use crate::link::Link;
use crate::timer::Timer;
use protocol::relay::{Level, State};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::sync::{Notify, watch};

/// Read at a time. All connections share it, so that an idle one has no buffer.
const SCRATCH_BYTES: usize = 256 * 1024;

/// A count that one thread keeps.
#[derive(Debug, Default)]
pub struct Count(Cell<u64>);

impl Count {
    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.get()
    }

    /// Counts up.
    pub fn add(&self, more: usize) {
        self.0.set(self.0.get().wrapping_add(more as u64));
    }

    /// Counts down.
    pub fn sub(&self, less: usize) {
        self.0.set(self.0.get().wrapping_sub(less as u64));
    }

    fn set(&self, value: u64) {
        self.0.set(value);
    }
}

/// The relay, of one thread.
pub struct Relay {
    /// Bytes passed on in one direction, and what limits them together.
    pub up: Way,
    /// The other.
    pub down: Way,
    /// Wakes whoever holds bytes until a moment.
    pub timer: Timer,
    /// Where a read goes first.
    pub scratch: RefCell<Box<[u8]>>,
    /// Bytes that have come and not gone on.
    pub held_bytes: Count,
    /// Answers thrown away.
    pub answers_lost: Count,
    /// Connections reset by a level.
    pub resets: Count,
    /// Connections reset for want of an upstream.
    pub upstream_refused: Count,
    /// Whether the door is open.
    pub listening: Cell<bool>,
    /// Rings when there is reason to doubt that anybody listens at the upstream, or when that is another one.
    pub doubt: Notify,
    level: watch::Sender<Level>,
    absent: watch::Sender<bool>,
    upstream: Cell<SocketAddr>,
    read_by: Count,
    unread_by: Count,
    answers: Count,
    open: Count,
    total: Count,
}

/// One direction of all connections.
#[derive(Debug, Default)]
pub struct Way {
    /// Bytes passed on.
    pub passed: Count,
    /// What they have in common.
    pub link: Link,
}

impl Relay {
    /// A calm relay.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub fn new(upstream: SocketAddr) -> io::Result<Self> {
        Ok(Relay {
            up: Way::default(),
            down: Way::default(),
            timer: Timer::new()?,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into()),
            held_bytes: Count::default(),
            answers_lost: Count::default(),
            resets: Count::default(),
            upstream_refused: Count::default(),
            listening: Cell::new(true),
            doubt: Notify::new(),
            level: watch::Sender::default(),
            absent: watch::Sender::default(),
            upstream: Cell::new(upstream),
            read_by: Count::default(),
            unread_by: Count::default(),
            answers: Count::default(),
            open: Count::default(),
            total: Count::default(),
        })
    }

    /// Sets the level, for bytes that are on their way too.
    pub fn set_level(&self, level: Level) {
        self.read_by.set(0);
        self.unread_by.set(self.open.get());
        self.answers.set(0);
        self.up.link.clear();
        self.down.link.clear();
        self.level.send_replace(level);
    }

    /// Whether the level is in force everywhere: each open connection has read it, and the door has followed.
    pub fn is_settled(&self) -> bool {
        let level = *self.level.borrow();
        self.unread_by.get() == 0 && self.listening.get() == self.should_listen(level)
    }

    /// Whether the door is to be open. Under a cut nobody could say that the upstream is gone.
    pub fn should_listen(&self, level: Level) -> bool {
        !level.refuse && (level.cut || !*self.absent.borrow())
    }

    /// Follows the level.
    pub fn levels(&self) -> watch::Receiver<Level> {
        self.level.subscribe()
    }

    /// Follows whether the upstream refuses connections.
    pub fn absences(&self) -> watch::Receiver<bool> {
        self.absent.subscribe()
    }

    /// Notes whether the upstream refuses connections.
    pub fn set_absent(&self, absent: bool) {
        self.absent.send_if_modified(|now| std::mem::replace(now, absent) != absent);
    }

    /// Where new connections go.
    pub fn upstream(&self) -> SocketAddr {
        self.upstream.get()
    }

    /// Sends new connections elsewhere.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.upstream.set(upstream);
        self.doubt.notify_one();
    }

    /// Counts an answer, and tells whether it is one to be lost.
    pub fn loses_answer(&self, level: &Level) -> bool {
        let Some(lose) = level.lose_answers else { return false };
        self.answers.add(1);
        self.answers.get().is_multiple_of(lose.one_in.get())
    }

    /// Everything that can be told.
    pub fn state(&self) -> State {
        State {
            level: *self.level.borrow(),
            read_by: self.read_by.get(),
            unread_by: self.unread_by.get(),
            listening: self.listening.get(),
            upstream: self.upstream.get(),
            connections_open: self.open.get(),
            connections_total: self.total.get(),
            bytes_up: self.up.passed.get(),
            bytes_down: self.down.passed.get(),
            held_bytes: self.held_bytes.get(),
            answers_lost: self.answers_lost.get(),
            resets: self.resets.get(),
            upstream_refused: self.upstream_refused.get(),
        }
    }
}

/// A connection's view of the level; it counts as open while this lives.
pub struct Reader {
    relay: Rc<Relay>,
    levels: watch::Receiver<Level>,
}

impl Reader {
    /// Counts a connection, which has not read the level yet.
    pub fn new(relay: Rc<Relay>) -> Self {
        let mut levels = relay.levels();
        levels.mark_changed();
        relay.open.add(1);
        relay.total.add(1);
        relay.unread_by.add(1);
        Reader { relay, levels }
    }

    /// The level in force, noted as read.
    pub fn read(&mut self) -> Level {
        if self.is_behind() {
            self.relay.unread_by.sub(1);
            self.relay.read_by.add(1);
        }
        *self.levels.borrow_and_update()
    }

    /// Waits for another level.
    pub async fn changed(&mut self) {
        // The sender lives in the relay, which this holds.
        let _lives = self.levels.changed().await;
        // It is not read yet.
        self.levels.mark_changed();
    }

    fn is_behind(&self) -> bool {
        self.levels.has_changed().unwrap_or(false)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.relay.open.sub(1);
        if self.is_behind() {
            self.relay.unread_by.sub(1);
        }
    }
}
