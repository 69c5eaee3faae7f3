//! What may be changed in a load while it runs: how fast its timetable goes, when it is over, and guests.
//!
//! Invariant: every load that is steered by one wheel does the same at the same microsecond, so the loads of two tiers stay equal.

use crate::clock::Clock;
use scenario::Action;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// How many guests' requests may wait to be sent.
const MOST_WAITING: usize = 64;

/// Steers any number of loads that share a clock; clones are the same wheel.
#[derive(Clone)]
pub struct Wheel(Arc<watch::Sender<Course>>);

impl Default for Wheel {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Course::default())))
    }
}

impl Wheel {
    /// From now on the timetable runs at this speed; answers when that was.
    pub fn set_tempo(&self, factor: f64, clock: Clock) -> u64 {
        let mut from_us = 0;
        self.0.send_modify(|course| {
            from_us = clock.now_us();
            course.goes_on(from_us, factor);
        });
        from_us
    }

    /// From now on nothing more comes due; answers when that was.
    pub fn end(&self, clock: Clock) -> u64 {
        let mut end_us = 0;
        self.0.send_modify(|course| {
            end_us = *course.end_us.get_or_insert_with(|| clock.now_us());
        });
        end_us
    }

    /// Where the timetable stands now.
    pub fn place_us(&self, clock: Clock) -> u64 {
        self.0.borrow().place_us(clock.now_us())
    }

    pub(crate) fn follow(&self) -> watch::Receiver<Course> {
        self.0.subscribe()
    }
}

/// Where the timetable stands at which moment.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// In order of time; the first one begins with the clock.
    beats: Vec<Beat>,
    end_us: Option<u64>,
}

/// From a moment on the timetable runs at one speed.
#[derive(Clone, Copy, Debug)]
struct Beat {
    from_us: f64,
    /// Where the timetable stood then.
    place_us: f64,
    factor: f64,
}

impl Default for Course {
    fn default() -> Self {
        Self { beats: vec![Beat { from_us: 0.0, place_us: 0.0, factor: 1.0 }], end_us: None }
    }
}

impl Course {
    fn goes_on(&mut self, from_us: u64, factor: f64) {
        let from_us = from_us as f64;
        let Some(last) = self.beats.last() else { return };
        let place_us = last.place_us + (from_us - last.from_us) * last.factor;
        self.beats.push(Beat { from_us, place_us, factor });
    }

    fn place_us(&self, now_us: u64) -> u64 {
        self.beats.last().map_or(0.0, |beat| beat.place_us + (now_us as f64 - beat.from_us) * beat.factor)
            as u64
    }

    /// When a place of the timetable is reached; `None` when the load is over by then. A place that was reached before the latest
    /// change stays where it was.
    pub(crate) fn due_us(&self, place_us: u64) -> Option<u64> {
        let place_us = place_us as f64;
        let reached = self.beats.iter().rev().find(|beat| beat.place_us <= place_us);
        let beat = reached.or(self.beats.first())?;
        let due_us = (beat.from_us + (place_us - beat.place_us) / beat.factor).round() as u64;
        (self.end_us.is_none_or(|end_us| due_us < end_us)).then_some(due_us)
    }
}

/// One request of a guest: somebody who is in no plan, and is served, recorded and judged like everybody else.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The guest's number; those of the planned shoppers come before it.
    pub shopper: u32,
    /// Which of its requests, from 0.
    pub step: u32,
    /// What is done.
    pub action: Action,
    /// The operation's id, for what has one.
    pub op: Option<String>,
}

/// Where guests come in. Their requests go out in order, each guest's when the one before it has its outcome.
#[derive(Clone)]
pub struct Entrance(mpsc::Sender<Visit>);

impl Entrance {
    /// Sends a guest's request; `false` when too many wait already, or the load is over.
    pub fn visit(&self, visit: Visit) -> bool {
        self.0.try_send(visit).is_ok()
    }
}

/// What a load needs to be steered.
pub(crate) struct Steering {
    pub(crate) course: watch::Receiver<Course>,
    pub(crate) visits: mpsc::Receiver<Visit>,
}

impl Steering {
    /// Follows a wheel, and lets guests in.
    pub(crate) fn by(wheel: &Wheel) -> (Self, Entrance) {
        let (entrance, visits) = mpsc::channel(MOST_WAITING);
        (Self { course: wheel.follow(), visits }, Entrance(entrance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timetable_that_runs_faster_brings_forward_what_is_ahead_and_leaves_what_has_been() {
        let mut course = Course::default();
        assert_eq!(course.due_us(7_000), Some(7_000));
        course.goes_on(4_000, 2.0);
        assert_eq!(
            [1_000, 4_000, 6_000, 10_000].map(|us| course.due_us(us)),
            [1_000, 4_000, 5_000, 7_000].map(Some)
        );
        // At 5,000 the timetable stands at 6,000.
        course.goes_on(5_000, 0.5);
        assert_eq!(
            [1_000, 5_000, 6_000, 10_000].map(|us| course.due_us(us)),
            [1_000, 4_500, 5_000, 13_000].map(Some)
        );
    }

    #[test]
    fn what_comes_due_after_the_end_is_not_sent() {
        let mut course = Course::default();
        course.goes_on(1_000, 4.0);
        course.end_us = Some(2_000);
        assert_eq!(course.due_us(4_996), Some(1_999));
        assert_eq!(course.due_us(5_000), None);
    }

    #[test]
    fn one_wheel_steers_all_loads_alike() {
        let clock = Clock::starting_at(std::time::Instant::now());
        let wheel = Wheel::default();
        let (one, other) = (wheel.follow(), wheel.follow());
        let from_us = wheel.set_tempo(2.0, clock);
        wheel.clone().set_tempo(0.25, clock);
        for place_us in [0, from_us, from_us + 1, from_us + 1_000_000] {
            assert_eq!(one.borrow().due_us(place_us), other.borrow().due_us(place_us));
        }
        let end_us = wheel.end(clock);
        assert_eq!(wheel.end(clock), end_us, "it ends once");
        assert_eq!(other.borrow().due_us(u64::MAX / 2), None);
    }
}
