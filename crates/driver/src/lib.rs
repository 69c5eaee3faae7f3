//! Runs a trial: a cluster of real processes, load and faults side by side on one clock, and the journal of it all.
//!
//! This is the measuring half. It knows the measured half by [`protocol`] alone: it starts server *binaries*, steers the
//! router over its admin API, and never links either.
//!
//! Architecture invariants: only `process` starts or signals a process; nothing measured is retried silently; what happens
//! is recorded as it happens, and judged elsewhere.

mod answer;
mod binaries;
mod client;
mod clock;
mod cluster;
mod environment;
mod error;
mod fault;
mod haproxy;
mod http;
mod jar;
pub mod live;
mod load;
mod look_up;
mod lookups;
mod metrics;
mod outcome;
mod pacer;
mod probe;
mod process;
mod program;
mod recipe;
mod recorder;
mod relay;
mod scratch;
mod seat;
mod shopper;
mod site;
mod sleepers;
mod steering;
mod store;
mod tier;
mod trial;
mod usage;

pub use binaries::Binaries;
pub use clock::Clock;
pub use cluster::ServerProgram;
pub use environment::{Build, environment, open_files_limit};
pub use error::DriverError;
pub use load::{Account, LoadSpec, Stage, drive};
pub use look_up::{Door, LookUp, Operator, Reply, Silence, Whereabouts};
pub use metrics::{LoadMetrics, publish};
pub use program::{Program, own};
pub use protocol::OPENMETRICS;
pub use protocol::ops::{LookedUp, Reach, Sighting};
pub use recorder::{JournalThread, Recorder};
pub use relay::Relay;
pub use scratch::{Leftover, Scratch, leftovers, remove};
pub use seat::RouterKind;
pub use steering::{Entrance, Visit, Wheel};
pub use store::{ExternalStores, without_password};
pub use tier::{Tier, reach_of, running};
pub use trial::{JOURNAL_FILE, Progress, TrialSpec, run};
