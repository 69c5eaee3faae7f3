//! The `[[expect]]` as written.

use super::{ScenarioError, Source, nearest};
use crate::expect::{Expectation, Metric};
use crate::load::Mode;
use crate::phase::{Phase, Phases};
use crate::probe::Probe;
use crate::stack::{Family, Stack};
use schemars::JsonSchema;
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

/// One promise: on these stacks this metric lies between these bounds, both included. It needs `min`, `max` or both.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Expectation")]
pub(super) struct ExpectFile {
    /// Names of stacks of this scenario; a `*` at the end stands for any ending.
    #[schemars(with = "Vec<String>")]
    stacks: Spanned<Vec<String>>,
    /// What is bounded.
    metric: Metric,
    /// The least value that keeps the promise, in the metric's own unit.
    min: Option<f64>,
    /// The greatest value that keeps the promise, in the metric's own unit.
    max: Option<f64>,
    /// Why this is to be expected, in a sentence. The report shows it.
    because: String,
}

/// What a scenario has that a metric may need.
pub(super) struct Needs<'a> {
    /// Whether anything is broken.
    pub(super) faults: bool,
    /// What is tried beside the load.
    pub(super) probes: &'a [Probe],
    /// Whether a second site stands by.
    pub(super) standby_site: bool,
    /// Whether an operator looks for sessions.
    pub(super) looks: bool,
    /// Whether sessions are there before the load.
    pub(super) sleepers: bool,
    /// What a pause is counted from.
    pub(super) mode: Mode,
    /// How the time is divided.
    pub(super) phases: &'a Phases,
    /// For how long the steady state must hold.
    pub(super) sustain_us: u64,
}

impl Needs<'_> {
    /// What a metric needs and does not have here, and so could never be measured.
    fn lack(&self, metric: Metric) -> Option<String> {
        let phase = |phase: Phase| self.phases.span(phase).map_or(0, |span| span.end_us - span.start_us);
        if !self.faults && metric.needs_a_fault() {
            return Some("a fault, and there is none".to_owned());
        }
        if let Some(kinds) = metric.needs_a_probe()
            && !self.probes.iter().any(|probe| kinds.contains(&probe.kind))
        {
            let kind = if let [only] = kinds { format!(" of kind {}", only.name()) } else { String::new() };
            return Some(format!("a probe{kind}, and there is none"));
        }
        if !self.standby_site && metric.needs_a_standby_site() {
            return Some("a [standby_site], and there is none".to_owned());
        }
        if !self.looks && metric.needs_look_ups() {
            return Some("a round of [[lookups]], and there is none".to_owned());
        }
        if !self.sleepers && metric.needs_sleepers() {
            return Some("load.sleepers, and there are none".to_owned());
        }
        if let Some(empty) = metric.phase().filter(|one| phase(*one) == 0) {
            return Some(format!("the phase {}, which is 0 s long; lengthen it", empty.name()));
        }
        let since_fault_us = phase(Phase::Fault) + phase(Phase::Recovery);
        if metric == Metric::ServiceBackS && self.sustain_us > since_fault_us {
            return Some(format!(
                "steady_state.sustain_s to fit into the fault and recovery phases, {} s in all",
                since_fault_us as f64 / 1e6
            ));
        }
        None
    }
}

impl Source<'_> {
    pub(super) fn expectations(
        &self,
        written: Vec<ExpectFile>,
        stacks: &[Stack],
        needs: &Needs<'_>,
    ) -> Result<Vec<Expectation>, ScenarioError> {
        let mut expect = Vec::new();
        for one in written {
            let span = one.stacks.span();
            let expectation = Expectation {
                stacks: one.stacks.into_inner(),
                metric: one.metric,
                min: one.min,
                max: one.max,
                because: one.because,
            };
            let name = expectation.metric.name();
            self.bounds(&expectation, &span)?;
            self.covered(&expectation, stacks, &span)?;
            if let Some(lack) = needs.lack(expectation.metric) {
                return Err(self.error(span, format!("expectation on {name} needs {lack}")));
            }
            if expectation.metric == Metric::StoreBytesPerSession
                && let Some(stack) = stacks.iter().find(|stack| {
                    expectation.covers(&stack.to_string())
                        && matches!(stack.store.family(), Family::Memory | Family::Cookie)
                })
            {
                let message = format!(
                    "expectation on {name} covers {stack}, which has no store that could be weighed; take it out"
                );
                return Err(self.error(span, message));
            }
            if needs.mode == Mode::Closed && expectation.metric.is_from_the_plan() {
                let message = format!(
                    "expectation on {name} cannot be measured with load.mode closed, where a slow answer delays what comes \
                     after it; use mode \"open\""
                );
                return Err(self.error(span, message));
            }
            expect.push(expectation);
        }
        Ok(expect)
    }

    fn bounds(&self, expectation: &Expectation, span: &Range<usize>) -> Result<(), ScenarioError> {
        let name = expectation.metric.name();
        let bounds = [expectation.min, expectation.max];
        // The journal cannot write these down either: read back, such a bound would be none.
        if let Some(bound) = bounds.into_iter().flatten().find(|bound| !bound.is_finite()) {
            let message =
                format!("expectation on {name} has the bound {bound}, which is no limit; give a number");
            return Err(self.error(span.clone(), message));
        }
        let most = if name.ends_with("-percent") { 100.0 } else { f64::MAX };
        if expectation.max.is_some_and(|max| max < 0.0) || expectation.min.is_some_and(|min| min > most) {
            let message = format!(
                "expectation on {name} can never hold: it is never below 0, nor above 100 if it is in percent"
            );
            return Err(self.error(span.clone(), message));
        }
        match (expectation.min, expectation.max) {
            (None, None) => {
                let message = format!("expectation on {name} has neither min nor max; give one");
                Err(self.error(span.clone(), message))
            }
            (Some(min), Some(max)) if min > max => {
                Err(self.error(span.clone(), format!("expectation on {name} has min above max; swap them")))
            }
            _ => Ok(()),
        }
    }

    /// Every name must cover somebody, or the promise would be of nobody.
    fn covered(
        &self,
        expectation: &Expectation,
        stacks: &[Stack],
        span: &Range<usize>,
    ) -> Result<(), ScenarioError> {
        let name = expectation.metric.name();
        if expectation.stacks.is_empty() {
            let message = format!(
                "expectation on {name} is of no stack, so nobody is held to it; name at least one, or take it out"
            );
            return Err(self.error(span.clone(), message));
        }
        for pattern in &expectation.stacks {
            let alone = Expectation { stacks: vec![pattern.clone()], ..expectation.clone() };
            if !stacks.iter().any(|stack| alone.covers(&stack.to_string())) {
                let names = stacks.iter().map(ToString::to_string);
                let names = names.chain(stacks.iter().filter_map(|stack| {
                    Some(format!("{}*", stack.to_string().split_inclusive(['-', '+']).next()?))
                }));
                let hint =
                    nearest(pattern, names).map_or(String::new(), |n| format!("; did you mean '{n}'?"));
                let message =
                    format!("expectation on {name}: '{pattern}' covers none of this scenario's stacks{hint}");
                return Err(self.error(span.clone(), message));
            }
        }
        Ok(())
    }
}
