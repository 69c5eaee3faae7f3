//! The one application, a shop's cart, served by every stack.
//!
//! Architecture invariant: nothing here can tell which store holds the sessions. What differs between stacks is handed to
//! [`serve`] as a [`session::Backend`].

pub mod args;
pub mod serve;

pub use args::ServerArgs;
pub use serve::{ServeError, serve};
