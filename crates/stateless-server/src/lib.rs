//! The stores that several servers share. The binary beside this library serves the shop's cart on one of them.
//!
//! Architecture invariant: a store knows nothing of HTTP, of the application, or of the other servers.

pub mod store;
