//! Latency, by the rule that a quantile without support is not printed.

use crate::measured::{Quantiles, SpectrumPoint};
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use hdrhistogram::{Counter, Histogram};

/// The shortest and the longest time that a histogram tells apart: 1 us to 60 s.
pub(crate) const LEAST_US: u64 = 1;
pub(crate) const MOST_US: u64 = 60_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// How many samples a quantile needs: with fewer, the chance `q^n` that none of them lies beyond it is above 5%.
pub fn support(q: f64) -> u64 {
    (0.05_f64.ln() / q.ln()).ceil() as u64
}

/// An empty histogram over the full range.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LEAST_US, MOST_US, SIGNIFICANT_DIGITS).expect("these bounds are possible")
}

/// An empty histogram that grows with its values, for the many buckets of a time series.
pub(crate) fn growing_histogram() -> Histogram<u32> {
    Histogram::new(SIGNIFICANT_DIGITS).expect("3 digits are possible")
}

/// Records a time; what lies outside of the range counts as its end.
pub(crate) fn record<C: Counter>(histogram: &mut Histogram<C>, us: u64) {
    let recorded = histogram.record(us.clamp(LEAST_US, MOST_US));
    debug_assert!(recorded.is_ok(), "the range holds every clamped value");
}

/// One of many histograms. Laid to rest it takes memory for what it holds, and not for its range: a long trial has thousands of
/// intervals, and at any time few of them still receive anything.
#[derive(Debug)]
pub(crate) enum Interval {
    /// Ready to record.
    Open(Histogram<u32>),
    /// As the histogram writes itself, which leaves out what it does not hold.
    AtRest(Box<[u8]>),
}

impl Interval {
    pub(crate) fn new() -> Self {
        Self::Open(growing_histogram())
    }

    /// Records a time, also into one that was at rest.
    pub(crate) fn record(&mut self, us: u64) {
        if let Self::AtRest(bytes) = self {
            *self = Self::Open(awake(bytes));
        }
        if let Self::Open(histogram) = self {
            record(histogram, us);
        }
    }

    pub(crate) fn rest(&mut self) {
        if let Self::Open(histogram) = self {
            let mut bytes = Vec::new();
            let written = V2Serializer::new().serialize(histogram, &mut bytes);
            written.expect("memory takes it, and no count is near the limit of the format");
            *self = Self::AtRest(bytes.into());
        }
    }

    pub(crate) fn into_histogram(self) -> Histogram<u32> {
        match self {
            Self::Open(histogram) => histogram,
            Self::AtRest(bytes) => awake(&bytes),
        }
    }
}

/// What was laid to rest, ready to record again.
fn awake(bytes: &[u8]) -> Histogram<u32> {
    let mut histogram: Histogram<u32> =
        Deserializer::new().deserialize(&mut &*bytes).expect("it was a histogram before");
    histogram.auto(true);
    histogram
}

/// Which of many intervals still receive what comes late: the rest is laid to rest, each once.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    below: usize,
}

impl Resting {
    /// Those that may be laid to rest once `latest` receives something, when so many before it are still open.
    pub(crate) fn due(&mut self, latest: usize, open: usize) -> std::ops::Range<usize> {
        let from = self.below;
        self.below = from.max(latest.saturating_sub(open));
        from..self.below
    }
}

/// A quantile in microseconds, where the samples support it.
pub(crate) fn quantile<C: Counter>(histogram: &Histogram<C>, q: f64) -> Option<u64> {
    (histogram.len() >= support(q)).then(|| histogram.value_at_quantile(q).min(MOST_US))
}

/// The greatest value in microseconds.
pub(crate) fn greatest<C: Counter>(histogram: &Histogram<C>) -> Option<u64> {
    (!histogram.is_empty()).then(|| histogram.max().min(MOST_US))
}

/// What is printed of a histogram.
pub(crate) fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    Quantiles {
        samples: histogram.len(),
        p50_us: quantile(histogram, 0.5),
        p90_us: quantile(histogram, 0.9),
        p99_us: quantile(histogram, 0.99),
        p999_us: quantile(histogram, 0.999),
        max_us: greatest(histogram),
    }
}

/// The quantiles of a spectrum: about three to each halving or tenth of what lies beyond.
const SPECTRUM: [f64; 14] =
    [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999];

/// A percentile spectrum: both ways to count, side by side, as far as the samples go.
pub(crate) fn spectrum(latency: &Histogram<u64>, service: &Histogram<u64>) -> Vec<SpectrumPoint> {
    let point = |q: &f64| {
        let latency_us = quantile(latency, *q)?;
        Some(SpectrumPoint { quantile: *q, latency_us, service_us: quantile(service, *q) })
    };
    SPECTRUM.iter().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quantile_needs_the_samples_that_the_method_says() {
        assert_eq!(support(0.99), 299);
        assert_eq!(support(0.999), 2_995);
        assert_eq!(support(0.5), 5);
        assert_eq!(support(0.9), 29);
    }

    proptest! {
        #[test]
        fn whenever_an_interval_rests_it_holds_what_it_was_told(
            times in prop::collection::vec((1_u64..70_000_000, any::<bool>()), 0..200),
        ) {
            let (mut awake, mut resting) = (growing_histogram(), Interval::new());
            for (us, rests) in times {
                record(&mut awake, us);
                resting.record(us);
                if rests {
                    resting.rest();
                }
            }
            prop_assert_eq!(resting.into_histogram(), awake);
        }
    }

    #[test]
    fn each_interval_is_laid_to_rest_once_and_never_one_that_may_still_receive() {
        let mut resting = Resting::default();
        let due: Vec<_> = [0, 5, 3, 4, 9, 9].map(|latest| resting.due(latest, 3)).into();
        assert_eq!(due, [0..0, 0..2, 2..2, 2..2, 2..6, 6..6]);
    }

    #[test]
    fn a_spectrum_ends_where_the_samples_do() {
        let (mut latency, mut service) = (histogram(), histogram());
        (0..300).for_each(|n| record(&mut latency, 1_000 + n));
        (0..40).for_each(|n| record(&mut service, 500 + n));
        let told = spectrum(&latency, &service);
        assert_eq!(told.last().map(|point| point.quantile), Some(0.99));
        assert_eq!(told.iter().filter(|point| point.service_us.is_some()).count(), 5);
        assert!(told.is_sorted_by_key(|point| point.latency_us));
        assert_eq!(spectrum(&histogram(), &histogram()), []);
    }

    #[test]
    fn the_99th_percentile_appears_with_the_299th_sample() {
        let mut times = histogram();
        (0..298).for_each(|n| record(&mut times, 1_000 + n));
        assert_eq!(quantiles(&times).p99_us, None);
        assert_eq!(quantiles(&times).max_us, Some(1_297));
        record(&mut times, 90_000_000);
        assert!(quantiles(&times).p99_us.is_some());
        assert_eq!(quantiles(&times).max_us, Some(60_000_000));
        assert_eq!(quantiles(&times).p999_us, None);
        assert_eq!(quantiles(&histogram()), Quantiles::default());
    }
}
