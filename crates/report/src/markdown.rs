//! `report.md`: the same numbers, good in a pull request. Every text from outside is escaped, for a scenario's name must not be
//! able to make a link, call a person or close the table.

mod overview;

use crate::board::{Board, Cell, Row, Tone, verdict_words};
use crate::comparisons;
use crate::probes;
use crate::promise;
use crate::results::{Results, ScenarioResults};
use crate::sites;
use crate::words::{bytes, clip, count, date};
use analysis::Verdict;

/// A pull request's comment takes 65,536 characters.
const MOST_BYTES: usize = 60_000;

/// A step of a GitHub workflow takes 1 MiB, and nothing at all of what is longer.
const MOST_OF_A_STEP: usize = 1_000_000;

/// Bytes that are kept for the word that something was cut.
const ROOM: usize = 200;

/// The rows of the board that are told where there is little room.
const MAIN_ROWS: [&str; 9] = [
    "expectations",
    "sessions lost",
    "writes lost",
    "service back",
    "sessions back",
    "errors, fault",
    "p99, baseline",
    "p99, fault",
    "CPU a request",
];

/// The whole run as Markdown, below 60,000 bytes.
pub fn markdown(results: &Results) -> String {
    within(results, MOST_BYTES)
}

/// The same for the summary of a workflow's step, below 1,000,000 bytes.
pub fn step_summary(results: &Results) -> String {
    within(results, MOST_OF_A_STEP)
}

/// Everything, where there is room for it; else each scenario's main figures; and only when not even these fit, whole sections are left
/// out.
fn within(results: &Results, most: usize) -> String {
    let whole = sections(results, false);
    if whole.iter().map(String::len).sum::<usize>() + ROOM <= most {
        whole.concat()
    } else {
        cut(sections(results, true), most)
    }
}

fn sections(results: &Results, short: bool) -> Vec<String> {
    let mut sections =
        vec![head(results), overview::table(results), strategies(results), overview::claims(results)];
    for scenario in &results.scenarios {
        sections.push(scoreboard(scenario, short));
        sections.push(tried(scenario));
        sections.push(second_site(scenario));
        if !short {
            sections.push(differences(scenario));
            sections.push(expectations(scenario));
            sections.push(anomalies(scenario));
        }
    }
    sections.push(method(results, short));
    sections
}

fn cut(sections: Vec<String>, most: usize) -> String {
    let mut out = String::new();
    let mut cut = 0;
    for section in sections {
        if out.len() + section.len() + ROOM > most {
            cut += 1;
        } else {
            out.push_str(&section);
        }
    }
    if cut > 0 {
        out.push_str(&format!(
            "\n_{cut} sections did not fit here; `report.html` and `results.json` have them._\n"
        ));
    }
    out
}

fn head(results: &Results) -> String {
    let (tone, words) = verdict_words(results.verdict);
    let mut out = String::from("# Stateful and stateless, side by side\n\n");
    out.push_str(&format!("**{}{words}** \u{b7} {}\n\n", tone.mark(), date(results.run.started_unix_ms)));
    // Of many scenarios the table below says how each ended.
    if let [only] = results.scenarios.as_slice() {
        out.push_str(&answers(only));
    }
    for failed in &results.run.failed {
        out.push_str(&format!(
            "- ? {} on {}, repeat {}, never ran: {}\n",
            text(&failed.scenario, 80),
            text(&failed.stack, 60),
            failed.repeat,
            text(&failed.why, 300)
        ));
    }
    out
}

/// The question, and a sentence of answer for each stack.
fn answers(scenario: &ScenarioResults) -> String {
    let mut out = format!("**{}** {}\n\n", text(&scenario.name, 80), text(&scenario.question, 300));
    for stack in &scenario.stacks {
        let mark = match verdict_words(stack.verdict).0 {
            Tone::Doubt => "? ",
            _ => "",
        };
        out.push_str(&format!("- **{}**: {mark}{}\n", text(&stack.stack, 60), text(&stack.answer, 500)));
    }
    out + "\n"
}

