//! Session ids: 256 random bits for the client, and only their hash for the store.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;

/// The secret that a client holds. Never stored and never logged: [`fmt::Debug`] masks it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(String);

/// SHA-256 of a [`SessionId`], as 64 lowercase hexadecimal digits: the key in every store (OWASP ASVS 5.0, 7.2: a stolen
/// store gives no usable session).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoreKey(String);

impl SessionId {
    /// A fresh id from the operating system's random source.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: no session may be issued then.
    pub fn generate() -> Self {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).expect("the operating system's random source failed");
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// An id as a client sent it; `None` unless it has the exact shape of one that we issue.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The key under which a store keeps the session.
    pub fn store_key(&self) -> StoreKey {
        let digest = Sha256::digest(self.0.as_bytes());
        StoreKey(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The secret itself, for the cookie alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(masked)")
    }
}

impl StoreKey {
    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl StoreKey {
    /// A key as a store keeps it; `None` unless it has the exact shape of one.
    pub fn from_digits(digits: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 64 && digits.bytes().all(is_digit)).then(|| Self(digits.to_owned()))
    }

    /// Its beginning, for people: enough to tell two sessions apart.
    pub fn masked(&self) -> &str {
        &self.0[..8]
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreKey({}...)", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_masked_when_logged_and_its_hash_is_not_the_id() {
        let id = SessionId::generate();
        assert!(!format!("{id:?}").contains(id.expose()));
        assert_eq!(id.store_key().as_str().len(), 64);
        assert_ne!(id.store_key(), SessionId::generate().store_key());
    }

    #[test]
    fn a_key_is_read_back_from_its_digits_and_from_nothing_else() {
        let key = SessionId::generate().store_key();
        assert_eq!(StoreKey::from_digits(key.as_str()).as_ref(), Some(&key));
        for wrong in ["", &key.as_str()[1..], &key.as_str().replace(|_| true, "G"), &"\u{e4}".repeat(32)] {
            assert_eq!(StoreKey::from_digits(wrong), None, "{wrong:?}");
        }
        assert!(key.as_str().starts_with(key.masked()) && key.masked().len() == 8);
    }

    #[test]
    fn only_the_exact_shape_of_our_ids_is_parsed() {
        let id = SessionId::generate();
        assert_eq!(SessionId::parse(id.expose()).as_ref(), Some(&id));
        for wrong in ["", "x", "../../etc/passwd", &id.expose()[1..], &format!("{}A", id.expose())] {
            assert_eq!(SessionId::parse(wrong), None, "{wrong:?}");
        }
    }
}
