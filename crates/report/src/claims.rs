//! What a run says of the claims: a verdict for each, and the evidence for it. The rule, which docs/results.md spells out:
//!
//! 1. The evidence is every scenario of the run that names the claim, on those of its stacks of which the claim speaks and of which it
//!    promises more than that somebody looked.
//! 2. A scenario's word is the worst of these stacks' verdicts. A trial that never ran, or plans that differ, leave it in doubt.
//! 3. A claim holds when every scenario's word is that it does. One in doubt leaves the claim in doubt, unless all the others are
//!    against it; one against it leaves "under a condition" where others are for it, and else "does not hold".
//! 4. A scenario that shows the claim's limit never makes it hold: where others do, it is the condition.

use crate::promise;
use crate::results::{Results, ScenarioResults, worst};
use crate::summary::StackSummary;
use analysis::Verdict;
use scenario::{CLAIMS, Concern, Metric, Stack};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run says of one claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimResult {
    /// What scenarios call it.
    pub id: String,
    /// The claim; absent for an id that is the user's own.
    pub text: Option<String>,
    /// What the run says of it.
    pub verdict: ClaimVerdict,
    /// Why the verdict is not better, or under which condition it holds; for people.
    pub because: Option<String>,
    /// What it rests on, in the order of the scenarios.
    pub evidence: Vec<ClaimEvidence>,
}

/// What can be said of a claim, never better than its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimVerdict {
    /// Every scenario that tests it kept its promises.
    Holds,
    /// It holds in some scenarios of the run, and in others it does not, or its limit shows.
    HoldsUnderCondition,
    /// Promises were broken in every scenario whose word can be taken.
    DoesNotHold,
    /// The evidence carries no verdict.
    Inconclusive,
    /// No scenario of the run tests it.
    NotTested,
}

/// A scenario's word on a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimEvidence {
    /// The scenario.
    pub scenario: String,
    /// Whether it shows the claim's limit.
    pub limit: bool,
    /// Its word.
    pub verdict: Verdict,
    /// The fewest trials of a stack.
    pub trials: u64,
    /// The stacks of which the claim speaks, each with the figure that matters.
    pub stacks: Vec<ClaimFigure>,
}

/// What a stack showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimFigure {
    /// The stack.
    pub stack: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// The promise that tells most (the first one that is not kept, or else the first), and what was measured.
    pub told: String,
}

/// Every claim of the lab, and then those that the scenarios name besides.
pub(crate) fn weigh(results: &Results) -> Vec<ClaimResult> {
    let ours = CLAIMS.iter().flat_map(|group| group.claims);
    let mut all: Vec<ClaimResult> =
        ours.map(|claim| weighed(claim.id, Some(claim.text), claim.of, results)).collect();
    for id in results.scenarios.iter().flat_map(|scenario| &scenario.claims) {
        if !all.iter().any(|claim| claim.id == *id) {
            all.push(weighed(id, None, Concern::Everybody, results));
        }
    }
    all
}

fn weighed(id: &str, text: Option<&str>, of: Concern, results: &Results) -> ClaimResult {
    let naming = results.scenarios.iter().filter(|scenario| scenario.claims.iter().any(|claim| claim == id));
    let evidence: Vec<ClaimEvidence> =
        naming.filter_map(|scenario| word(scenario, id, of, results)).collect();
    let (verdict, because) = verdict(&evidence);
    ClaimResult { id: id.to_owned(), text: text.map(ToOwned::to_owned), verdict, because, evidence }
}

/// What a scenario says of a claim; `None` when it promises nothing of the stacks that the claim speaks of.
fn word(scenario: &ScenarioResults, id: &str, of: Concern, results: &Results) -> Option<ClaimEvidence> {
    let concerned = |name: &str| match name.split(' ').next().unwrap_or(name).parse::<Stack>() {
        Ok(stack) => of.covers(stack),
        // A stack that this lab does not know: nobody can tell, and what concerns everybody concerns it.
        Err(_) => of == Concern::Everybody,
    };
    let tells = |stack: &&StackSummary| {
        concerned(&stack.stack) && stack.expectations.iter().any(|e| e.metric != Metric::SessionsVerified)
    };
    let stacks: Vec<&StackSummary> = scenario.stacks.iter().filter(tells).collect();
    let missing = results.run.failed.iter().any(|f| f.scenario == scenario.name && concerned(&f.stack));
    let doubt = (missing || !scenario.comparable.yes).then_some(Verdict::Inconclusive);
    // Where every stack that it speaks of failed, the claim was to be tested and was not.
    if stacks.is_empty() && !missing {
        return None;
    }
    Some(ClaimEvidence {
        scenario: scenario.name.clone(),
        limit: scenario.limits.iter().any(|limit| limit == id),
        verdict: worst(stacks.iter().map(|stack| stack.verdict).chain(doubt)),
        trials: stacks.iter().map(|stack| stack.trials).min().unwrap_or(0),
        stacks: stacks.into_iter().map(figure).collect(),
    })
}

fn figure(stack: &StackSummary) -> ClaimFigure {
    let told = promise::telling(stack).map_or_else(String::new, |promise| {
        format!("{} {}", promise::name(promise.metric), promise::measured(stack, promise))
    });
    ClaimFigure { stack: stack.stack.clone(), verdict: stack.verdict, told }
}

