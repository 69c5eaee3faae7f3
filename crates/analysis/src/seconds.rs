//! Latency second by second, for whoever keeps the histograms beside the report.

use crate::latency::{growing_histogram, record};
use hdrhistogram::Histogram;
use journal::StepEvent;
use scenario::Phase;
use std::collections::BTreeMap;

const SECOND_US: u64 = 1_000_000;
/// A longer load has longer intervals, so that its histograms still fit into memory.
const MOST_INTERVALS: u64 = 600;

/// The histograms of the requests that were planned in one interval and belong to one phase, in microseconds.
#[derive(Clone, Debug)]
pub struct IntervalHistograms {
    /// First microsecond of it.
    pub start_us: u64,
    /// How long it is.
    pub length_us: u64,
    /// Which phase. An interval across a boundary has histograms for both.
    pub phase: Phase,
    /// From the planned moment to the outcome.
    pub latency: Histogram<u32>,
    /// From the first byte sent to the outcome.
    pub service_time: Histogram<u32>,
}

/// The intervals so far.
#[derive(Debug)]
pub(crate) struct IntervalTallies {
    length_us: u64,
    intervals: BTreeMap<(u64, Phase), IntervalHistograms>,
}

impl IntervalTallies {
    pub(crate) fn new(end_us: u64) -> Self {
        let length_us = end_us.div_ceil(MOST_INTERVALS).div_ceil(SECOND_US).max(1) * SECOND_US;
        Self { length_us, intervals: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, step: &StepEvent, phase: Phase) {
        let (number, length_us) = (step.planned_us / self.length_us, self.length_us);
        let interval = self.intervals.entry((number, phase)).or_insert_with(|| IntervalHistograms {
            start_us: number * length_us,
            length_us,
            phase,
            latency: growing_histogram(),
            service_time: growing_histogram(),
        });
        record(&mut interval.latency, step.done_us.saturating_sub(step.planned_us));
        if let Some(sent_us) = step.sent_us {
            record(&mut interval.service_time, step.done_us.saturating_sub(sent_us));
        }
    }

    /// All that hold a request, in order of time.
    pub(crate) fn finish(self) -> Vec<IntervalHistograms> {
        self.intervals.into_values().collect()
    }
}
