//! Wakes shoppers at absolute moments, to some tens of microseconds. tokio's own timer has a granularity of a millisecond.
//!
//! One kernel timer (`timerfd`, absolute, armed for whoever is due first) stands in the same epoll set as the connections. The
//! thread that sends is the one that the kernel wakes: a pacing thread beside it would have to wake it in turn, which costs a
//! second wake-up a step and gains nothing. There is no spinning.
//!
//! Invariant: what is due is told by its planned moment; the moment of waking is nobody's time stamp.

use crate::clock::Clock;
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// Whether the moment came, or the load was stopped before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is due.
    Due,
    /// Nothing more is to be sent.
    Stopped,
}

/// The timetable's clockwork, of one thread.
pub(crate) struct Pacer {
    clock: Clock,
    /// The kernel's clock at the trial's zero.
    zero: Duration,
    timer: AsyncFd<Timer>,
    alarms: RefCell<BinaryHeap<Reverse<Alarm>>>,
    armed_us: Cell<u64>,
    stopped: Cell<bool>,
}

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

struct Alarm {
    at_us: u64,
    waker: Waker,
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at_us.cmp(&other.at_us)
    }
}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.at_us == other.at_us
    }
}

impl Eq for Alarm {}

impl Pacer {
    /// A pacer for the thread that calls this; a runtime must be entered.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        // Sleeps of this thread are not to be bundled with others'. Without it they are only a little later.
        let _ = nix::sys::prctl::set_timerslack(1);
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Timer(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
        Ok(Self {
            clock,
            zero: monotonic_zero(clock)?,
            timer: register(timer)?,
            alarms: RefCell::default(),
            armed_us: Cell::new(u64::MAX),
            stopped: Cell::new(false),
        })
    }

    /// Rings for ever; a task beside the shoppers.
    pub(crate) async fn run(&self) {
        // An end of the readiness would be an end of the runtime.
        while let Ok(mut expired) = self.timer.readable().await {
            // Not read: to arm the timer anew clears it too.
            expired.clear_ready();
            self.ring();
        }
    }

    /// Waits until a reading of the clock, or until the load is stopped.
    pub(crate) async fn until(&self, us: u64) -> Turn {
        let mut asked = false;
        poll_fn(|task| {
            if self.stopped.get() {
                Poll::Ready(Turn::Stopped)
            } else if self.clock.now_us() >= us {
                Poll::Ready(Turn::Due)
            } else {
                // One alarm is enough: it rings for this task, and no other waker of it is younger.
                if !std::mem::replace(&mut asked, true) {
                    self.alarms.borrow_mut().push(Reverse(Alarm { at_us: us, waker: task.waker().clone() }));
                    if us < self.armed_us.get() {
                        self.arm(us);
                    }
                }
                Poll::Pending
            }
        })
        .await
    }

    /// Whether the load was stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Wakes everybody: nothing more is to be sent.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
        for Reverse(alarm) in std::mem::take(&mut *self.alarms.borrow_mut()) {
            alarm.waker.wake();
        }
    }

    /// Wakes all who are due and arms the timer for the next.
    fn ring(&self) {
        self.armed_us.set(u64::MAX);
        let now_us = self.clock.now_us();
        let mut alarms = self.alarms.borrow_mut();
        while alarms.peek().is_some_and(|Reverse(alarm)| alarm.at_us <= now_us) {
            if let Some(Reverse(alarm)) = alarms.pop() {
                alarm.waker.wake();
            }
        }
        if let Some(Reverse(next)) = alarms.peek() {
            self.arm(next.at_us);
        }
    }

    fn arm(&self, us: u64) {
        self.armed_us.set(us);
        let at = TimeSpec::from_duration(self.zero + Duration::from_micros(us));
        let set = self.timer.get_ref().0.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME);
        // A valid descriptor with a valid time cannot fail.
        debug_assert!(set.is_ok());
    }
}

#[allow(unsafe_code)]
fn register(timer: Timer) -> io::Result<AsyncFd<Timer>> {
    // SAFETY: the timer owns its descriptor, names the same one each time, and closes it in no other way than by its own end,
    // which is the end of the registration too.
    Ok(unsafe { AsyncFd::register(timer) }?)
}

/// The kernel's monotonic clock at the trial's zero. The standard library reads the same clock and does not show its value, so
/// both are read in turn, until nothing came between.
fn monotonic_zero(clock: Clock) -> io::Result<Duration> {
    let read =
        || -> io::Result<i64> { Ok(clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?.num_nanoseconds()) };
    let mut best = (i64::MAX, Duration::ZERO);
    for _ in 0..16 {
        let before = read()?;
        let to_zero = clock.to_zero();
        let took = read()? - before;
        if took < best.0 {
            let zero = Duration::from_nanos(u64::try_from(before).unwrap_or_default()) + to_zero.ahead;
            best = (took, zero.saturating_sub(to_zero.behind));
        }
    }
    Ok(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::time::Instant;
    use tokio::task::LocalSet;

    async fn on_a_pacer<F: Future<Output = ()> + 'static>(story: impl FnOnce(Rc<Pacer>) -> F) {
        let local = LocalSet::new();
        local
            .run_until(async {
                let pacer = Rc::new(Pacer::new(Clock::starting_at(Instant::now())).unwrap());
                let clockwork = Rc::clone(&pacer);
                let clockwork = tokio::task::spawn_local(async move { clockwork.run().await });
                story(pacer).await;
                clockwork.abort();
            })
            .await;
    }

    #[tokio::test]
    async fn nobody_is_woken_early_and_all_are_woken_in_order() {
        on_a_pacer(|pacer| async move {
            let order = Rc::new(RefCell::new(Vec::new()));
            let tasks: Vec<_> = [9_000, 3_000, 6_000, 3_500, 0]
                .into_iter()
                .map(|us| {
                    let (pacer, order) = (Rc::clone(&pacer), Rc::clone(&order));
                    tokio::task::spawn_local(async move {
                        assert_eq!(pacer.until(us).await, Turn::Due);
                        assert!(pacer.clock.now_us() >= us);
                        order.borrow_mut().push(us);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*order.borrow(), [0, 3_000, 3_500, 6_000, 9_000]);
        })
        .await;
    }

    #[tokio::test]
    async fn a_stop_ends_every_wait() {
        on_a_pacer(|pacer| async move {
            let sleeper = Rc::clone(&pacer);
            let sleeper = tokio::task::spawn_local(async move { sleeper.until(3_600_000_000).await });
            tokio::task::yield_now().await;
            pacer.stop();
            assert_eq!(sleeper.await.unwrap(), Turn::Stopped);
            assert_eq!(pacer.until(0).await, Turn::Stopped);
        })
        .await;
    }
}
