//! Who answered, as time went by: the share of each server as a band. A server that dies leaves a hole that others fill; one that joins
//! shows whether anything is sent to it.

use super::svg::{self, Clock, HIGH, WIDE};
use super::timeline::Lane;
use crate::words::{clip, ratio_percent};
use analysis::ServerSeries;
use maud::{Markup, html};

/// More bands than these are not told apart; the rest is one band.
const MOST: usize = 8;
/// Neighbouring bands differ in lightness; the names stand in their order, from the bottom up.
const COLOURS: usize = 4;

/// The answers of one server in each bucket of a lane.
struct Band {
    name: String,
    answers: Vec<u64>,
}

/// As many buckets as the lane has, the smallest servers beyond [`MOST`] together.
fn bands(lane: &Lane) -> Vec<Band> {
    let together = lane.together();
    let merged = |series: &ServerSeries| -> Vec<u64> {
        series.answers.chunks(together).map(|part| part.iter().sum()).collect()
    };
    let named = |series: &ServerSeries| match series.server.as_str() {
        "" => "others".to_owned(),
        name => clip(name, 40),
    };
    let all = &lane.trial.timeline.servers;
    let mut bands: Vec<Band> =
        all.iter().take(MOST).map(|s| Band { name: named(s), answers: merged(s) }).collect();
    let rest =
        all.iter().skip(MOST).map(merged).reduce(|a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect());
    bands.extend(rest.map(|answers| Band { name: "others".to_owned(), answers }));
    bands
}

/// One staircase a server, each on top of those before it and painted under them; where nobody answered there is a gap.
pub(super) fn drawing(lane: &Lane, clock: Clock) -> Markup {
    let bands = bands(lane);
    let of = |band: &Band, n: usize| band.answers.get(n).copied().unwrap_or(0);
    let whole = |n: usize| bands.iter().map(|band| of(band, n)).sum::<u64>().max(1) as f64;
    let edge = |upto: usize| {
        let points = lane.buckets.iter().enumerate().map(|(n, bucket)| {
            let below: u64 = bands[..=upto].iter().map(|band| of(band, n)).sum();
            (clock.x(bucket.start_us), (1.0 - below as f64 / whole(n)) * HIGH)
        });
        svg::steps(&points.collect::<Vec<_>>(), WIDE)
    };
    html! {
        @for n in (0..bands.len()).rev() {
            path class={"sh" (n % COLOURS)} d={(edge(n)) "V" (HIGH) "H0Z"} {}
        }
    }
}

/// `server-1.1 33%, ...`: over the whole load, for the label and beside the lane.
pub(super) fn told(lane: &Lane) -> String {
    let series = &lane.trial.timeline.servers;
    let whole: u64 = series.iter().flat_map(|s| &s.answers).sum();
    if whole == 0 {
        return "nobody is known to have answered".to_owned();
    }
    let busiest = series.iter().map(|s| s.answers.iter().sum::<u64>()).max().unwrap_or(0);
    format!("{} servers answered, the busiest {}", series.len(), ratio_percent(busiest as f64 / whole as f64))
}

/// Which band is whose.
pub(super) fn legend(lane: &Lane) -> Markup {
    html! {
        ul.legend.shares aria-label="from the bottom up" {
            @for (n, band) in bands(lane).iter().enumerate() {
                li { i class={"k sh" (n % COLOURS)} {} (band.name) }
            }
        }
    }
}

/// Whether anything is known of who answered.
pub(super) fn is_there(lanes: &[Lane]) -> bool {
    lanes.iter().any(|lane| !lane.trial.timeline.servers.is_empty())
}
