//! The Clopper-Pearson interval: which shares p may a binomial count of k in n come from?
//!
//! It is exact, up to a hundred million: it covers the true share with *at least* 95%, for every n and p, where the usual normal approximation does not.
//! It is two-sided, 2.5% on either side: the lower end is the p at which k or more would be that rare, the upper end the p at
//! which k or fewer would be. For k = 0 its upper end is about 3.7 / n; the rule of three, 3 / n, is one-sided.
//!
//! It speaks of independent sessions. Those of one killed server are lost together, so that within a trial it is too narrow:
//! the unit of a claim is the trial.

use std::f64::consts::TAU;

/// On either side.
const TAIL: f64 = 0.025;
/// The quantile of the normal distribution at that tail.
const Z: f64 = 1.959_963_984_540_054;
/// Halves the interval until a double tells no difference.
const STEPS: usize = 60;
/// Above so many the approximation is nearer than the last digit that is kept.
const MANY: u64 = 100_000_000;

/// The two-sided 95% interval for k of n; `None` of nothing.
pub fn clopper_pearson(k: u64, n: u64) -> Option<(f64, f64)> {
    if n == 0 || k > n {
        return None;
    }
    let (low, high) = if n > MANY { approximate(k, n) } else { exact(k, n) };
    // A millionth is finer than any trial can tell, and such a figure reads back as it was written.
    let rounded = |p: f64| (p * 1e6).round() / 1e6;
    Some((rounded(low), rounded(high)))
}

fn exact(k: u64, n: u64) -> (f64, f64) {
    let low = if k == 0 { 0.0 } else { solve(|p| 1.0 - at_most(k - 1, n, p) < TAIL) };
    let high = if k == n { 1.0 } else { solve(|p| at_most(k, n, p) > TAIL) };
    (low, high)
}

/// Wilson's interval with a correction for continuity (Newcombe 1998, method 4). Its error is about 1 / n.
fn approximate(k: u64, n: u64) -> (f64, f64) {
    let (of, p) = (n as f64, k as f64 / n as f64);
    let end = |sign: f64| {
        let root = Z * Z + sign * 2.0 - 1.0 / of + 4.0 * p * (of * (1.0 - p) - sign);
        (2.0 * of * p + Z * Z + sign * (1.0 + Z * root.max(0.0).sqrt())) / (2.0 * (of + Z * Z))
    };
    (if k == 0 { 0.0 } else { end(-1.0).max(0.0) }, if k == n { 1.0 } else { end(1.0).min(1.0) })
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

/// The chance of k or fewer of n at share p, by the side on which the chances fall from k on.
fn at_most(k: u64, n: u64, p: f64) -> f64 {
    if k as f64 > n as f64 * p { 1.0 - falling(n - k - 1, n, 1.0 - p) } else { falling(k, n, p) }
}

/// The chances of k, k - 1, ... of n, as long as they add anything: about as many as the count's deviation, however large k is.
fn falling(k: u64, n: u64, p: f64) -> f64 {
    let odds = (1.0 - p) / p;
    let (mut term, mut total) = (chance(k, n, p), 0.0);
    for i in (0..=k).rev() {
        total += term;
        if term < total * 1e-17 {
            break;
        }
        term *= i as f64 / (n - i + 1) as f64 * odds;
    }
    total.min(1.0)
}

/// The chance of exactly k of n, without the cancellation of large factorials (Loader 2000, "Fast and accurate computation of
/// binomial probabilities").
fn chance(k: u64, n: u64, p: f64) -> f64 {
    let (k, n) = (k as f64, n as f64);
    if k == 0.0 {
        return (n * (-p).ln_1p()).exp();
    }
    if k == n {
        return (n * p.ln()).exp();
    }
    let other = n - k;
    let exponent = stirling_error(n)
        - stirling_error(k)
        - stirling_error(other)
        - deviance(k, n * p)
        - deviance(other, n * (1.0 - p));
    (n / (TAU * k * other)).sqrt() * exponent.exp()
}

/// What Stirling's formula lacks of ln n!, for n from 1 on.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let factorial: f64 = (2..=n as u64).map(|i| i as f64).product();
        return factorial.ln() - (n + 0.5) * n.ln() + n - TAU.ln() / 2.0;
    }
    let square = n * n;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1_260.0 - 1.0 / 1_680.0 / square) / square) / square) / n
}

/// x ln(x / mean) + mean - x, also where both are nearly the same.
fn deviance(x: f64, mean: f64) -> f64 {
    let v = (x - mean) / (x + mean);
    if v.abs() >= 0.1 {
        return x * (x / mean).ln() + mean - x;
    }
    let (mut sum, mut power) = ((x - mean) * v, 2.0 * x * v);
    for odd in (3..).step_by(2) {
        power *= v * v;
        let next = sum + power / f64::from(odd);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
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

    #[test]
    fn the_approximation_of_large_counts_meets_the_exact_interval() {
        for k in [0, 1, 2, 7, 100, 12_345, MANY / 3, MANY / 2, MANY - 7, MANY] {
            let (exact, near) = (exact(k, MANY), approximate(k, MANY));
            assert!(
                (exact.0 - near.0).abs() < 5e-8 && (exact.1 - near.1).abs() < 5e-8,
                "{k}: {exact:?} {near:?}"
            );
        }
    }

    #[test]
    fn no_count_is_so_large_that_it_takes_long() {
        let begun = std::time::Instant::now();
        for (k, n) in [(25_000_000_u64, 50_000_000_u64), (2 << 40, 4 << 40), (u64::MAX / 3, u64::MAX)] {
            let (low, high) = clopper_pearson(k, n).unwrap();
            let share = k as f64 / n as f64;
            assert!(low <= share + 1e-6 && share <= high + 1e-6 && high - low < 3e-4, "{low} {high}");
        }
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }
}
