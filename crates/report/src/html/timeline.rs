//! Latency, errors and sessions as they went by: a lane for each stack, every lane of a chart on the same clock and the same
//! scale.

use super::detail::Detail;
use super::svg::{self, Clock, HIGH, Scale, WIDE};
use super::{marks, numbers, style, who};
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
enum Chart {
    Latency(Since),
    Errors,
    Sessions,
}

/// What latency is counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Plan,
    Sending,
    /// In a closed load.
    Ready,
}

impl Since {
    fn median(self, b: &Bucket) -> Option<u64> {
        if self == Since::Sending { b.service_p50_us } else { b.p50_us }
    }

    fn slowest(self, b: &Bucket) -> Option<u64> {
        if self == Since::Sending { b.service_max_us } else { b.max_us }
    }

    /// The class that the page's switch shows and hides.
    fn class(self) -> &'static str {
        match self {
            Since::Plan => " from-plan",
            Since::Sending => " from-sending",
            Since::Ready => "",
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
    let sinces: &[Since] =
        if scenario.closed().is_some() { &[Since::Ready] } else { &[Since::Plan, Since::Sending] };
    html! {
        @for since in sinces { (figure(scenario, &lanes, Chart::Latency(*since))) }
        @for chart in [Chart::Errors, Chart::Sessions] { (figure(scenario, &lanes, chart)) }
        (numbers::table(&lanes, detail.rows))
    }
}

impl<'a> Lane<'a> {
    fn new(trial: &'a TrialFindings, most: usize, closed: bool) -> Self {
        let together = trial.timeline.buckets.len().div_ceil(most).max(1);
        let buckets = trial.timeline.buckets.chunks(together).map(merge).collect();
        Self { trial, buckets, bucket_us: trial.timeline.bucket_us * together as u64, closed }
    }

    /// The same lane in at most so many buckets.
    pub(super) fn coarser(&self, most: usize) -> Lane<'a> {
        Lane::new(self.trial, most, self.closed)
    }

    fn x(&self, clock: Clock, bucket: &Bucket) -> f64 {
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
            Chart::Latency(Since::Plan) => "Latency from the plan",
            Chart::Latency(Since::Sending) => "Service time: what a naive tool shows",
            Chart::Latency(Since::Ready) => "Latency of a closed load, not from a plan",
            Chart::Errors => "Requests that got no, or a no",
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
            Chart::Errors => Scale::linear(all().map(|b| b.failed + b.refused).max().unwrap_or(1)),
            Chart::Sessions => {
                let most = all().map(|b| b.sessions_alive + b.sessions_lost).max().unwrap_or(1);
                Scale::Linear { top: most.max(1) as f64 * 1.04 }
            }
        }
    }

    fn is_latency(self) -> bool {
        matches!(self, Chart::Latency(_))
    }

    fn height(self) -> &'static str {
        match self {
            Chart::Latency(_) => "--h:6.4rem",
            Chart::Errors => "--h:3.6rem",
            Chart::Sessions => "--h:4.6rem",
        }
    }

    fn value(self, value: f64) -> String {
        match self {
            Chart::Latency(_) if value >= 1e6 => format!("{} s", value / 1e6),
            Chart::Latency(_) if value >= 1e3 => format!("{} ms", value / 1e3),
            Chart::Latency(_) => format!("{value} \u{b5}s"),
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
                        span.fault[span.phase == Phase::Fault]
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
                        (drawing(lane, clock, scale, chart))
                    }
                    @for value in axis(scale, chart) {
                        span.y aria-hidden="true" style={"top:" (svg::short(scale.y(value))) "%"} { (chart.value(value)) }
                    }
                }
            }
            @if chart.is_latency() { (marks::legend(&marks)) }
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

fn drawing(lane: &Lane, clock: Clock, scale: Scale, chart: Chart) -> Markup {
    match chart {
        Chart::Latency(since) => latency_drawing(lane, clock, scale, since),
        Chart::Errors => {
            let (mut failed, mut refused) = (Vec::new(), Vec::new());
            for b in &lane.buckets {
                let (x, w) =
                    (clock.x(b.start_us), clock.x(b.start_us + lane.bucket_us) - clock.x(b.start_us));
                let middle = scale.y(b.failed as f64);
                failed.push((x, w * 0.8, HIGH, middle));
                refused.push((x, w * 0.8, middle, scale.y((b.failed + b.refused) as f64)));
            }
            html! { path.bars.fail d=(svg::bars(failed)) {} path.bars.refused d=(svg::bars(refused)) {} }
        }
        Chart::Sessions => sessions_drawing(lane, clock, scale),
    }
}

fn latency_drawing(lane: &Lane, clock: Clock, scale: Scale, since: Since) -> Markup {
    let at = |b: &Bucket| lane.x(clock, b);
    let y = |us: u64| scale.y(us as f64);
    let median: Vec<_> = lane.buckets.iter().map(|b| (at(b), since.median(b).map(y))).collect();
    let slowest: Vec<_> = lane.buckets.iter().map(|b| (at(b), since.slowest(b).map(y))).collect();
    let between: Vec<_> = lane
        .buckets
        .iter()
        .map(|b| (at(b), since.median(b).zip(since.slowest(b)).map(|(low, top)| (y(low), y(top)))))
        .collect();
    html! {
        path.area d=(svg::band(&between)) {}
        path.curve.thin d=(svg::line(&slowest)) {}
        path.curve d=(svg::line(&median)) {}
    }
}

fn sessions_drawing(lane: &Lane, clock: Clock, scale: Scale) -> Markup {
    let stairs = |value: fn(&Bucket) -> u64| -> Vec<(f64, f64)> {
        lane.buckets.iter().map(|b| (clock.x(b.start_us), scale.y(value(b) as f64))).collect()
    };
    let alive = stairs(|b| b.sessions_alive);
    let both = stairs(|b| b.sessions_alive + b.sessions_lost);
    let edge = svg::steps(&alive, WIDE);
    html! {
        @if lane.buckets.iter().any(|b| b.sessions_lost > 0) {
            path.gonearea d=(svg::between_steps(&alive, &both, WIDE)) {}
        }
        @if !lane.buckets.is_empty() { path.area d={(edge) "V" (HIGH) "H0Z"} {} }
        path.curve d=(edge) {}
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
        Chart::Sessions => match lane.buckets.last() {
            Some(b) => {
                format!("{} alive at the end, {} lost", count(b.sessions_alive), count(b.sessions_lost))
            }
            None => "no sessions".to_owned(),
        },
    }
}
