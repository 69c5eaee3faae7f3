//! The seal of the session cookie: what a client holds is opened by us or is nothing.
//!
//! A sealed value is `base64url(key id, nonce, ciphertext, tag)`, sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), whose
//! nonces of 192 bits may be random however many cookies one key seals. The name of the cookie and the key id are authenticated
//! with it, so a value that is moved to a cookie of another name does not open.
//!
//! Architecture invariant: nothing of a value is interpreted before it is opened, but the id of the key to open it with.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// The most that name and value of a cookie may have, in bytes; a browser drops a larger one without a word (RFC 6265bis, 5.6).
pub const MAX_COOKIE_BYTES: usize = 4_096;

const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

/// The keys of a tier: the first one seals, and each of them opens. Clones share them.
///
/// So that nobody is logged out, keys are changed in two deployments: the first adds the new key *behind* the old one, the second
/// puts it in front. Once no cookie that the old key sealed can still be alive, a third one takes it out. A server that meets a cookie
/// of a key which it does not have sees an empty session: that is what happens to the old servers when the new key seals at once.
#[derive(Clone)]
pub struct Keyring(Arc<[SealKey]>);

struct SealKey {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
}

/// The cookie would be larger than [`MAX_COOKIE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session needs a cookie of {bytes} bytes, and browsers keep {MAX_COOKIE_BYTES} at most")]
pub struct TooLarge {
    /// Name and value as they would have been sent.
    pub bytes: usize,
}

impl Keyring {
    /// The keys in their order, each of any length and of full entropy.
    ///
    /// # Panics
    /// Without any key: there would be nothing to seal with.
    pub fn new<K: AsRef<[u8]>>(keys: &[K]) -> Self {
        assert!(!keys.is_empty(), "a keyring needs a key");
        Self(keys.iter().map(|key| SealKey::derived_from(key.as_ref())).collect())
    }

    /// The value for a cookie of this name.
    ///
    /// # Errors
    /// When a browser would drop the cookie.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing may be sealed then.
    pub fn seal(&self, name: &str, content: &str) -> Result<String, TooLarge> {
        let key = &self.0[0];
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the operating system's random source failed");
        let payload = Payload { msg: content.as_bytes(), aad: &key.bound_to(name) };
        let sealed = key.cipher.encrypt(XNonce::from_slice(&nonce), payload);
        let sealed = sealed.expect("XChaCha20-Poly1305 takes any message that fits in memory");
        let value = URL_SAFE_NO_PAD.encode([&key.id[..], &nonce, &sealed].concat());
        match name.len() + value.len() {
            bytes if bytes > MAX_COOKIE_BYTES => Err(TooLarge { bytes }),
            _ => Ok(value),
        }
    }

    /// What was sealed for a cookie of this name; `None` for everything that is not exactly what one of these keys sealed.
    pub fn open(&self, name: &str, value: &str) -> Option<String> {
        if name.len() + value.len() > MAX_COOKIE_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (id, rest) = bytes.split_at_checked(KEY_ID_BYTES)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        let key = self.0.iter().find(|key| key.id == id)?;
        let payload = Payload { msg: sealed, aad: &key.bound_to(name) };
        let content = key.cipher.decrypt(XNonce::from_slice(nonce), payload).ok()?;
        String::from_utf8(content).ok()
    }
}

impl SealKey {
    /// Both are hashes under labels of their own, so the id tells nothing of the key, and the key is not one that somebody else uses
    /// too: actix-web's cookies may be sealed with the same file.
    fn derived_from(key: &[u8]) -> Self {
        let hash = |label: &[u8]| Sha256::new().chain_update(label).chain_update(key).finalize();
        let mut id = [0_u8; KEY_ID_BYTES];
        id.copy_from_slice(&hash(b"session cookie v1: key id\0")[..KEY_ID_BYTES]);
        Self { id, cipher: XChaCha20Poly1305::new(&hash(b"session cookie v1: sealing key\0")) }
    }

    fn bound_to(&self, name: &str) -> Vec<u8> {
        [b"session cookie v1\0", &self.id[..], name.as_bytes()].concat()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys, masked)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; 64] = [1; 64];
    const NEW: [u8; 64] = [2; 64];

    #[test]
    fn what_was_sealed_opens_and_no_two_seals_are_alike() {
        let ring = Keyring::new(&[OLD]);
        for content in ["", "three apples", "ümlaut \" ; = %41"] {
            let value = ring.seal("sid", content).unwrap();
            assert_eq!(ring.open("sid", &value).as_deref(), Some(content));
            assert_ne!(ring.seal("sid", content).unwrap(), value);
            assert!(!value.contains("apples"));
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_a_cut_or_another_name_opens_nothing() {
        let ring = Keyring::new(&[OLD]);
        let value = ring.seal("sid", "state").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&value).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(ring.open("sid", &URL_SAFE_NO_PAD.encode(flipped)), None, "byte {at}, bit {bit}");
            }
            assert_eq!(ring.open("sid", &URL_SAFE_NO_PAD.encode(&bytes[..at])), None, "cut to {at} bytes");
        }
        for wrong in ["", "%%%", &format!("{value}="), &format!("{value}A")] {
            assert_eq!(ring.open("sid", wrong), None, "{wrong}");
        }
        assert_eq!(ring.open("__Host-sid", &value), None, "renamed");
    }

    #[test]
    fn keys_change_in_two_steps_and_every_cookie_opens_at_each() {
        let steps = [Keyring::new(&[OLD]), Keyring::new(&[OLD, NEW]), Keyring::new(&[NEW, OLD])];
        for neighbours in steps.windows(2) {
            for (sealer, opener) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let value = neighbours[sealer].seal("sid", "state").unwrap();
                assert_eq!(neighbours[opener].open("sid", &value).as_deref(), Some("state"));
            }
        }
        let value = steps[2].seal("sid", "state").unwrap();
        assert_eq!(
            steps[0].open("sid", &value),
            None,
            "in one step, the old servers do not know the new key"
        );
        assert_eq!(Keyring::new(&[NEW]).open("sid", &steps[0].seal("sid", "state").unwrap()), None);
    }

    #[test]
    fn the_largest_cookie_that_a_browser_keeps_is_sealed_and_one_byte_more_is_refused() {
        let ring = Keyring::new(&[OLD]);
        let fits = (4_092 * 3 / 4) - (KEY_ID_BYTES + NONCE_BYTES + 16);
        let value = ring.seal("name", &"x".repeat(fits)).unwrap();
        assert!(ring.open("name", &value).is_some());
        assert_eq!("name".len() + value.len(), MAX_COOKIE_BYTES);
        let refused = ring.seal("name", &"x".repeat(fits + 1)).unwrap_err();
        assert_eq!(refused, TooLarge { bytes: MAX_COOKIE_BYTES + 2 });
    }

    #[test]
    fn no_key_is_ever_printed() {
        assert_eq!(format!("{:?}", Keyring::new(&[OLD, NEW])), "Keyring(2 keys, masked)");
    }
}
