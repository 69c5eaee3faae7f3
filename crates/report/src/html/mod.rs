//! `report.html`: one file that loads nothing, and runs no script but that of its sliders; its content security policy allows nothing
//! else.
//! Every text from outside goes through maud, which escapes it, and through [`crate::words::clip`], which bounds it.

mod advice;
mod comparison;
mod evidence;
mod fates;
mod index;
mod marks;
mod method;
mod scoreboard;
mod style;
mod svg;
mod timeline;

pub use index::index_html;

use crate::board::Tone;
use crate::results::{Results, ScenarioResults};
use crate::words::{clip, counted, date, planned};
use analysis::Verdict;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// No script but one that is named by its digest, no network, no form, no frame; only the style above and drawings that are part of the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The whole run as one page.
pub fn html(results: &Results) -> String {
    let title = title(results);
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
                div.wrap {
                    (top(results, &title))
                    (switch(results))
                    main #main {
                        @for (place, scenario) in results.scenarios.iter().enumerate() {
                            (scenario_section(results, scenario, place))
                        }
                        (advice::section(results))
                        (method::section(results))
                    }
                    footer { p { "Run " (clip(&results.run.id, 120)) ". This page is one file: it loads nothing, and runs no script but that of its sliders." } }
                }
            }
        }
    };
    page.into_string()
}

fn title(results: &Results) -> String {
    match results.scenarios.as_slice() {
        [] => "No trial was judged".to_owned(),
        [only] => clip(&only.question, 300),
        many => format!("Stateful and stateless, side by side: {} questions", many.len()),
    }
}

fn top(results: &Results, title: &str) -> Markup {
    let run = &results.run;
    html! {
        header.top {
            p.over {
                "Stateful and stateless, side by side \u{b7} " (date(run.started_unix_ms))
                @if run.quick { " \u{b7} quick run, every time halved" }
            }
            h1 { (title) }
            @if run.interrupted { p { (badge(Verdict::Inconclusive)) " The run was interrupted." } }
            @for failed in &run.failed {
                p { (badge(Verdict::Inconclusive)) " " (clip(&failed.scenario, 80)) " on " b { (clip(&failed.stack, 60)) }
                    ", repeat " (failed.repeat) ", never ran: " (clip(&failed.why, 400)) }
            }
            @if let [only] = results.scenarios.as_slice() {
                (facts(only))
                (scoreboard::answers(only))
            } @else {
                ul.overview {
                    @for (place, scenario) in results.scenarios.iter().enumerate() {
                        li { (badge(scenario.verdict)) " " a href={"#scenario-" (place)} { (clip(&scenario.question, 300)) } }
                    }
                }
            }
        }
        nav.toc aria-label="Contents" {
            @for (place, scenario) in results.scenarios.iter().enumerate() {
                @if results.scenarios.len() > 1 {
                    a href={"#scenario-" (place)} { (clip(&scenario.name, 80)) }
                } @else {
                    a href={"#board-" (place)} { "Scoreboard" }
                    @if !scenario.comparisons.is_empty() { a href={"#against-" (place)} { "Differences" } }
                    a href={"#time-" (place)} { "Over time" }
                    @if scenario.fates.is_some() { a href={"#fates-" (place)} { "One shopper, told on each side" } }
                    a href={"#expect-" (place)} { "Expectations" }
                    a href={"#found-" (place)} { "Anomalies" }
                }
            }
            @if advice::example(results).is_some() { a href="#advice" { "A service of your own" } }
            a href="#method" { "Method and limits" }
        }
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

/// What was asked of every stack alike, in a line.
fn facts(scenario: &ScenarioResults) -> Markup {
    let setting = &scenario.setting;
    html! {
        p.lead {
            (counted(u64::from(setting.shoppers), "shopper", "shoppers")) ", "
            (counted(u64::from(setting.servers), "server", "servers")) ", "
            (planned(setting.phases.end_us())) " of load, the same plan for every stack; "
            (counted(scenario.repeats(), "trial", "trials")) " a stack, " (scenario.seeds()) "."
        }
        @if let Some(closed) = scenario.closed() { p.closed { (closed) } }
    }
}

fn scenario_section(results: &Results, scenario: &ScenarioResults, place: usize) -> Markup {
    let alone = results.scenarios.len() == 1;
    html! {
        section.scenario[!alone] id={"scenario-" (place)} {
            @if !alone {
                p.over { (clip(&scenario.name, 80)) }
                h2 { (clip(&scenario.question, 300)) }
                (facts(scenario))
                (scoreboard::answers(scenario))
            }
            @if !scenario.story.is_empty() { p.lead { (clip(&scenario.story, 2_000)) } }
            @if !scenario.claims.is_empty() {
                p.note { "Claims under test: " (clip(&scenario.claims.join(", "), 200)) "." }
            }
            @if let Some(why) = &scenario.comparable.why {
                p { (badge(Verdict::Inconclusive)) " These trials may not stand side by side: " (clip(why, 500)) }
            }
            div.part id={"board-" (place)} { (scoreboard::board(scenario)) }
            @if !scenario.comparisons.is_empty() {
                div.part id={"against-" (place)} { (comparison::section(scenario)) }
            }
            div.part id={"time-" (place)} { (timeline::section(scenario)) }
            @if let Some(fates) = &scenario.fates {
                div.part id={"fates-" (place)} { (fates::section(scenario, fates)) }
            }
            div.part id={"expect-" (place)} { (evidence::expectations(scenario)) }
            div.part id={"found-" (place)} { (evidence::anomalies(scenario)) }
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
            svg.key viewBox="0 0 24 8" aria-hidden="true" { line.dash x1="0" x2="24" y1="4" y2="4" {} }
            (clip(name, 60))
        }
    }
}
