//! Regression gates: what makes `lab diff` fail.
//!
//! ```text
//! LIST   = GATE { "," GATE }
//! GATE   = [ STACKS ":" ] NAME [ ">" AMOUNT ]
//! STACKS = a stack's name; a trailing * stands for any ending
//! NAME   = verdict | a count of harm | a figure
//! AMOUNT = a number in the name's own unit, or with % of what it was before
//! ```
//!
//! A gate asks whether a regression is *shown*. It fails when one is, and by more than the amount. It passes when none is; the interval
//! says how large one could still hide. It is undecided when the trials carry no claim at all, and that is no pass.

use super::{Diff, StackDiff};
use crate::comparisons::{interval, signed};
use crate::words::{clip, counted};
use analysis::Verdict;
use analysis::statistics::{Figure, FigureComparison, FigureUnit, Standing};
use scenario::Metric;
use serde::Serialize;
use std::str::FromStr;

/// One gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// As typed.
    text: String,
    /// Which stacks; `None` for all.
    stacks: Option<String>,
    subject: Subject,
    more_than: Option<Amount>,
}

#[derive(Clone, Debug, PartialEq)]
enum Subject {
    Verdict,
    Count(Metric),
    /// One figure, or the same of both phases.
    Figures(Vec<Figure>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    /// In the name's own unit.
    Plain(f64),
    /// Of what it was before, as a share.
    Relative(f64),
}

/// Why a gate cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// There is no such name.
    #[error("unknown gate '{found}'{hint}; there are: {all}")]
    Unknown {
        /// What was typed.
        found: String,
        /// The nearest right word.
        hint: String,
        /// All names.
        all: String,
    },
    /// It takes no amount.
    #[error("gate '{0}': verdict takes no amount; write 'verdict'")]
    NoAmount(String),
    /// The amount is no number.
    #[error(
        "gate '{gate}': '{amount}' is not an amount; write a number of at least 0, such as {name}>5, or {name}>10%"
    )]
    Amount {
        /// The gate.
        gate: String,
        /// What stands for the amount.
        amount: String,
        /// The name before it.
        name: String,
    },
    /// Nothing stands there.
    #[error("an empty gate; write a list such as verdict,sessions-lost,p99-ms>10%")]
    Empty,
}

/// What a gate says of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateResult {
    /// The gate as typed.
    pub gate: String,
    /// What came out, over all stacks that it speaks of.
    pub outcome: GateOutcome,
    /// Each stack that failed or is undecided, with the reason; how many passed.
    pub because: Vec<String>,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateOutcome {
    /// No regression is shown.
    Passed,
    /// The evidence carries no claim.
    Undecided,
    /// A regression is shown.
    Failed,
}

/// Every name, and what it means.
fn names() -> Vec<(&'static str, Subject)> {
    use Figure::{
        BaselineErrors, BaselineP50, BaselineP99, CpuPerRequest, FaultErrors, FaultP50, FaultP99,
        ServiceBack, SessionsLost,
    };
    let mut all = vec![("verdict", Subject::Verdict)];
    all.extend(super::counts::COUNTED.map(|metric| (metric.name(), Subject::Count(metric))));
    let figures = [
        ("sessions-lost-percent", vec![SessionsLost]),
        ("service-back-s", vec![ServiceBack]),
        ("errors-percent", vec![BaselineErrors, FaultErrors]),
        ("baseline-errors-percent", vec![BaselineErrors]),
        ("fault-errors-percent", vec![FaultErrors]),
        ("p50-ms", vec![BaselineP50, FaultP50]),
        ("baseline-p50-ms", vec![BaselineP50]),
        ("fault-p50-ms", vec![FaultP50]),
        ("p99-ms", vec![BaselineP99, FaultP99]),
        ("baseline-p99-ms", vec![BaselineP99]),
        ("fault-p99-ms", vec![FaultP99]),
        ("cpu-us", vec![CpuPerRequest]),
    ];
    all.extend(figures.map(|(name, figures)| (name, Subject::Figures(figures))));
    all
}

impl Gate {
    /// Reads a comma-separated list.
    ///
    /// # Errors
    /// The first gate that cannot be read, with the nearest right word.
    pub fn list(text: &str) -> Result<Vec<Gate>, GateError> {
        text.split(',').map(str::parse).collect()
    }

