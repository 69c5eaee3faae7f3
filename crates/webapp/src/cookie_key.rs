//! The keys that seal session cookies, as a file holds them.
//!
//! One key: 64 bytes or more, raw or in hexadecimal. Several: one a line, in hexadecimal; the first seals, all of them open.

use actix_web::cookie::Key;
use session::Keyring;
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
        "line {line} of the cookie key file {} is a key of {bytes} bytes, and {KEY_BYTES} or more are needed; \
         make one with: openssl rand -hex {KEY_BYTES}", path.display()
    )]
    TooShort {
        /// The file.
        path: PathBuf,
        /// Where; a raw key is all in line 1.
        line: usize,
        /// What it holds.
        bytes: usize,
    },
    /// It is text of several lines, and one of them is no key.
    #[error(
        "line {line} of the cookie key file {} is not an even number of hexadecimal digits; \
         a file of several keys has one a line", path.display()
    )]
    NotHexadecimal {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
    },
}

/// One secret or more, the one that seals first.
#[derive(Clone)]
pub(crate) struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// A key that no other process has.
    pub(crate) fn random() -> Self {
        Self(vec![Key::generate().master().to_vec()])
    }

    /// For cookies of ours: all keys.
    pub(crate) fn ring(&self) -> Keyring {
        Keyring::new(&self.0)
    }

    /// For cookies of the library's: it takes one key, the first.
    pub(crate) fn single(&self) -> Key {
        Key::from(&self.0[0])
    }
}

pub(crate) fn read(path: &Path) -> Result<Keys, KeyError> {
    let content =
        std::fs::read(path).map_err(|source| KeyError::Unreadable { path: path.to_owned(), source })?;
    let keys = match lines_of(&content) {
        Some(lines) => {
            let key = |(line, digits): (usize, &str)| {
                let key = from_hex(digits)
                    .ok_or_else(|| KeyError::NotHexadecimal { path: path.to_owned(), line })?;
                Ok((line, key))
            };
            lines.into_iter().map(key).collect::<Result<Vec<_>, _>>()?
        }
        None => vec![(1, content)],
    };
    for (line, key) in &keys {
        if key.len() < KEY_BYTES {
            return Err(KeyError::TooShort { path: path.to_owned(), line: *line, bytes: key.len() });
        }
    }
    Ok(Keys(keys.into_iter().map(|(_line, key)| key).collect()))
}

/// The lines of a file of hexadecimal keys; `None` for a raw key. Raw random bytes are never text of several lines, and so text that
/// is gets no chance to be taken for a raw key because of a slip of the pen: that key would be another one, and log everybody out.
fn lines_of(content: &[u8]) -> Option<Vec<(usize, &str)>> {
    let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii())?;
    if text.bytes().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()) {
        return None;
    }
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty()).collect();
    match lines.as_slice() {
        [] => None,
        [(_, only)] => from_hex(only).map(|_key| lines),
        _ => Some(lines),
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty()
        || !digits.len().is_multiple_of(2)
        || !digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(content: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, content).unwrap();
        read(&path).map(|keys| keys.0).map_err(|err| err.to_string())
    }

    fn hex(key: &[u8]) -> String {
        key.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_key_is_the_same_whether_it_is_written_raw_or_in_hexadecimal() {
        let raw: Vec<u8> = (100..164).collect();
        assert_eq!(keys_of(&raw), Ok(vec![raw.clone()]));
        assert_eq!(keys_of(format!("{}\n", hex(&raw))), Ok(vec![raw]));
        assert_eq!(keys_of([b'k'; 64]), Ok(vec![vec![b'k'; 64]]));
    }

    #[test]
    fn several_keys_stand_one_a_line_the_one_that_seals_first() {
        let (new, old) = (vec![0xab; 64], vec![7; 80]);
        let file = format!("{}\r\n\n  {}", hex(&new), hex(&old));
        assert_eq!(keys_of(file), Ok(vec![new, old]));
    }

    #[test]
    fn a_key_that_is_too_short_is_refused_with_its_line_and_the_command_that_makes_a_better_one() {
        let refused = keys_of(b"0123456789abcdef".repeat(4)).unwrap_err();
        assert!(refused.contains("a key of 32 bytes"), "{refused}");
        assert!(refused.contains("openssl rand -hex 64"), "{refused}");
        assert!(keys_of(b"").is_err());
        let refused = keys_of(format!("{}\n{}\n", hex(&[1; 64]), hex(&[2; 63]))).unwrap_err();
        assert!(refused.contains("line 2") && refused.contains("63 bytes"), "{refused}");
    }

    #[test]
    fn a_slip_in_one_of_several_keys_is_not_taken_for_another_key() {
        for slip in ["x", "0", "# the old one"] {
            let refused = keys_of(format!("{}\n{}{slip}\n", hex(&[1; 64]), hex(&[2; 64]))).unwrap_err();
            assert!(refused.contains("line 2"), "{refused}");
        }
    }

    #[test]
    fn a_key_file_that_is_not_there_is_named() {
        let refused = read(Path::new("no/such/key")).err().unwrap().to_string();
        assert!(refused.contains("no/such/key"), "{refused}");
    }
}
