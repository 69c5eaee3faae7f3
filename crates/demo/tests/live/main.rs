//! The demo with real tiers. The files beside this one share nothing but what starts one.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod hostile;
mod stage;
mod story;
