//! Does a figure grow or fall as the run goes on? Spearman's rank correlation with the order of trials: a machine that warms up, a
//! neighbour that wakes, a disk that fills. A B B A spreads drift over all stacks alike, but a figure that drifts describes the
//! hour as much as the stack.

use super::random::Chance;
use super::sample::rounded;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Up to here all `n!` orders are counted: 40,320.
const EXACT: usize = 8;
const ORDERS: u64 = 20_000;

/// A rank correlation and the chance of one at least as strong in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Correlation {
    /// Spearman's rho, from -1 to 1; ties share their middle rank.
    pub rho: f64,
    /// Two-sided p by permutation: of all orders up to 8 trials, of 20,000 drawn ones beyond.
    pub p: f64,
}

/// Of values in the order of their trials. `None` below three, or when all are equal.
pub(crate) fn with_order(values: &[f64]) -> Option<Correlation> {
    let n = values.len();
    if n < 3 {
        return None;
    }
    let ranks = ranks(values);
    let middle = (n as f64 - 1.0) / 2.0;
    let spread: f64 = ranks.iter().map(|r| (r - middle).powi(2)).sum();
    let span: f64 = (0..n).map(|at| (at as f64 - middle).powi(2)).sum();
    if spread <= 0.0 {
        return None;
    }
    let product = |ranks: &[f64]| {
        ranks.iter().enumerate().map(|(at, r)| (at as f64 - middle) * (r - middle)).sum::<f64>()
    };
    let observed = product(&ranks);
    let bound = observed.abs() - 1e-9;
    let (mut found, mut all) = (0_u64, 0_u64);
    let mut count = |ranks: &[f64]| {
        all += 1;
        found += u64::from(product(ranks).abs() >= bound);
    };
    let mut shuffled = ranks.clone();
    if n <= EXACT {
        every_order(&mut shuffled, n, &mut count);
    } else {
        count(&ranks);
        let mut chance = Chance::new(0xd1);
        for _ in 0..ORDERS {
            (1..n).rev().for_each(|at| shuffled.swap(at, chance.below(at + 1)));
            count(&shuffled);
        }
    }
    Some(Correlation {
        rho: rounded(observed / (spread * span).sqrt()),
        p: rounded(found as f64 / all as f64),
    })
}

/// From 0; equal values share their middle rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |v: f64| values.iter().filter(|other| **other < v).count() as f64;
    let equal = |v: f64| values.iter().filter(|other| **other == v).count() as f64;
    values.iter().map(|v| below(*v) + (equal(*v) - 1.0) / 2.0).collect()
}

/// Heap's algorithm.
fn every_order(values: &mut [f64], n: usize, visit: &mut impl FnMut(&[f64])) {
    if n <= 1 {
        return visit(values);
    }
    for at in 0..n {
        every_order(values, n - 1, visit);
        if at + 1 < n {
            values.swap(if n.is_multiple_of(2) { at } else { 0 }, n - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_in_order_are_two_of_720() {
        let rising = with_order(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).unwrap();
        assert_eq!(rising.rho, 1.0);
        assert!((rising.p - 2.0 / 720.0).abs() < 1e-9, "{}", rising.p);
        let falling = with_order(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]).unwrap();
        assert_eq!((falling.rho, falling.p), (-1.0, rising.p));
    }

    #[test]
    fn one_swap_of_neighbours_is_the_tables_second_line() {
        let nearly = with_order(&[1.0, 2.0, 4.0, 3.0, 5.0, 6.0]).unwrap();
        assert!((nearly.rho - 0.942_857).abs() < 1e-5);
        assert!((nearly.p - 12.0 / 720.0).abs() < 1e-9, "{}", nearly.p);
    }

    #[test]
    fn ties_share_their_rank_and_equal_values_have_no_order() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0]), [1.5, 0.0, 1.5]);
        assert_eq!(with_order(&[2.0; 6]), None);
        assert_eq!(with_order(&[1.0, 2.0]), None);
    }

    #[test]
    fn a_longer_run_is_sampled() {
        let rising: Vec<f64> = (0..20).map(f64::from).collect();
        let drift = with_order(&rising).unwrap();
        assert!(drift.rho == 1.0 && drift.p < 0.001 && drift.p > 0.0);
        let swinging: Vec<f64> = (0..20).map(|n| f64::from((n * 7) % 20)).collect();
        assert!(with_order(&swinging).unwrap().p > 0.05);
    }
}
