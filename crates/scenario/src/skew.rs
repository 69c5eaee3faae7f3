//! Some shoppers are much busier than others: Zipf's law.

use rand::Rng;
use rand::seq::SliceRandom;

/// How busy each shopper is, as a multiple of the mean: weights `1 / rank^exponent`, scaled so that they add up to the number of
/// shoppers, so that the total rate is kept. Who has which rank is drawn. All are 1 with the exponent 0.
pub(crate) fn busyness(shoppers: u32, exponent: f64, rng: &mut impl Rng) -> Vec<f64> {
    if exponent == 0.0 {
        return vec![1.0; shoppers as usize];
    }
    let mean = harmonic(shoppers, exponent) / f64::from(shoppers);
    let mut weights: Vec<f64> = (1..=shoppers).map(|rank| weight(rank, exponent) / mean).collect();
    weights.shuffle(rng);
    weights
}

/// How busy the busiest is.
pub(crate) fn busiest(shoppers: u32, exponent: f64) -> f64 {
    f64::from(shoppers) / harmonic(shoppers, exponent)
}

fn weight(rank: u32, exponent: f64) -> f64 {
    f64::from(rank).powf(-exponent)
}

fn harmonic(shoppers: u32, exponent: f64) -> f64 {
    (1..=shoppers).map(|rank| weight(rank, exponent)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    proptest! {
        #[test]
        fn the_total_rate_is_kept_and_the_busiest_is_who_is_named(
            shoppers in 1_u32..2_000, exponent in 0.0..2.0, seed: u64
        ) {
            let weights = busyness(shoppers, exponent, &mut ChaCha8Rng::seed_from_u64(seed));
            let total: f64 = weights.iter().sum();
            prop_assert!((total - f64::from(shoppers)).abs() < 1e-6 * f64::from(shoppers));
            let most = weights.iter().copied().fold(0.0, f64::max);
            prop_assert!((most - busiest(shoppers, exponent)).abs() < 1e-9 * most);
            prop_assert!(weights.iter().all(|weight| *weight > 0.0));
        }
    }

    #[test]
    fn with_the_exponent_one_the_busiest_of_three_hundred_does_as_much_as_forty_eight() {
        assert_eq!(busiest(300, 1.0).round(), 48.0);
    }
}
