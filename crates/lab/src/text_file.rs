//! Text that a user names: what is none at all, such as a device, may have no end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads no more than any such file has.
///
/// # Errors
/// When it cannot be read, is no text, or is longer.
pub fn read(path: &Path, most_bytes: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most_bytes + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most_bytes {
        return Err(io::Error::other(format!("longer than {most_bytes} bytes, which no such file is")));
    }
    Ok(text)
}
