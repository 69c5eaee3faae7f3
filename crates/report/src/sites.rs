//! How a second site took over: as figures for each stack, and as a table. What a site costs while nothing happens stands above what it
//! achieves when something does.

use crate::board::{Board, Cell, Row, Tone, cell, claimed, service_back};
use crate::results::{Results, ScenarioResults};
use crate::summary::StackSummary;
use crate::words::{bytes, clip, count, counted, latency, median};
use analysis::{SiteFindings, TrialFindings};
use scenario::Strategy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One machine cannot be two places.
pub(crate) const SIMULATED: &str = "Both sites are simulated on one machine: they share its processors and its disk, the way between \
    them is a relay with a delay, and a killed process refuses connections where a lost site would be silent. Times are those of \
    this machine; what is done in them, and what is lost, is the point.";

/// A second site over all trials of a stack: times are medians, and absent when any trial has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SiteSummary {
    /// How it stood by.
    pub strategy: Strategy,
    /// Its processes when the load began, the most of any trial.
    pub processes: u64,
    /// Their resident memory together, just before the disaster. Bytes.
    pub rss_bytes: Option<u64>,
    /// What they used of the processors up to then, in thousandths of a core.
    pub cpu_millicores: Option<u64>,
    /// How old the picture was at t0 that the last dump shows. Microseconds.
    pub dump_age_us: Option<u64>,
    /// From t0 until the first site was held for lost. Microseconds.
    pub detect_us: Option<u64>,
    /// Until somebody had decided. Microseconds.
    pub declare_us: Option<u64>,
    /// Until the second site's store took writes; absent where there is no store. Microseconds.
    pub promote_us: Option<u64>,
    /// Until all of its servers were up. Microseconds.
    pub start_us: Option<u64>,
    /// Until the entrance led there. Microseconds.
    pub reroute_us: Option<u64>,
    /// Until one of its servers had answered through the entrance. Microseconds.
    pub serve_us: Option<u64>,
}

impl SiteSummary {
    pub(crate) fn new(trials: &[&TrialFindings]) -> Option<Self> {
        let all: Vec<&SiteFindings> = trials.iter().filter_map(|trial| trial.site.as_ref()).collect();
        let over = |pick: fn(&SiteFindings) -> Option<u64>| {
            all.iter().map(|site| pick(site)).collect::<Option<Vec<u64>>>().and_then(median)
        };
        Some(Self {
            strategy: all.first()?.strategy,
            processes: all.iter().map(|site| site.processes).max()?,
            rss_bytes: over(|site| site.rss_bytes),
            cpu_millicores: over(|site| site.cpu_cores.map(|cores| (cores * 1e3).round() as u64)),
            dump_age_us: over(|site| site.dump_age_us),
            detect_us: over(|site| site.detect_us),
            declare_us: over(|site| site.declare_us),
            promote_us: over(|site| site.promote_us),
            start_us: over(|site| site.start_us),
            reroute_us: over(|site| site.reroute_us),
            serve_us: over(|site| site.serve_us),
        })
    }
}

const STANDING_BY: &str = "standing by";

type Teller = fn(&StackSummary, &SiteSummary) -> Cell;

/// The rows of the table of one scenario.
const ROWS: [(Option<&str>, &str, Teller); 11] = [
    (Some("While nothing happens"), STANDING_BY, |_, site| standing_by(site)),
    (Some("After the disaster"), "detect", |_, site| step(site.detect_us)),
    (None, "declare", |_, site| step(site.declare_us)),
    (None, "promote", |_, site| promote(site)),
    (None, "start", |_, site| step(site.start_us)),
    (None, "re-route", |_, site| step(site.reroute_us)),
    (None, "first answer", |_, site| step(site.serve_us)),
    (Some("Achieved"), "RTO: service back", |stack, _| service_back(stack)),
    (None, "RPO: sessions lost", |stack, _| sessions_lost(stack)),
    (None, "RPO: writes lost", |stack, _| writes_gone(stack)),
    (None, "RPO: the oldest", |stack, site| oldest(stack, site)),
];

/// `None` where there is one site alone.
pub(crate) fn board(scenario: &ScenarioResults) -> Option<Board> {
    let sites: Vec<(&StackSummary, &SiteSummary)> =
        scenario.stacks.iter().filter_map(|stack| Some((stack, stack.site.as_ref()?))).collect();
    let rows = ROWS.iter().map(|(group, label, tell)| {
        let cells = sites.iter().map(|(stack, site)| claimed(stack, tell(stack, site)));
        Row { label, group: *group, cells: cells.collect() }
    });
    let stacks = sites.iter().map(|(stack, _)| clip(&stack.stack, 60)).collect();
    (!sites.is_empty()).then(|| Board { stacks, rows: rows.collect() })
}

/// `A second site, pilot-light`; `None` where there is one site alone.
pub(crate) fn title(scenario: &ScenarioResults) -> Option<String> {
    let site = scenario.stacks.iter().find_map(|stack| stack.site.as_ref())?;
    Some(format!("A second site, {}: what it costs, and how it took over", site.strategy.name()))
}

