//! A run of many scenarios at a glance.

use super::{badge, labelled, who};
use crate::board::verdict_words;
use crate::overview::{Overview, OverviewCell, OverviewRow};
use crate::results::Results;
use crate::words::clip;
use analysis::Verdict;
use maud::{Markup, html};

pub(super) fn section(results: &Results) -> Markup {
    let overview = Overview::new(results);
    html! {
        section #overview {
            h2 { "Overview" }
            p.note { "A row for each scenario. In each cell is the figure that its first promise is about, or the promise that was broken. "
                span.ok { "\u{2714}" } " came as expected; what shoppers lost is red all the same." }
            div.scroll tabindex="0" role="region" aria-label="Overview" {
                table.overview {
                    thead { tr {
                        th scope="col" { "scenario" }
                        @for name in &overview.columns { th scope="col" { (who(name)) } }
                        @if overview.has_others { th scope="col" { "other stacks" } }
                    } }
                    tbody { @for (place, row) in overview.rows.iter().enumerate() { (told(row, place, overview.has_others)) } }
                }
            }
        }
    }
}

fn told(row: &OverviewRow<'_>, place: usize, has_others: bool) -> Markup {
    let scenario = row.scenario;
    html! {
        tr {
            th scope="row" {
                a href={"#scenario-" (place)} { (clip(&scenario.name, 80)) }
                span.sub { (clip(&scenario.question, 160)) }
            }
            @for cell in &row.cells {
                @match cell { Some(cell) => { td { (figure(cell)) } }, None => { td.none { span.unseen { "not part of it" } span aria-hidden="true" { "\u{b7}" } } } }
            }
            @if has_others {
                td.others { @for (name, cell) in &row.others { div { (who(name)) (figure(cell)) } } }
            }
        }
    }
}

/// What came as expected has a quiet mark; what did not, or is in doubt, is what a reader looks for.
fn figure(cell: &OverviewCell) -> Markup {
    let (tone, words) = verdict_words(cell.verdict);
    let doubtful = cell.verdict == Verdict::Inconclusive;
    html! {
        span.fig.harm[cell.harm && !doubtful].doubtful[doubtful] {
            @if cell.verdict == Verdict::Holds { i.ok aria-hidden="true" { "\u{2714}" } span.unseen { (words) ": " } }
            b { (clip(&cell.value, 40)) } " " (cell.of)
        }
        @match cell.verdict {
            Verdict::Holds => {},
            Verdict::Inconclusive => { (badge(cell.verdict)) },
            Verdict::Broken | Verdict::Unpromised => { (labelled(cell.verdict, tone, words)) },
        }
    }
}
