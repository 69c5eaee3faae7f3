//! The results in the formats of other people's tools. Each is a view of [`crate::Results`], but the time series, which needs the
//! histograms that only the judge has in hand.

mod benchmarks;
mod junit;
mod series;

pub use benchmarks::{bencher, github_action_benchmark};
pub use junit::junit;
pub use series::{csv_head, csv_lines};
