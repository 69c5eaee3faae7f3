//! The Clopper-Pearson interval: which shares p may a binomial count of k in n come from?
//!
//! It is exact: it covers the true share with *at least* 95%, for every n and p, where the usual normal approximation does not.
//! It is two-sided, 2.5% on either side: the lower end is the p at which k or more would be that rare, the upper end the p at
//! which k or fewer would be. For k = 0 its upper end is about 3.7 / n; the rule of three, 3 / n, is one-sided.
//!
//! It speaks of independent sessions. Those of one killed server are lost together, so that within a trial it is too narrow:
//! the unit of a claim is the trial.

/// On either side.
const TAIL: f64 = 0.025;
/// Halves the interval until a double tells no difference.
const STEPS: usize = 60;

/// The two-sided 95% interval for k of n; `None` of nothing.
pub fn clopper_pearson(k: u64, n: u64) -> Option<(f64, f64)> {
    if n == 0 || k > n {
        return None;
    }
    let low = if k == 0 { 0.0 } else { solve(|p| 1.0 - at_most(k - 1, n, p) < TAIL) };
    let high = if k == n { 1.0 } else { solve(|p| at_most(k, n, p) > TAIL) };
    // A millionth is finer than any trial can tell, and such a figure reads back as it was written.
    let rounded = |p: f64| (p * 1e6).round() / 1e6;
    Some((rounded(low), rounded(high)))
}

/// The p up to which `holds` is true.
fn solve(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = (low + high) / 2.0;
        if holds(middle) { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// The chance of k or fewer of n at share p, summed over the shorter tail.
fn at_most(k: u64, n: u64, p: f64) -> f64 {
    if k > n / 2 { 1.0 - sum(n - k - 1, n, 1.0 - p) } else { sum(k, n, p) }
}

fn sum(k: u64, n: u64, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return if k >= n { 1.0 } else { 0.0 };
    }
    let odds = (p / (1.0 - p)).ln();
    let mut term = n as f64 * (1.0 - p).ln();
    let mut total = term.exp();
    for i in 0..k {
        term += ((n - i) as f64 / (i + 1) as f64).ln() + odds;
        total += term.exp();
    }
    total.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near((low, high): (f64, f64), expected: (f64, f64)) {
        assert!((low - expected.0).abs() < 5e-5 && (high - expected.1).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn at_the_ends_it_is_what_algebra_says() {
        // 1 - 0.025^(1/n) for none of n, and its mirror image.
        for n in [1, 10, 300, 10_000] {
            let end = 1.0 - 0.025_f64.powf(1.0 / n as f64);
            assert_near(clopper_pearson(0, n).unwrap(), (0.0, end));
            assert_near(clopper_pearson(n, n).unwrap(), (1.0 - end, 1.0));
        }
        assert_eq!(clopper_pearson(0, 0), None);
    }

    #[test]
    fn in_between_it_is_what_the_tables_say() {
        assert_near(clopper_pearson(1, 10).unwrap(), (0.0025, 0.4450));
        assert_near(clopper_pearson(5, 10).unwrap(), (0.1871, 0.8129));
    }

    #[test]
    fn it_is_symmetric_and_holds_the_share_itself() {
        for (k, n) in [(1_u64, 7_u64), (100, 300), (3_333, 10_000), (20_000, 60_000)] {
            let (low, high) = clopper_pearson(k, n).unwrap();
            let (mirror_low, mirror_high) = clopper_pearson(n - k, n).unwrap();
            let share = k as f64 / n as f64;
            assert!(low < share && share < high);
            assert_near((low, high), (1.0 - mirror_high, 1.0 - mirror_low));
        }
    }
}
