//! The contents: beside the page where it is wide, folded above it where it is not. One of the two is always there, the other is not
//! even for a screen reader.

use super::parts;
use crate::board::verdict_words;
use crate::results::Results;
use crate::words::clip;
use maud::{Markup, html};

/// Beside the page.
pub(super) fn side(results: &Results) -> Markup {
    html! { nav.side aria-label="Contents" { (list(results)) } }
}

/// Above it.
pub(super) fn folded(results: &Results) -> Markup {
    html! { details.toc { summary { "Contents" } nav aria-label="Contents" { (list(results)) } } }
}

fn list(results: &Results) -> Markup {
    html! {
        ol {
            @if let [only] = results.scenarios.as_slice() {
                li { a href="#top" { "Answers" } }
                @for part in parts::present(only) { li { a href={"#" (part.id) "-0"} { (part.title) } } }
            } @else {
                @if results.scenarios.len() > 1 { li { a href="#overview" { "Overview" } } }
                @if !results.claims.is_empty() { li { a href="#claims" { "Claims" } } }
                @for (place, scenario) in results.scenarios.iter().enumerate() {
                    @let (tone, words) = verdict_words(scenario.verdict);
                    li.in {
                        a href={"#scenario-" (place)} {
                            i aria-hidden="true" { (tone.mark().trim()) } (clip(&scenario.name, 80))
                            span.unseen { ": " (words) }
                        }
                    }
                }
            }
            @if results.scenarios.len() < 2 && !results.claims.is_empty() { li { a href="#claims" { "Claims" } } }
            @if super::advice::example(results).is_some() { li { a href="#advice" { "A service of your own" } } }
            li { a href="#method" { "Method and limits" } }
        }
    }
}
