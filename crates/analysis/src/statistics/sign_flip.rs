//! Could these differences have come by chance? If the two sides of a pair are alike, each difference could as well have had the
//! other sign (Fisher 1935; Good, "Permutation Tests"). The p-value is the share of all sign patterns whose mean lies at least
//! as far from 0. Nothing is assumed of the distribution but that symmetry.

use super::random::Chance;

/// Up to here all `2^n` patterns are counted.
pub(crate) const EXACT: usize = 12;
pub(crate) const PATTERNS: u64 = 20_000;

/// The two-sided p-value of "no difference"; `None` without a pair. Five pairs cannot get below 2/32 = 0.0625, six reach 2/64.
pub(crate) fn p_value(differences: &[f64]) -> Option<f64> {
    let n = differences.len();
    if n == 0 {
        return None;
    }
    let size: f64 = differences.iter().map(|d| d.abs()).sum();
    // Sums of the same numbers in another order differ in their last bits.
    let observed = differences.iter().sum::<f64>().abs() - size * 1e-12;
    let extreme = |flipped: &dyn Fn(usize) -> bool| {
        let sum: f64 = differences.iter().enumerate().map(|(at, d)| if flipped(at) { -d } else { *d }).sum();
        sum.abs() >= observed
    };
    if n <= EXACT {
        let all = 1_u64 << n;
        let found = (0..all).filter(|pattern| extreme(&|at| pattern >> at & 1 == 1)).count();
        return Some(found as f64 / all as f64);
    }
    let mut chance = Chance::new(0x51);
    let mut coins = vec![false; n];
    let mut found = 1_u64;
    for _ in 0..PATTERNS {
        coins.fill_with(|| chance.coin());
        found += u64::from(extreme(&|at| coins[at]));
    }
    // The observed pattern is one of them (Phipson and Smyth 2010): a p-value is never 0.
    Some(found as f64 / (PATTERNS + 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn five_pairs_cannot_reach_5_percent_and_six_can() {
        assert_eq!(p_value(&[1.0, 2.0, 3.0, 4.0, 5.0]), Some(0.0625));
        assert_eq!(p_value(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Some(0.03125));
    }

    #[test]
    fn one_small_step_back_is_already_doubt_at_six() {
        assert_eq!(p_value(&[-0.1, 2.0, 3.0, 4.0, 5.0, 6.0]), Some(0.0625));
    }

    #[test]
    fn no_difference_at_all_is_no_evidence() {
        assert_eq!(p_value(&[0.0; 6]), Some(1.0));
        assert_eq!(p_value(&[]), None);
    }

    #[test]
    fn many_pairs_are_sampled_and_never_give_0() {
        let p = p_value(&[1.0; 40]).unwrap();
        assert!(p > 0.0 && p < 0.001, "{p}");
        let even: Vec<f64> = (0..40).map(|n| if n % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert_eq!(p_value(&even), Some(1.0));
    }

    proptest! {
        #[test]
        fn neither_side_nor_scale_matters(
            differences in prop::collection::vec(-10.0..10.0_f64, 1..9),
            times in 0.01..100.0_f64,
        ) {
            let p = p_value(&differences).unwrap();
            prop_assert!(p > 0.0 && p <= 1.0);
            let mirrored: Vec<f64> = differences.iter().map(|d| -d * times).collect();
            prop_assert_eq!(p_value(&mirrored).unwrap(), p);
        }
    }
}
