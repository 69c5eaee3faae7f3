//! One shopper, the same seed, step by step on each side. The steps stand beside one another, for the plan gave them the same
//! moments; the moment of loss is named with the lines that vanished.

use super::detail::Detail;
use super::{marks, style, who};
use crate::fates::Fates;
use crate::results::ScenarioResults;
use crate::words::{clip, counted, moment};
use analysis::{Fate, FateStep};
use journal::Outcome;
use maud::{Markup, html};
use scenario::{Action, Phase};
use std::collections::{BTreeMap, BTreeSet};

/// Steps told before and after the turning point; the first few and the last are told too.
const BEFORE: usize = 4;
const AFTER: usize = 5;
const FIRST: usize = 3;
/// Lines of a cart that are shown, the latest ones.
const MOST_LINES: usize = 8;

/// What a step did to the shopper's cart, as far as the shopper can tell.
struct Scene<'a> {
    step: &'a FateStep,
    /// Lines that had been acknowledged and are not in this answer.
    vanished: Vec<&'a str>,
    /// Whether it is the first harm of this story.
    turning_point: bool,
    /// Whether harm was done before.
    after: bool,
}

/// When a step was due: the same on every stack. Final reads are planned by nobody and stand together at the end.
type Due = (bool, u64);

pub(super) fn section(scenario: &ScenarioResults, detail: Detail) -> Markup {
    let Some(fates) = &scenario.fates else { return html! {} };
    let fates = &if detail.every_phase { fates.clone() } else { two_sides(fates) };
    let told: Vec<BTreeMap<Due, Scene>> = fates.told.iter().map(scenes).collect();
    let all: BTreeSet<Due> = told.iter().flat_map(|story| story.keys().copied()).collect();
    let all: Vec<Due> = all.into_iter().collect();
    let fault_us = fault(scenario, fates);
    let turning = all
        .iter()
        .position(|due| told.iter().any(|story| story.get(due).is_some_and(|scene| scene.turning_point)))
        .or_else(|| all.iter().position(|due| fault_us.is_some_and(|us| due.1 >= us)));
    let shown: Vec<bool> = (0..all.len()).map(|at| is_shown(at, all.len(), turning, detail)).collect();
    html! {
        p.note {
            "Shopper " (fates.shopper) " in repeat " (fates.repeat) ": the same seed, the same steps, due at the same moments. "
            "Of those who lost something, one with much to lose was chosen by rule, not by hand."
        }
        div.scroll tabindex="0" role="region" aria-label="One shopper's steps on each stack" {
            div.fates role="table" style={"--n:" (fates.told.len())} {
                (heads(fates))
                (rows(scenario, fates, &told, &all, &shown, fault_us))
            }
        }
        @for fate in &fates.told {
            @if let Some(cut) = &fate.cut_short {
                p.note { "On " (fate.identity.column()) " the story is cut short: " (clip(cut, 300)) }
            }
        }
        @if detail.every_phase { (lesson()) }
    }
}

/// Of many stacks the first on which harm was done, and the first on which none was; where one is missing, the first two.
fn two_sides(fates: &Fates) -> Fates {
    let harmed = |fate: &&Fate| fate.steps.iter().any(|step| step.harmed);
    let (hit, spared) = (fates.told.iter().find(harmed), fates.told.iter().find(|fate| !harmed(fate)));
    let told = match (hit, spared) {
        (Some(hit), Some(spared)) => vec![hit.clone(), spared.clone()],
        _ => fates.told.iter().take(2).cloned().collect(),
    };
    Fates { told, ..fates.clone() }
}

fn lesson() -> Markup {
    html! {
        aside.quote {
            p.lead { "Read-your-writes is available \u{201c}so long as clients never change which server they talk to\u{201d} (jepsen.io)." }
            p { "That is sticky routing. It keeps a shopper on the one server that remembers the cart, and a killed server forces the "
                "change. A shared store takes the memory out of the server, so that a change of server changes nothing." }
        }
    }
}

fn is_shown(at: usize, all: usize, turning: Option<usize>, detail: Detail) -> bool {
    let (before, after, first) = if detail.every_phase { (BEFORE, AFTER, FIRST) } else { (1, 2, 1) };
    let near = turning.map_or(detail.every_phase, |turn| at + before >= turn && at <= turn + after);
    at < first || at + 1 == all || near
}

/// When the first fault was called, as the first trial of the repeat has it.
fn fault(scenario: &ScenarioResults, fates: &Fates) -> Option<u64> {
    let mut trials = scenario.trials.iter().filter(|t| t.identity.repeat == fates.repeat);
    trials.find_map(|t| t.faults.iter().find_map(|f| f.called_us))
}

fn heads(fates: &Fates) -> Markup {
    html! {
        div.row role="row" {
            div.head.at role="columnheader" { "due" }
            @for fate in &fates.told {
                div.head role="columnheader" { (who(&fate.identity.column())) }
            }
        }
    }
}

fn rows(
    scenario: &ScenarioResults,
    fates: &Fates,
    told: &[BTreeMap<Due, Scene>],
    all: &[Due],
    shown: &[bool],
    fault_us: Option<u64>,
) -> Markup {
    let fault_before = fault_us.and_then(|us| all.iter().position(|due| due.0 || due.1 >= us));
    let gap_until = |at: usize| shown[at..].iter().position(|s| *s).unwrap_or(all.len() - at);
    html! {
        @for (at, due) in all.iter().enumerate() {
            @if fault_before == Some(at) { (fault_row(scenario, fates)) }
            @if shown[at] {
                div.row role="row" {
                    div.at role="rowheader" { @if due.0 { "final" } @else { (moment(due.1)) } }
                    @for (fate, story) in fates.told.iter().zip(told) {
                        (told_step(story.get(due), &fate.identity.column()))
                    }
                }
            } @else if at == 0 || shown[at - 1] {
                div.row role="row" {
                    div.all.gap role="cell" { (counted(gap_until(at) as u64, "step", "steps")) " left out here; results.json has them" }
                }
            }
        }
    }
}

