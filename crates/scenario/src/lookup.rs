//! When an operator asks whose session is where, and for how many shoppers.

use serde::{Deserialize, Serialize};

/// A round of look-ups: the driver asks the running tier for some shoppers' sessions, one shopper after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// When, on the trial's clock. Microseconds.
    pub at_us: u64,
    /// How many shoppers are looked for; the seed chooses who, and every round looks for the same ones.
    pub shoppers: u32,
}

/// A round with its number, and who is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedLookup {
    /// Counts from 0 in order of time; the journal names rounds by it.
    pub lookup: u32,
    /// When. Microseconds on the trial's clock.
    pub at_us: u64,
    /// Who is looked for, by their numbers in the plan, in this order.
    pub shoppers: Vec<u32>,
}
