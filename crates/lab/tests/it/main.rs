//! The lab as its users meet it: its command line, with real processes, real stores and a real browser.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod advising;
mod bench;
mod boundary;
mod browser;
mod checking;
mod comparing;
mod finding;
mod killing;
mod limiting;
mod page;
mod publishing;
mod refusing;
mod resuming;
mod seat;
mod terminal;
mod watching;
