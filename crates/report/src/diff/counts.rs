//! Losses, counted: a first one is a fact and needs no statistics, more of them than before do.

use analysis::statistics::{NEEDED, SIGNIFICANT, chance_of};
use analysis::{TrialFindings, Verdict};
use scenario::Metric;
use serde::Serialize;

/// How often something was found, before and after, in trials with a verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CountDiff {
    /// What is counted.
    pub metric: Metric,
    /// Found in all trials, before.
    pub before: u64,
    /// Trials that could find it, before.
    pub trials_before: u64,
    /// Found in all trials, after.
    pub after: u64,
    /// Trials that could find it, after.
    pub trials_after: u64,
    /// The chance of such a difference when nothing differs (two-sided, the trials dealt out anew); absent below six trials a side.
    pub p: Option<f64>,
}

impl CountDiff {
    /// None before, some now.
    pub fn is_new(&self) -> bool {
        self.trials_before > 0 && self.before == 0 && self.after > 0
    }

    /// How many more a trial; absent where one side has no trial with a verdict.
    pub fn growth(&self) -> Option<f64> {
        let mean = |found: u64, trials: u64| (trials > 0).then(|| found as f64 / trials as f64);
        Some(mean(self.after, self.trials_after)? - mean(self.before, self.trials_before)?)
    }

    /// Whether more were found, and not by chance; `None` when the trials are too few to tell.
    pub fn grew(&self) -> Option<bool> {
        let growth = self.growth()?;
        if growth <= 0.0 {
            return Some(false);
        }
        if self.before == 0 {
            return Some(true);
        }
        self.p.map(|p| p <= SIGNIFICANT)
    }
}

/// The metrics that are counts of harm.
pub(super) const COUNTED: [Metric; 4] =
    [Metric::SessionsLost, Metric::SessionsMisrouted, Metric::WritesLost, Metric::Anomalies];

pub(super) fn counts(before: &[&TrialFindings], after: &[&TrialFindings]) -> Vec<CountDiff> {
    let of = |metric: Metric| {
        let found = |trials: &[&TrialFindings]| -> Vec<f64> {
            let sound = trials.iter().filter(|trial| trial.verdict != Verdict::Inconclusive);
            sound.map(|trial| read(metric, trial) as f64).collect()
        };
        let (first, second) = (found(before), found(after));
        let enough = first.len().min(second.len()) >= NEEDED;
        CountDiff {
            metric,
            before: first.iter().sum::<f64>() as u64,
            trials_before: first.len() as u64,
            after: second.iter().sum::<f64>() as u64,
            trials_after: second.len() as u64,
            p: enough.then(|| chance_of(&first, &second)).flatten(),
        }
    };
    COUNTED.into_iter().map(of).collect()
}

fn read(metric: Metric, trial: &TrialFindings) -> u64 {
    match metric {
        Metric::SessionsLost => trial.sessions.lost,
        Metric::SessionsMisrouted => trial.sessions.misrouted,
        Metric::WritesLost => trial.writes.lost,
        _ => trial.anomalies_found(),
    }
}
