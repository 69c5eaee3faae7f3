//! How the stacks stand against the first: a table with an interval drawn in each row. The drawing repeats what the cells say.

use super::detail::Detail;
use super::{scoreboard, who};
use crate::comparisons::{self, amount, ground, interval, name, notes, p, ratio_interval, signed, standing};
use crate::results::ScenarioResults;
use crate::words::{clip, count};
use analysis::statistics::{Comparison, Estimate, FigureComparison, NEEDED, Standing};
use maud::{Markup, html};

/// The drawing's width and height, in its own units.
const WIDE: f64 = 200.0;
const HIGH: f64 = 20.0;

pub(super) fn section(scenario: &ScenarioResults, detail: Detail) -> Markup {
    let Some(first) = scenario.comparisons.first() else { return html! {} };
    html! {
        p.note {
            "Every stack against " (clip(&first.reference, 60)) ". The unit is the trial: two trials of one repeat were given the same plan and are a pair. Differences are this stack less "
            (clip(&first.reference, 60)) ", so less is better; intervals are 95%, by bootstrap over pairs. A verdict needs "
            (NEEDED) " pairs, a difference that chance seldom gives in any of these figures (p of all at most 0.05), and one that "
            "is large enough to matter: the shaded band is practically nothing."
        }
        @if !detail.every_phase && !comparisons::can_claim(scenario) {
            p.note { "Below six pairs there is no verdict; results.json has the differences." }
        } @else if detail.every_phase { @for comparison in &scenario.comparisons { (against(comparison)) } } @else { (scoreboard::table(&comparisons::board(scenario), "Differences")) }
        ul.limits { @for note in notes(scenario) { li { (clip(&note, 900)) } } }
    }
}

fn against(comparison: &Comparison) -> Markup {
    let label = format!("{} against {}", clip(&comparison.stack, 60), clip(&comparison.reference, 60));
    let heads = ["", "verdict", "difference", "", "ratio", "p", "could have found"];
    html! {
        div.part {
            h3 {
                (who(&comparison.stack)) span.note {
                    @if comparison.same_stack { " the same stack again: what differs here is noise, " } @else { " " }
                    (count(comparison.pairs)) @if comparison.pairs == 1 { " pair" } @else { " pairs" }
                }
            }
            div.scroll tabindex="0" role="region" aria-label=(label) {
                table.against {
                    thead { tr { @for head in heads { @if head.is_empty() { td {} } @else { th scope="col" { (head) } } } } }
                    tbody { @for figure in &comparison.figures { (row(figure)) } }
                }
            }
        }
    }
}

fn row(f: &FigureComparison) -> Markup {
    let (tone, words) = standing(f.standing);
    let class = match f.standing {
        Standing::Better => "good",
        Standing::Worse => "bad",
        Standing::Equivalent => "",
        Standing::Inconclusive | Standing::NeedsPairs | Standing::NotMeasured => "dim",
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "\u{2013}".to_owned());
    let values = f.reference.zip(f.value);
    html! {
        tr {
            th scope="row" {
                (name(f.figure))
                @if let Some((reference, value)) = values {
                    span.sub { (amount(f.unit, reference)) " \u{2192} " (amount(f.unit, value)) }
                }
            }
            td class=(class) { (tone.mark()) (words) span.sub { (ground(f)) } }
            td.num {
                (or_dash(f.difference.map(|d| signed(f.unit, d.value))))
                @if let Some(range) = f.difference.and_then(|d| interval(f.unit, &d)) { span.sub { (range) } }
            }
            td.bar { @if let Some(d) = &f.difference { (bar(f, d)) } }
            td.num {
                (or_dash(f.ratio.map(|r| format!("\u{d7}{:.2}", r.value))))
                @if let Some(range) = f.ratio.as_ref().and_then(ratio_interval) { span.sub { (range) } }
            }
            td.num { (or_dash(f.p.map(p))) @if let Some(all) = f.family_p { span.sub { "of all " (p(all)) } } }
            td.num { (or_dash(f.detectable.map(|d| amount(f.unit, d.max(f.matters_from))))) }
        }
    }
}

/// Zero in the middle, the band of what is practically nothing, the interval as a line and the difference as a dot.
fn bar(f: &FigureComparison, difference: &Estimate) -> Markup {
    let far = [difference.value, difference.low.unwrap_or(0.0), difference.high.unwrap_or(0.0)];
    let reach =
        far.iter().map(|v| v.abs()).fold(f.matters_from * 1.5, f64::max).max(f64::MIN_POSITIVE) * 1.05;
    let x = |value: f64| format!("{:.1}", (value / reach + 1.0) * WIDE / 2.0);
    let band = f.matters_from / reach * WIDE;
    let range = interval(f.unit, difference).unwrap_or_else(|| "no interval below 6 pairs".to_owned());
    let label = format!("{}: {}, {range}", name(f.figure), signed(f.unit, difference.value));
    html! {
        svg viewBox={"0 0 " (WIDE) " " (HIGH)} role="img" aria-label=(label) {
            rect.nothing x=(format!("{:.1}", (WIDE - band) / 2.0)) y="2" width=(format!("{band:.1}")) height="16" {}
            line.zero x1=(x(0.0)) x2=(x(0.0)) y1="0" y2=(HIGH) {}
            @if let (Some(low), Some(high)) = (difference.low, difference.high) {
                line.range x1=(x(low)) x2=(x(high)) y1="10" y2="10" {}
                line.range x1=(x(low)) x2=(x(low)) y1="6" y2="14" {}
                line.range x1=(x(high)) x2=(x(high)) y1="6" y2="14" {}
            }
            circle cx=(x(difference.value)) cy="10" r="3.4" {}
        }
    }
}
