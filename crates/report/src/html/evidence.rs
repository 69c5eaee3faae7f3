//! What was expected and what was found, with the events that prove it.

use super::detail::Detail;
use super::{promise_badge, who, witness};
use crate::promise;
use crate::results::ScenarioResults;
use crate::summary::StackSummary;
use crate::words::clip;
use analysis::AnomalyKind;
use maud::{Markup, html};

/// Reasons that are told of a stack.
const MOST_TOLD: usize = 20;

pub(super) fn expectations(scenario: &ScenarioResults) -> Markup {
    html! {
        p.note { "Written into the scenario before the run." }
        @for stack in &scenario.stacks {
            div.part {
                h3 { (who(&stack.stack)) }
                @if stack.is_inconclusive() {
                    p { "Nothing is claimed of this stack:" }
                    ul.limits { @for reason in stack.reasons.iter().take(MOST_TOLD) { li { (clip(reason, 400)) } } }
                }
                @if stack.expectations.is_empty() { p.note { "Nothing was expected of this stack." } }
                (promises(stack))
            }
        }
    }
}

fn promises(stack: &StackSummary) -> Markup {
    html! {
        @if !stack.expectations.is_empty() {
            ul.promises {
                @for one in &stack.expectations {
                    li {
                        div { (promise_badge(one.verdict)) }
                        div {
                            p { (capital(promise::name(one.metric))) " " b { (promise::bounds(one)) } ", measured " b { (promise::measured(stack, one)) } "." }
                            p.because { "Because " (clip(one.because.trim_end_matches('.'), 400)) "." }
                            @if one.verdict != analysis::Verdict::Holds { p.because { (clip(&one.text, 400)) } }
                        }
                    }
                }
            }
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + letters.as_str())
}

pub(super) fn anomalies(scenario: &ScenarioResults, detail: Detail) -> Markup {
    let any = scenario.stacks.iter().any(|s| s.checks.iter().any(|c| c.found.is_some_and(|n| n > 0)));
    html! {
        p.note {
            "Each is counted once, under its most specific name, with the numbers of the journal's events that prove it."
        }
        @if !any { p { "None of any kind that was looked for." } }
        @for stack in &scenario.stacks {
            @if stack.checks.iter().any(|c| c.found.is_some_and(|n| n > 0)) {
                div.part {
                    h3 { (who(&stack.stack)) }
                    @for check in &stack.checks {
                        @if let Some(found) = check.found.filter(|n| *n > 0) { (witness::card(scenario, stack, check.kind, found, detail)) }
                    }
                }
            }
        }
        (looked_for(scenario))
    }
}

/// What was not looked for is said, for it is not zero.
fn looked_for(scenario: &ScenarioResults) -> Markup {
    let unlooked = |kind: &AnomalyKind| scenario.stacks.iter().any(|s| s.found(*kind).is_none());
    let (not, looked): (Vec<AnomalyKind>, Vec<AnomalyKind>) =
        AnomalyKind::ALL.into_iter().partition(unlooked);
    let names = |kinds: &[AnomalyKind]| kinds.iter().map(|k| k.name()).collect::<Vec<_>>().join(", ");
    html! {
        p.note {
            "Looked for: " (names(&looked)) "."
            @if !not.is_empty() { " Not looked for, so nothing is said of them: " (names(&not)) "." }
        }
    }
}
