//! A diff for people and for machines.

use super::{Diff, GateOutcome, ScenarioDiff, Side, StackDiff, Weight};
use crate::board::verdict_words;
use crate::comparisons::{amount, interval, name, signed, standing};
use crate::markdown::text;
use crate::words::{clip, counted, date};
use analysis::statistics::{FigureComparison, Ground};
use std::fmt::Write;

/// In Markdown, which has to stay short; what is left out is counted.
const MOST_DIFFERENCES: usize = 60;
const MOST_GATES: usize = 60;
const MOST_REASONS: usize = 20;

/// As JSON, indented, with a newline at its end.
///
/// # Panics
/// Never: a diff is plain data.
pub fn diff_json(diff: &Diff) -> String {
    let mut text = serde_json::to_string_pretty(diff).expect("a diff is plain data");
    text.push('\n');
    text
}

/// What both renderings write, as plain text; each escapes it in its own way.
fn verdict_line(diff: &Diff) -> (&'static str, String) {
    if diff.comparable {
        return ("", "These runs may be compared.".to_owned());
    }
    let bars = diff.differences.iter().filter(|d| d.weight == Weight::Bars).count() as u64;
    let words = counted(bars, "difference bars it", "differences bar it");
    ("? ", format!("NOT COMPARABLE: {words}. The figures below say nothing of the change alone."))
}

fn side(side: &Side) -> String {
    let tree = if side.git_clean { "" } else { " with uncommitted changes" };
    format!(
        "{}: {}, commit {}{tree}, {}",
        clip(&side.run, 120),
        date(side.started_unix_ms),
        clip(&side.git_commit, 40),
        verdict_words(side.verdict).1
    )
}

fn heading(scenario: &ScenarioDiff, stack: &StackDiff) -> String {
    format!("{} in {}", clip(&stack.stack, 60), clip(&scenario.name, 80))
}

fn verdicts(stack: &StackDiff) -> String {
    let before = verdict_words(stack.verdict_before).1;
    match stack.verdict_after {
        None => format!("{before}; not run after"),
        Some(after) if after == stack.verdict_before => before.to_owned(),
        Some(after) => format!("{before} \u{2192} {}", verdict_words(after).1),
    }
}

fn method(stack: &StackDiff) -> String {
    let Some(comparison) = &stack.comparison else { return "nothing to compare".to_owned() };
    if stack.paired {
        let pairs = counted(comparison.pairs, "pair", "pairs");
        format!("{pairs} of trials that were given the same plan")
    } else {
        format!("{} and {} trials with different plans, so no pairs", stack.trials_before, stack.trials_after)
    }
}

/// Name, before, after, difference, verdict with its ground.
fn row(stack: &StackDiff, f: &FigureComparison) -> [String; 5] {
    let shown = |value: Option<f64>| value.map_or("not measured".to_owned(), |value| amount(f.unit, value));
    let difference = f.difference.as_ref().map_or("\u{2013}".to_owned(), |d| {
        let by = signed(f.unit, d.value);
        match interval(f.unit, d) {
            Some(range) if range.starts_with("always") => range,
            Some(range) => format!("{by} ({range})"),
            None => by,
        }
    });
    let (tone, words) = standing(f.standing);
    let why = ground(stack, f);
    let words = match f.ground {
        Ground::TooFewPairs => format!("{}needs 6 trials a side", tone.mark()),
        _ if why.is_empty() => format!("{}{words}", tone.mark()),
        _ => format!("{}{words}: {why}", tone.mark()),
    };
    [name(f.figure).to_owned(), shown(f.reference), shown(f.value), difference, words]
}

