//! Latency, by the rule that a quantile without support is not printed.

use crate::measured::Quantiles;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_needs_the_samples_that_the_method_says() {
        assert_eq!(support(0.99), 299);
        assert_eq!(support(0.999), 2_995);
        assert_eq!(support(0.5), 5);
        assert_eq!(support(0.9), 29);
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
