//! From an interval and a p-value to a word. Significance alone is no verdict: a difference must also be large enough to matter,
//! and "equivalent" must be shown, not assumed from a large p.

use super::NEEDED;
use super::bootstrap::Ends;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A difference that chance gives less often than this is not told as chance.
pub const SIGNIFICANT: f64 = 0.05;

/// How a stack stands against the reference in one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Less, by enough to matter, and told from chance.
    Better,
    /// More, by enough to matter, and told from chance.
    Worse,
    /// The whole interval lies where no difference matters.
    Equivalent,
    /// Neither is shown.
    Inconclusive,
    /// Fewer than six pairs: no claim.
    NeedsPairs,
    /// Not one pair has this figure on both sides.
    NotMeasured,
}

/// What a standing rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// Told from chance, and large enough to matter.
    TellsAndMatters,
    /// The interval lies inside of what practically matters.
    InsidePractical,
    /// The same, and no pair differed at all: what was never seen is in no interval.
    NeverDiffered,
    /// Chance gives such differences too often.
    MayBeChance,
    /// Alone it would be told from chance; among so many figures one such is to be expected.
    OneOfMany,
    /// Told from chance, but not shown to be large enough to matter, nor shown not to be.
    MayNotMatter,
    /// The same stack against itself differs by as much: no difference seen.
    UnderFloor,
    /// In some trial it never came back, and no number stands for that.
    NeverBack,
    /// Too few pairs.
    TooFewPairs,
    /// No pair.
    NoPairs,
}

/// What is known of a difference.
pub(crate) struct Evidence {
    pub(crate) pairs: usize,
    pub(crate) never: bool,
    pub(crate) difference: f64,
    pub(crate) ends: Option<Ends>,
    pub(crate) p: Option<f64>,
    pub(crate) family_p: Option<f64>,
    pub(crate) matters_from: f64,
    pub(crate) floor: Option<f64>,
}

/// The word, and what it rests on.
pub(crate) fn standing(evidence: &Evidence) -> (Standing, Ground) {
    let Evidence { pairs, never, difference, matters_from, .. } = *evidence;
    if never {
        return (Standing::Inconclusive, Ground::NeverBack);
    }
    if pairs == 0 {
        return (Standing::NotMeasured, Ground::NoPairs);
    }
    let (Some((low, high)), Some(p), Some(family_p)) = (evidence.ends, evidence.p, evidence.family_p) else {
        return (Standing::NeedsPairs, Ground::TooFewPairs);
    };
    if pairs < NEEDED {
        return (Standing::NeedsPairs, Ground::TooFewPairs);
    }
    if low > -matters_from && high < matters_from {
        let ground = if low == 0.0 && high == 0.0 { Ground::NeverDiffered } else { Ground::InsidePractical };
        return (Standing::Equivalent, ground);
    }
    if p > SIGNIFICANT || (low <= 0.0 && high >= 0.0) {
        return (Standing::Inconclusive, Ground::MayBeChance);
    }
    if difference.abs() < matters_from {
        return (Standing::Inconclusive, Ground::MayNotMatter);
    }
    if family_p > SIGNIFICANT {
        return (Standing::Inconclusive, Ground::OneOfMany);
    }
    if evidence.floor.is_some_and(|floor| difference.abs() <= floor) {
        return (Standing::Inconclusive, Ground::UnderFloor);
    }
    (if difference < 0.0 { Standing::Better } else { Standing::Worse }, Ground::TellsAndMatters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(difference: f64, ends: Ends, p: f64) -> Evidence {
        Evidence {
            pairs: 6,
            never: false,
            difference,
            ends: Some(ends),
            p: Some(p),
            family_p: Some(p),
            matters_from: 1.0,
            floor: None,
        }
    }

    #[test]
    fn a_difference_must_be_told_from_chance_and_matter() {
        let said = |difference, ends, p| standing(&evidence(difference, ends, p));
        assert_eq!(said(2.0, (1.5, 2.5), 0.03), (Standing::Worse, Ground::TellsAndMatters));
        assert_eq!(said(-2.0, (-2.5, -1.5), 0.03), (Standing::Better, Ground::TellsAndMatters));
        assert_eq!(said(2.0, (1.5, 2.5), 0.06), (Standing::Inconclusive, Ground::MayBeChance));
        assert_eq!(said(2.0, (-0.1, 4.0), 0.03), (Standing::Inconclusive, Ground::MayBeChance));
        assert_eq!(said(0.9, (0.5, 1.3), 0.03), (Standing::Inconclusive, Ground::MayNotMatter));
    }

    #[test]
    fn equivalence_is_shown_and_not_assumed() {
        let said = |difference, ends, p| standing(&evidence(difference, ends, p));
        assert_eq!(said(0.1, (-0.4, 0.6), 0.8).0, Standing::Equivalent);
        assert_eq!(said(0.5, (0.3, 0.7), 0.03).0, Standing::Equivalent, "significant, and nothing");
        assert_eq!(said(0.1, (-3.0, 3.2), 0.9).0, Standing::Inconclusive, "a large p shows nothing");
        assert_eq!(said(0.0, (0.0, 0.0), 1.0), (Standing::Equivalent, Ground::NeverDiffered));
    }

    #[test]
    fn nothing_is_said_under_the_noise_floor_or_below_six_pairs() {
        let clear = evidence(2.0, (1.5, 2.5), 0.03);
        let floored = Evidence { floor: Some(2.2), ..evidence(2.0, (1.5, 2.5), 0.03) };
        assert_eq!(standing(&floored), (Standing::Inconclusive, Ground::UnderFloor));
        let few = Evidence { pairs: 5, ends: None, ..evidence(2.0, (0.0, 0.0), 0.06) };
        assert_eq!(standing(&few).0, Standing::NeedsPairs);
        assert_eq!(standing(&Evidence { never: true, ..clear }).1, Ground::NeverBack);
        let among_many = Evidence { family_p: Some(0.07), ..evidence(2.0, (1.5, 2.5), 0.03) };
        assert_eq!(standing(&among_many), (Standing::Inconclusive, Ground::OneOfMany));
        let none = Evidence { pairs: 0, ends: None, p: None, ..evidence(0.0, (0.0, 0.0), 1.0) };
        assert_eq!(standing(&none).0, Standing::NotMeasured);
    }
}
