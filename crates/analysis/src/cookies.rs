//! Which session cookie belongs to whom, and to which of their sessions. Some middleware seals its cookie anew with every write,
//! so a session has many; a cookie that answers a request belongs to the session of the cookie that the request carried, and
//! the one that answers a log-in to the session that begins with it.
//!
//! Kept by a hash of the fingerprint: among ten million of them two have the same one with a chance of 3 in a million.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A cookie that was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// To whom.
    pub(crate) shopper: u32,
    /// Which of the shopper's sessions it opens; 0 for none.
    pub(crate) session: u32,
    /// Version of the session's state that came with it; 0 when the answer did not say.
    pub(crate) version: u32,
    /// The journal's entry; beyond four billion all are the last.
    pub(crate) seq: u32,
}

/// All cookies that may still be met.
#[derive(Debug, Default)]
pub(crate) struct Cookies(HashMap<u64, Cookie>);

impl Cookies {
    /// The key of a fingerprint.
    pub(crate) fn key(fingerprint: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        fingerprint.hash(&mut hasher);
        hasher.finish()
    }

    /// A cookie was issued. Answers who had been given it before, if anybody had.
    pub(crate) fn issue(&mut self, key: u64, cookie: Cookie) -> Option<Cookie> {
        match self.0.entry(key) {
            std::collections::hash_map::Entry::Occupied(known) => Some(*known.get()),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(cookie);
                None
            }
        }
    }

    /// A log-in that issues no cookie goes on under the one that it was sent with.
    pub(crate) fn goes_on(&mut self, key: u64, shopper: u32, session: u32) {
        if let Some(cookie) = self.0.get_mut(&key).filter(|cookie| cookie.shopper == shopper) {
            cookie.session = session;
        }
    }

    /// What is known of the cookie that a shopper sent: nothing when it was issued to somebody else.
    pub(crate) fn of(&self, fingerprint: &str, shopper: u32) -> Option<Cookie> {
        self.0.get(&Self::key(fingerprint)).copied().filter(|cookie| cookie.shopper == shopper)
    }

    /// It was replaced long ago.
    pub(crate) fn forget(&mut self, key: u64) {
        self.0.remove(&key);
    }
}