fn ground(stack: &StackDiff, f: &FigureComparison) -> String {
    let least = f.detectable.map(|d| amount(f.unit, d.max(f.matters_from)));
    match f.ground {
        Ground::InsidePractical => format!("below {}", amount(f.unit, f.matters_from)),
        Ground::NeverDiffered => "the same every time".to_owned(),
        Ground::MayBeChance => {
            least.map_or("may be chance".to_owned(), |least| format!("{least} would have been told"))
        }
        Ground::OneOfMany => "one such among so many may be chance".to_owned(),
        Ground::MayNotMatter => format!("real, but perhaps below {}", amount(f.unit, f.matters_from)),
        Ground::NeverBack if stack.never_back_after => "it never came back".to_owned(),
        Ground::NeverBack => "it never came back before".to_owned(),
        Ground::NoPairs => "one side has none".to_owned(),
        Ground::TellsAndMatters | Ground::UnderFloor | Ground::TooFewPairs => String::new(),
    }
}

fn counts(stack: &StackDiff) -> Vec<String> {
    let told = stack.counts.iter().filter(|count| count.before + count.after > 0).map(|count| {
        let mark = if count.is_new() { "\u{2718} " } else { "" };
        format!(
            "{mark}{}: {} in {}, before {} in {}",
            crate::promise::name(count.metric),
            count.after,
            counted(count.trials_after, "trial", "trials"),
            count.before,
            counted(count.trials_before, "trial", "trials")
        )
    });
    told.collect()
}

fn left_out(stack: &StackDiff) -> Vec<String> {
    let all = stack.comparison.iter().flat_map(|comparison| &comparison.left_out);
    all.map(|left| format!("repeat {} says nothing: {}", left.repeat, clip(&left.why, 300))).collect()
}

fn gate_mark(outcome: GateOutcome) -> (&'static str, &'static str) {
    match outcome {
        GateOutcome::Passed => ("\u{2714}", "passed"),
        GateOutcome::Undecided => ("?", "undecided"),
        GateOutcome::Failed => ("\u{2718}", "FAILED"),
    }
}

/// Said under every diff: order is not balanced between two runs as it is within one.
const LIMIT: &str = "One run came after the other, so whatever drifted on the machine meanwhile is in the difference too. 95% \
                     intervals; less is better.";

/// For a terminal, without colour; names from outside command nothing.
pub fn diff_terminal(diff: &Diff) -> String {
    let mut out = String::new();
    let (mark, words) = verdict_line(diff);
    let _ = writeln!(out, "before  {}\n        {}", clip(&diff.before.name, 200), side(&diff.before));
    let _ = writeln!(out, "after   {}\n        {}\n", clip(&diff.after.name, 200), side(&diff.after));
    let _ = writeln!(out, "{}\n\n{mark}{words}", diff.conclusion);
    for difference in &diff.differences {
        let mark = if difference.weight == Weight::Bars { "? bars " } else { "  noted" };
        let _ = writeln!(
            out,
            "  {mark}  {}: {} \u{2192} {}",
            difference.what, difference.before, difference.after
        );
    }
    for scenario in &diff.scenarios {
        for stack in &scenario.stacks {
            let _ = writeln!(out, "\n{}: {}. {}.", heading(scenario, stack), verdicts(stack), method(stack));
            lines(&mut out, "  ", &counts(stack));
            table(&mut out, stack);
            lines(&mut out, "  ", &left_out(stack));
        }
    }
    if !diff.gates.is_empty() {
        let _ = writeln!(out, "\ngates");
    }
    for gate in &diff.gates {
        let (mark, words) = gate_mark(gate.outcome);
        let _ = writeln!(out, "  {mark} {words:9}  {}", clip(&gate.gate, 120));
        lines(&mut out, "               ", &gate.because);
    }
    let _ = writeln!(out, "\n{LIMIT}");
    out
}

fn lines(out: &mut String, start: &str, all: &[String]) {
    for line in all {
        let _ = writeln!(out, "{start}{line}");
    }
}

