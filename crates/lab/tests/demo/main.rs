//! The live demo's page as a class meets it: a real browser, real tiers, real faults. A target of its own, for it is built and run apart
//! from what needs no browser.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]
#![allow(dead_code, reason = "bench and browser are shared with the other target, which uses the rest")]

#[path = "../it/bench.rs"]
mod bench;
#[path = "../it/browser.rs"]
mod browser;
mod parts;
mod stage;
mod story;
