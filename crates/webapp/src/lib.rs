//! The one application, a shop's cart, served by every stack.
//!
//! Architecture invariant: nothing here can tell which store holds the sessions. What differs between stacks is handed to
//! [`serve()`] as a [`session::Backend`].

mod app;
pub mod args;
mod cart;
pub mod cookie_key;
mod envelope;
mod log;
mod metrics;
pub mod ops;
mod refusal;
mod routes;
pub mod serve;
mod shop;

pub use args::ServerArgs;
pub use serve::{ServeError, serve, serve_on};
