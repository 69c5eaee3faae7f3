//! The key that seals session cookies.

use actix_web::cookie::Key;
use std::path::{Path, PathBuf};

/// What actix-web's cookies need: half to sign, half to encrypt.
const KEY_BYTES: usize = 64;

/// Why a key file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot read the cookie key file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It holds too little.
    #[error(
        "the cookie key file {} holds a key of {bytes} bytes and needs {KEY_BYTES} or more; \
         make one with: openssl rand -hex {KEY_BYTES}", path.display()
    )]
    TooShort {
        /// The file.
        path: PathBuf,
        /// What it holds.
        bytes: usize,
    },
}

pub(crate) fn read(path: &Path) -> Result<Key, KeyError> {
    let content =
        std::fs::read(path).map_err(|source| KeyError::Unreadable { path: path.to_owned(), source })?;
    let key = from_hex(&content).unwrap_or(content);
    if key.len() < KEY_BYTES {
        return Err(KeyError::TooShort { path: path.to_owned(), bytes: key.len() });
    }
    Ok(Key::from(&key))
}

/// A file of nothing but hexadecimal digits is taken for one: raw random bytes never look like that.
fn from_hex(content: &[u8]) -> Option<Vec<u8>> {
    let digits = std::str::from_utf8(content).ok()?.trim();
    if digits.is_empty() || digits.len() % 2 != 0 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(content: &[u8]) -> Result<Vec<u8>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, content).unwrap();
        read(&path).map(|key| key.master().to_vec()).map_err(|err| err.to_string())
    }

    #[test]
    fn a_key_is_the_same_whether_it_is_written_raw_or_in_hexadecimal() {
        let raw: Vec<u8> = (100..164).collect();
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(key_of(&raw), key_of(format!("{hex}\n").as_bytes()));
        assert!(key_of(&raw).is_ok());
    }

    #[test]
    fn a_key_that_is_too_short_is_refused_with_the_command_that_makes_a_better_one() {
        let refused = key_of(&b"0123456789abcdef".repeat(4)).unwrap_err();
        assert!(refused.contains("a key of 32 bytes"), "{refused}");
        assert!(refused.contains("openssl rand -hex 64"), "{refused}");
        assert!(key_of(b"").is_err());
    }

    #[test]
    fn a_key_file_that_is_not_there_is_named() {
        let refused = read(Path::new("no/such/key")).err().unwrap().to_string();
        assert!(refused.contains("no/such/key"), "{refused}");
    }
}
