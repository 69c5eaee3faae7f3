//! What the run means for a service of the reader's own: a table for an example, and sliders that work it out anew. Without the
//! script the page shows the example. The script stands in the page and its digest in the page's policy: nothing else may run.

use super::who;
use crate::advice::{Advice, Facts, Outlook, Service, Signal, table};
use crate::board::{Board, Cell};
use crate::results::Results;
use crate::words::clip;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

/// The style of this section.
pub(super) const SHEET: &str = include_str!("advice.css");
const SCRIPT: &str = include_str!("advice.js");

/// A slider moves over values that people have, and not evenly.
struct Slider {
    key: &'static str,
    label: &'static str,
    stops: &'static [f64],
}

const SLIDERS: [Slider; 7] = [
    Slider {
        key: "servers",
        label: "Web servers",
        stops: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 30.0, 50.0, 100.0],
    },
    Slider {
        key: "sessions",
        label: "Sessions open at a time",
        stops: &[
            0.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6,
        ],
    },
    Slider {
        key: "deploys_per_week",
        label: "Deployments a week",
        stops: &[0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0],
    },
    Slider {
        key: "server_crashes_per_year",
        label: "Crashes of servers a year",
        stops: &[0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 50.0, 100.0, 200.0],
    },
    Slider {
        key: "session_cost",
        label: "A lost session costs",
        stops: &[0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0],
    },
    Slider {
        key: "store_cost_per_year",
        label: "A shared store costs a year",
        stops: &[0.0, 100.0, 200.0, 500.0, 1e3, 2e3, 3e3, 6e3, 1e4, 2e4, 5e4, 1e5],
    },
    Slider {
        key: "growth_percent_per_year",
        label: "Growth a year, percent",
        stops: &[0.0, 10.0, 20.0, 40.0, 60.0, 100.0, 200.0, 400.0],
    },
];

/// What a page with this section allows to run: this script and no other. Empty where there is no section.
pub(super) fn script_policy(results: &Results) -> String {
    match example(results) {
        Some(_) => format!("; script-src 'sha256-{}'", STANDARD.encode(Sha256::digest(SCRIPT))),
        None => String::new(),
    }
}

/// What the run says to the owner of the example; `None` where it measured too little to say anything.
pub(super) fn example(results: &Results) -> Option<Advice> {
    let advice = Advice::new(Facts::of(results), Service::example());
    advice.is_given().then_some(advice)
}

/// The section; nothing where the run measured too little.
pub(super) fn section(results: &Results) -> Markup {
    let Some(advice) = example(results) else { return html! {} };
    let facts = serde_json::to_string(&advice.facts).unwrap_or_default();
    html! {
        section.scenario #advice data-facts=(facts) {
            h2 { "What it means for a service of your own" }
            p.lead {
                "How often something breaks, times the sessions that it meets, times the share that was lost here. "
                code { "lab advise" } " takes more of what you know, and shows every line of the arithmetic."
            }
            form.sliders hidden {
                @for slider in &SLIDERS { (self::slider(slider, &advice.service)) }
                label.check { input #advice-rpo type="checkbox"; " No acknowledged work may be lost" }
            }
            h3.part { span.whose { (example_words(&advice.service)) } }
            p.note { "Sessions lost a year: expected, and below it what one year may bring." }
            (losses(&advice))
            ul.signals { @for signal in &advice.signals { (self::signal(signal)) } }
            p.advised aria-live="polite" data-choice=(choice(&advice)) { (advice.decision.answer) }
            p.because { (advice.decision.because.join(" ")) }
            details {
                summary { "What this takes for granted" }
                ul.limits { @for assumption in &advice.assumptions { li { (clip(assumption, 600)) } } }
            }
            script { (PreEscaped(SCRIPT)) }
        }
    }
}

fn choice(advice: &Advice) -> String {
    serde_json::to_value(advice.decision.choice)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// The example, in words, for whoever runs no script.
fn example_words(service: &Service) -> String {
    let said = SLIDERS.iter().filter_map(|slider| {
        let value = service.given(slider.key)?;
        Some(format!("{} {}", slider.label.to_lowercase(), crate::advice::given(value)))
    });
    format!("An example: {}", said.collect::<Vec<_>>().join(", "))
}

fn slider(slider: &Slider, service: &Service) -> Markup {
    let value = service.given(slider.key).unwrap_or_default();
    let at = slider.stops.iter().position(|stop| *stop >= value).unwrap_or(0);
    let stops: Vec<String> = slider.stops.iter().map(f64::to_string).collect();
    let shown = crate::advice::given(slider.stops[at]);
    html! {
        label {
            (slider.label)
            input type="range" data-key=(slider.key) min="0" max=(slider.stops.len() - 1) value=(at)
                data-stops={"[" (stops.join(",")) "]"} aria-valuetext=(shown);
            output { (shown) }
        }
    }
}

/// Each cell has both of its places, so that the script only fills them. Stacks whose sum is not known are folded away: a run of the whole
/// suite has many that took part in a few scenarios.
fn losses(advice: &Advice) -> Markup {
    let board: Board = table::losses(advice);
    let stateless =
        |outlook: &Outlook| advice.facts.stateful.as_ref().is_none_or(|s| s.stack != outlook.stack);
    let folded: Vec<bool> = advice.outlooks.iter().map(|o| stateless(o) && o.total.is_none()).collect();
    let class = |folded: bool| folded.then_some("folded");
    html! {
        @if folded.contains(&true) {
            label.check { input #advice-all type="checkbox"; " Show the stacks too of which something was not measured" }
        }
        div.scroll tabindex="0" role="region" aria-label="Sessions lost a year" {
            table.board {
                thead { tr { td {} @for (stack, folded) in board.stacks.iter().zip(&folded) {
                    th class=[class(*folded)] scope="col" { (who(stack)) }
                } } }
                tbody {
                    @for (place, row) in board.rows.iter().enumerate() {
                        tr data-row=(place) { th scope="row" { (row.label) }
                            @for (cell, folded) in row.cells.iter().zip(&folded) { td class=[class(*folded)] { (self::cell(cell)) } } }
                    }
                }
            }
        }
    }
}

fn cell(cell: &Cell) -> Markup {
    html! { span.main { (cell.main) } span.sub { (cell.sub.as_deref().unwrap_or_default()) } }
}

fn signal(signal: &Signal) -> Markup {
    let state = serde_json::to_value(signal.state).ok();
    html! {
        li data-signal=(signal.id) data-state=(state.as_ref().and_then(|s| s.as_str()).unwrap_or_default()) {
            b { (signal.id) }
            span { span.about { (signal.title) } br; span.state { (signal.state.words()) } }
            span.why { (clip(&signal.why, 600)) }
        }
    }
}
