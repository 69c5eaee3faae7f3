//! Trials in which the shared store is killed, stopped or cut off: with real stores, and judged.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod durability;
mod failover;
mod harness;
