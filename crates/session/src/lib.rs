//! The seam: what a session store must do ([`SessionStore`]), the one adapter that puts a store behind actix-session
//! ([`adapter`]), and the suite that every store must pass (`conformance`).
//!
//! Architecture invariant: nothing here knows any particular store, and a store knows nothing of HTTP.

pub mod adapter;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod id;
pub mod scope;
pub mod seal;
pub mod store;

pub use adapter::{Adapter, Backend, ConflictPolicy, CookieFormat, Library, Reach, Seen};
pub use id::{SessionId, StoreKey};
pub use seal::Keyring;
pub use store::{
    Capabilities, Expect, Lifetime, MOST_SIGHTINGS, Search, SessionStore, Sighting, StoreError, Stored,
    Version, WriteError,
};
