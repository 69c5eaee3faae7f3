//! What limits all connections together in one direction: a link that sends one piece after the other.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The largest piece: so that no connection has the link for long, and another level is soon in force.
const PIECE_MAX_BYTES: u64 = 64 * 1024;
/// A link is reserved for no longer than this at a time, as far as bytes can be divided.
const PIECES_PER_S: u64 = 50;

/// A link of limited rate.
#[derive(Debug, Default)]
pub struct Link {
    free_at: Cell<Option<Instant>>,
    era: Cell<u64>,
}

/// The right to send so many bytes at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    era: u64,
    /// When.
    pub at: Instant,
    /// How many.
    pub bytes: usize,
}

impl Link {
    /// Reserves the link for the first of these bytes, as soon as it is free.
    pub fn reserve(&self, now: Instant, bytes: usize, rate_bytes_per_s: NonZeroU64) -> Ticket {
        let rate = rate_bytes_per_s.get();
        let piece = (rate / PIECES_PER_S).clamp(1, PIECE_MAX_BYTES).min(bytes as u64);
        let begin = self.free_at.get().map_or(now, |free| free.max(now));
        let at = begin + Duration::from_nanos(piece.saturating_mul(1_000_000_000) / rate);
        self.free_at.set(Some(at));
        // No more than PIECE_MAX_BYTES.
        Ticket { era: self.era.get(), at, bytes: piece as usize }
    }

    /// Whether the ticket is of the level in force.
    pub fn honours(&self, ticket: &Ticket) -> bool {
        ticket.era == self.era.get()
    }

    /// Forgets what was reserved.
    pub fn clear(&self) {
        self.free_at.set(None);
        self.era.set(self.era.get() + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_one_another_at_the_rate_whoever_sends_them() {
        let (link, now) = (Link::default(), Instant::now());
        let rate = NonZeroU64::new(100_000).unwrap();
        let (mut bytes, mut last) = (0, now);
        for wanted in [1, 500, 10_000, 2_000, 2_001].repeat(20) {
            let ticket = link.reserve(now, wanted, rate);
            assert!(ticket.at >= last && (1..=2_000).contains(&ticket.bytes));
            bytes += ticket.bytes;
            last = ticket.at;
        }
        let expected = Duration::from_secs_f64(bytes as f64 / 100_000.0);
        assert!((last - now).abs_diff(expected) < Duration::from_micros(1));
    }

    #[test]
    fn an_idle_link_saves_nothing_up_and_another_level_forgets_what_was_reserved() {
        let (link, now) = (Link::default(), Instant::now());
        let slow = NonZeroU64::new(1).unwrap();
        let ticket = link.reserve(now, 1, slow);
        assert_eq!(ticket.at, now + Duration::from_secs(1));
        let later = now + Duration::from_secs(100);
        assert_eq!(link.reserve(later, 1, slow).at, later + Duration::from_secs(1));
        link.clear();
        assert!(!link.honours(&ticket));
        assert_eq!(link.reserve(now, 1, slow).at, now + Duration::from_secs(1));
    }
}
