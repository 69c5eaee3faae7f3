//! The smallest effect that these pairs could have found. "No difference seen" says nothing without it.

use super::NEEDED;
use super::sample::{Z_800, Z_975, deviation, student};

/// Six pairs are told from chance only when all six differences have one sign. Four times in five they do when each has it with
/// the chance `0.8^(1/6)`: for normal differences, when their mean is 1.79 standard deviations.
const SIX: f64 = 1.794;

/// The difference that would be told from chance four times in five, given the spread of these differences and a test at 5%.
/// For six pairs from the sign-flip test itself; beyond, by Student's t, which that test approaches. `None` below [`NEEDED`].
pub(crate) fn detectable(differences: &[f64]) -> Option<f64> {
    let n = differences.len();
    if n < NEEDED {
        return None;
    }
    let factor = if n == NEEDED {
        SIX
    } else {
        let freedom = n as f64 - 1.0;
        (student(Z_975, freedom) + student(Z_800, freedom)) / (n as f64).sqrt()
    };
    Some(factor * deviation(differences)?)
}

#[cfg(test)]
mod tests {
    use super::super::random::Chance;
    use super::super::sign_flip::p_value;
    use super::*;

    fn normal(chance: &mut Chance) -> f64 {
        (0..12).map(|_| chance.next() as f64 / u64::MAX as f64).sum::<f64>() - 6.0
    }

    #[test]
    fn an_effect_of_that_size_is_found_four_times_in_five() {
        let mut chance = Chance::new(12);
        for n in [6_usize, 7, 8, 10, 12] {
            let ones: Vec<f64> = (0..n).map(|at| if at % 2 == 0 { 1.0 } else { -1.0 }).collect();
            let factor = detectable(&ones).unwrap() / deviation(&ones).unwrap();
            let found = (0..400).filter(|_| {
                let values: Vec<f64> = (0..n).map(|_| factor + normal(&mut chance)).collect();
                p_value(&values).unwrap() <= 0.05
            });
            let share = found.count() as f64 / 400.0;
            assert!((0.73..=0.88).contains(&share), "{n} pairs: {share}");
        }
    }

    #[test]
    fn more_pairs_see_smaller_effects() {
        let six = detectable(&[1.0, -1.0, 1.0, -1.0, 1.0, -1.0]).unwrap();
        let twelve = detectable(&[1.0, -1.0].repeat(6)).unwrap();
        assert!(twelve < six * 0.6, "{twelve} and {six}");
        assert_eq!(detectable(&[1.0; 5]), None);
        assert_eq!(detectable(&[1.0; 6]), Some(0.0));
    }
}
