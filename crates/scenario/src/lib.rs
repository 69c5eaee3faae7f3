//! What was asked ([`Scenario`], read from a TOML file), of whom ([`Stack`]), and every choice made from the seed
//! ([`Plan`]).
//!
//! Architecture invariant: pure. No file is opened here, no clock is read and no process is started; the same text and the
//! same seed give the same plan, byte for byte.

mod claims;
mod expect;
mod fault;
mod file;
mod load;
mod lookup;
mod phase;
mod plan;
mod probe;
mod scenario;
mod shape;
mod site;
mod skew;
mod stack;
#[cfg(test)]
mod tests;

pub use claims::{CLAIMS, Claim, ClaimGroup, Concern};
pub use expect::{Expectation, Metric, SteadyState};
pub use fault::{Edge, Fault, FaultAction, Keys, Target};
pub use file::ScenarioError;
pub use load::{Load, Mix, Mode, Retries};
pub use lookup::{Lookup, PlannedLookup};
pub use phase::{Phase, PhaseSpan, Phases};
pub use plan::{Action, Plan, PlannedFault, PlannedProbe, ShopperPlan, Step};
pub use probe::{Probe, ProbeKind};
pub use scenario::{ConflictPolicy, Scenario, Topology};
pub use shape::Shape;
pub use site::{StandbySite, Strategy};
pub use stack::{Family, Stack, StackError, StoreKind};
