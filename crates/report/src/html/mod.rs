//! `report.html`: one file that loads nothing, and runs no script but that of its sliders; its content security policy allows nothing
//! else.
//! Every text from outside goes through maud, which escapes it, and through [`crate::words::clip`], which bounds it.

mod advice;
mod claims;
mod comparison;
mod contents;
mod detail;
mod drawing;
mod evidence;
mod fates;
mod index;
mod marks;
mod method;
mod numbers;
mod overview;
mod parts;
mod raw;
mod scoreboard;
mod shares;
mod spectrum;
mod style;
mod svg;
mod timeline;
mod top;
mod witness;

pub use index::index_html;

use crate::board::Tone;
use crate::results::Results;
use crate::words::clip;
use analysis::Verdict;
use detail::Detail;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// No script but one that is named by its digest, no network, no form, no frame; only the style above and drawings that are part of the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The whole run as one page.
pub fn html(results: &Results) -> String {
    let title = top::title(results);
    let detail = Detail::of(results);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content={(POLICY) (advice::script_policy(results))};
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(style::SHEET)) (PreEscaped(advice::SHEET)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                div.page {
                    (contents::side(results))
                    div.wrap {
                        (top::head(results, &title, detail))
                        (contents::folded(results))
                        (switch(results))
                        main #main { (told(results, detail)) }
                        footer { p { "Run " (clip(&results.run.id, 120)) ". This page is one file: it loads nothing, and runs no script but that of its sliders." } }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// The run's parts in their order. What concerns the whole run and no single scenario has its place here, and in the contents.
fn told(results: &Results, detail: Detail) -> Markup {
    let claims = html! { @if !results.claims.is_empty() { (claims::section(results)) } };
    html! {
        @if results.scenarios.len() > 1 { (overview::section(results)) (scoreboard::strategies(results)) (claims) }
        @for (place, scenario) in results.scenarios.iter().enumerate() { (parts::scenario(scenario, place, detail)) }
        @if results.scenarios.len() < 2 { (claims) }
        (advice::section(results))
        (method::section(results, detail))
    }
}

/// Latency from the plan, or as a naive tool would show it; the style does the rest. A closed load has only one of them.
fn switch(results: &Results) -> Markup {
    let any_open = results.scenarios.iter().any(|scenario| scenario.closed().is_none());
    html! {
        @if any_open {
            div.switch role="radiogroup" aria-label="Latency shown on this page" {
                span aria-hidden="true" { "Latency" }
                label { input #latency-plan type="radio" name="latency" checked; " from the plan" }
                label { input #latency-naive type="radio" name="latency"; " as a naive tool shows it" }
            }
        }
    }
}

/// A verdict as a shape and a word. What is inconclusive is hatched and never green.
fn badge(verdict: Verdict) -> Markup {
    let (tone, words) = crate::board::verdict_words(verdict);
    labelled(verdict, tone, words)
}

/// The same beside a single expectation.
fn promise_badge(verdict: Verdict) -> Markup {
    match verdict {
        Verdict::Holds => labelled(verdict, Tone::Good, "holds"),
        Verdict::Broken => labelled(verdict, Tone::Bad, "broken"),
        Verdict::Inconclusive => labelled(verdict, Tone::Doubt, "inconclusive"),
        Verdict::Unpromised => labelled(verdict, Tone::Dim, "not judged"),
    }
}

fn labelled(verdict: Verdict, tone: Tone, words: &str) -> Markup {
    let class = match verdict {
        Verdict::Holds => "v holds",
        Verdict::Broken => "v broken",
        Verdict::Inconclusive => "v inconclusive",
        Verdict::Unpromised => "v",
    };
    html! { span class=(class) { i aria-hidden="true" { (tone.mark().trim()) } b { (words) } } }
}

/// Text in which commands stand between backticks.
fn prose(text: &str, most: usize) -> Markup {
    let text = clip(text, most);
    html! { @for (at, part) in text.split('`').enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// A stack's name with its colour and dash.
fn who(name: &str) -> Markup {
    html! {
        span class={"who " (style::stack(name))} {
            i.key {}
            (clip(name, 60))
        }
    }
}
