//! Witnesses: of each kind of anomaly and stack one case in prose, with the numbers of the events that prove it and where they are.

use super::detail::Detail;
use crate::results::ScenarioResults;
use crate::summary::StackSummary;
use crate::words::{clip, count, counted, moment};
use analysis::{Absence, Anomaly, AnomalyKind, TrialFindings};
use maud::{Markup, html};

/// Events that are named one by one.
const MOST_EVENTS: usize = 8;

/// A card: what the kind is, the case that tells most, and the others folded below it.
pub(super) fn card(
    scenario: &ScenarioResults,
    stack: &StackSummary,
    kind: AnomalyKind,
    found: u64,
    detail: Detail,
) -> Markup {
    let own = |t: &&TrialFindings| t.identity.column() == stack.stack;
    let all = scenario.trials.iter().filter(own).flat_map(|t| t.anomalies.iter().map(move |a| (t, a)));
    let all: Vec<(&TrialFindings, &Anomaly)> = all.filter(|(_, a)| a.kind == kind).collect();
    let others: Vec<_> = all.iter().skip(1).take(detail.told.saturating_sub(1)).collect();
    let rest = found.saturating_sub(1 + others.len() as u64);
    html! {
        article.witness {
            header {
                p { b.n { (count(found)) } " " code { (kind.name()) } }
                p.sub { (meaning(kind)) " \u{b7} in the field: " (term(kind)) }
            }
            @if let Some((trial, anomaly)) = all.first() {
                p { "One of them: " (story(anomaly)) }
                p.sub { (proof(trial, anomaly)) }
            }
            @if !others.is_empty() {
                details {
                    summary { (counted(others.len() as u64, "more case", "more cases")) }
                    ol.kinds { @for (trial, anomaly) in others { li { (clip(&anomaly.text, 300)) span.note { " " (proof(trial, anomaly)) } } } }
                    @if rest > 0 { p.note { "And " (counted(rest, "more", "more")) "; results.json has up to a thousand a trial." } }
                }
            } @else if rest > 0 { p.note { "And " (counted(rest, "more", "more")) " in results.json." } }
        }
    }
}

/// The case in a sentence or two, as a witness would tell it.
fn story(anomaly: &Anomaly) -> Markup {
    let how = match anomaly.absence {
        Some(Absence::Loud) => " The shopper was told: a 401.",
        Some(Absence::Silent) => " Nobody was told: the answer was a 200 with an empty cart.",
        None => "",
    };
    html! { (sentence(&clip(&anomaly.text, 300))) (how) }
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?', '\u{2026}']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// Who, when, and which lines of which journal.
fn proof(trial: &TrialFindings, anomaly: &Anomaly) -> Markup {
    let numbers: Vec<String> = anomaly.evidence.iter().take(MOST_EVENTS).map(u64::to_string).collect();
    let more = if anomaly.evidence.len() > MOST_EVENTS { ", \u{2026}" } else { "" };
    let events = if numbers.len() == 1 { "event" } else { "events" };
    html! {
        "Shopper " (anomaly.shopper) ", session " (anomaly.session)
        @if let Some(op) = &anomaly.op { ", operation " code { (clip(op, 40)) } }
        ", at " (moment(anomaly.at_us)) " of repeat " (trial.identity.repeat) "; proved by " (events) " "
        (numbers.join(", ")) (more) " of " a href={"#journal-" (trial.identity.order)} { "trial " (trial.identity.order) } "."
    }
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

/// What the literature calls it.
fn term(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::CrossUserLeak => "garbage read",
        AnomalyKind::Phantom => "unexpected element (Jepsen)",
        AnomalyKind::AbortedRead => "G1a (Adya)",
        AnomalyKind::ResurrectedSession => "lost delete",
        AnomalyKind::ReplayedCookie => "rollback",
        AnomalyKind::DuplicateEffect => "duplicate elements (Jepsen)",
        AnomalyKind::ForkedSession => "incompatible order (Elle)",
        AnomalyKind::LostSession => "set-full lost (Jepsen)",
        AnomalyKind::LostWrite => "lost element",
        AnomalyKind::LostUpdate => "P4, lost update (Elle)",
        AnomalyKind::ReadYourWrites => "read your writes (Terry 1994)",
        AnomalyKind::NonMonotonicRead => "monotonic reads (Terry 1994)",
        AnomalyKind::MonotonicWrites => "monotonic writes (Terry 1994)",
        AnomalyKind::WritesFollowReads => "writes follow reads (Terry 1994)",
        AnomalyKind::MisroutedSession => "set-full stale (Jepsen)",
        AnomalyKind::StaleRead => "not linearizable",
    }
}
