//! A run of many scenarios at a glance, as data: a row for each scenario, a column for each stack, in each cell the verdict and the one
//! figure that matters. Every format shows this one.

use crate::promise;
use crate::results::{Results, ScenarioResults};
use crate::summary::StackSummary;
use crate::words::{clip, percent};
use analysis::Verdict;

/// More columns than this no page has room for; the stacks that few scenarios have share the last one.
const MOST_COLUMNS: usize = 4;

pub(crate) struct Overview<'a> {
    /// Stacks with a column of their own.
    pub(crate) columns: Vec<String>,
    /// Whether there are others.
    pub(crate) has_others: bool,
    pub(crate) rows: Vec<OverviewRow<'a>>,
}

pub(crate) struct OverviewRow<'a> {
    pub(crate) scenario: &'a ScenarioResults,
    /// One for each column; absent where the scenario has no such stack.
    pub(crate) cells: Vec<Option<OverviewCell>>,
    /// Those of the other stacks, by name.
    pub(crate) others: Vec<(String, OverviewCell)>,
}

pub(crate) struct OverviewCell {
    pub(crate) verdict: Verdict,
    /// `34.7%`.
    pub(crate) value: String,
    /// `of sessions lost`.
    pub(crate) of: &'static str,
    /// Whether the value is harm that shoppers met. That it was expected makes it no better.
    pub(crate) harm: bool,
}

impl<'a> Overview<'a> {
    pub(crate) fn new(results: &'a Results) -> Self {
        let columns = columns(results);
        let rows: Vec<OverviewRow<'a>> = results.scenarios.iter().map(|s| row(s, &columns)).collect();
        let has_others = rows.iter().any(|row| !row.others.is_empty());
        Self { columns: columns.iter().map(|name| clip(name, 60)).collect(), has_others, rows }
    }
}

/// The stacks that most scenarios have, in the order of their first appearance.
fn columns(results: &Results) -> Vec<String> {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for stack in results.scenarios.iter().flat_map(|scenario| &scenario.stacks) {
        match counted.iter_mut().find(|(name, _)| *name == stack.stack) {
            Some((_, times)) => *times += 1,
            None => counted.push((&stack.stack, 1)),
        }
    }
    let mut most: Vec<usize> = counted.iter().map(|(_, times)| *times).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    // Of two that are equally frequent neither is preferred by its place: both have a column, or both have none.
    let least = if most.len() <= MOST_COLUMNS { 0 } else { most[MOST_COLUMNS] };
    counted.iter().filter(|(_, times)| *times > least).map(|(name, _)| (*name).to_owned()).collect()
}

fn row<'a>(scenario: &'a ScenarioResults, columns: &[String]) -> OverviewRow<'a> {
    let of = |name: &String| scenario.stacks.iter().find(|stack| stack.stack == *name).map(cell);
    let others = scenario.stacks.iter().filter(|stack| !columns.contains(&stack.stack));
    OverviewRow {
        scenario,
        cells: columns.iter().map(of).collect(),
        others: others.map(|stack| (clip(&stack.stack, 60), cell(stack))).collect(),
    }
}

fn cell(stack: &StackSummary) -> OverviewCell {
    let told = promise::telling(stack).filter(|promise| promise.measured_most.is_some());
    let (value, of, harm) = match told {
        Some(promise) => {
            let value = promise::measured(stack, promise);
            let of = promise::short(promise.metric, &value);
            let any = promise.measured_most.is_some_and(|most| most > 0.0);
            (value, of, promise::is_harm(promise.metric) && any)
        }
        None => {
            let s = &stack.sessions;
            (percent(s.lost, s.verified), "of sessions lost", s.lost > 0)
        }
    };
    OverviewCell { verdict: stack.verdict, value, of, harm }
}
