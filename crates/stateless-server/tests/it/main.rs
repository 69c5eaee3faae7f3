//! The stores against real servers, which the tests start for themselves and never leave behind.
#![allow(clippy::unwrap_used, reason = "all of this is tests, and what supports them")]

mod backends;
mod browsers;
mod client_held;
mod conformance;
mod failover;
mod http;
mod keys;
mod outage;
mod postgres;
mod redis;
mod sqlite;
mod topology;
