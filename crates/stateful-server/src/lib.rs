//! The memory store, apart from `main.rs` so that tests can open one without a process.
//!
//! Architecture invariant: no database, no network and no file is reachable from here.

pub mod memory;

pub use memory::MemoryStore;
