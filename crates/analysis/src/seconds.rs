//! Requests and their latency second by second, for whoever keeps a time series beside the report.

use crate::latency::{Interval, Resting};
use crate::measured::Requests;
use hdrhistogram::Histogram;
use journal::StepEvent;
use scenario::Phase;
use std::collections::BTreeMap;

const SECOND_US: u64 = 1_000_000;
/// A longer load has longer intervals, so that its histograms still fit into memory.
const MOST_INTERVALS: u64 = 600;

/// So many intervals are open for what comes late.
const OPEN: usize = 30;

/// The histograms of the requests that were planned in one interval and belong to one phase, in microseconds.
#[derive(Clone, Debug)]
pub struct IntervalHistograms {
    /// First microsecond of it.
    pub start_us: u64,
    /// How long it is.
    pub length_us: u64,
    /// Which phase. An interval across a boundary has histograms for both.
    pub phase: Phase,
    /// How they fared.
    pub requests: Requests,
    /// From the planned moment to the outcome.
    pub latency: Histogram<u32>,
    /// From the first byte sent to the outcome.
    pub service_time: Histogram<u32>,
}

/// The intervals so far.
#[derive(Debug)]
pub(crate) struct IntervalTallies {
    length_us: u64,
    intervals: BTreeMap<(u64, Phase), IntervalTally>,
    resting: Resting,
}

#[derive(Debug)]
struct IntervalTally {
    requests: Requests,
    latency: Interval,
    service_time: Interval,
}

impl IntervalTallies {
    pub(crate) fn new(end_us: u64) -> Self {
        let length_us = end_us.div_ceil(MOST_INTERVALS).div_ceil(SECOND_US).max(1) * SECOND_US;
        Self { length_us, intervals: BTreeMap::new(), resting: Resting::default() }
    }

    pub(crate) fn add(&mut self, step: &StepEvent, phase: Phase) {
        let interval = self.at(step.planned_us, phase);
        interval.requests.count(step);
        interval.latency.record(step.done_us.saturating_sub(step.planned_us));
        if let Some(sent_us) = step.sent_us {
            interval.service_time.record(step.done_us.saturating_sub(sent_us));
        }
        let number = usize::try_from(step.planned_us / self.length_us).unwrap_or(usize::MAX);
        let due = self.resting.due(number, OPEN);
        let old = (due.start as u64, Phase::WarmUp)..(due.end as u64, Phase::WarmUp);
        for (_, old) in self.intervals.range_mut(old) {
            old.latency.rest();
            old.service_time.rest();
        }
    }

    pub(crate) fn add_unsent(&mut self, planned_us: u64, phase: Phase) {
        self.at(planned_us, phase).requests.count_unsent();
    }

    fn at(&mut self, planned_us: u64, phase: Phase) -> &mut IntervalTally {
        self.intervals.entry((planned_us / self.length_us, phase)).or_insert_with(|| IntervalTally {
            requests: Requests::default(),
            latency: Interval::new(),
            service_time: Interval::new(),
        })
    }

    /// All that hold a request, in order of time.
    pub(crate) fn finish(self) -> Vec<IntervalHistograms> {
        let length_us = self.length_us;
        let intervals = self.intervals.into_iter().map(|((number, phase), tally)| IntervalHistograms {
            start_us: number * length_us,
            length_us,
            phase,
            requests: tally.requests,
            latency: tally.latency.into_histogram(),
            service_time: tally.service_time.into_histogram(),
        });
        intervals.collect()
    }
}