fn fault_row(scenario: &ScenarioResults, fates: &Fates) -> Markup {
    let hits = fates.told.iter().map(|fate| {
        let trial = scenario.trials.iter().find(|t| {
            t.identity.repeat == fate.identity.repeat && t.identity.column() == fate.identity.column()
        });
        trial.and_then(|t| t.faults.iter().find(|f| f.called_us.is_some()))
    });
    let hits: Vec<_> = hits.collect();
    let at_us = hits.iter().flatten().find_map(|f| f.called_us);
    html! {
        div.row role="row" {
            div.at.hit role="rowheader" { @if let Some(us) = at_us { (moment(us)) } }
            @for hit in hits {
                div.hit role="cell" {
                    @if let Some(f) = hit {
                        "\u{26a1} " (clip(f.process.as_deref().unwrap_or(&f.target), 60)) " " (marks::done(f.action))
                    }
                }
            }
        }
    }
}

/// Follows what the shopper knows: lines that were acknowledged or seen, cleared by a check-out or a new log-in.
fn scenes(fate: &Fate) -> BTreeMap<Due, Scene<'_>> {
    let mut known: Vec<&str> = Vec::new();
    let mut after = false;
    let mut out = BTreeMap::new();
    for step in &fate.steps {
        let cart = step.cart.as_deref().unwrap_or_default();
        let missing = |line: &&&str| !cart.iter().any(|l| l == **line);
        let vanished: Vec<&str> =
            if step.harmed { known.iter().filter(missing).copied().collect() } else { Vec::new() };
        if step.outcome == Outcome::Ok && !step.harmed {
            match (step.action, &step.cart) {
                (_, Some(cart)) => known = cart.iter().map(String::as_str).collect(),
                (Action::Add, None) => known.extend(step.op.as_deref()),
                (Action::Read, None) => {}
                (Action::LogIn | Action::CheckOut | Action::LogOut, None) => known.clear(),
            }
        }
        let is_final = step.phase == Phase::Final;
        let mut due = (is_final, if is_final { 0 } else { step.planned_us });
        while out.contains_key(&due) {
            due.1 += 1;
        }
        out.insert(due, Scene { step, vanished, turning_point: step.harmed && !after, after });
        after |= step.harmed;
    }
    out
}

fn told_step(scene: Option<&Scene>, stack: &str) -> Markup {
    let Some(scene) = scene else {
        return html! { div.cell role="cell" { span.by { "never sent" } } };
    };
    let step = scene.step;
    let class = if scene.turning_point {
        "lost"
    } else if step.harmed || scene.after {
        "after"
    } else if step.outcome == Outcome::Unknown {
        "doubt"
    } else {
        ""
    };
    html! {
        div class={"cell " (class) " " (style::stack(stack))} role="cell" {
            div.did { (did(step)) }
            @if scene.turning_point { (loss(scene)) }
            div.by { (told_by(step)) }
            (cart(scene))
        }
    }
}

/// `server-3.1, 401: the session is gone`.
fn told_by(step: &FateStep) -> String {
    let parts = [step.server.as_deref().map(|s| clip(s, 40)), step.status.map(|s| s.to_string())];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let joint = if parts.is_empty() { "" } else { ": " };
    format!("{}{joint}{}", parts.join(", "), clip(&step.note, 160))
}

fn did(step: &FateStep) -> String {
    match &step.op {
        Some(op) if step.action == Action::Add => format!("adds {}", clip(op, 40)),
        _ => match step.action {
            Action::LogIn => "logs in",
            Action::Read => "reads the cart",
            Action::Add => "adds a line",
            Action::CheckOut => "checks out",
            Action::LogOut => "logs out",
        }
        .to_owned(),
    }
}

fn loss(scene: &Scene) -> Markup {
    html! {
        p.loss {
            "\u{2718} "
            @match scene.vanished.as_slice() {
                [] => { (clip(&scene.step.note, 160)) },
                lines => {
                    "Gone: " (counted(lines.len() as u64, "acknowledged line", "acknowledged lines"))
                    ", the last of them " code { (clip(lines[lines.len() - 1], 40)) }
                },
            }
        }
    }
}

/// The cart as chips; what vanished is struck through where it vanished.
fn cart(scene: &Scene) -> Markup {
    let lines: Vec<&str> = scene.step.cart.iter().flatten().map(String::as_str).collect();
    let ghosts: &[&str] = if scene.turning_point { &scene.vanished } else { &[] };
    let hidden = lines.len().saturating_sub(MOST_LINES) + ghosts.len().saturating_sub(MOST_LINES);
    let added = scene.step.op.as_deref().filter(|_| scene.step.outcome == Outcome::Ok);
    html! {
        @if !lines.is_empty() || !ghosts.is_empty() {
            ul.cart aria-label="cart" {
                @if hidden > 0 { li.more { (hidden) " more" } }
                @for line in lines.iter().skip(lines.len().saturating_sub(MOST_LINES)) {
                    li.new[added == Some(*line)] { (clip(line, 24)) }
                }
                @for line in ghosts.iter().skip(ghosts.len().saturating_sub(MOST_LINES)) { li.gone { (clip(line, 24)) } }
            }
        }
    }
}
