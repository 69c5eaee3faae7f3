//! What the run says of every claim, with links to the evidence.

use super::style;
use crate::claims::{ClaimEvidence, ClaimResult, ClaimVerdict};
use crate::promise;
use crate::results::Results;
use crate::words::{clip, counted};
use analysis::Verdict;
use maud::{Markup, html};

pub(super) fn section(results: &Results) -> Markup {
    let (untested, tested): (Vec<&ClaimResult>, Vec<&ClaimResult>) =
        results.claims.iter().partition(|claim| claim.verdict == ClaimVerdict::NotTested);
    html! {
        section #claims {
            h2 { "Claims" }
            p.note {
                "What is said everywhere, and what this run says of it. A verdict follows from the promises of the scenarios that test the claim, on "
                "the stacks of which it speaks: it holds when all were kept, and never better than the worst evidence. A scenario that shows a "
                "claim\u{2019}s limit is a condition."
            }
            @if tested.is_empty() { p { "This run tests none of them." } } @else {
                div.scroll tabindex="0" role="region" aria-label="Claims" {
                    table.claims {
                        thead { tr { th scope="col" { "claim" } th scope="col" { "verdict" } th scope="col" { "evidence" } } }
                        tbody { @for claim in &tested { (row(results, claim)) } }
                    }
                }
            }
            @if !untested.is_empty() {
                details {
                    summary { "Not tested in this run: " (untested.iter().map(|c| clip(&c.id, 40)).collect::<Vec<_>>().join(", ")) }
                    ul.limits { @for claim in untested { li { (name(claim)) @if let Some(why) = &claim.because { " (" (clip(why, 300)) ")" } } } }
                }
            }
        }
    }
}

fn name(claim: &ClaimResult) -> Markup {
    html! { b.id { (clip(&claim.id, 40)) } " " @if let Some(text) = &claim.text { (clip(text, 200)) } }
}

fn row(results: &Results, claim: &ClaimResult) -> Markup {
    let class = match claim.verdict {
        ClaimVerdict::Holds => "v holds",
        ClaimVerdict::HoldsUnderCondition => "v partly",
        ClaimVerdict::DoesNotHold => "v broken",
        ClaimVerdict::Inconclusive => "v inconclusive",
        ClaimVerdict::NotTested => "v",
    };
    html! {
        tr {
            th scope="row" { (name(claim)) }
            td {
                span class=(class) { i aria-hidden="true" { (claim.verdict.mark()) } b { (claim.verdict.words()) } }
                @if let Some(why) = &claim.because { span.sub { (clip(why, 400)) } }
            }
            td { ul.proofs { @for one in &claim.evidence { (evidence(results, one)) } } }
        }
    }
}

fn evidence(results: &Results, one: &ClaimEvidence) -> Markup {
    let place = results.scenarios.iter().position(|scenario| scenario.name == one.scenario);
    let mark = match one.verdict {
        Verdict::Holds => "\u{2714}",
        Verdict::Broken => "\u{2718}",
        Verdict::Inconclusive | Verdict::Unpromised => "?",
    };
    html! {
        li {
            span aria-hidden="true" { (mark) " " }
            @match place {
                Some(place) => { a href={"#expect-" (place)} { (clip(&one.scenario, 80)) } },
                None => { (clip(&one.scenario, 80)) },
            }
            " " (promise::outcome(one.verdict)) @if one.limit { ", its limit" } ", " (counted(one.trials, "trial", "trials")) " a stack"
            span.sub {
                @for (n, figure) in one.stacks.iter().enumerate() {
                    @if n > 0 { "; " }
                    span class=(style::stack(&figure.stack)) { (clip(&figure.stack, 60)) } ": " (clip(&figure.told, 120))
                }
            }
        }
    }
}
