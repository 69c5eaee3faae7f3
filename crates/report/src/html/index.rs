//! `index.html`: every run of a folder, and each stack over time. The same rules as for a report: nothing is loaded, no script.

use super::style::{SHEET, stack as class};
use super::{POLICY, badge, who};
use crate::index::{Index, IndexedRun, IndexedScenario, IndexedStack};
use crate::words::{below, clip, count, counted, date, latency, percent};
use analysis::Verdict;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The drawing's size, in its own units.
const WIDE: f64 = 640.0;
const HIGH: f64 = 120.0;
const EDGE: f64 = 8.0;

const MORE: &str = ".trend svg{display:block;width:100%;height:auto;border-bottom:1px solid var(--line);border-top:1px dashed var(--line)}\
.trend path{fill:none;stroke:var(--c);stroke-width:2}.trend circle{fill:var(--c);stroke:var(--c);stroke-width:2}\
.trend circle.inconclusive{fill:var(--paper);stroke-dasharray:2 2}\
.trends{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem 2rem}\
.trend{margin:1rem 0 0}.trend figcaption{font-size:.9rem;margin-bottom:.3rem}.runs td{min-width:8rem}.runs th .sub{display:block;font-weight:400;font-size:.82rem}";

/// The page.
pub fn index_html(index: &Index) -> String {
    let names = index.scenarios();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Stateful and stateless, run after run" }
                style { (PreEscaped(SHEET)) (PreEscaped(MORE)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                div.wrap {
                    header.top {
                        p.over { "Stateful and stateless, side by side" }
                        h1 { "Run after run" }
                        p.lead { (counted(index.runs.len() as u64, "run", "runs")) " of " (counted(names.len() as u64, "scenario", "scenarios"))
                            ". A line joins runs of the same conditions only: machine, kernel, build profile, stores, load and faults." }
                        @for one in &index.unreadable {
                            p { (badge(Verdict::Inconclusive)) " " b { (clip(&one.folder, 120)) } " could not be read: " (clip(&one.why, 400)) }
                        }
                    }
                    nav.inline aria-label="Contents" {
                        @for (place, name) in names.iter().enumerate() { a href={"#scenario-" (place)} { (clip(name, 80)) } }
                    }
                    main #main { @for (place, name) in names.iter().enumerate() { (scenario(index, name, place)) } }
                    footer { p { "This page is one file: it loads nothing and runs no script. The same numbers are in index.json." } }
                }
            }
        }
    };
    page.into_string()
}

/// A run with what it has of one scenario.
type Row<'a> = (&'a IndexedRun, &'a IndexedScenario);

fn scenario(index: &Index, name: &str, place: usize) -> Markup {
    let rows: Vec<Row<'_>> = index
        .runs
        .iter()
        .filter_map(|run| Some((run, run.scenarios.iter().find(|s| s.name == name)?)))
        .collect();
    let mut stacks: Vec<&str> = Vec::new();
    for stack in rows.iter().flat_map(|(_, scenario)| &scenario.stacks) {
        if !stacks.contains(&stack.stack.as_str()) {
            stacks.push(&stack.stack);
        }
    }
    let question = rows.last().map_or("", |(_, scenario)| scenario.question.as_str());
    let lost = |s: &IndexedStack| {
        (s.sessions_verified > 0).then(|| s.sessions_lost as f64 / s.sessions_verified as f64 * 100.0)
    };
    let p99 = |us: Option<u64>| us.map(|us| us as f64 / 1e3);
    html! {
        section.scenario id={"scenario-" (place)} {
            p.over { (clip(name, 80)) }
            h2 { (clip(question, 300)) }
            @if rows.len() > 1 {
                ul.legend { @for stack in &stacks { li { (who(stack)) } } li { "hollow: inconclusive" } }
                div.trends {
                    (trend(&rows, &stacks, "Sessions lost, share of those verified", "%", &lost))
                    (trend(&rows, &stacks, "p99 before the fault", " ms", &|s| p99(s.baseline_p99_us)))
                    (trend(&rows, &stacks, "p99 in the fault window", " ms", &|s| p99(s.fault_p99_us)))
                }
            }
            (table(&rows, &stacks, name))
        }
    }
}

fn of<'a>(scenario: &'a IndexedScenario, stack: &str) -> Option<&'a IndexedStack> {
    scenario.stacks.iter().find(|s| s.stack == stack)
}

