//! The live demo: a stateful and a stateless tier side by side, one page that shows what happens to every session, and controls
//! that are real faults.
//!
//! It is the second reader of the same events that the report reads, not a second program. The driver runs both tiers and writes
//! their journals; this crate reads those journals while they are written, feeds a judge with each, and shows what the judges say.
//! A replay reads the same journals later and shows the same.
//!
//! Architecture invariants: what is shown is derived from journals, in [`show`], which is pure; only the driver starts or signals a
//! process; whoever watches cannot hold up a tier; whoever has no token changes nothing but a cart and a vote of their own.

pub mod carts;
pub mod control;
mod demo;
pub mod guard;
mod history;
mod hub;
mod orders;
mod page;
mod replay;
pub mod scene;
mod segment;
pub mod show;
pub mod vote;
mod web;

pub use demo::{ClassRoom, Demo, DemoError, OnSegment, Options};
pub use hub::Viewer;
pub use orders::{Orders, Refusal};
pub use replay::{Exported, Replay, export, findings};
