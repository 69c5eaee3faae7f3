//! What repeated trials may claim. The unit is the trial: one killed server takes all its sessions together, so a thousand
//! sessions of one trial are one observation, not a thousand.
//!
//! [`compare`] pairs the trials of two stacks and gives, for each [`Figure`], the difference and the ratio with 95% intervals
//! (`bootstrap.rs`), the chance that noise alone does as much (`sign_flip.rs`; over all figures together, `family.rs`), the smallest difference that these pairs could have
//! found (`effect.rs`), and a word for it (`standing.rs`). [`compare_unpaired`] does the same for trials of two runs that were given
//! different plans, and so are no pairs. [`drifts`] asks whether the machine changed meanwhile. docs/statistics.md
//! says the same in plain words.
//!
//! Architecture invariant: pure. Chance comes from a fixed seed, so that the same trials give the same bytes. Below six pairs
//! there are estimates and no claims.

mod bootstrap;
mod comparison;
mod drift;
mod effect;
mod family;
mod figure;
mod random;
mod sample;
mod sign_flip;
mod standing;
mod unpaired;

pub use comparison::{Comparison, Estimate, FigureComparison, PairLeftOut, Series, compare, weigh};
pub use drift::Correlation;
pub use figure::{Figure, FigureUnit, Reading};
pub use standing::{Ground, SIGNIFICANT, Standing};
pub use unpaired::{chance_of, compare_unpaired};

use crate::findings::TrialFindings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pairs without which nothing is claimed: a sign-flip test of five cannot get below p = 0.06.
pub const NEEDED: usize = 6;

/// A figure of one stack that moved with the order of trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// The column.
    pub stack: String,
    /// Which figure.
    pub figure: Figure,
    /// Trials that have it.
    pub trials: u64,
    /// How it moved.
    pub correlation: Correlation,
}

/// The figures of [`Figure::DRIFTING`] of one stack that moved with the order of its trials, at p of at most [`SIGNIFICANT`].
pub fn drifts(trials: &[&TrialFindings]) -> Vec<Drift> {
    let mut trials = trials.to_vec();
    trials.sort_by_key(|trial| trial.identity.order);
    let of = |figure: Figure| {
        let values: Vec<f64> = trials
            .iter()
            .filter_map(|trial| match figure.read(trial) {
                Reading::Value(value) => Some(value),
                Reading::Never | Reading::Absent => None,
            })
            .collect();
        let correlation = drift::with_order(&values).filter(|found| found.p <= SIGNIFICANT)?;
        let stack = trials.first()?.identity.column();
        Some(Drift { stack, figure, trials: values.len() as u64, correlation })
    };
    Figure::DRIFTING.into_iter().filter_map(of).collect()
}

/// The 95% interval of a figure's mean over the trials of one stack; absent below six trials that have it.
pub fn over_trials(figure: Figure, trials: &[&TrialFindings]) -> Option<Estimate> {
    let values: Option<Vec<f64>> = trials
        .iter()
        .map(|trial| match figure.read(trial) {
            Reading::Value(value) => Some(value),
            Reading::Never | Reading::Absent => None,
        })
        .collect();
    let values = values?;
    let ends = bootstrap::of_mean(&values)?;
    Some(Estimate::new(sample::mean(&values), Some(ends)))
}
