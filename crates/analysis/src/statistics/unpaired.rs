//! Two lots of trials that are no pairs: two runs with different seeds. What the plan made hard for one did not trouble the other,
//! so it stays in the difference, and more trials are needed to see as much. If the lots are alike, each trial could as well have
//! been of the other one (Pitman 1937): the p-value is the share of all ways to deal the trials out whose means lie at least as far
//! apart. Nothing is assumed of the distribution.

use super::NEEDED;
use super::bootstrap;
use super::comparison::{Comparison, Estimate, FigureComparison, PairLeftOut};
use super::figure::{Figure, Reading};
use super::random::Chance;
use super::sample::{Z_800, Z_975, deviation, mean, rounded, student};
use super::sign_flip::PATTERNS;
use super::standing::{Evidence, standing};
use crate::findings::{TrialFindings, Verdict};

/// Up to here every way to deal the trials out is counted.
const EXACT: usize = 16;

/// Compares two lots of trials of one scenario and stack. `pairs` of the answer is the number of trials of the smaller lot, of
/// the comparison and of each figure. Inconclusive trials are left out.
pub fn compare_unpaired(before: &[&TrialFindings], after: &[&TrialFindings]) -> Comparison {
    let name = |trials: &[&TrialFindings]| trials.first().map_or_else(String::new, |t| t.identity.column());
    let stack = |trials: &[&TrialFindings]| trials.first().map(|t| t.identity.stack);
    let doubtful = before.iter().chain(after).filter(|t| t.verdict == Verdict::Inconclusive);
    let left_out = doubtful.map(|t| PairLeftOut {
        repeat: t.identity.repeat,
        why: t.reasons.first().map_or("its evidence carries no verdict".to_owned(), |r| r.text.clone()),
    });
    let left_out = left_out.collect();
    let (first, second) = (sound(before), sound(after));
    let lots: Vec<Lots> = Figure::ALL.into_iter().filter_map(|f| Lots::new(f, &first, &second)).collect();
    let chances = family(&lots, first.len(), second.len());
    Comparison {
        reference: name(before),
        stack: name(after),
        same_stack: stack(before) == stack(after),
        pairs: first.len().min(second.len()) as u64,
        left_out,
        figures: lots.iter().zip(chances).map(|(lots, family_p)| lots.weigh(family_p)).collect(),
    }
}

fn sound<'a>(trials: &[&'a TrialFindings]) -> Vec<&'a TrialFindings> {
    trials.iter().filter(|trial| trial.verdict != Verdict::Inconclusive).copied().collect()
}

/// The chance of a difference of the means at least as great as that of these two lots, when nothing tells them apart; `None` when
/// one of them is empty. Two-sided.
pub fn chance_of(before: &[f64], after: &[f64]) -> Option<f64> {
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let all: Vec<Option<f64>> = before.iter().chain(after).copied().map(Some).collect();
    let observed = apart(&all, &observed(before.len(), after.len()))?.abs() * (1.0 - 1e-12);
    let (mut found, mut dealt) = (0_u64, 0_u64);
    each_deal(before.len(), after.len(), &mut |deal| {
        dealt += 1;
        found += u64::from(apart(&all, deal).is_some_and(|difference| difference.abs() >= observed));
    });
    Some(found as f64 / dealt as f64)
}

/// One figure over both lots: a place for each trial, first those before.
struct Lots {
    figure: Figure,
    values: Vec<Option<f64>>,
    before: Vec<f64>,
    after: Vec<f64>,
    never: bool,
    matters_from: f64,
}

impl Lots {
    /// `None` where no trial of either side has the figure.
    fn new(figure: Figure, before: &[&TrialFindings], after: &[&TrialFindings]) -> Option<Self> {
        let read =
            |trials: &[&TrialFindings]| trials.iter().map(|t| figure.read(t)).collect::<Vec<Reading>>();
        let (first, second) = (read(before), read(after));
        if first.iter().chain(&second).all(|reading| *reading == Reading::Absent) {
            return None;
        }
        let known = |reading: &Reading| match reading {
            Reading::Value(value) => Some(*value),
            Reading::Never | Reading::Absent => None,
        };
        let values = first.iter().chain(&second).map(known).collect();
        let never = first.iter().chain(&second).any(|reading| *reading == Reading::Never);
        let before: Vec<f64> = first.iter().filter_map(known).collect();
        let after: Vec<f64> = second.iter().filter_map(known).collect();
        let matters_from = figure.matters_from(mean(&before));
        Some(Self { figure, values, before, after, never, matters_from })
    }

    /// How strongly a deal speaks: the difference over the spread of all values; nothing when it would not matter.
    fn strength(&self, deal: &[bool]) -> f64 {
        let known: Vec<f64> = self.values.iter().flatten().copied().collect();
        let spread = deviation(&known).unwrap_or(0.0);
        let difference = apart(&self.values, deal).map_or(0.0, f64::abs);
        let matters = difference >= self.matters_from * (1.0 - 1e-9);
        if matters && spread > 0.0 { difference / spread } else { 0.0 }
    }

    fn weigh(&self, family_p: f64) -> FigureComparison {
        let Self { figure, before, after, never, matters_from, .. } = self;
        let trials = before.len().min(after.len());
        let any = trials > 0;
        let difference = mean(after) - mean(before);
        let ends = bootstrap::between(before, after, |before, after| Some(after - before));
        let of = |before: f64, after: f64| (before > 0.0).then_some(after / before);
        let ratio = of(mean(before), mean(after)).filter(|_| any);
        let p = chance_of(before, after);
        let (standing, ground) = standing(&Evidence {
            pairs: trials,
            never: *never,
            difference,
            ends,
            p,
            family_p: p.map(|_| family_p),
            matters_from: *matters_from,
            floor: None,
        });
        FigureComparison {
            figure: *figure,
            unit: figure.unit(),
            pairs: trials as u64,
            reference: (!before.is_empty()).then(|| rounded(mean(before))),
            value: (!after.is_empty()).then(|| rounded(mean(after))),
            difference: any.then(|| Estimate::new(difference, ends)),
            ratio: ratio.map(|ratio| Estimate::new(ratio, bootstrap::between(before, after, of))),
            p: p.map(rounded),
            family_p: p.map(|_| rounded(family_p)),
            detectable: detectable(before, after).map(rounded),
            matters_from: rounded(*matters_from),
            floor: None,
            standing,
            ground,
        }
    }
}

