//! A run of many scenarios at a glance.

use super::{badge, labelled, who};
use crate::board::verdict_words;
use crate::overview::{Overview, OverviewCell, OverviewRow};
use crate::results::Results;
use crate::words::clip;
use maud::{Markup, html};

pub(super) fn section(results: &Results) -> Markup {
    let overview = Overview::new(results);
    html! {
        section #overview {
            h2 { "Overview" }
            p.note { "A row for each scenario. In each cell is the figure that its first promise is about (or the promise that was broken), and "
                "whether it came as expected. What shoppers lost is red, expected or not." }
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
                @match cell { Some(cell) => { td { (figure(cell)) } }, None => { td.none { span.unseen { "not part of it" } } } }
            }
            @if has_others {
                td.others { @for (name, cell) in &row.others { div { (who(name)) (figure(cell)) } } }
            }
        }
    }
}

fn figure(cell: &OverviewCell) -> Markup {
    let (tone, words) = verdict_words(cell.verdict);
    let is_doubtful = cell.verdict == analysis::Verdict::Inconclusive;
    html! {
        span.fig.harm[cell.harm && !is_doubtful].doubtful[is_doubtful] { b { (clip(&cell.value, 40)) } " " (cell.of) }
        @if is_doubtful { (badge(cell.verdict)) } @else { (labelled(cell.verdict, tone, words)) }
    }
}
