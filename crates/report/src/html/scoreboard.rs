//! The answers, each with a field of sessions, and the table of all figures.

use super::detail::Detail;
use super::{badge, style, who};
use crate::board::{Board, Cell, Tone};
use crate::probes;
use crate::results::{Results, ScenarioResults};
use crate::sites;
use crate::summary::StackSummary;
use crate::words::{clip, count, counted};
use analysis::Verdict;
use maud::{Markup, html};

/// Sessions in a row of the field, where there are few stacks and where there are many.
const ACROSS: u64 = 40;
const ACROSS_NARROW: u64 = 25;

/// One sentence of answer for each stack, side by side.
pub(super) fn answers(scenario: &ScenarioResults, detail: Detail) -> Markup {
    html! {
        ul.answers.many[scenario.stacks.len() > 2] {
            @for stack in &scenario.stacks {
                li class={"answer " (style::stack(&stack.stack)) @if stack.is_inconclusive() { " inconclusive" }} {
                    header { (who(&stack.stack)) (badge(stack.verdict)) }
                    (field(stack, if scenario.stacks.len() > 2 { ACROSS_NARROW } else { ACROSS }, detail.marks))
                    p.say { (sentence(&stack.answer)) }
                }
            }
        }
        @if !detail.folded && scenario.stacks.iter().any(|s| s.verdict == Verdict::Holds && s.sessions.lost > 0) {
            p.note { "\u{201c}As expected\u{201d} is no praise: a stack that was expected to lose sessions, and does, is as expected." }
        }
    }
}

fn sentence(answer: &str) -> String {
    let mut letters = answer.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>());
    clip(&format!("{}{}", first.unwrap_or_default(), letters.as_str()), 500)
}

/// Every session as a dot: kept, lost (a cross), or never verified (a ring). A share can be overlooked, a hole cannot.
fn field(stack: &StackSummary, across: u64, most: u64) -> Markup {
    let s = &stack.sessions;
    let total = s.verified + s.unverified;
    if total == 0 {
        return html! {};
    }
    let each = total.div_ceil(most);
    let dots = |n: u64| n.div_ceil(each);
    let (gone, unseen) = (dots(s.lost), dots(s.unverified));
    let kept = dots(total).saturating_sub(gone + unseen);
    let all = kept + unseen + gone;
    let height = all.div_ceil(across) * 10;
    let mut paths = [String::new(), String::new(), String::new()];
    for n in 0..all {
        let (x, y) = (n % across * 10 + 5, n / across * 10 + 5);
        if n < kept {
            paths[0].push_str(&format!("M{x} {y}h0"));
        } else if n < kept + unseen {
            paths[1].push_str(&format!("M{} {y}a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0-4.4 0", x as f64 - 2.2));
        } else {
            paths[2].push_str(&format!("M{} {}l5 5m0-5l-5 5", x as f64 - 2.5, y as f64 - 2.5));
        }
    }
    let label = format!(
        "{} of {} lost, {} not verified",
        count(s.lost),
        counted(total, "session", "sessions"),
        count(s.unverified)
    );
    html! {
        svg.dots viewBox={"0 0 " (across * 10) " " (height)} role="img" aria-label=(label) {
            path.kept d=(paths[0]) {}
            @if unseen > 0 { path.unverified d=(paths[1]) {} }
            @if gone > 0 { path.gone d=(paths[2]) {} }
        }
        p.of {
            @if each > 1 { "Each mark is " (each) " sessions: " } @else { "Each mark is a session: " }
            (count(s.verified.saturating_sub(s.lost))) " kept"
            @if s.lost > 0 { ", " (count(s.lost)) " lost (\u{2715})" }
            @if s.unverified > 0 { ", " (count(s.unverified)) " not verified (\u{25cb})" }
        }
    }
}

