//! The percentile spectrum: how slow the slow ones are, before the fault and in its window. Each step to the right leaves a part of the
//! requests behind, as HdrHistogram's plots have it; a curve ends where the samples do.

use super::detail::Detail;
use super::svg::{self, HIGH, Scale, WIDE};
use super::{style, who};
use crate::results::ScenarioResults;
use crate::summary::{PhaseSummary, SpectrumSummary, StackSummary};
use crate::words::{clip, latency};
use maud::{Markup, html};

/// Values written below the drawing, and where they stand.
const TICKS: [(f64, &str); 5] =
    [(0.5, "50%"), (0.9, "90%"), (0.99, "99%"), (0.999, "99.9%"), (0.9999, "99.99%")];

/// A phase and how its latency is counted.
struct Sheet {
    title: &'static str,
    class: &'static str,
    of: fn(&StackSummary) -> &PhaseSummary,
    pick: fn(&SpectrumSummary) -> Option<u64>,
}

/// Every stack's curve in one drawing, for the baseline and for the fault window.
pub(super) fn section(scenario: &ScenarioResults, detail: Detail) -> Markup {
    let open = scenario.closed().is_none() && detail.every_phase;
    let sheet = |title, class, of, pick| Sheet { title, class, of, pick };
    let (plan, sending) = if open { (" from-plan", " from-sending") } else { ("", " from-sending") };
    let mut sheets = vec![
        sheet("Before the fault", plan, |s: &StackSummary| &s.baseline, |p: &SpectrumSummary| p.latency_us),
        sheet("In the fault window", plan, |s| &s.fault, |p| p.latency_us),
    ];
    if !detail.every_phase {
        sheets.remove(0);
    }
    if open {
        sheets.push(sheet(
            "Before the fault, as a naive tool shows it",
            sending,
            |s| &s.baseline,
            |p| p.service_us,
        ));
        sheets.push(sheet(
            "In the fault window, as a naive tool shows it",
            sending,
            |s| &s.fault,
            |p| p.service_us,
        ));
    }
    let most = all(scenario).filter_map(|p| p.latency_us).max().unwrap_or(1_000);
    let least =
        all(scenario).filter_map(|p| p.latency_us.min(p.service_us.or(p.latency_us))).min().unwrap_or(most);
    let scale = Scale::log(least, most);
    html! {
        p.note { "Each step to the right leaves nine of ten requests behind. Medians over the trials of each percentile; a curve ends where the "
            "samples do." }
        div.sheets { @for sheet in &sheets { (drawn(scenario, sheet, scale)) } }
        @if detail.every_phase { (table(scenario)) }
    }
}

/// Whether there is anything to draw.
pub(super) fn is_there(scenario: &ScenarioResults) -> bool {
    all(scenario).next().is_some()
}

fn all(scenario: &ScenarioResults) -> impl Iterator<Item = &SpectrumSummary> {
    scenario.stacks.iter().flat_map(|stack| stack.baseline.spectrum.iter().chain(&stack.fault.spectrum))
}

/// Where a quantile lies: by the powers of ten of what is left beyond it.
fn x(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-5).log10() / 4.0 * WIDE
}

fn drawn(scenario: &ScenarioResults, sheet: &Sheet, scale: Scale) -> Markup {
    let told: Vec<String> = scenario.stacks.iter().map(|stack| told(stack, sheet)).collect();
    let label = format!("{}, latency by percentile: {}", sheet.title, told.join("; "));
    html! {
        figure class={"chart sheet" (sheet.class)} {
            figcaption { h3 { (sheet.title) } }
            div.plot style="--h:11rem" {
                svg viewBox={"0 0 " (WIDE) " " (HIGH)} preserveAspectRatio="none" role="img" aria-label=(label) {
                    @for value in scale.lines() { path.grid d={"M0 " (svg::short(scale.y(value))) "H" (WIDE)} {} }
                    @for (quantile, _) in TICKS { path.grid d={"M" (svg::short(x(quantile))) " 0V" (HIGH)} {} }
                    @for stack in &scenario.stacks {
                        path class={"curve dash " (style::stack(&stack.stack))} d=(curve(stack, sheet, scale)) {}
                    }
                }
                @for value in scale.lines() {
                    span.y aria-hidden="true" style={"top:" (svg::short(scale.y(value))) "%"} { (super::timeline::time(value)) }
                }
            }
            div.strip.axis aria-hidden="true" {
                @for (quantile, name) in TICKS { span style={"left:" (svg::short(x(quantile) / WIDE * 100.0)) "%"} { (name) } }
            }
            ul.legend { @for stack in &scenario.stacks { li { (who(&stack.stack)) } } }
        }
    }
}

fn curve(stack: &StackSummary, sheet: &Sheet, scale: Scale) -> String {
    let points = (sheet.of)(stack).spectrum.iter();
    let points: Vec<_> =
        points.map(|p| (x(p.quantile), (sheet.pick)(p).map(|us| scale.y(us as f64)))).collect();
    svg::line(&points)
}

/// The last percentile that the samples support.
fn told(stack: &StackSummary, sheet: &Sheet) -> String {
    let last = (sheet.of)(stack).spectrum.iter().rev().find_map(|p| Some((p.quantile, (sheet.pick)(p)?)));
    match last {
        Some((quantile, us)) => {
            format!("{} {} at {}", clip(&stack.stack, 60), latency(us), percentile(quantile))
        }
        None => format!("{} has too few samples", clip(&stack.stack, 60)),
    }
}

/// `99.95%`.
fn percentile(quantile: f64) -> String {
    let text = format!("{:.2}", quantile * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn table(scenario: &ScenarioResults) -> Markup {
    let longest = scenario.stacks.iter().flat_map(|stack| [&stack.baseline, &stack.fault]);
    let longest = longest.max_by_key(|phase| phase.spectrum.len()).map_or(&[][..], |phase| &phase.spectrum);
    let cell = |phase: &PhaseSummary, quantile: f64| {
        let point = phase.spectrum.iter().find(|p| (p.quantile - quantile).abs() < 1e-9);
        let time = |us: Option<u64>| us.map_or_else(|| "n/a".to_owned(), latency);
        point.map_or_else(|| "n/a".to_owned(), |p| format!("{} / {}", time(p.latency_us), time(p.service_us)))
    };
    html! {
        details {
            summary { "The numbers behind these curves" }
            p.note { "From the plan / from the sending." }
            div.scroll tabindex="0" role="region" aria-label="Percentiles as a table" {
                table.numbers {
                    thead {
                        tr { td {} @for stack in &scenario.stacks { th scope="colgroup" colspan="2" { (clip(&stack.stack, 60)) } } }
                        tr { th scope="col" { "percentile" } @for _ in &scenario.stacks { th scope="col" { "baseline" } th scope="col" { "fault" } } }
                    }
                    tbody {
                        @for point in longest {
                            tr {
                                th scope="row" { (percentile(point.quantile)) }
                                @for stack in &scenario.stacks {
                                    td { (cell(&stack.baseline, point.quantile)) } td { (cell(&stack.fault, point.quantile)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
