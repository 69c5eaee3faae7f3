//! How the service answers at the moment: the last seconds, request by request.

use analysis::{is_answered, support};
use journal::StepEvent;
use std::collections::VecDeque;

/// Figures are of so many seconds: fewer would hold too few requests for a 99th percentile.
const SECONDS: u64 = 5;

#[derive(Debug, Default)]
struct Tally {
    s: u64,
    ok: u64,
    errors: u64,
    in_time: u64,
    latencies_us: Vec<u64>,
    services_us: Vec<u64>,
}

/// The last seconds of one tier.
#[derive(Debug)]
pub(super) struct Window {
    slow_us: u64,
    seconds: VecDeque<Tally>,
}

/// What the last seconds say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) ok: u64,
    pub(super) errors: u64,
    pub(super) slo_percent: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) naive_p99_ms: Option<f64>,
    pub(super) max_ms: Option<f64>,
}

impl Window {
    /// Nothing yet; an answer that takes longer than this is not in time.
    pub(super) fn new(slow_us: u64) -> Self {
        Self { slow_us, seconds: VecDeque::new() }
    }

    /// A request has its outcome; answers whether it is an answer.
    pub(super) fn add(&mut self, step: &StepEvent) -> bool {
        let s = step.done_us / 1_000_000;
        let newest = self.seconds.back().map_or(s, |tally| tally.s.max(s));
        while self.seconds.front().is_some_and(|tally| tally.s + 2 * SECONDS < newest) {
            self.seconds.pop_front();
        }
        let place = match self.seconds.iter().rposition(|tally| tally.s <= s) {
            Some(place) if self.seconds[place].s == s => place,
            before => {
                let place = before.map_or(0, |before| before + 1);
                self.seconds.insert(place, Tally { s, ..Tally::default() });
                place
            }
        };
        let (tally, answered) = (&mut self.seconds[place], is_answered(step));
        let latency_us = step.done_us.saturating_sub(step.planned_us);
        tally.ok += u64::from(answered);
        tally.errors += u64::from(!answered);
        tally.in_time += u64::from(answered && latency_us <= self.slow_us);
        tally.latencies_us.push(latency_us);
        tally.services_us.extend(step.sent_us.map(|sent_us| step.done_us.saturating_sub(sent_us)));
        answered
    }

    /// The counts of a second, and the figures of the seconds that end with it.
    pub(super) fn figures(&self, s: u64) -> Figures {
        let recent = || self.seconds.iter().filter(move |tally| tally.s <= s && tally.s + SECONDS > s);
        let own = self.seconds.iter().find(|tally| tally.s == s);
        let mut latencies_us: Vec<u64> =
            recent().flat_map(|tally| tally.latencies_us.iter().copied()).collect();
        let mut services_us: Vec<u64> =
            recent().flat_map(|tally| tally.services_us.iter().copied()).collect();
        latencies_us.sort_unstable();
        services_us.sort_unstable();
        let (asked, in_time) = recent().fold((0, 0), |(asked, in_time), tally| {
            (asked + tally.ok + tally.errors, in_time + tally.in_time)
        });
        Figures {
            ok: own.map_or(0, |tally| tally.ok),
            errors: own.map_or(0, |tally| tally.errors),
            slo_percent: (asked > 0).then(|| in_time as f64 / asked as f64 * 100.0),
            p50_ms: quantile_ms(&latencies_us, 0.5),
            p99_ms: quantile_ms(&latencies_us, 0.99),
            naive_p99_ms: quantile_ms(&services_us, 0.99),
            max_ms: own.and_then(|tally| tally.latencies_us.iter().max()).map(|us| ms(*us)),
        }
    }
}

/// The smallest value that at least this share does not exceed; `None` where there are too few to tell.
fn quantile_ms(sorted_us: &[u64], q: f64) -> Option<f64> {
    if (sorted_us.len() as u64) < support(q) {
        return None;
    }
    let place = (sorted_us.len() as f64 * q).ceil() as usize;
    sorted_us.get(place.saturating_sub(1)).map(|us| ms(*us))
}

fn ms(us: u64) -> f64 {
    (us as f64 / 1e2).round() / 1e1
}
