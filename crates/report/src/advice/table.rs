//! What a year would bring and what it costs, as a table: the same rows in the terminal and on the page.

use super::Advice;
use super::facts::{Architecture, Away, Known, Price};
use super::outlook::Outlook;
use super::range::{Range, digits, given};
use crate::board::{Board, Cell, Row, Tone};
use crate::comparisons::{interval, signed};
use crate::words::{bytes, clip, count, latency};
use analysis::statistics::{Figure, FigureUnit};

/// Stacks as columns.
pub(crate) fn losses(advice: &Advice) -> Board {
    let outlooks = || advice.outlooks.iter();
    let row = |label, cells: Vec<Cell>| Row { label, group: None, cells };
    let total = |outlook: &Outlook| match outlook.total {
        Some(total) => lost(total),
        None => cell("not known", Tone::Doubt),
    };
    let costs = |outlook: &Outlook| match outlook.cost {
        Some(range) => amount(range, Tone::Plain),
        None => cell("not known", Tone::Doubt),
    };
    let rows = vec![
        row("crashes of servers", outlooks().map(|o| known(&o.server_crashes)).collect()),
        row("deployments", outlooks().map(|o| known(&o.deployments)).collect()),
        row("crashes of the store", outlooks().map(|o| known(&o.store_crashes)).collect()),
        row("all of them", outlooks().map(total).collect()),
        row("their cost", outlooks().map(costs).collect()),
    ];
    Board { stacks: outlooks().map(|o| clip(&o.stack, 60)).collect(), rows }
}

/// The table's cells as the page shows them, what is expected and what a year may bring, row by row: for whoever compares.
pub fn advice_cells(advice: &Advice) -> Vec<Vec<(String, String)>> {
    let cells =
        |row: Row| row.cells.into_iter().map(|cell| (cell.main, cell.sub.unwrap_or_default())).collect();
    losses(advice).rows.into_iter().map(cells).collect()
}

fn cell(main: impl Into<String>, tone: Tone) -> Cell {
    Cell { main: main.into(), sub: None, tone, exact: None, naive: None }
}

/// The interval stands below: a column is narrow.
fn amount(range: Range, tone: Tone) -> Cell {
    let (low, high) = (digits(range.low), digits(range.high));
    let main = digits(range.expected);
    if low == high {
        cell(main, tone)
    } else {
        Cell { sub: Some(format!("{low} to {high}")), ..cell(main, tone) }
    }
}

fn lost(range: Range) -> Cell {
    let seen = if range.expected > 0.0 { Tone::Bad } else { Tone::Good };
    if range.high == 0.0 { cell("0", Tone::Plain) } else { amount(range, seen) }
}

fn known(part: &Known<Range>) -> Cell {
    match part {
        Known::Measured(range) => lost(*range),
        Known::DoesNotApply => cell("no store to crash", Tone::Dim),
        Known::NotMeasured => cell("not measured", Tone::Doubt),
        Known::Inconclusive { .. } => cell("inconclusive", Tone::Doubt),
    }
}

/// What each stack costs when nothing is broken.
pub(crate) fn prices(advice: &Advice) -> Board {
    let all = || advice.facts.all();
    let row = |label, cells: Vec<Cell>| Row { label, group: None, cells };
    let priced = |tell: &dyn Fn(&Price) -> Cell| -> Vec<Cell> {
        all().map(|a| a.price.as_ref().map_or_else(absent, tell)).collect()
    };
    let us = |us: Option<u64>| us.map_or_else(absent, |us| cell(latency(us), Tone::Plain));
    let with = |price: &Price, figure: Figure, cell: Cell| {
        let found = price.differences.iter().find(|d| d.figure == figure);
        let told = found
            .map(|d| interval(FigureUnit::Us, &d.by).unwrap_or_else(|| signed(FigureUnit::Us, d.by.value)));
        Cell { sub: told.map(|by| format!("{by} against stateful")), ..cell }
    };
    let mut rows = vec![
        row("p50 of a request", priced(&|p| with(p, Figure::BaselineP50, us(p.p50_us)))),
        row("p99 of a request", priced(&|p| with(p, Figure::BaselineP99, us(p.p99_us)))),
        row(
            "CPU a request",
            priced(&|p| {
                with(
                    p,
                    Figure::CpuPerRequest,
                    p.cpu_us.map_or_else(absent, |us| cell(format!("{} \u{b5}s", count(us)), Tone::Plain)),
                )
            }),
        ),
    ];
    if let Some(rate) = advice.service.requests_per_second {
        let cores = |p: &Price| {
            p.cpu_us.map_or_else(absent, |us| {
                let sub = format!("{} a second x CPU a request", given(rate));
                Cell {
                    sub: Some(sub),
                    ..cell(format!("{} cores", digits(us as f64 * rate / 1e6)), Tone::Plain)
                }
            })
        };
        rows.push(row("cores at your load", priced(&cores)));
    }
    rows.push(row(
        "memory, servers",
        priced(&|p| p.servers_rss_bytes.map_or_else(absent, |n| cell(bytes(n), Tone::Plain))),
    ));
    let store = |a: &Architecture| match a.price.as_ref().map(|p| p.store_rss_bytes) {
        Some(Some(n)) => cell(bytes(n), Tone::Plain),
        Some(None) => cell("no process", Tone::Dim),
        None => absent(),
    };
    rows.push(row("memory, store", all().map(store).collect()));
    rows.push(row("a session weighs", all().map(|a| weight(a, advice.service.sessions)).collect()));
    rows.push(row("store dies: away", all().map(away).collect()));
    Board { stacks: all().map(|a| clip(&a.stack, 60)).collect(), rows }
}

fn absent() -> Cell {
    cell("not measured", Tone::Dim)
}

fn weight(architecture: &Architecture, sessions: f64) -> Cell {
    let Some(memory) = &architecture.memory else { return absent() };
    let part = |name: &str, n: Option<f64>| n.map(|n| format!("{name} {} B", digits(n)));
    let parts: Vec<String> = [part("servers", memory.server_bytes), part("store", memory.store_bytes)]
        .into_iter()
        .flatten()
        .collect();
    let all = memory.server_bytes.unwrap_or(0.0).max(0.0) + memory.store_bytes.unwrap_or(0.0).max(0.0);
    let sub = format!("x your {}: {}", given(sessions), bytes((all * sessions) as u64));
    Cell { sub: Some(sub), ..cell(parts.join(", "), Tone::Plain) }
}

/// How long nobody is served when the store dies. The lab's own pause before it starts the store again is a part of it.
fn away(architecture: &Architecture) -> Cell {
    let loss = match &architecture.store_crash {
        Known::DoesNotApply => return cell("no store", Tone::Dim),
        Known::Measured(loss) => loss,
        Known::Inconclusive { .. } | Known::NotMeasured => return absent(),
    };
    match loss.away {
        Away::Back { away_s } => {
            let until = |s| format!("{} s of it until the lab started it again", digits(s));
            let sub = loss.restarted_after_s.map(until);
            Cell { sub, ..cell(format!("{} s", digits(away_s)), Tone::Plain) }
        }
        Away::NotBack => cell("not back in the trial", Tone::Bad),
        Away::NotMeasured => absent(),
    }
}

/// Whether any price rests on so few pairs that it claims nothing.
pub(crate) fn claims_nothing(advice: &Advice) -> Option<u64> {
    advice.facts.all().filter_map(|a| a.price.as_ref()).map(|p| p.trials).min().filter(|trials| *trials < 6)
}
