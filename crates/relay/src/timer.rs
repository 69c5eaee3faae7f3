//! Wakes tasks at a moment, to some tens of microseconds: tokio's own timer has a granularity of a millisecond, which is as
//! much as a delay may be. One kernel timer, armed for whoever is due first, stands in the same epoll set as the connections.

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::cell::{Cell, RefCell};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;

/// The timer of one thread.
pub struct Timer {
    kernel: AsyncFd<Kernel>,
    alarms: RefCell<BinaryHeap<Reverse<Alarm>>>,
    armed: Cell<Option<Instant>>,
}

struct Kernel(TimerFd);

impl AsRawFd for Kernel {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

struct Alarm {
    at: Instant,
    waker: Waker,
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Alarm {}

impl Timer {
    /// A timer; a runtime must be entered.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let kernel = Kernel(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
        Ok(Timer { kernel: register(kernel)?, alarms: RefCell::default(), armed: Cell::new(None) })
    }

    /// Wakes the task at the moment, or somewhat later.
    pub fn wake_at(&self, at: Instant, waker: &Waker) {
        self.alarms.borrow_mut().push(Reverse(Alarm { at, waker: waker.clone() }));
        if self.armed.get().is_none_or(|armed| at < armed) {
            self.arm(at);
        }
    }

    /// Rings for ever: a task beside those that it wakes.
    pub async fn run(&self) {
        // An end of the readiness would be an end of the runtime.
        while let Ok(mut expired) = self.kernel.readable().await {
            // Not read: to arm the timer anew clears it too.
            expired.clear_ready();
            self.armed.set(None);
            let now = Instant::now();
            let mut alarms = self.alarms.borrow_mut();
            while alarms.peek().is_some_and(|Reverse(alarm)| alarm.at <= now) {
                if let Some(Reverse(alarm)) = alarms.pop() {
                    alarm.waker.wake();
                }
            }
            if let Some(Reverse(next)) = alarms.peek() {
                self.arm(next.at);
            }
        }
    }

    fn arm(&self, at: Instant) {
        // Zero would disarm it.
        let wait = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let once = Expiration::OneShot(TimeSpec::from_duration(wait));
        let armed = self.kernel.get_ref().0.set(once, TimerSetTimeFlags::empty());
        armed.expect("a time to come is one that the kernel takes");
        self.armed.set(Some(at));
    }
}

#[allow(unsafe_code)]
fn register(kernel: Kernel) -> io::Result<AsyncFd<Kernel>> {
    // SAFETY: the timer owns its descriptor, names the same one each time, and closes it in no other way than by its own end,
    // which is the end of the registration too.
    Ok(unsafe { AsyncFd::register(kernel) }?)
}
