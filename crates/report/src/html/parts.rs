//! What is told of a scenario, part by part. A new kind of finding gets its place here: a line in [`PARTS`], and it is on the page and in
//! the contents, and folded in a run of many scenarios.

use super::detail::Detail;
use super::{badge, comparison, evidence, fates, scoreboard, spectrum, timeline, top};
use crate::probes;
use crate::results::ScenarioResults;
use crate::words::clip;
use analysis::Verdict;
use maud::{Markup, html};

/// A part of what is told of a scenario.
pub(super) struct Part {
    /// Its anchor, before the scenario's place.
    pub(super) id: &'static str,
    /// What it is called.
    pub(super) title: &'static str,
    /// Whether the scenario has it.
    is_there: fn(&ScenarioResults) -> bool,
    /// What it says, without its title.
    body: fn(&ScenarioResults, Detail) -> Markup,
}

const PARTS: [Part; 9] = [
    Part { id: "board", title: "Scoreboard", is_there: |_| true, body: |s, _| scoreboard::board(s) },
    Part {
        id: "probes",
        title: probes::TITLE,
        is_there: |s| !s.setting.probes.is_empty(),
        body: |s, _| scoreboard::tried(s),
    },
    Part {
        id: "sites",
        title: "The second site",
        is_there: |s| s.setting.standby_site.is_some(),
        body: |s, _| scoreboard::second_site(s),
    },
    Part {
        id: "against",
        title: "Differences",
        is_there: |s| !s.comparisons.is_empty(),
        body: comparison::section,
    },
    Part { id: "time", title: "Over time", is_there: |s| !s.trials.is_empty(), body: timeline::section },
    Part { id: "spectrum", title: "Percentiles", is_there: spectrum::is_there, body: spectrum::section },
    Part {
        id: "fates",
        title: "One shopper, told on each side",
        is_there: |s| s.fates.is_some(),
        body: fates::section,
    },
    Part { id: "expect", title: "Expectations", is_there: |_| true, body: |s, _| evidence::expectations(s) },
    Part { id: "found", title: "Anomalies", is_there: |_| true, body: evidence::anomalies },
];

/// Those that a scenario has.
pub(super) fn present(scenario: &ScenarioResults) -> impl Iterator<Item = &'static Part> {
    PARTS.iter().filter(|part| (part.is_there)(scenario))
}

/// All of a scenario.
pub(super) fn scenario(scenario: &ScenarioResults, place: usize, detail: Detail) -> Markup {
    html! {
        section.scenario[detail.folded] id={"scenario-" (place)} {
            @if detail.folded {
                p.over { (clip(&scenario.name, 80)) " " (badge(scenario.verdict)) }
                h2 { (clip(&scenario.question, 300)) }
                (top::facts(scenario))
                (scoreboard::answers(scenario, detail))
            }
            @if !scenario.story.is_empty() { p.lead { (clip(&scenario.story, 2_000)) } }
            @if !scenario.claims.is_empty() {
                p.note { a href="#claims" { "Claims" } " under test: " (clip(&scenario.claims.join(", "), 200)) "." }
            }
            @if let Some(why) = &scenario.comparable.why {
                p { (badge(Verdict::Inconclusive)) " These trials may not stand side by side: " (clip(why, 500)) }
            }
            @for part in present(scenario) { (told(scenario, part, place, detail)) }
        }
    }
}

fn told(scenario: &ScenarioResults, part: &Part, place: usize, detail: Detail) -> Markup {
    let id = format!("{}-{place}", part.id);
    html! {
        @if detail.folded {
            details.fold id=(id) { summary { h3 { (part.title) } } (( part.body)(scenario, detail)) }
        } @else {
            div.part id=(id) { h2 { (part.title) } ((part.body)(scenario, detail)) }
        }
    }
}
