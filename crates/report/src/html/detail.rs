//! How much of everything a page can carry: a run of one scenario is told in full, the whole suite stays below two megabytes. What is
//! drawn coarser here is whole in results.json.

use crate::results::Results;

/// Points of all charts together that a page can carry and still open at once.
const ALL_POINTS: usize = 4_600;
/// More columns than this no screen can tell apart.
const MOST_BUCKETS: usize = 240;
/// A chart of fewer says little.
const LEAST_BUCKETS: usize = 32;

/// How much is told, the same for every scenario of a page.
#[derive(Clone, Copy)]
pub(super) struct Detail {
    /// Parts are folded away below their titles.
    pub(super) folded: bool,
    /// Columns of a chart; neighbours are put together beyond it.
    pub(super) buckets: usize,
    /// Rows of the table behind the charts; none where only timeline.csv has room for them.
    pub(super) rows: usize,
    /// Marks in a field of sessions; beyond it each stands for several.
    pub(super) marks: u64,
    /// Repeats that have charts.
    pub(super) repeats: usize,
    /// Anomalies of a kind and stack that are told one by one.
    pub(super) told: usize,
    /// Whether every trial and phase has a row of its own, or only results.json has them.
    pub(super) every_phase: bool,
}

impl Detail {
    pub(super) fn of(results: &Results) -> Self {
        let trials: usize = results.scenarios.iter().map(|scenario| scenario.trials.len()).sum();
        let lanes: usize = results.scenarios.iter().map(|scenario| scenario.stacks.len()).sum();
        let is_large = lanes > 24;
        let drawn = if is_large { lanes } else { trials };
        Self {
            folded: results.scenarios.len() > 1,
            buckets: (ALL_POINTS / drawn.max(1)).clamp(LEAST_BUCKETS, MOST_BUCKETS),
            rows: if is_large { 0 } else { 120 },
            marks: if is_large { 60 } else { 480 },
            repeats: if is_large { 1 } else { 8 },
            told: if is_large { 1 } else { 20 },
            every_phase: !is_large,
        }
    }
}
