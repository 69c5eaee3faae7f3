//! Latency, errors and sessions as they went by: a lane for each stack, every lane of a chart on the same clock and the same
//! scale.

use super::detail::Detail;
use super::svg::{self, Clock, HIGH, Scale, WIDE};
use super::{drawing, marks, numbers, shares, style, who};
use crate::results::ScenarioResults;
use crate::words::{count, latency, moment};
use analysis::{Bucket, TrialFindings};
use maud::{Markup, html};
use scenario::Phase;

/// One trial in a chart.
pub(super) struct Lane<'a> {
    pub(super) trial: &'a TrialFindings,
    pub(super) buckets: Vec<Bucket>,
    pub(super) bucket_us: u64,
    closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Chart {
    Latency(Since),
    Errors,
    Shares,
    Sessions,
}

/// What latency is counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    Plan,
    /// The same, whatever the page's switch says: a page of many scenarios has no room for the other.
    PlanAlways,
    Sending,
    /// In a closed load.
    Ready,
}

impl Since {
    pub(super) fn median(self, b: &Bucket) -> Option<u64> {
        if self == Since::Sending { b.service_p50_us } else { b.p50_us }
    }

    pub(super) fn slowest(self, b: &Bucket) -> Option<u64> {
        if self == Since::Sending { b.service_max_us } else { b.max_us }
    }

    /// The class that the page's switch shows and hides.
    fn class(self) -> &'static str {
        match self {
            Since::Plan => " from-plan",
            Since::Sending => " from-sending",
            Since::PlanAlways | Since::Ready => "",
        }
    }
}

/// The charts of each repeat; those after the first are folded away.
pub(super) fn section(scenario: &ScenarioResults, detail: Detail) -> Markup {
    let mut repeats: Vec<u32> = scenario.trials.iter().map(|t| t.identity.repeat).collect();
    repeats.sort_unstable();
    repeats.dedup();
    html! {
        p.note { "All stacks on one clock and one scale. The clock starts with the load."
            @if repeats.len() > 1 && detail.repeats > 1 { " Shown is repeat 1; the others are below." }
            @if repeats.len() > detail.repeats { " Of " (repeats.len()) " repeats " (detail.repeats) " are drawn; timeline.csv has all." } }
        @for (at, repeat) in repeats.iter().take(detail.repeats).enumerate() {
            @if at == 0 { (figures(scenario, *repeat, detail)) } @else {
                details { summary { "Repeat " (repeat) } (figures(scenario, *repeat, detail)) }
            }
        }
    }
}

fn figures(scenario: &ScenarioResults, repeat: u32, detail: Detail) -> Markup {
    let lanes: Vec<Lane> = scenario
        .stacks
        .iter()
        .filter_map(|stack| {
            let own = |t: &&TrialFindings| t.identity.repeat == repeat && t.identity.column() == stack.stack;
            scenario
                .trials
                .iter()
                .find(own)
                .map(|trial| Lane::new(trial, detail.buckets, scenario.closed().is_some()))
        })
        .collect();
    let sinces: &[Since] = match scenario.closed() {
        Some(_) => &[Since::Ready],
        None if detail.every_phase => &[Since::Plan, Since::Sending],
        None => &[Since::PlanAlways],
    };
    let charts = [Chart::Errors, Chart::Shares, Chart::Sessions];
    let charts = charts.into_iter().filter(|chart| *chart != Chart::Shares || shares::is_there(&lanes));
    html! {
        @for since in sinces { (figure(scenario, &lanes, Chart::Latency(*since))) }
        @for chart in charts { (figure(scenario, &lanes, chart)) }
        @if detail.rows > 0 { (numbers::table(&lanes, detail.rows)) } @else { p.note { "The numbers behind these charts are in timeline.csv." } }
    }
}

impl<'a> Lane<'a> {
    fn new(trial: &'a TrialFindings, most: usize, closed: bool) -> Self {
        let together = trial.timeline.buckets.len().div_ceil(most).max(1);
        let buckets = trial.timeline.buckets.chunks(together).map(merge).collect();
        Self { trial, buckets, bucket_us: trial.timeline.bucket_us * together as u64, closed }
    }

    /// How many of the trial's buckets are one of the lane's.
    pub(super) fn together(&self) -> usize {
        (self.bucket_us / self.trial.timeline.bucket_us.max(1)).max(1) as usize
    }

    /// The same lane in at most so many buckets.
    pub(super) fn coarser(&self, most: usize) -> Lane<'a> {
        Lane::new(self.trial, most, self.closed)
    }

    pub(super) fn x(&self, clock: Clock, bucket: &Bucket) -> f64 {
        clock.x(bucket.start_us + self.bucket_us / 2)
    }
}

