//! The real router binary before small real servers: what a client sees, and what the admin API says of it.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a test fails; clippy spares test functions only, not what they call"
)]

mod admin;
mod backend;
mod failover;
mod harness;
mod lifecycle;
mod policies;
mod wire;
