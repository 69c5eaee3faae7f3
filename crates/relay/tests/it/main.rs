//! The real relay binary between real sockets: what each level does to connections, and what the admin API says of it.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a test fails; clippy spares test functions only, not what they call"
)]

mod harness;
mod levels;
mod lifecycle;
mod losing;
mod passing;