fn trend(
    rows: &[Row<'_>],
    stacks: &[&str],
    title: &str,
    unit: &str,
    value: &dyn Fn(&IndexedStack) -> Option<f64>,
) -> Markup {
    let all = rows.iter().flat_map(|(_, scenario)| &scenario.stacks).filter_map(value);
    let most = all.fold(0.0, f64::max);
    let top = if most > 0.0 { most } else { 1.0 };
    let step = (WIDE - 2.0 * EDGE) / (rows.len().max(2) - 1) as f64;
    let at = |place: usize, value: f64| {
        (EDGE + step * place as f64, HIGH - EDGE - value / top * (HIGH - 2.0 * EDGE))
    };
    let label = format!(
        "{title}, {} runs, from 0 to {most:.1}{unit}; the numbers are in the table below",
        rows.len()
    );
    html! {
        figure.trend {
            figcaption { b { (title) } " " span.note { "0 to " (format!("{most:.1}")) (unit) } }
            svg viewBox=(format!("0 0 {WIDE} {HIGH}")) role="img" aria-label=(label) {
                @for stack in stacks {
                    @let points: Vec<Point> = rows.iter().enumerate().filter_map(|(place, (_, scenario))| {
                        let found = of(scenario, stack)?;
                        let (x, y) = at(place, value(found)?);
                        Some(Point { x, y, conditions: scenario.conditions, doubtful: found.verdict == Verdict::Inconclusive })
                    }).collect();
                    g class=(class(stack)) {
                        path.dash d=(line(&points)) {}
                        @for point in &points {
                            circle class=[point.doubtful.then_some("inconclusive")] cx=(format!("{:.1}", point.x)) cy=(format!("{:.1}", point.y)) r="4" {}
                        }
                    }
                }
            }
        }
    }
}

struct Point {
    x: f64,
    y: f64,
    conditions: u32,
    doubtful: bool,
}

/// Joins neighbours of the same conditions, and nothing that is in doubt.
fn line(points: &[Point]) -> String {
    let joined = points
        .windows(2)
        .filter(|two| two[0].conditions == two[1].conditions && !two[0].doubtful && !two[1].doubtful);
    joined.map(|two| format!("M{:.1} {:.1}L{:.1} {:.1}", two[0].x, two[0].y, two[1].x, two[1].y)).collect()
}

fn table(rows: &[Row<'_>], stacks: &[&str], name: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label={"Runs of " (clip(name, 80))} {
            table.runs {
                thead { tr { th scope="col" { "run" } th scope="col" { "machine" } @for stack in stacks { th scope="col" { (who(stack)) } } } }
                tbody {
                    @for (run, scenario) in rows.iter().rev() {
                        tr {
                            th scope="row" { (title(run)) span.sub { "commit " code { (clip(&run.git_commit, 12)) } @if !run.git_clean { ", with uncommitted changes" } } }
                            td { (clip(&run.cpu_model, 60)) ", " (counted(u64::from(run.cpus), "CPU", "CPUs"))
                                span.sub { (clip(&run.kernel, 60)) ", " (clip(&run.profile, 20)) @if run.quick { ", quick" } ", conditions " (scenario.conditions) } }
                            @for stack in stacks { (cell(of(scenario, stack))) }
                        }
                    }
                }
            }
        }
    }
}

fn title(run: &IndexedRun) -> Markup {
    let date = date(run.started_unix_ms);
    if run.has_report {
        html! { a href={"./" (encoded(&run.folder)) "/report.html"} { (date) } span.sub { (clip(&run.folder, 80)) } }
    } else {
        html! { (date) span.sub { (clip(&run.folder, 80)) } }
    }
}

fn cell(stack: Option<&IndexedStack>) -> Markup {
    let Some(stack) = stack else { return html! { td.dim { "not run" } } };
    let time = |us: Option<u64>| us.map_or("n/a".to_owned(), latency);
    let lost = match (stack.sessions_lost, stack.sessions_verified) {
        (_, 0) => "n/a".to_owned(),
        (0, all) => format!("0 of {} lost, below {}", count(all), below(all)),
        (lost, all) => format!("{} of {} lost, {}", count(lost), count(all), percent(lost, all)),
    };
    html! {
        td {
            (badge(stack.verdict))
            div { (lost) }
            span.sub { "p99 " (time(stack.baseline_p99_us)) ", fault " (time(stack.fault_p99_us)) "; "
                (counted(stack.trials, "trial", "trials")) @if stack.writes_lost > 0 { "; " (counted(stack.writes_lost, "write", "writes")) " lost" } }
        }
    }
}

/// A folder's path as part of an address: no name can leave the page's folder, name a scheme or begin a query.
fn encoded(path: &str) -> String {
    let part = |part: &str| -> String {
        let bytes = part.bytes().map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        });
        bytes.collect()
    };
    path.split('/').filter(|p| !p.is_empty() && *p != "..").map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_leads_elsewhere() {
        assert_eq!(encoded("published/first run"), "published/first%20run");
        assert_eq!(encoded("../javascript:alert(1)?#"), "javascript%3Aalert%281%29%3F%23");
    }
}
