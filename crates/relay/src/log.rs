//! The relay's log: a line on standard error for what needs a person, and none for a connection.

use std::fmt::Arguments;
use std::io::Write;

/// Writes one line, in one piece: other processes may share standard error.
pub fn line(message: Arguments<'_>) {
    // Nobody can be told that the log itself is closed.
    let _closed = std::io::stderr().write_all(format!("relay: {message}\n").as_bytes());
}