/// Neighbours as one. Medians cannot be merged, so the worst of them stands for all, and the caption says so.
fn merge(parts: &[Bucket]) -> Bucket {
    let mut whole = parts.first().copied().unwrap_or_default();
    for part in parts.iter().skip(1) {
        whole.requests += part.requests;
        whole.ok += part.ok;
        whole.refused += part.refused;
        whole.failed += part.failed;
        whole.p50_us = whole.p50_us.max(part.p50_us);
        whole.max_us = whole.max_us.max(part.max_us);
        whole.service_p50_us = whole.service_p50_us.max(part.service_p50_us);
        whole.service_max_us = whole.service_max_us.max(part.service_max_us);
        whole.sessions_alive = part.sessions_alive;
        whole.sessions_lost = part.sessions_lost;
    }
    whole
}

/// A value on a scale of times.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", us / 1e6),
        us if us >= 1e3 => format!("{} ms", us / 1e3),
        us => format!("{us} \u{b5}s"),
    }
}

/// What latency is counted from, in the tables of numbers.
pub(super) fn since_words(lanes: &[Lane]) -> &'static str {
    if lanes.iter().any(|lane| lane.closed) {
        "that of a closed load, not from a plan"
    } else {
        "from the plan"
    }
}

impl Chart {
    fn title(self) -> &'static str {
        match self {
            Chart::Latency(Since::Plan | Since::PlanAlways) => "Latency from the plan",
            Chart::Latency(Since::Sending) => "Service time: what a naive tool shows",
            Chart::Latency(Since::Ready) => "Latency of a closed load, not from a plan",
            Chart::Errors => "Requests that got no, or a no",
            Chart::Shares => "Who answered",
            Chart::Sessions => "Sessions alive and lost",
        }
    }

    fn caption(self, bucket_us: u64, merged: bool) -> String {
        let every = format!("{} ms", bucket_us / 1_000);
        let median = if merged { "highest median" } else { "median" };
        match self {
            Chart::Latency(_) => format!(
                "Thick: the {median} of each {every}. Thin: the slowest request. Each step up the scale is ten times slower."
            ),
            Chart::Errors => format!(
                "In each {every}. Solid: no complete answer, or 500 and above. Outlined: refused by a complete answer, \
                 such as 401 because the session is gone."
            ),
            Chart::Shares => {
                "The share of each server in the complete answers, in the order of the names from the bottom up; a gap is a stretch without any.".to_owned()
            }
            Chart::Sessions => {
                "Filled: sessions alive. Above it, from their first absent answer on: lost for good."
                    .to_owned()
            }
        }
    }

    fn scale(self, lanes: &[Lane]) -> Scale {
        let all = || lanes.iter().flat_map(|lane| &lane.buckets);
        match self {
            // One scale for both, so that the switch moves the line and not the paper.
            Chart::Latency(_) => {
                let sinces = [Since::Plan, Since::Sending];
                let each = |b: &Bucket| sinces.map(|since| (since.median(b), since.slowest(b)));
                let least = all().flat_map(each).filter_map(|(median, slowest)| median.or(slowest)).min();
                let least = least.unwrap_or(1_000);
                Scale::log(
                    least,
                    all().flat_map(each).filter_map(|(_, slowest)| slowest).max().unwrap_or(least),
                )
            }
            Chart::Shares => Scale::Linear { top: 100.0 },
            Chart::Errors => Scale::linear(all().map(|b| b.failed + b.refused).max().unwrap_or(1)),
            Chart::Sessions => {
                let most = all().map(|b| b.sessions_alive + b.sessions_lost).max().unwrap_or(1);
                Scale::Linear { top: most.max(1) as f64 * 1.04 }
            }
        }
    }

    /// The marks' words stand under one of the two latencies.
    fn tells_marks(self) -> bool {
        matches!(self, Chart::Latency(Since::Plan | Since::PlanAlways | Since::Ready))
    }

    fn is_latency(self) -> bool {
        matches!(self, Chart::Latency(_))
    }

    fn height(self) -> &'static str {
        match self {
            Chart::Latency(_) => "--h:6.4rem",
            Chart::Errors | Chart::Shares => "--h:3.6rem",
            Chart::Sessions => "--h:4.6rem",
        }
    }

    fn value(self, value: f64) -> String {
        match self {
            Chart::Latency(_) => time(value),
            Chart::Shares => format!("{value:.0}%"),
            Chart::Errors | Chart::Sessions => count(value.round() as u64),
        }
    }
}