fn table(out: &mut String, stack: &StackDiff) {
    let Some(comparison) = &stack.comparison else { return };
    let heads = ["", "before", "after", "difference", "verdict"].map(str::to_owned);
    let rows: Vec<[String; 5]> = comparison.figures.iter().map(|f| row(stack, f)).collect();
    let long = |text: &String| text.chars().count();
    let widths: Vec<usize> =
        (0..4).map(|at| rows.iter().chain([&heads]).map(|row| long(&row[at])).max().unwrap_or(0)).collect();
    for row in std::iter::once(&heads).chain(&rows) {
        let mut line = String::from(" ");
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, " {cell}{}", " ".repeat(width - long(cell) + 1));
        }
        let _ = writeln!(out, "{line} {}", row[4]);
    }
}

/// For a pull request or a step summary, below 60,000 bytes. Whole stacks are left out when there are too many, and that is said.
pub fn diff_markdown(diff: &Diff) -> String {
    let mut out = String::from("## Before and after\n\n");
    let (mark, words) = verdict_line(diff);
    let _ = writeln!(out, "**{}**\n", text(&diff.conclusion, 2_000));
    gates(&mut out, diff);
    let _ = writeln!(out, "- before: {} ({})", text(&diff.before.name, 200), text(&side(&diff.before), 400));
    let _ = writeln!(
        out,
        "- after: {} ({})\n\n{mark}{words}\n",
        text(&diff.after.name, 200),
        text(&side(&diff.after), 400)
    );
    if !diff.differences.is_empty() {
        out.push_str("| | what | before | after |\n|---|---|---|---|\n");
    }
    for difference in diff.differences.iter().take(MOST_DIFFERENCES) {
        let mark = if difference.weight == Weight::Bars { "? **bars it**" } else { "noted" };
        let (what, before) = (text(&difference.what, 200), text(&difference.before, 200));
        let _ = writeln!(out, "| {mark} | {what} | {before} | {} |", text(&difference.after, 200));
    }
    more(&mut out, "\n", diff.differences.len(), MOST_DIFFERENCES);
    let mut cut = 0;
    for scenario in &diff.scenarios {
        for stack in &scenario.stacks {
            let section = section(scenario, stack);
            if out.len() + section.len() > 59_000 {
                cut += 1;
            } else {
                out.push_str(&section);
            }
        }
    }
    if cut > 0 {
        let _ = writeln!(out, "\n_{cut} stacks did not fit here; `--format json` has them._");
    }
    let _ = writeln!(out, "\n_{LIMIT}_");
    out
}

fn gates(out: &mut String, diff: &Diff) {
    for gate in diff.gates.iter().take(MOST_GATES) {
        let (mark, words) = gate_mark(gate.outcome);
        let mut because: Vec<String> =
            gate.because.iter().take(MOST_REASONS).map(|why| text(why, 400)).collect();
        if gate.because.len() > MOST_REASONS {
            because.push(format!("and {} more", gate.because.len() - MOST_REASONS));
        }
        let _ = writeln!(out, "- {mark} **{words}** {}: {}", text(&gate.gate, 120), because.join("; "));
    }
    more(out, "- ", diff.gates.len(), MOST_GATES);
    if !diff.gates.is_empty() {
        out.push('\n');
    }
}

/// Says how many were left out.
fn more(out: &mut String, start: &str, all: usize, most: usize) {
    if all > most {
        let _ = writeln!(out, "{start}_and {} more; `--format json` has them._", all - most);
    }
}

fn section(scenario: &ScenarioDiff, stack: &StackDiff) -> String {
    let mut out = format!(
        "\n### {}\n\n{}. {}.\n\n",
        text(&heading(scenario, stack), 200),
        verdicts(stack),
        method(stack)
    );
    lines(&mut out, "- ", &counts(stack));
    if let Some(comparison) = &stack.comparison {
        out.push_str("\n| | before | after | difference | verdict |\n|---|---|---|---|---|\n");
        for f in &comparison.figures {
            let _ = writeln!(out, "| {} |", row(stack, f).join(" | "));
        }
    }
    let notes = left_out(stack);
    let shown: Vec<String> = notes.iter().take(MOST_REASONS).map(|note| text(note, 400)).collect();
    lines(&mut out, "- ", &shown);
    more(&mut out, "- ", notes.len(), MOST_REASONS);
    out
}
