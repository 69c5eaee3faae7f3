//! Eleven figures are compared at once, and each alone would show noise as a difference 3 times in 100. Here they are weighed
//! together: how often does chance make *any* of them look as strong as this one? Signs are flipped for whole pairs, so that figures
//! which move together are counted once (Westfall and Young 1993, the single-step maxT procedure). At six pairs a clear effect
//! still reaches 2/64 = 0.03, where a Bonferroni correction could never tell anything.

use super::random::Chance;
use super::sign_flip::{EXACT, PATTERNS};

/// The differences of one figure, a place for each pair, and the least mean that would matter.
pub(crate) struct Member {
    pub(crate) differences: Vec<Option<f64>>,
    pub(crate) matters_from: f64,
}

impl Member {
    /// How strongly the flipped differences speak: their mean over their root mean square; nothing when it would not matter, for
    /// then it would never be told as a difference.
    fn strength(&self, flipped: &dyn Fn(usize) -> bool) -> f64 {
        let (mut sum, mut squares, mut n) = (0.0_f64, 0.0_f64, 0_u32);
        for (at, difference) in self.differences.iter().enumerate() {
            let Some(difference) = difference else { continue };
            sum += if flipped(at) { -difference } else { *difference };
            squares += difference * difference;
            n += 1;
        }
        let matters = sum.abs() >= self.matters_from * f64::from(n) * (1.0 - 1e-9);
        if matters && squares > 0.0 { sum.abs() / squares.sqrt() } else { 0.0 }
    }
}

/// For each member, the chance that noise makes any member at least as strong; 1 for one that would not matter.
pub(crate) fn p_values(members: &[Member]) -> Vec<f64> {
    let n = members.iter().map(|member| member.differences.len()).max().unwrap_or(0);
    let observed: Vec<f64> = members.iter().map(|m| m.strength(&|_| false) - 1e-9).collect();
    let mut found = vec![0_u64; members.len()];
    let mut all = 0_u64;
    let mut count = |flipped: &dyn Fn(usize) -> bool| {
        let strongest = members.iter().map(|m| m.strength(flipped)).fold(0.0, f64::max);
        all += 1;
        for (found, observed) in found.iter_mut().zip(&observed) {
            *found += u64::from(strongest >= *observed);
        }
    };
    if n <= EXACT {
        (0..1_u64 << n).for_each(|pattern| count(&|at| pattern >> at & 1 == 1));
    } else {
        count(&|_| false);
        let mut chance = Chance::new(0xfa);
        let mut coins = vec![false; n];
        for _ in 0..PATTERNS {
            coins.fill_with(|| chance.coin());
            count(&|at| coins[at]);
        }
    }
    found.iter().map(|found| *found as f64 / all as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(differences: &[f64]) -> Member {
        Member { differences: differences.iter().copied().map(Some).collect(), matters_from: 1.0 }
    }

    #[test]
    fn a_clear_effect_keeps_its_p_among_noise_and_other_effects() {
        let clear = [10.0, 10.5, 9.5, 10.2, 9.9, 10.1];
        let moves_along = clear.map(|d| d * -3.0);
        let noise = [4.0, -3.0, 2.0, -6.0, 0.5, 1.0];
        let p = p_values(&[member(&clear), member(&moves_along), member(&noise)]);
        assert_eq!(p[..2], [2.0 / 64.0, 2.0 / 64.0]);
        assert!(p[2] > 0.5);
    }

    #[test]
    fn a_weak_effect_is_one_of_many() {
        let weak = [0.1, 9.0, 1.0, 0.2, 0.1, 0.3];
        let noise = [4.0, -4.0, 4.1, -4.0, 4.0, 4.0];
        assert_eq!(p_values(&[member(&weak)]), [2.0 / 64.0]);
        assert!(p_values(&[member(&weak), member(&noise)])[0] > 0.05);
    }

    #[test]
    fn what_would_not_matter_competes_with_nobody() {
        let weak = [0.1, 9.0, 1.0, 0.2, 0.1, 0.3];
        let tiny = [0.4, -0.4, 0.41, -0.4, 0.4, 0.4];
        assert_eq!(p_values(&[member(&weak), member(&tiny)]), [2.0 / 64.0, 1.0]);
    }

    #[test]
    fn a_pair_that_lacks_a_figure_is_left_out_of_that_figure_alone() {
        let mut gap = member(&[10.0, 10.5, 9.5, 10.2, 9.9, 10.1]);
        gap.differences[2] = None;
        let p = p_values(&[gap, member(&[10.0, 10.5, 9.5, 10.2, 9.9, 10.1])]);
        assert_eq!(p[0], 4.0 / 64.0);
    }
}