/// For each figure, the chance that noise makes any of them at least as strong: whole trials are dealt out, so that figures which
/// move together are counted once (see `family.rs`).
fn family(lots: &[Lots], before: usize, after: usize) -> Vec<f64> {
    let observed: Vec<f64> = lots.iter().map(|lots| lots.strength(&observed(before, after)) - 1e-9).collect();
    let mut found = vec![0_u64; lots.len()];
    let mut dealt = 0_u64;
    each_deal(before, after, &mut |deal| {
        dealt += 1;
        let strongest = lots.iter().map(|lots| lots.strength(deal)).fold(0.0, f64::max);
        for (found, observed) in found.iter_mut().zip(&observed) {
            *found += u64::from(strongest >= *observed);
        }
    });
    found.into_iter().map(|found| found as f64 / dealt.max(1) as f64).collect()
}

/// The deal that was made: `true` is after.
fn observed(before: usize, after: usize) -> Vec<bool> {
    (0..before + after).map(|at| at >= before).collect()
}

/// Mean of those dealt to the second lot less the mean of the first; `None` where one of them has no value.
fn apart(values: &[Option<f64>], deal: &[bool]) -> Option<f64> {
    let (mut sums, mut counts) = ([0.0_f64; 2], [0_u32; 2]);
    for (value, second) in values.iter().zip(deal) {
        let Some(value) = value else { continue };
        sums[usize::from(*second)] += value;
        counts[usize::from(*second)] += 1;
    }
    let [before, after] = counts;
    (before > 0 && after > 0).then(|| sums[1] / f64::from(after) - sums[0] / f64::from(before))
}

/// Every way to deal the trials into lots of these sizes; drawn ones beyond [`EXACT`] trials, the observed one among them, so that
/// a p-value is never 0.
fn each_deal(before: usize, after: usize, each: &mut dyn FnMut(&[bool])) {
    let all = before + after;
    let mut deal = observed(before, after);
    if all <= EXACT {
        for pattern in 0_u32..1 << all {
            if pattern.count_ones() as usize == after {
                deal.iter_mut().enumerate().for_each(|(at, second)| *second = pattern >> at & 1 == 1);
                each(&deal);
            }
        }
        return;
    }
    each(&deal);
    let mut chance = Chance::new(0x52);
    for _ in 0..PATTERNS {
        for at in (1..all).rev() {
            deal.swap(at, chance.below(at + 1));
        }
        each(&deal);
    }
}

/// The difference that would be told from chance four times in five, by Student's t; `None` below [`NEEDED`] trials a side.
fn detectable(before: &[f64], after: &[f64]) -> Option<f64> {
    let least = before.len().min(after.len());
    if least < NEEDED {
        return None;
    }
    let part = |lot: &[f64]| Some(deviation(lot)?.powi(2) / lot.len() as f64);
    let freedom = least as f64 - 1.0;
    Some((student(Z_975, freedom) + student(Z_800, freedom)) * (part(before)? + part(after)?).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(chance: &mut Chance) -> f64 {
        (0..12).map(|_| chance.next() as f64 / u64::MAX as f64).sum::<f64>() - 6.0
    }

    #[test]
    fn complete_separation_of_six_and_six_is_two_of_924() {
        let before = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let after = before.map(|value| value + 10.0);
        assert_eq!(chance_of(&before, &after), Some(2.0 / 924.0));
        assert_eq!(chance_of(&before, &before), Some(1.0));
        assert_eq!(chance_of(&[1.0], &[2.0]), Some(1.0));
        assert_eq!(chance_of(&[], &[2.0]), None);
    }

    #[test]
    fn many_trials_are_drawn_and_never_give_0() {
        let p = chance_of(&[1.0; 12], &[2.0; 12]).unwrap();
        assert!(p > 0.0 && p < 0.001, "{p}");
    }

    #[test]
    fn the_interval_holds_the_truth_about_95_times_in_100_or_more() {
        let mut chance = Chance::new(78);
        let trials = 400;
        let held = (0..trials).filter(|_| {
            let before: Vec<f64> = (0..6).map(|_| normal(&mut chance)).collect();
            let after: Vec<f64> = (0..6).map(|_| 3.0 + normal(&mut chance)).collect();
            let ends = bootstrap::between(&before, &after, |a, b| Some(b - a));
            ends.is_some_and(|(low, high)| low <= 3.0 && 3.0 <= high)
        });
        let share = held.count() as f64 / f64::from(trials);
        assert!((0.93..=0.995).contains(&share), "{share}");
    }

    #[test]
    fn chance_alone_is_told_as_a_difference_about_5_times_in_100() {
        let mut chance = Chance::new(79);
        let alarms = (0..400).filter(|_| {
            let before: Vec<f64> = (0..6).map(|_| normal(&mut chance)).collect();
            let after: Vec<f64> = (0..6).map(|_| normal(&mut chance)).collect();
            chance_of(&before, &after).unwrap() <= 0.05
        });
        let share = alarms.count() as f64 / 400.0;
        assert!((0.02..=0.085).contains(&share), "{share}");
    }
}
