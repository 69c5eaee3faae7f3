//! The one clock of a trial.

use std::time::{Duration, Instant};

/// Microseconds since the trial's zero, the moment at which the load starts.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
}

impl Clock {
    /// A clock whose zero lies at this moment.
    pub fn starting_at(zero: Instant) -> Self {
        Self { zero }
    }

    /// Now; 0 before the zero.
    pub fn now_us(self) -> u64 {
        u64::try_from(Instant::now().saturating_duration_since(self.zero).as_micros()).unwrap_or(u64::MAX)
    }

    /// How far away the zero is.
    pub(crate) fn to_zero(self) -> ToZero {
        let now = Instant::now();
        ToZero {
            ahead: self.zero.saturating_duration_since(now),
            behind: now.saturating_duration_since(self.zero),
        }
    }

    /// The moment that a reading stands for.
    pub fn at(self, us: u64) -> Instant {
        self.zero + Duration::from_micros(us)
    }

    /// Sleeps until a reading.
    pub async fn sleep_until(self, us: u64) {
        tokio::time::sleep_until(self.at(us).into()).await;
    }
}

/// How far away a clock's zero is; one of the two is nothing.
pub(crate) struct ToZero {
    /// So long until it.
    pub(crate) ahead: Duration,
    /// So long since it.
    pub(crate) behind: Duration,
}