fn scoreboard(scenario: &ScenarioResults, short: bool) -> String {
    let board = Board::new(scenario);
    let mut out = format!("## {}\n\n", text(&scenario.name, 80));
    if let Some(closed) = scenario.closed() {
        out.push_str(&format!("**{closed}**\n\n"));
    }
    if let Some(why) = &scenario.comparable.why {
        out.push_str(&format!("? **Not comparable:** {}\n\n", text(why, 500)));
    }
    let heads: Vec<String> = board.stacks.iter().map(|name| text(name, 60)).collect();
    out.push_str(&format!("| | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len())));
    if short {
        let rows = board.rows.iter().filter(|row| MAIN_ROWS.contains(&row.label));
        rows.for_each(|row| out.push_str(&short_row(row)));
    } else {
        board.rows.iter().for_each(|row| out.push_str(&table_row(row)));
    }
    out.push('\n');
    out
}

/// What the tier made of those who tried.
fn tried(scenario: &ScenarioResults) -> String {
    let Some(board) = probes::board(scenario) else { return String::new() };
    let heads: Vec<String> = board.stacks.iter().map(|name| text(name, 60)).collect();
    let mut out = format!(
        "### {}\n\n| | {} |\n|---|{}\n",
        probes::TITLE,
        heads.join(" | "),
        "---|".repeat(heads.len())
    );
    board.rows.iter().for_each(|row| out.push_str(&table_row(row)));
    out.push('\n');
    for stack in &scenario.stacks {
        for example in stack.probes.iter().filter_map(|probe| probe.example.as_ref()) {
            let events: Vec<String> = example.evidence.iter().take(8).map(u64::to_string).collect();
            out.push_str(&format!(
                "- **{}**: {} (repeat {}, events {})\n",
                text(&stack.stack, 60),
                text(&example.text, 300),
                example.repeat,
                events.join(", ")
            ));
        }
    }
    out.push('\n');
    out
}

/// Every strategy beside the others, where a run has tried several.
fn strategies(results: &Results) -> String {
    let Some((heads, rows)) = sites::overview(results) else { return String::new() };
    let mut out = format!(
        "## A second site, by strategy\n\n| {} |\n|{}\n",
        heads.join(" | "),
        "---|".repeat(heads.len())
    );
    for cells in &rows {
        out.push_str(&format!("| {} |\n", cells.iter().map(table_cell).collect::<Vec<_>>().join(" | ")));
    }
    out.push_str(&format!("\n{}\n\n", sites::SIMULATED));
    out
}

/// How a second site stood by and took over.
fn second_site(scenario: &ScenarioResults) -> String {
    let Some((title, board)) = sites::title(scenario).zip(sites::board(scenario)) else {
        return String::new();
    };
    let heads: Vec<String> = board.stacks.iter().map(|name| text(name, 60)).collect();
    let mut out =
        format!("### {title}\n\n| | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    board.rows.iter().for_each(|row| out.push_str(&table_row(row)));
    out.push_str(&format!("\n{}\n\n", sites::SIMULATED));
    out
}

/// How the stacks stand against the first, once there are pairs.
fn differences(scenario: &ScenarioResults) -> String {
    let Some(first) = scenario.comparisons.first() else { return String::new() };
    let board = comparisons::board(scenario);
    let heads: Vec<String> = board.stacks.iter().map(|name| text(name, 60)).collect();
    let mut out = format!(
        "### Against {}, over {} of trials\n\n| | {} |\n|---|{}\n",
        text(&first.reference, 60),
        comparisons::pairs(scenario),
        heads.join(" | "),
        "---|".repeat(heads.len())
    );
    board.rows.iter().for_each(|row| out.push_str(&table_row(row)));
    out.push('\n');
    comparisons::notes(scenario).iter().for_each(|note| out.push_str(&format!("- {}\n", text(note, 900))));
    out.push('\n');
    out
}

fn table_row(row: &Row) -> String {
    format!("| {} | {} |\n", row.label, row.cells.iter().map(table_cell).collect::<Vec<_>>().join(" | "))
}

fn table_cell(cell: &Cell) -> String {
    let main = format!("{}{}", cell.tone.mark(), text(&cell.main, 80));
    let main = if cell.tone == Tone::Bad { format!("**{main}**") } else { main };
    match &cell.sub {
        Some(sub) if !sub.is_empty() => format!("{main}<br><sub>{}</sub>", text(sub, 120)),
        _ => main,
    }
}

/// The figures without what qualifies them.
fn short_row(row: &Row) -> String {
    let cells = row.cells.iter().map(|cell| format!("{}{}", cell.tone.mark(), text(&cell.main, 40)));
    format!("| {} | {} |\n", row.label, cells.collect::<Vec<_>>().join(" | "))
}

fn expectations(scenario: &ScenarioResults) -> String {
    let mut out =
        String::from("### Expectations\n\n| | stack | expected | measured | why |\n|---|---|---|---|---|\n");
    for stack in &scenario.stacks {
        for promise in &stack.expectations {
            let (tone, words) = match promise.verdict {
                Verdict::Holds => (Tone::Good, "holds"),
                Verdict::Broken => (Tone::Bad, "**broken**"),
                Verdict::Inconclusive => (Tone::Doubt, "inconclusive"),
                Verdict::Unpromised => (Tone::Dim, "not judged"),
            };
            out.push_str(&format!(
                "| {}{words} | {} | {} {} | {} | {} |\n",
                tone.mark(),
                text(&stack.stack, 60),
                promise::name(promise.metric),
                promise::bounds(promise),
                promise::measured(stack, promise),
                text(&promise.because, 300)
            ));
        }
    }
    let judged = scenario.stacks.iter().any(|stack| !stack.expectations.is_empty());
    if !judged {
        out = String::from("Nothing was expected of any stack.\n");
    }
    for stack in scenario.stacks.iter().filter(|stack| stack.is_inconclusive()) {
        out.push_str(&format!("\n**{} is inconclusive:**\n\n", text(&stack.stack, 60)));
        stack.reasons.iter().take(10).for_each(|why| out.push_str(&format!("- ? {}\n", text(why, 300))));
    }
    out.push('\n');
    out
}

fn anomalies(scenario: &ScenarioResults) -> String {
    let mut lines = String::new();
    for stack in &scenario.stacks {
        for check in &stack.checks {
            let Some(found) = check.found.filter(|found| *found > 0) else { continue };
            let first = scenario
                .trials
                .iter()
                .filter(|trial| trial.identity.column() == stack.stack)
                .find_map(|t| t.anomalies.iter().find(|a| a.kind == check.kind).map(|a| (t, a)));
            let example = first.map_or(String::new(), |(trial, anomaly)| {
                let events: Vec<String> = anomaly.evidence.iter().take(8).map(u64::to_string).collect();
                format!(
                    " First: {} (repeat {}, events {})",
                    text(&anomaly.text, 300),
                    trial.identity.repeat,
                    events.join(", ")
                )
            });
            lines.push_str(&format!(
                "- **{}**: {} `{}`.{example}\n",
                text(&stack.stack, 60),
                count(found),
                check.kind.name()
            ));
        }
    }
    if lines.is_empty() { String::new() } else { format!("### Anomalies\n\n{lines}\n") }
}

fn method(results: &Results, short: bool) -> String {
    let run = &results.run;
    let e = &run.environment;
    let mut out = String::from("<details><summary>Method and limits</summary>\n\n");
    out.push_str(&format!(
        "- command: {}{}\n",
        code(&run.command),
        if run.quick { " (times halved)" } else { "" }
    ));
    for scenario in results.scenarios.iter().filter(|_| !short) {
        let stacks: Vec<&str> = scenario.stacks.iter().map(|stack| stack.stack.as_str()).collect();
        out.push_str(&format!(
            "- {}: order of trials {} ({}), {}\n",
            text(&scenario.name, 80),
            scenario.order(),
            text(&stacks.join(", "), 300),
            scenario.seeds()
        ));
        if let Some(t) = scenario.trials.first() {
            out.push_str(&format!(
                "- plan of repeat {}: {}\n",
                t.identity.repeat,
                code(&t.identity.plan_sha256)
            ));
        }
    }
    out.push_str(&format!(
        "- machine: {}, {} CPUs, {}, {}, {}\n",
        text(&e.cpu_model, 100),
        e.cpus,
        bytes(e.memory_bytes),
        text(&e.kernel, 100),
        text(&e.os, 100)
    ));
    let clean = if e.git_clean { "clean" } else { "with uncommitted changes" };
    out.push_str(&format!(
        "- build: {} ({}), commit {} {clean}, {}\n",
        text(&e.lab_version, 40),
        text(&e.profile, 20),
        code(&e.git_commit),
        text(&e.rustc, 100)
    ));
    let programs = e.binaries.iter().take(8);
    let programs: Vec<String> =
        programs.map(|(name, sha256)| format!("{} {}", text(name, 60), code(&clip(sha256, 16)))).collect();
    if !programs.is_empty() {
        out.push_str(&format!("- programs under test, SHA-256: {}\n", programs.join(", ")));
    }
    for limit in crate::limits::limits(results) {
        out.push_str(&format!("- {limit}\n"));
    }
    for left_out in &run.left_out {
        out.push_str(&format!("- left out {}: {}\n", text(&left_out.stack, 60), text(&left_out.why, 300)));
    }
    out.push_str("\n</details>\n");
    out
}

/// Text from outside, on one line and without any meaning to Markdown or HTML.
pub(crate) fn text(raw: &str, most: usize) -> String {
    let mut out = String::new();
    for c in clip(raw, most).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // An empty comment keeps a name from being called and an address from becoming a link.
            '@' => out.push_str("@<!-- -->"),
            ':' => out.push(':'),
            '/' if out.ends_with(":/") => out.push_str("<!-- -->/"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// The same, set as code. Not between backticks: nothing inside of them could be escaped.
fn code(raw: &str) -> String {
    format!("<code>{}</code>", text(raw, 400))
}