fn figure(scenario: &ScenarioResults, lanes: &[Lane], chart: Chart) -> Markup {
    let phases = &scenario.setting.phases;
    let clock = Clock { start_us: 0, end_us: phases.end_us() };
    let scale = chart.scale(lanes);
    let bucket_us = lanes.first().map_or(250_000, |lane| lane.bucket_us);
    let merged = lanes.iter().any(|lane| lane.bucket_us != lane.trial.timeline.bucket_us);
    html! {
        figure class={"chart" @if let Chart::Latency(since) = chart { (since.class()) }} {
            figcaption { h3 { (chart.title()) } p.note { (chart.caption(bucket_us, merged)) } }
            div.lanes style=(bands(scenario, clock)) {
                div.strip.phases aria-hidden="true" {
                    @for span in phases.spans().iter().filter(|span| span.end_us > span.start_us) {
                        span class=[(span.phase == Phase::Fault).then_some("fault")]
                            style={"left:" (clock.percent(span.start_us)) ";width:" (clock.percent(span.end_us - span.start_us))} {
                            (span.phase.name())
                        }
                    }
                }
                @for lane in lanes { (lane_row(lane, clock, scale, chart)) }
                div.strip.axis aria-hidden="true" {
                    @for tick in clock.ticks() { span style={"left:" (clock.percent(tick))} { (tick / 1_000_000) " s" } }
                }
            }
        }
    }
}

/// Where the phases end: the style shades every lane by these.
fn bands(scenario: &ScenarioResults, clock: Clock) -> String {
    let ends = |phase: Phase| {
        scenario.setting.phases.span(phase).map_or("0%".to_owned(), |s| clock.percent(s.end_us))
    };
    let [warm, baseline, fault, recovery] =
        [Phase::WarmUp, Phase::Baseline, Phase::Fault, Phase::Recovery].map(ends);
    format!("--w:{warm};--b:{baseline};--f:{fault};--r:{recovery}")
}

fn lane_row(lane: &Lane, clock: Clock, scale: Scale, chart: Chart) -> Markup {
    let marks = marks::of(lane.trial);
    let label = format!("{} on {}: {}", chart.title(), lane.trial.identity.column(), told(lane, chart));
    html! {
        div class={"lane " (style::stack(&lane.trial.identity.column()))} {
            div.name { (who(&lane.trial.identity.column())) span.sub { (told(lane, chart)) } }
            div {
                @if chart.is_latency() { (marks::flags(&marks, clock)) }
                div.plot style=(chart.height()) {
                    svg viewBox={"0 0 " (WIDE) " " (HIGH)} preserveAspectRatio="none" role="img" aria-label=(label) {
                        @for value in scale.lines() {
                            path.grid d={"M0 " (svg::short(scale.y(value))) "H" (WIDE)} {}
                        }
                        path.floor d={"M0 " (HIGH) "H" (WIDE)} {}
                        (marks::lines(&marks, clock))
                        (drawing::drawing(lane, clock, scale, chart))
                    }
                    @for value in axis(scale, chart) {
                        span.y aria-hidden="true" style={"top:" (svg::short(scale.y(value))) "%"} { (chart.value(value)) }
                    }
                }
            }
            @if chart.tells_marks() { (marks::legend(&marks)) }
            @if chart == Chart::Shares { (shares::legend(lane)) }
        }
    }
}

/// The values that are written beside a lane; a low lane has room for few.
fn axis(scale: Scale, chart: Chart) -> Vec<f64> {
    match (chart, scale) {
        (Chart::Sessions, Scale::Linear { top }) => vec![0.0, (top / 1.04).round()],
        _ => scale.lines(),
    }
}

/// A lane in words, for its label and for those who do not see it.
fn told(lane: &Lane, chart: Chart) -> String {
    match chart {
        Chart::Latency(since) => {
            let slowest = lane.buckets.iter().filter_map(|b| since.slowest(b).map(|us| (us, b.start_us)));
            match slowest.max_by_key(|(us, at)| (*us, std::cmp::Reverse(*at))) {
                Some((us, at)) => format!("slowest {}, planned at {}", latency(us), moment(at)),
                None => "no requests".to_owned(),
            }
        }
        Chart::Errors => {
            let sum = |f: fn(&Bucket) -> u64| count(lane.buckets.iter().map(f).sum());
            format!("{} failed, {} refused", sum(|b| b.failed), sum(|b| b.refused))
        }
        Chart::Shares => shares::told(lane),
        Chart::Sessions => match lane.buckets.last() {
            Some(b) => {
                format!("{} alive at the end, {} lost", count(b.sessions_alive), count(b.sessions_lost))
            }
            None => "no sessions".to_owned(),
        },
    }
}
