//! The head of the page: the question with an answer for each stack, or, of many questions, how they ended.

use super::badge;
use super::detail::Detail;
use super::scoreboard;
use crate::board::verdict_words;
use crate::results::{Results, ScenarioResults};
use crate::words::{clip, count, counted, date, planned};
use analysis::Verdict;
use maud::{Markup, html};

/// What the page is called.
pub(super) fn title(results: &Results) -> String {
    match results.scenarios.as_slice() {
        [] => "No trial was judged".to_owned(),
        [only] => clip(&only.question, 300),
        many => {
            let mut stacks: Vec<&str> =
                many.iter().flat_map(|s| &s.stacks).map(|s| s.stack.as_str()).collect();
            stacks.sort_unstable();
            stacks.dedup();
            format!(
                "{} questions, put to {}",
                many.len(),
                counted(stacks.len() as u64, "architecture", "architectures")
            )
        }
    }
}

pub(super) fn head(results: &Results, title: &str, detail: Detail) -> Markup {
    let run = &results.run;
    html! {
        header.top #top {
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
            @match results.scenarios.as_slice() {
                [] => {}
                [only] => { (facts(only)) (scoreboard::answers(only, detail)) }
                many => { (tally(many)) }
            }
        }
    }
}

/// How many questions ended in which way.
fn tally(scenarios: &[ScenarioResults]) -> Markup {
    let all = [Verdict::Holds, Verdict::Broken, Verdict::Inconclusive, Verdict::Unpromised];
    let counts = all.map(|verdict| (verdict, scenarios.iter().filter(|s| s.verdict == verdict).count()));
    html! {
        ul.tally {
            @for (verdict, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
                li { b { (count(n as u64)) } " " (badge(verdict)) }
            }
        }
        p.note { "\u{201c}" (verdict_words(Verdict::Holds).1) "\u{201d} means that every promise written into the scenario was kept. It is no "
            "praise: a stack that was expected to lose sessions, and does, is as expected." }
    }
}

/// What was asked of every stack alike, in a line.
pub(super) fn facts(scenario: &ScenarioResults) -> Markup {
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