    /// Asks it of two runs.
    pub(super) fn ask(&self, diff: &Diff) -> GateResult {
        let mut outcome = GateOutcome::Passed;
        let (mut because, mut passed) = (Vec::new(), 0);
        for (scenario, stack) in diff.stacks().filter(|(_, stack)| self.covers(&stack.stack)) {
            let (one, why) = self.of_stack(stack);
            outcome = outcome.max(one);
            match one {
                GateOutcome::Passed => passed += 1,
                _ => because.push(place(&scenario.name, &stack.stack, &why)),
            }
        }
        // What is not there cannot show a regression, and cannot exclude one.
        let missing = diff.missing.iter().filter(|missing| self.covers(&missing.stack));
        let missing = missing.map(|m| place(&m.scenario, &m.stack, &m.why));
        let interrupted = diff.interrupted.then(|| "the run after was interrupted".to_owned());
        for why in missing.chain(interrupted) {
            outcome = outcome.max(GateOutcome::Undecided);
            because.push(why);
        }
        if passed == 0 && because.is_empty() {
            outcome = GateOutcome::Undecided;
            because.push("no stack that both runs have is covered by it".to_owned());
        }
        if passed > 0 {
            because.push(format!("passed by {}", counted(passed, "stack", "stacks")));
        }
        GateResult { gate: self.text.clone(), outcome, because }
    }

    fn covers(&self, stack: &str) -> bool {
        match self.stacks.as_deref().map(|pattern| (pattern, pattern.strip_suffix('*'))) {
            None => true,
            Some((_, Some(start))) => stack.starts_with(start),
            Some((pattern, None)) => stack == pattern,
        }
    }

    fn of_stack(&self, stack: &StackDiff) -> (GateOutcome, String) {
        let Some(after) = stack.verdict_after else {
            return (GateOutcome::Undecided, "it was not run after".to_owned());
        };
        match &self.subject {
            Subject::Verdict => verdict(stack.verdict_before, after),
            Subject::Count(metric) => self.count(stack, *metric),
            Subject::Figures(figures) => {
                let all = figures.iter().map(|figure| self.figure(stack, *figure));
                all.max_by_key(|(outcome, _)| *outcome)
                    .unwrap_or((GateOutcome::Undecided, "no figure".to_owned()))
            }
        }
    }

    fn count(&self, stack: &StackDiff, metric: Metric) -> (GateOutcome, String) {
        let found = stack.counts.iter().find(|count| count.metric == metric);
        let Some((count, growth)) = found.and_then(|count| Some((count, count.growth()?))) else {
            return (GateOutcome::Undecided, "no trial of one side carries a verdict".to_owned());
        };
        let bound = match self.more_than {
            None => 0.0,
            Some(Amount::Plain(amount)) => amount,
            Some(Amount::Relative(share)) => share * count.before as f64 / count.trials_before as f64,
        };
        let said = format!(
            "{} in {}, {} in {} before",
            count.after,
            counted(count.trials_after, "trial", "trials"),
            count.before,
            count.trials_before
        );
        if growth <= bound {
            return (GateOutcome::Passed, said);
        }
        match count.grew() {
            Some(true) => (GateOutcome::Failed, said),
            Some(false) => (GateOutcome::Passed, said),
            None => (GateOutcome::Undecided, format!("{said}: 6 trials on each side would tell")),
        }
    }

    fn figure(&self, stack: &StackDiff, figure: Figure) -> (GateOutcome, String) {
        let name = crate::comparisons::name(figure);
        if figure == Figure::ServiceBack && stack.never_back_after && !stack.never_back_before {
            return (GateOutcome::Failed, "the service never came back, which it did before".to_owned());
        }
        let compared = stack.comparison.as_ref().map(|c| &c.figures);
        let Some(f) = compared.and_then(|figures| figures.iter().find(|f| f.figure == figure)) else {
            // A scenario without a fault has no recovery: there is nothing to lose.
            return match compared {
                Some(figures) if !figures.is_empty() => {
                    (GateOutcome::Passed, format!("{name}: neither run has it"))
                }
                _ => (GateOutcome::Undecided, format!("{name}: no trials to compare")),
            };
        };
        let Some(difference) = &f.difference else {
            return (GateOutcome::Undecided, format!("{name}: not measured on both sides"));
        };
        let by = signed(f.unit, difference.value);
        let range = interval(f.unit, difference).map_or(by.clone(), |range| format!("{by} ({range})"));
        let said = format!("{name}: {range}");
        match f.standing {
            Standing::Worse if self.exceeds(f, difference.value) => (GateOutcome::Failed, said),
            Standing::NeedsPairs => {
                (GateOutcome::Undecided, format!("{said}: 6 trials on each side would tell"))
            }
            Standing::NotMeasured => (GateOutcome::Undecided, format!("{name}: not measured on both sides")),
            Standing::Inconclusive if stack.never_back_after && figure == Figure::ServiceBack => {
                (GateOutcome::Undecided, "the service never came back, neither now nor before".to_owned())
            }
            _ => (GateOutcome::Passed, said),
        }
    }

    /// Whether a difference in the figure's unit is beyond the amount.
    fn exceeds(&self, f: &FigureComparison, difference: f64) -> bool {
        match self.more_than {
            None => true,
            Some(Amount::Relative(share)) => difference > share * f.reference.unwrap_or(0.0),
            Some(Amount::Plain(amount)) => difference > amount * in_own_unit(f.figure),
        }
    }
}

