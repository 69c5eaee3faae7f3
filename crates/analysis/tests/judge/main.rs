//! Stories about what the judge sees, and what it must not see.

mod anomalies;
mod fates;
mod figures;
mod history;
mod innocence;
mod properties;
mod verdicts;
