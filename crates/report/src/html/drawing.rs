//! What is drawn in a lane: lines, bars and areas, without a word.

use super::shares;
use super::svg::{self, Clock, HIGH, Scale, WIDE};
use super::timeline::{Chart, Lane, Since};
use analysis::Bucket;
use maud::{Markup, html};

pub(super) fn drawing(lane: &Lane, clock: Clock, scale: Scale, chart: Chart) -> Markup {
    match chart {
        Chart::Latency(since) => latency_drawing(lane, clock, scale, since),
        Chart::Shares => shares::drawing(lane, clock),
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
        @if since != Since::PlanAlways { path.area d=(svg::band(&between)) {} }
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
