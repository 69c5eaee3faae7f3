//! What was expected and what was found, with the events that prove it.

use super::detail::Detail;
use super::{promise_badge, who};
use crate::promise;
use crate::results::ScenarioResults;
use crate::summary::StackSummary;
use crate::words::{clip, count, counted, moment};
use analysis::{Anomaly, AnomalyKind, TrialFindings};
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
                        @if let Some(found) = check.found.filter(|n| *n > 0) { (kind(scenario, stack, check.kind, found, detail.told)) }
                    }
                }
            }
        }
        (looked_for(scenario))
    }
}

fn kind(
    scenario: &ScenarioResults,
    stack: &StackSummary,
    kind: AnomalyKind,
    found: u64,
    most: usize,
) -> Markup {
    let own = |t: &&TrialFindings| t.identity.column() == stack.stack;
    let all = scenario.trials.iter().filter(own).flat_map(|t| t.anomalies.iter().map(move |a| (t, a)));
    let told: Vec<(&TrialFindings, &Anomaly)> = all.filter(|(_, a)| a.kind == kind).take(most).collect();
    let rest = found.saturating_sub(told.len() as u64);
    html! {
        details {
            summary { b { (count(found)) } " " code { (kind.name()) } ": " (meaning(kind)) }
            ol.kinds {
                @for (trial, anomaly) in told {
                    li {
                        (clip(&anomaly.text, 300))
                        span.note {
                            " At " (moment(anomaly.at_us)) ", repeat " (trial.identity.repeat) ", "
                            @if let Some(op) = &anomaly.op { "operation " code { (clip(op, 40)) } ", " }
                            (events(anomaly)) "."
                        }
                    }
                }
            }
            @if rest > 0 { p.note { "And " (counted(rest, "more", "more")) "; results.json has up to a thousand a trial." } }
        }
    }
}

fn events(anomaly: &Anomaly) -> String {
    let numbers: Vec<String> = anomaly.evidence.iter().take(8).map(u64::to_string).collect();
    let more = if anomaly.evidence.len() > 8 { ", \u{2026}" } else { "" };
    format!("{} {}{more}", if numbers.len() == 1 { "event" } else { "events" }, numbers.join(", "))
}

fn meaning(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::CrossUserLeak => "an answer showed another shopper's session",
        AnomalyKind::Phantom => "a line that nobody ever sent",
        AnomalyKind::AbortedRead => "a write that certainly failed, and shows",
        AnomalyKind::ResurrectedSession => "accepted after its log-out",
        AnomalyKind::ReplayedCookie => "an older cookie, accepted after a newer one",
        AnomalyKind::DuplicateEffect => "one operation, its effect twice",
        AnomalyKind::ForkedSession => "two histories of one session",
        AnomalyKind::LostSession => "acknowledged, never logged out, gone for good",
        AnomalyKind::LostWrite => "acknowledged, and missing from a session that lives",
        AnomalyKind::LostUpdate => "two writes from one version, one effect",
        AnomalyKind::ReadYourWrites => "a shopper's own write, missing from its next read",
        AnomalyKind::NonMonotonicRead => "seen, then not seen",
        AnomalyKind::MonotonicWrites => "a later write without an earlier one",
        AnomalyKind::WritesFollowReads => "a write without what its writer had read",
        AnomalyKind::MisroutedSession => "absent for a while, and back",
        AnomalyKind::StaleRead => "another tab, behind",
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
