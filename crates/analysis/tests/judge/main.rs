//! Stories about what the judge sees, and what it must not see.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod afterlife;
mod anomalies;
mod crimes;
mod fates;
mod figures;
mod guarantees;
mod history;
mod innocence;
mod linearizable;
mod model;
mod precedence;
mod probes;
mod properties;
mod steered;
mod verdicts;
