//! Trials become pairs, and pairs a comparison. Two trials are a pair when they share scenario and repeat, and so the plan: what
//! the seed made hard for one was as hard for the other, and goes out of the difference (common random numbers).

use super::family::{self, Member};
use super::figure::{Figure, FigureUnit, Reading};
use super::sample::{mean, rounded};
use super::standing::{Evidence, Ground, Standing, standing};
use super::{bootstrap, effect, sign_flip};
use crate::findings::{TrialFindings, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One stack against the reference, figure by figure. Differences are this stack's value less the reference's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The column that the others are compared with.
    pub reference: String,
    /// The column that is compared.
    pub stack: String,
    /// Both are the same stack (A/A): what differs is noise.
    pub same_stack: bool,
    /// Pairs in which both trials carry a verdict.
    pub pairs: u64,
    /// Pairs that say nothing, and why.
    pub left_out: Vec<PairLeftOut>,
    /// The figures, in the order of [`Figure::ALL`]; those that no trial has are absent.
    pub figures: Vec<FigureComparison>,
}

/// A pair that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairLeftOut {
    /// Which repeat.
    pub repeat: u32,
    /// Why, for people.
    pub why: String,
}

/// One figure of one stack against the reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureComparison {
    /// Which.
    pub figure: Figure,
    /// What its numbers are.
    pub unit: FigureUnit,
    /// Pairs that have it on both sides.
    pub pairs: u64,
    /// Mean over those pairs, of the reference; absent without pairs.
    pub reference: Option<f64>,
    /// The same, of the stack.
    pub value: Option<f64>,
    /// Mean of the pairs' differences.
    pub difference: Option<Estimate>,
    /// Ratio of the means; absent where the reference is 0.
    pub ratio: Option<Estimate>,
    /// Sign-flip permutation test, two-sided, of this figure alone.
    pub p: Option<f64>,
    /// The chance that noise makes any figure of this comparison speak as strongly: what the standing rests on.
    pub family_p: Option<f64>,
    /// The smallest difference that these pairs would have told from chance four times in five; absent below six.
    pub detectable: Option<f64>,
    /// Differences below this are practically nothing.
    pub matters_from: f64,
    /// What the same stack against itself may show; absent where that was not measured.
    pub floor: Option<f64>,
    /// How the stack stands.
    pub standing: Standing,
    /// What that rests on.
    pub ground: Ground,
}

/// A value with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// The interval's lower end; absent below six pairs.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
}

impl Estimate {
    pub(crate) fn new(value: f64, ends: Option<(f64, f64)>) -> Self {
        Self { value: rounded(value), low: ends.map(|e| rounded(e.0)), high: ends.map(|e| rounded(e.1)) }
    }
}

/// Compares the trials of two columns of one scenario. `floor` is the reference against itself, where that was run.
pub fn compare(
    reference: &[&TrialFindings],
    other: &[&TrialFindings],
    floor: Option<&Comparison>,
) -> Comparison {
    let name = |trials: &[&TrialFindings]| trials.first().map_or_else(String::new, |t| t.identity.column());
    let stack = |trials: &[&TrialFindings]| trials.first().map(|t| t.identity.stack);
    let (pairs, left_out) = pairs(reference, other);
    let figures = Figure::ALL.into_iter().filter_map(|figure| {
        let floor = floor.and_then(|all| all.figures.iter().find(|f| f.figure == figure)).and_then(noise);
        Series::new(figure, &pairs, floor)
    });
    let figures: Vec<Series> = figures.collect();
    Comparison {
        reference: name(reference),
        stack: name(other),
        same_stack: stack(reference) == stack(other),
        pairs: pairs.len() as u64,
        left_out,
        figures: weigh(&figures),
    }
}

type Pair<'a> = (&'a TrialFindings, &'a TrialFindings);

