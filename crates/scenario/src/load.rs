//! Who comes and what they do: the `[load]` section as resolved.

use crate::shape::Shape;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who comes and what they do. Sessions arrive as a Poisson process during the warm-up; each follows its own timetable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// How many shoppers there are.
    pub shoppers: u32,
    /// Mean pause between two steps of one shopper, exponentially distributed. Milliseconds.
    pub think_time_ms: u64,
    /// After this long without a complete answer a shopper gives up on a request. Milliseconds.
    pub timeout_ms: u64,
    /// What shoppers do.
    pub mix: Mix,
    /// What a pause is counted from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// How the rate of requests changes over time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shape: Shape,
    /// Exponent of the Zipf law by which some shoppers are busier than others; 0 for none. The total rate is kept.
    #[serde(default, skip_serializing_if = "is_default")]
    pub skew: f64,
    /// Over how many tabs, with one cookie jar, each shopper's steps are spread.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub tabs: u8,
    /// What is done about a write with an unknown outcome; nothing when absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: Option<Retries>,
    /// Whether a shopper looks into the cart once more after a log-out, before the next log-in: it must find none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub look_after_log_out: bool,
    /// How many sessions are there before the load begins and do nothing: they are weighed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sleepers: u32,
}

/// What a pause is counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// From when the step before was *due*: the timetable is fixed before anything runs, and waiting counts as latency.
    #[default]
    Open,
    /// From when the step before had its *outcome*: a slow service slows its own load, so a step is due when its shopper is
    /// ready, and latency from then on says nothing that the service time does not.
    Closed,
}

/// What is done about an add or a check-out with an unknown outcome: the same operation is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// How many times at most.
    pub max: u32,
    /// How long after the unknown outcome. Milliseconds.
    pub after_ms: u64,
    /// Whether every try, the first included, carries an idempotency key.
    pub idempotency_key: bool,
}

/// Relative weights of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mix {
    /// Read the cart.
    #[serde(default)]
    pub read: u32,
    /// Append a line.
    #[serde(default)]
    pub add: u32,
    /// Check out, which clears the cart.
    #[serde(default)]
    pub check_out: u32,
    /// Log out, and log in again with the next step.
    #[serde(default)]
    pub log_out: u32,
}

impl Mix {
    /// The sum of the weights.
    pub fn total(self) -> u64 {
        [self.read, self.add, self.check_out, self.log_out].map(u64::from).iter().sum()
    }
}

/// What is as it is without being named is left out of journals and plans, which so stay the same bytes as before there was a
/// choice.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn one() -> u8 {
    1
}

fn is_one(tabs: &u8) -> bool {
    *tabs == 1
}
