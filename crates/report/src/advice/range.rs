//! Numbers with an interval, how often a rare thing happens, and how both are written. `advice.js` does the same, and a test
//! compares the two.

use crate::words::{count, grouped};
use schemars::JsonSchema;
use serde::Serialize;

/// What is expected, and between which ends it lies. Both ends of everything that was multiplied or added are taken at once, so
/// that the interval is wider than it would have to be and never narrower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Range {
    /// The mean.
    pub expected: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Range {
    /// A number without doubt.
    pub(crate) fn exactly(value: f64) -> Self {
        Self { expected: value, low: value, high: value }
    }

    /// Both are at least 0.
    pub(crate) fn times(self, other: Self) -> Self {
        Self {
            expected: self.expected * other.expected,
            low: self.low * other.low,
            high: self.high * other.high,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            expected: self.expected + other.expected,
            low: self.low + other.low,
            high: self.high + other.high,
        }
    }

    /// The least of the difference takes the other's most.
    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            expected: self.expected - other.expected,
            low: self.low - other.high,
            high: self.high - other.low,
        }
    }
}

/// How often something happens in one year that happens so often on average, if each time comes by chance and alone: the central
/// 95% of the Poisson distribution. It holds the mean, also where the mean is so small that most years have none.
pub(crate) fn poisson(mean: f64) -> Range {
    if mean <= 0.0 {
        return Range::default();
    }
    let mut low = None;
    let (mut chance, mut below, mut n) = ((-mean).exp(), 0.0, 0.0);
    // Far beyond any mean that is possible; the sum of the chances may stay a hair below 1.
    while n < mean * 3.0 + 50.0 {
        below += chance;
        if below >= 0.025 && low.is_none() {
            low = Some(n);
        }
        if below >= 0.975 {
            break;
        }
        n += 1.0;
        chance *= mean / n;
    }
    Range { expected: mean, low: low.unwrap_or(0.0).min(mean.floor()), high: n.max(mean.ceil()) }
}

/// Three digits at most, and nothing above 0 reads as 0: `0.25`, `7.5`, `120`, `523,000`.
pub(crate) fn digits(value: f64) -> String {
    let size = value.abs();
    let text = if size == 0.0 {
        "0".to_owned()
    } else if size < 0.005 {
        "<0.01".to_owned()
    } else if size < 1.0 {
        fixed(size, 100.0)
    } else if size < 10.0 {
        fixed(size, 10.0)
    } else {
        let mut step = 1.0;
        while size / step >= 999.5 {
            step *= 10.0;
        }
        // No integer is wide enough for every product; below 1e21 the script writes all digits, too.
        grouped(&format!("{:.0}", (size / step + 0.5).floor() * step))
    };
    if value < 0.0 { format!("\u{2212}{text}") } else { text }
}

/// Halves are rounded up, as the script does it, and no digit says nothing.
fn fixed(size: f64, parts: f64) -> String {
    let hundredths = ((size * parts + 0.5).floor() * (100.0 / parts)) as u64;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `120 (90 to 150)`; a number without doubt stands alone.
pub(crate) fn ranged(range: Range) -> String {
    let (expected, low, high) = (digits(range.expected), digits(range.low), digits(range.high));
    if low == high { expected } else { format!("{expected} ({low} to {high})") }
}

/// What a user gave, as it was given.
pub(crate) fn given(value: f64) -> String {
    let text = format!("{value}");
    match text.split_once('.') {
        None if (0.0..1e15).contains(&value) => count(value as u64),
        Some((whole, part)) if value >= 0.0 => {
            format!("{}.{part}", whole.parse().map_or(whole.to_owned(), count))
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_count_is_that_of_the_printed_tables() {
        let ends = |mean| {
            let Range { low, high, .. } = poisson(mean);
            (low, high)
        };
        // Quantiles of the Poisson distribution at 2.5% and 97.5%.
        assert_eq!(ends(1.0), (0.0, 3.0));
        assert_eq!(ends(6.0), (2.0, 11.0));
        assert_eq!(ends(10.0), (4.0, 17.0));
        assert_eq!(ends(100.0), (81.0, 120.0));
        assert_eq!(ends(500.0), (457.0, 544.0));
        assert_eq!(ends(0.0), (0.0, 0.0));
        assert_eq!(ends(0.01), (0.0, 1.0), "most years have none, and the mean is not nothing");
    }

    #[test]
    fn numbers_have_three_digits_and_none_above_nothing_reads_as_nothing() {
        let seen: Vec<String> = [0.0, 0.001, 0.25, 0.999, 7.46, 9.97, 10.4, 999.4, 999.6, 1_234.0, 523_456.0]
            .map(digits)
            .to_vec();
        assert_eq!(seen, ["0", "<0.01", "0.25", "1", "7.5", "10", "10", "999", "1,000", "1,230", "523,000"]);
        assert_eq!(digits(5.2e19), "52,000,000,000,000,000,000", "no integer of 64 bits holds it");
        assert_eq!(digits(-1_234.0), "\u{2212}1,230");
        assert_eq!(ranged(Range { expected: 3.0, low: 0.0, high: 10.0 }), "3 (0 to 10)");
        assert_eq!(ranged(Range::exactly(3.0)), "3");
        assert_eq!(
            (given(2_000.0), given(0.5), given(1_234.25)),
            ("2,000".into(), "0.5".into(), "1,234.25".into())
        );
    }
}