/// Pairs by repeat, and what stands against the others.
fn pairs<'a>(
    reference: &[&'a TrialFindings],
    other: &[&'a TrialFindings],
) -> (Vec<Pair<'a>>, Vec<PairLeftOut>) {
    let repeats: BTreeSet<u32> = reference.iter().chain(other).map(|t| t.identity.repeat).collect();
    let (mut pairs, mut left_out) = (Vec::new(), Vec::new());
    for repeat in repeats {
        let of = |trials: &[&'a TrialFindings]| trials.iter().find(|t| t.identity.repeat == repeat).copied();
        let why = match (of(reference), of(other)) {
            (Some(a), Some(b)) => match doubt(a, b) {
                None => {
                    pairs.push((a, b));
                    continue;
                }
                Some(why) => why,
            },
            (None, _) => "the reference has no trial".to_owned(),
            (_, None) => "it has no trial".to_owned(),
        };
        left_out.push(PairLeftOut { repeat, why });
    }
    (pairs, left_out)
}

fn doubt(a: &TrialFindings, b: &TrialFindings) -> Option<String> {
    if a.identity.plan_sha256 != b.identity.plan_sha256 {
        return Some("the two were given different plans".to_owned());
    }
    let doubtful = [a, b].into_iter().find(|t| t.verdict == Verdict::Inconclusive)?;
    let why = doubtful.reasons.first().map_or("its evidence carries no verdict", |r| r.text.as_str());
    Some(format!("{} was inconclusive: {}", doubtful.identity.column(), why.trim_end_matches('.')))
}

/// One figure's values over the pairs: `(reference, stack)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Which figure.
    pub figure: Figure,
    /// A place for each pair of the comparison; `None` where one of its trials does not have the figure.
    pub pairs: Vec<Option<(f64, f64)>>,
    /// In some trial it never came, and no number stands for that.
    pub never: bool,
    /// The most that the same stack showed against itself.
    pub floor: Option<f64>,
}

impl Series {
    /// `None` where no trial of either side has the figure: a scenario without a fault has no recovery.
    fn new(figure: Figure, pairs: &[Pair<'_>], floor: Option<f64>) -> Option<Self> {
        let readings: Vec<(Reading, Reading)> =
            pairs.iter().map(|(a, b)| (figure.read(a), figure.read(b))).collect();
        if readings.iter().all(|pair| *pair == (Reading::Absent, Reading::Absent)) {
            return None;
        }
        let never = readings.iter().any(|(a, b)| *a == Reading::Never || *b == Reading::Never);
        let known = |pair| match pair {
            (Reading::Value(a), Reading::Value(b)) => Some((a, b)),
            _ => None,
        };
        Some(Self { figure, pairs: readings.into_iter().map(known).collect(), never, floor })
    }

    fn known(&self) -> (Vec<f64>, Vec<f64>) {
        self.pairs.iter().flatten().copied().unzip()
    }

    fn matters_from(&self) -> f64 {
        self.figure.matters_from(mean(&self.known().0))
    }
}

/// The most that noise alone showed: the far end of the interval of the same stack against itself.
fn noise(same: &FigureComparison) -> Option<f64> {
    let difference = same.difference?;
    Some(difference.low?.abs().max(difference.high?.abs()))
}

/// Weighs the figures of one comparison, together.
pub fn weigh(all: &[Series]) -> Vec<FigureComparison> {
    let difference = |pair: &Option<(f64, f64)>| pair.map(|(a, b)| b - a);
    let members: Vec<Member> = all
        .iter()
        .map(|series| Member {
            differences: series.pairs.iter().map(difference).collect(),
            matters_from: series.matters_from(),
        })
        .collect();
    all.iter().zip(family::p_values(&members)).map(|(series, family_p)| figure(series, family_p)).collect()
}

fn figure(series: &Series, family_p: f64) -> FigureComparison {
    let (reference, values) = series.known();
    let differences: Vec<f64> = reference.iter().zip(&values).map(|(a, b)| b - a).collect();
    let pairs = differences.len();
    let any = pairs > 0;
    let ends = bootstrap::of_mean(&differences);
    let p = sign_flip::p_value(&differences);
    let family_p = any.then_some(family_p);
    let (matters_from, floor) = (series.matters_from(), series.floor);
    let difference = mean(&differences);
    let (standing, ground) = standing(&Evidence {
        pairs,
        never: series.never,
        difference,
        ends,
        p,
        family_p,
        matters_from,
        floor,
    });
    FigureComparison {
        figure: series.figure,
        unit: series.figure.unit(),
        pairs: pairs as u64,
        reference: any.then(|| rounded(mean(&reference))),
        value: any.then(|| rounded(mean(&values))),
        difference: any.then(|| Estimate::new(difference, ends)),
        ratio: bootstrap::ratio(&reference, &values)
            .map(|ratio| Estimate::new(ratio, bootstrap::of_ratio(&reference, &values))),
        p: p.map(rounded),
        family_p: family_p.map(rounded),
        detectable: effect::detectable(&differences).map(rounded),
        matters_from: rounded(matters_from),
        floor,
        standing,
        ground,
    }
}