/// The figure's name has a unit; this is it, in the figure's internal one.
fn in_own_unit(figure: Figure) -> f64 {
    match (figure.unit(), figure) {
        (FigureUnit::Share, _) => 0.01,
        (FigureUnit::Us, Figure::ServiceBack) => 1e6,
        (FigureUnit::Us, Figure::CpuPerRequest) => 1.0,
        (FigureUnit::Us, _) => 1e3,
    }
}

fn verdict(before: Verdict, after: Verdict) -> (GateOutcome, String) {
    let words = |verdict| crate::board::verdict_words(verdict).1;
    let said = format!("{}, {} before", words(after), words(before));
    match (before, after) {
        (Verdict::Broken, Verdict::Broken) => (GateOutcome::Passed, said),
        (_, Verdict::Broken) => (GateOutcome::Failed, said),
        (_, Verdict::Inconclusive) => (GateOutcome::Undecided, said),
        _ => (GateOutcome::Passed, said),
    }
}

fn place(scenario: &str, stack: &str, why: &str) -> String {
    format!("{} in {}: {}", clip(stack, 60), clip(scenario, 80), clip(why, 300))
}

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(GateError::Empty);
        }
        let (stacks, rest) = match text.split_once(':') {
            Some((stacks, rest)) => (Some(stacks.trim().to_owned()), rest.trim()),
            None => (None, text),
        };
        let (name, amount) = match rest.split_once('>') {
            Some((name, amount)) => (name.trim(), Some(amount.trim())),
            None => (rest, None),
        };
        let all = names();
        let Some((_, subject)) = all.iter().find(|(known, _)| *known == name) else {
            return Err(unknown(name, &all));
        };
        if *subject == Subject::Verdict && amount.is_some() {
            return Err(GateError::NoAmount(text.to_owned()));
        }
        let more_than = amount.map(|amount| read_amount(text, name, amount)).transpose()?;
        Ok(Self { text: text.to_owned(), stacks, subject: subject.clone(), more_than })
    }
}

fn read_amount(gate: &str, name: &str, amount: &str) -> Result<Amount, GateError> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let read = match amount.strip_suffix('%') {
        Some(percent) => number(percent).map(|percent| Amount::Relative(percent / 100.0)),
        None => number(amount).map(Amount::Plain),
    };
    let error =
        || GateError::Amount { gate: gate.to_owned(), amount: amount.to_owned(), name: name.to_owned() };
    read.ok_or_else(error)
}

fn unknown(found: &str, all: &[(&'static str, Subject)]) -> GateError {
    let near = all.iter().map(|(name, _)| (strsim::normalized_damerau_levenshtein(found, name), *name));
    let near = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.4);
    GateError::Unknown {
        found: found.to_owned(),
        hint: near.map_or(String::new(), |(_, name)| format!(" (did you mean '{name}'?)")),
        all: all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_with_stacks_and_amounts() {
        let gates = Gate::list("verdict, stateless-*:sessions-lost,p99-ms>10%,stateful:cpu-us>50").unwrap();
        assert_eq!(gates.len(), 4);
        assert_eq!(gates[1].stacks.as_deref(), Some("stateless-*"));
        assert!(gates[1].covers("stateless-redis") && !gates[1].covers("stateful"));
        assert_eq!(gates[2].more_than, Some(Amount::Relative(0.1)));
        assert_eq!(gates[3].more_than, Some(Amount::Plain(50.0)));
        assert!(gates[3].covers("stateful") && !gates[3].covers("stateful (again)"));
    }

    #[test]
    fn what_cannot_be_read_names_the_nearest_right_word() {
        let error = |text: &str| Gate::list(text).unwrap_err().to_string();
        assert!(error("sesions-lost").contains("did you mean 'sessions-lost'"), "{}", error("sesions-lost"));
        assert!(error("verdict,p99").contains("did you mean 'p99-ms'"), "{}", error("verdict,p99"));
        assert!(error("zzzzzzzz").starts_with("unknown gate 'zzzzzzzz'; there are: verdict, "));
        assert!(error("p99-ms>lots").contains("'lots' is not an amount"));
        assert!(error("p99-ms>-5").contains("at least 0"));
        assert!(error("verdict>1").contains("takes no amount"));
        assert_eq!(Gate::list("verdict,,"), Err(GateError::Empty));
    }

    #[test]
    fn a_verdict_that_fell_fails_and_one_in_doubt_is_undecided() {
        use Verdict::{Broken, Holds, Inconclusive, Unpromised};
        assert_eq!(verdict(Holds, Broken).0, GateOutcome::Failed);
        assert_eq!(verdict(Inconclusive, Broken).0, GateOutcome::Failed);
        assert_eq!(verdict(Broken, Broken).0, GateOutcome::Passed);
        assert_eq!(verdict(Holds, Inconclusive).0, GateOutcome::Undecided);
        assert_eq!(verdict(Inconclusive, Holds).0, GateOutcome::Passed);
        assert_eq!(verdict(Unpromised, Unpromised).0, GateOutcome::Passed);
    }
}