/// All figures, stacks as columns.
pub(super) fn board(scenario: &ScenarioResults) -> Markup {
    let board = Board::new(scenario);
    html! {
        p.note {
            "Counts are added up over trials; times are medians over trials. "
            @if scenario.closed().is_some() {
                "Latency is that of a closed load, and not from a plan."
            } @else {
                span.from-plan { "Latency runs from the moment at which a request was planned, so that waiting counts." }
                span.from-sending { "Latency is service time here: it runs from the moment of sending, as naive tools count, and "
                    "hides the waiting." }
            }
            " Exact intervals (Clopper-Pearson) take each session and each write for lost on its own; those of one killed server "
            "are lost together, so that a claim needs several trials."
        }
        (table(&board, "Scoreboard"))
    }
}

/// What became of those who tried what no browser does; nothing where nobody did.
pub(super) fn tried(scenario: &ScenarioResults) -> Markup {
    let Some(board) = probes::board(scenario) else { return html! {} };
    let examples = scenario.stacks.iter().flat_map(|stack| {
        stack.probes.iter().filter_map(move |probe| probe.example.as_ref().map(|example| (stack, example)))
    });
    html! {
        p.note {
            "Sent by the lab itself beside the load, with sessions of its own; none of it is counted among the shoppers. "
            "Refused is what a tier does that controls who comes in."
        }
        (table(&board, "Probes"))
        ul.limits {
            @for (stack, example) in examples {
                li {
                    (who(&stack.stack)) " " (clip(&example.text, 300))
                    span.note {
                        " Repeat " (example.repeat) ", events "
                        (example.evidence.iter().take(8).map(u64::to_string).collect::<Vec<_>>().join(", ")) "."
                    }
                }
            }
        }
    }
}

/// How a second site stood by and took over.
pub(super) fn second_site(scenario: &ScenarioResults) -> Markup {
    html! {
        @if let Some((title, board)) = sites::title(scenario).zip(sites::board(scenario)) {
            p.note { (title) ". " (sites::SIMULATED) }
            (table(&board, "The second site"))
        }
    }
}

/// Every strategy of a run beside the others.
pub(super) fn strategies(results: &Results) -> Markup {
    html! {
        @if let Some((heads, rows)) = sites::overview(results) {
            section.part {
                h2 { "A second site, by strategy" }
                div.scroll tabindex="0" role="region" aria-label="A second site, by strategy" {
                    table.board {
                        thead { tr { @for head in heads { th scope="col" { (head) } } } }
                        tbody { @for cells in &rows { tr { @for cell in cells { (table_cell(cell)) } } } }
                    }
                }
                p.note { (sites::SIMULATED) }
            }
        }
    }
}

/// A board of any figures.
pub(super) fn table(board: &Board, name: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table.board {
                thead { tr { td {} @for stack in &board.stacks { th scope="col" { (who(stack)) } } } }
                tbody {
                    @for row in &board.rows {
                        @if let Some(group) = row.group {
                            tr.group { th scope="colgroup" colspan=(board.stacks.len() + 1) { (group) } }
                        }
                        tr { th scope="row" { (row.label) } @for cell in &row.cells { (table_cell(cell)) } }
                    }
                }
            }
        }
    }
}

fn table_cell(cell: &Cell) -> Markup {
    let class = match cell.tone {
        Tone::Good => Some("good"),
        Tone::Bad => Some("bad"),
        Tone::Doubt | Tone::Dim => Some("dim"),
        Tone::Plain | Tone::Head | Tone::Label => None,
    };
    html! {
        td class=[class] {
            @if let Some(naive) = &cell.naive {
                span.from-plan { (said(cell)) }
                span.from-sending { (said(naive)) }
            } @else {
                (said(cell))
            }
        }
    }
}

fn said(cell: &Cell) -> Markup {
    html! {
        @if cell.tone == Tone::Doubt {
            (badge(Verdict::Inconclusive))
        } @else {
            (cell.tone.mark()) (clip(&cell.main, 80))
        }
        @for sub in [&cell.sub, &cell.exact].into_iter().flatten().filter(|sub| !sub.is_empty()) {
            span.sub { (clip(sub, 160)) }
        }
    }
}
