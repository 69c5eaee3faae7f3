//! What `lab compare` prints when it is done. Fits 80 columns; every colour stands beside a mark or a word.

pub(crate) mod grid;

use crate::board::{Board, Tone};
use crate::comparisons;
use crate::probes;
use crate::promise;
use crate::results::{Results, ScenarioResults, worst};
use crate::sites;
use crate::summary::{ExpectationSummary, StackSummary};
use crate::words::{clip, counted};
use analysis::Verdict;

/// How the terminal wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether it shows colours.
    pub color: bool,
    /// How many columns it has; fewer than 40 are taken for 40.
    pub width: usize,
}

impl Style {
    fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.color || text.is_empty() => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Doubt => "33",
            Tone::Dim | Tone::Label => "2",
            Tone::Head => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The whole run as text.
pub fn terminal(results: &Results, style: Style) -> String {
    let style = Style { width: style.width.max(40), ..style };
    let mut out = String::new();
    for scenario in &results.scenarios {
        scenario_text(&mut out, scenario, style);
    }
    strategies(&mut out, results, style);
    let run = &results.run;
    for failed in &run.failed {
        let what = format!("{} on {}, repeat {}", failed.scenario, failed.stack, failed.repeat);
        hanging(&mut out, style, Tone::Doubt, "? ", &format!("{what}, never ran: {}", failed.why));
    }
    for left_out in &run.left_out {
        hanging(&mut out, style, Tone::Dim, &format!("- left out {}: ", left_out.stack), &left_out.why);
    }
    if run.interrupted {
        hanging(&mut out, style, Tone::Doubt, "? ", "the run was interrupted: it claims nothing");
    }
    if !out.is_empty() && !out.ends_with("\n\n") {
        out.push('\n');
    }
    let (tone, words) = overall(results.verdict);
    hanging(&mut out, style, tone, tone.mark(), words);
    out
}

/// How the strategies of a second site compare, once a run has several.
fn strategies(out: &mut String, results: &Results, style: Style) {
    let boards = sites::by_strategy(results);
    if boards.is_empty() {
        return;
    }
    hanging(out, style, Tone::Head, "", "A second site, by strategy");
    for (figure, board) in boards {
        out.push('\n');
        hanging(out, style, Tone::Head, "", figure);
        out.push_str(&grid::draw(&board, style));
    }
    out.push('\n');
}

fn overall(verdict: Verdict) -> (Tone, &'static str) {
    match verdict {
        Verdict::Holds => (Tone::Good, "every expectation holds"),
        Verdict::Broken => (Tone::Bad, "an expectation is broken"),
        Verdict::Inconclusive => (Tone::Doubt, "inconclusive: the evidence does not carry a verdict"),
        Verdict::Unpromised => (Tone::Dim, "nothing was expected, so nothing is judged"),
    }
}

fn scenario_text(out: &mut String, scenario: &ScenarioResults, style: Style) {
    let mut facts = vec![counted(scenario.repeats(), "trial each", "trials each")];
    facts.push(scenario.seeds());
    facts.push(format!("order {}", scenario.order()));
    hanging(out, style, Tone::Head, "", &scenario.name);
    hanging(out, style, Tone::Plain, "", &scenario.question);
    hanging(out, style, Tone::Dim, "", &facts.join(", "));
    if let Some(closed) = scenario.closed() {
        hanging(out, style, Tone::Doubt, "! ", closed);
    }
    if let Some(why) = &scenario.comparable.why {
        hanging(out, style, Tone::Doubt, "? not comparable: ", why);
    }
    out.push('\n');
    out.push_str(&grid::draw(&Board::new(scenario), style));
    out.push('\n');
    if let Some(board) = probes::board(scenario) {
        hanging(out, style, Tone::Head, "", probes::TITLE);
        out.push('\n');
        out.push_str(&grid::draw(&board, style));
        out.push('\n');
    }
    if let Some((title, board)) = sites::title(scenario).zip(sites::board(scenario)) {
        hanging(out, style, Tone::Head, "", &title);
        out.push('\n');
        out.push_str(&grid::draw(&board, style));
        hanging(out, style, Tone::Dim, "", sites::SIMULATED);
        out.push('\n');
    }
    differences(out, scenario, style);
    doubts(out, scenario, style);
    expectations(out, scenario, style);
    for stack in &scenario.stacks {
        let tone = if stack.is_inconclusive() { Tone::Doubt } else { Tone::Head };
        hanging(out, style, tone, &format!("{}: ", stack.stack), &stack.answer);
    }
    out.push('\n');
}

/// How the stacks stand against the first, once there are pairs.
fn differences(out: &mut String, scenario: &ScenarioResults, style: Style) {
    let Some(first) = scenario.comparisons.first() else { return };
    let pairs = comparisons::pairs(scenario);
    if comparisons::can_claim(scenario) {
        let title = format!("against {}, {pairs} of trials, 95% intervals", first.reference);
        hanging(out, style, Tone::Head, "", &title);
        out.push('\n');
        out.push_str(&grid::draw(&comparisons::board(scenario), style));
    } else {
        let missing = comparisons::missing(scenario);
        let enough = scenario.repeats() + missing;
        let title =
            format!("{pairs} of trials against {}: no verdict below 6 (--repeat {enough})", first.reference);
        hanging(out, style, Tone::Dim, "", &title);
    }
    for note in comparisons::notes(scenario) {
        hanging(out, style, Tone::Doubt, "! ", &note);
    }
    out.push('\n');
}

/// Why nothing is claimed, for each stack of which that is so.
fn doubts(out: &mut String, scenario: &ScenarioResults, style: Style) {
    for stack in scenario.stacks.iter().filter(|stack| stack.is_inconclusive()) {
        hanging(out, style, Tone::Head, "", &stack.stack);
        for reason in &stack.reasons {
            hanging(out, style, Tone::Doubt, "  ? ", reason);
        }
        out.push('\n');
    }
}

/// One promise, and every stack to which it was made.
type Promised<'a> = Vec<(&'a StackSummary, &'a ExpectationSummary)>;

/// The promises in the scenario's order, each told once for all stacks to which it was made.
fn expectations(out: &mut String, scenario: &ScenarioResults, style: Style) {
    let mut promises: Vec<Promised<'_>> = Vec::new();
    for stack in &scenario.stacks {
        for made in &stack.expectations {
            let same = |other: &ExpectationSummary| {
                (other.metric, other.min, other.max, &other.because)
                    == (made.metric, made.min, made.max, &made.because)
            };
            match promises.iter_mut().find(|promise| same(promise[0].1)) {
                Some(promise) => promise.push((stack, made)),
                None => promises.push(vec![(stack, made)]),
            }
        }
    }
    for promise in &promises {
        expectation(out, promise, style);
    }
    if !promises.is_empty() {
        out.push('\n');
    }
}

fn expectation(out: &mut String, promise: &Promised<'_>, style: Style) {
    let made = promise[0].1;
    let (tone, mark) = mark(worst(promise.iter().map(|(_, made)| made.verdict)));
    let text = format!("{} {}", promise::name(made.metric), promise::bounds(made));
    hanging(out, style, tone, &format!("  {mark} "), &text);
    let seen = promise.iter().map(|(stack, made)| {
        let seen = format!("{} {}", stack.stack, promise::measured(stack, made));
        if made.verdict == Verdict::Holds { seen } else { format!("{} {seen}", self::mark(made.verdict).1) }
    });
    hanging(out, style, Tone::Plain, "    ", &seen.collect::<Vec<_>>().join(", "));
    for (_, made) in promise.iter().filter(|(_, made)| made.verdict != Verdict::Holds) {
        hanging(out, style, Tone::Dim, "    ", &made.text);
    }
    hanging(out, style, Tone::Dim, "    ", &made.because);
}

fn mark(verdict: Verdict) -> (Tone, &'static str) {
    match verdict {
        Verdict::Holds => (Tone::Good, "\u{2714}"),
        Verdict::Broken => (Tone::Bad, "\u{2718}"),
        Verdict::Inconclusive => (Tone::Doubt, "?"),
        Verdict::Unpromised => (Tone::Dim, "-"),
    }
}

/// A marked paragraph whose further lines are indented. Only the mark is coloured where there is one, so that the words stay
/// legible on any background.
pub(crate) fn hanging(out: &mut String, style: Style, tone: Tone, mark: &str, text: &str) {
    let mark = clip(mark, style.width / 2);
    let indent = mark.chars().count().min(6);
    let text = clip(text, 2_000);
    let first = format!("{mark}{text}");
    let lead = first.len() - first.trim_start().len();
    let lines = grid::wrap(&first, style.width - 1 - indent.max(lead));
    for (at, line) in lines.iter().enumerate() {
        let head = mark.trim();
        let painted = match line.strip_prefix(head).filter(|_| at == 0 && !head.is_empty()) {
            Some(rest) => format!("{}{rest}", style.paint(tone, head)),
            None if mark.trim().is_empty() => style.paint(tone, line),
            None => line.clone(),
        };
        let pad = if at == 0 { lead } else { indent };
        out.push_str(&format!(" {}{painted}\n", " ".repeat(pad)));
    }
}
