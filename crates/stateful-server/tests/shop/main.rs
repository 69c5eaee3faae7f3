//! The application over real HTTP, with the memory store behind it, or with one that fails and waits as a test tells it.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod browser;
mod conflicts;
mod cookies;
mod drain;
mod errors;
mod library;
mod operators;
mod scripted;
mod server;
mod shopping;