/// Every strategy of a run on every stack, one a row; `None` where fewer than two strategies were tried.
pub(crate) fn overview(results: &Results) -> Option<(Vec<&'static str>, Vec<Vec<Cell>>)> {
    let mut rows: Vec<(Strategy, Vec<Cell>)> = Vec::new();
    for stack in results.scenarios.iter().flat_map(|scenario| &scenario.stacks) {
        let Some(site) = &stack.site else { continue };
        let head = [cell(site.strategy.name()), cell(clip(&stack.stack, 60))];
        let told = ROWS.iter().map(|(_, _, tell)| claimed(stack, tell(stack, site)));
        rows.push((site.strategy, head.into_iter().chain(told).collect()));
    }
    rows.sort_by_key(|(strategy, _)| *strategy);
    let strategies = rows.iter().map(|(strategy, _)| strategy);
    if strategies.clone().min() == strategies.max() {
        return None;
    }
    let heads = ["strategy", "stack"].into_iter().chain(ROWS.iter().map(|(_, label, _)| *label)).collect();
    Some((heads, rows.into_iter().map(|(_, cells)| cells).collect()))
}

/// What the strategies cost and achieved, a small table for each figure, with a row for each strategy and a column for each stack: for
/// readers who have no room for all of [`overview`] side by side.
pub(crate) fn by_strategy(results: &Results) -> Vec<(&'static str, Board)> {
    let mut stacks: Vec<String> = Vec::new();
    let mut sites: Vec<(Strategy, &StackSummary, &SiteSummary)> = Vec::new();
    for stack in results.scenarios.iter().flat_map(|scenario| &scenario.stacks) {
        let Some(site) = &stack.site else { continue };
        if !stacks.contains(&stack.stack) {
            stacks.push(stack.stack.clone());
        }
        sites.push((site.strategy, stack, site));
    }
    let tried =
        Strategy::ALL.into_iter().filter(|strategy| sites.iter().any(|(tried, ..)| tried == strategy));
    let tried: Vec<Strategy> = tried.collect();
    if tried.len() < 2 {
        return Vec::new();
    }
    let row = |strategy: Strategy, tell: Teller| {
        let cells = stacks.iter().map(|name| {
            let own = sites.iter().find(|(tried, stack, _)| *tried == strategy && stack.stack == *name);
            own.map_or_else(
                || cell("\u{2013}").tone(Tone::Dim),
                |(_, stack, site)| claimed(stack, tell(stack, site)),
            )
        });
        Row { label: strategy.name(), group: None, cells: cells.collect() }
    };
    let told = ROWS.iter().filter(|(_, label, _)| {
        *label == STANDING_BY || label.starts_with("RTO") || label.starts_with("RPO")
    });
    told.map(|(_, label, tell)| {
        let rows = tried.iter().map(|strategy| row(*strategy, *tell)).collect();
        (*label, Board { stacks: stacks.iter().map(|name| clip(name, 60)).collect(), rows })
    })
    .collect()
}

fn standing_by(site: &SiteSummary) -> Cell {
    let main = cell(counted(site.processes, "process", "processes"));
    match (site.rss_bytes, site.cpu_millicores) {
        (Some(rss), Some(cpu)) if site.processes > 0 => {
            main.sub(format!("{}, {:.2} of a core", bytes(rss), cpu as f64 / 1e3))
        }
        _ => main,
    }
}

fn step(took_us: Option<u64>) -> Cell {
    took_us.map_or_else(|| Cell::not_measured("it was not seen"), |us| cell(latency(us)))
}

fn promote(site: &SiteSummary) -> Cell {
    match (site.promote_us, site.start_us) {
        (None, Some(_)) => cell("no store").tone(Tone::Dim),
        (took_us, _) => step(took_us),
    }
}

fn sessions_lost(stack: &StackSummary) -> Cell {
    let s = &stack.sessions;
    let main = cell(format!("{} of {}", count(s.lost), count(s.verified)));
    main.tone(if s.lost > 0 { Tone::Bad } else { Tone::Good })
}

fn writes_gone(stack: &StackSummary) -> Cell {
    let Some(recovery) = &stack.recovery else { return cell("no disaster").tone(Tone::Dim) };
    match recovery.writes_gone {
        0 => cell("0").tone(Tone::Good),
        gone => cell(count(gone)).tone(Tone::Bad).sub("acknowledged, and gone"),
    }
}

fn oldest(stack: &StackSummary, site: &SiteSummary) -> Cell {
    let Some(recovery) = &stack.recovery else { return cell("no disaster").tone(Tone::Dim) };
    let dump = site.dump_age_us.map(|us| format!("the last dump was {} old", latency(us)));
    let main = match recovery.oldest_age_us {
        None => cell("\u{2013}").tone(Tone::Dim),
        Some(us) => cell(latency(us)).sub("before the disaster"),
    };
    match dump {
        Some(dump) => main.sub(dump),
        None => main,
    }
}
