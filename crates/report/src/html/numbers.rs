//! The numbers behind the charts, as one table: a row for each stretch of time, the figures of each stack side by side.

use super::timeline::Lane;
use crate::words::{count, latency};
use analysis::Bucket;
use maud::{Markup, html};

const HEADS: [&str; 5] = ["median", "slowest", "failed", "refused", "lost"];

/// At most `most` rows: neighbours are put together as the charts do it.
pub(super) fn table(lanes: &[Lane], most: usize) -> Markup {
    let lanes: Vec<Lane> = lanes.iter().map(|lane| lane.coarser(most)).collect();
    let Some(longest) = lanes.iter().max_by_key(|lane| lane.buckets.len()) else { return html! {} };
    html! {
        details {
            summary { "The numbers behind these charts" }
            p.note { "Every " (format!("{:.2}", longest.bucket_us as f64 / 1e6)) " s. Latency is " (super::timeline::since_words(&lanes))
                "; timeline.csv has all, and results.json more." }
            div.scroll tabindex="0" role="region" aria-label="The charts as a table" {
                table.numbers {
                    thead {
                        tr { td {} @for lane in &lanes { th scope="colgroup" colspan=(HEADS.len()) { (lane.trial.identity.column()) } } }
                        tr { th scope="col" { "from" } @for _ in &lanes { @for head in HEADS { th scope="col" { (head) } } } }
                    }
                    tbody {
                        @for (row, bucket) in longest.buckets.iter().enumerate() {
                            tr {
                                th scope="row" { (format!("{:.2} s", bucket.start_us as f64 / 1e6)) }
                                @for lane in &lanes {
                                    @for figure in lane.buckets.get(row).map(figures).unwrap_or_default() { td { (figure) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn figures(b: &Bucket) -> [String; 5] {
    let time = |us: Option<u64>| us.map_or_else(|| "n/a".to_owned(), latency);
    [time(b.p50_us), time(b.max_us), count(b.failed), count(b.refused), count(b.sessions_lost)]
}
