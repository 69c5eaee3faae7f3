//! The `[[expect]]` as written.

use super::{ScenarioError, Source, nearest};
use crate::expect::{Expectation, Metric};
use crate::load::Mode;
use crate::probe::Probe;
use crate::stack::Stack;
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
    /// What a pause is counted from.
    pub(super) mode: Mode,
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
            if !needs.faults && expectation.metric.needs_a_fault() {
                return Err(
                    self.error(span, format!("expectation on {name} needs a fault, and there is none"))
                );
            }
            if let Some(kinds) = expectation.metric.needs_a_probe()
                && !needs.probes.iter().any(|probe| kinds.contains(&probe.kind))
            {
                let kind =
                    if let [only] = kinds { format!(" of kind {}", only.name()) } else { String::new() };
                let message = format!("expectation on {name} needs a probe{kind}, and there is none");
                return Err(self.error(span, message));
            }
            if !needs.standby_site && expectation.metric.needs_a_standby_site() {
                let message = format!("expectation on {name} needs a [standby_site], and there is none");
                return Err(self.error(span, message));
            }
            if !needs.looks && expectation.metric.needs_look_ups() {
                return Err(self.error(
                    span,
                    format!("expectation on {name} needs a round of [[lookups]], and there is none"),
                ));
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
