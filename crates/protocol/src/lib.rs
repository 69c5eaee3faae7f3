//! The wire contract: everything that the measured half (servers, router) and the measuring half (driver, analysis)
//! may know of one another. Plain HTTP and JSON, so that a tier in any language can take the seat of ours.
//!
//! Architecture invariant: no behaviour lives here, only names and shapes; neither half is a dependency of this crate.

/// `GET`: what a process counts, for whoever watches it: on a server's own listener, and on the router's admin API.
pub const METRICS: &str = "/metrics";
/// The content type of [`METRICS`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub mod admin;
pub mod app;
pub mod ops;
pub mod process;
pub mod relay;
