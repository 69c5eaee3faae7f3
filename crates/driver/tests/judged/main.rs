//! Short trials on real processes and real stores, and what the judge says of them: a store is killed, stopped or cut off, or a
//! whole site is lost.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod durability;
mod failover;
mod harness;
mod sites;