fn verdict(evidence: &[ClaimEvidence]) -> (ClaimVerdict, Option<String>) {
    let (limits, tests): (Vec<&ClaimEvidence>, Vec<&ClaimEvidence>) =
        evidence.iter().partition(|one| one.limit);
    let which = |of: &[&ClaimEvidence], verdict: Verdict| -> Vec<String> {
        of.iter().filter(|one| one.verdict == verdict).map(|one| one.scenario.clone()).collect()
    };
    let (held, broken, doubtful) =
        (which(&tests, Verdict::Holds), which(&tests, Verdict::Broken), which(&tests, Verdict::Inconclusive));
    if tests.is_empty() {
        let only = limits.iter().map(|one| one.scenario.as_str()).collect::<Vec<_>>().join(", ");
        let because = (!limits.is_empty()).then(|| format!("only its limit was looked for, in {only}"));
        return (ClaimVerdict::NotTested, because);
    }
    let in_doubt = format!("{} carries no verdict", doubtful.join(", "));
    if held.is_empty() && !broken.is_empty() {
        let besides = if doubtful.is_empty() { String::new() } else { format!("; {in_doubt}") };
        let because = format!("promises were broken in {}{besides}", broken.join(", "));
        return (ClaimVerdict::DoesNotHold, Some(because));
    }
    if !doubtful.is_empty() {
        let others = [("it held in", &held), ("promises were broken in", &broken)];
        let others = others.into_iter().filter(|(_, scenarios)| !scenarios.is_empty());
        let told: String =
            others.map(|(words, scenarios)| format!("; {words} {}", scenarios.join(", "))).collect();
        return (ClaimVerdict::Inconclusive, Some(in_doubt + &told));
    }
    let mut conditions = Vec::new();
    if !broken.is_empty() {
        conditions.push(format!("not as promised in {}", broken.join(", ")));
    }
    for (verdict, words) in [
        (Verdict::Holds, "its limit shows in"),
        (Verdict::Broken, "its limit is not the one that was expected in"),
        (Verdict::Inconclusive, "nothing is known of its limit in"),
    ] {
        let of_limits = which(&limits, verdict);
        if !of_limits.is_empty() {
            conditions.push(format!("{words} {}", of_limits.join(", ")));
        }
    }
    if conditions.is_empty() {
        return (ClaimVerdict::Holds, None);
    }
    (ClaimVerdict::HoldsUnderCondition, Some(conditions.join("; ")))
}

impl ClaimVerdict {
    /// What people call it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            ClaimVerdict::Holds => "holds",
            ClaimVerdict::HoldsUnderCondition => "holds under a condition",
            ClaimVerdict::DoesNotHold => "does not hold as promised",
            ClaimVerdict::Inconclusive => "inconclusive",
            ClaimVerdict::NotTested => "not tested in this run",
        }
    }

    /// A shape beside the words.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            ClaimVerdict::Holds => "\u{2714}",
            ClaimVerdict::HoldsUnderCondition => "\u{25d0}",
            ClaimVerdict::DoesNotHold => "\u{2718}",
            ClaimVerdict::Inconclusive => "?",
            ClaimVerdict::NotTested => "\u{2013}",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(scenario: &str, limit: bool, verdict: Verdict) -> ClaimEvidence {
        ClaimEvidence { scenario: scenario.to_owned(), limit, verdict, trials: 1, stacks: Vec::new() }
    }

    fn of(evidence: &[(bool, Verdict)]) -> ClaimVerdict {
        let all: Vec<_> =
            evidence.iter().map(|(limit, verdict)| self::evidence("s", *limit, *verdict)).collect();
        verdict(&all).0
    }

    #[test]
    fn a_claim_is_never_better_than_the_worst_of_its_evidence() {
        use Verdict::{Broken, Holds, Inconclusive};
        assert_eq!(of(&[]), ClaimVerdict::NotTested);
        assert_eq!(of(&[(false, Holds), (false, Holds)]), ClaimVerdict::Holds);
        assert_eq!(of(&[(false, Holds), (false, Inconclusive)]), ClaimVerdict::Inconclusive);
        assert_eq!(of(&[(false, Broken), (false, Inconclusive)]), ClaimVerdict::DoesNotHold);
        assert_eq!(of(&[(false, Holds), (false, Broken), (false, Inconclusive)]), ClaimVerdict::Inconclusive);
        assert_eq!(of(&[(false, Holds), (false, Broken)]), ClaimVerdict::HoldsUnderCondition);
        assert_eq!(of(&[(false, Broken)]), ClaimVerdict::DoesNotHold);
    }

    #[test]
    fn a_limit_is_a_condition_and_never_a_reason_to_hold() {
        use Verdict::{Broken, Holds, Inconclusive};
        assert_eq!(of(&[(true, Holds)]), ClaimVerdict::NotTested);
        for limit in [Holds, Broken, Inconclusive] {
            assert_eq!(of(&[(false, Holds), (true, limit)]), ClaimVerdict::HoldsUnderCondition);
            assert_eq!(of(&[(false, Broken), (true, limit)]), ClaimVerdict::DoesNotHold);
        }
        let (_, because) = verdict(&[evidence("kill", false, Holds), evidence("outage", true, Holds)]);
        assert_eq!(because.as_deref(), Some("its limit shows in outage"));
    }
}
