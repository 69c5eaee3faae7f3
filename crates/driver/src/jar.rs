//! A shopper's cookies, shared by its tabs. What every request needs of them is made when they change, not when they are sent.

use protocol::app::{SESSION_COOKIE_PLAIN, VISITOR_COOKIE};
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// The most that name and value of a cookie may have together; a browser ignores a larger one without a word, and keeps what it had
/// (RFC 6265bis, 5.6). Bytes.
const MOST_BYTES: usize = 4_096;

/// The cookies of one shopper.
#[derive(Clone, Default)]
pub(crate) struct Jar {
    /// Name and value; there are three at most, so order is cheaper than a map.
    cookies: Vec<(Box<str>, Box<str>)>,
    header: Vec<u8>,
    sid: Option<Rc<str>>,
    dropped_bytes: Option<usize>,
}

impl Jar {
    /// The cookies of somebody who has been here before: hashing policies know a visitor by them.
    pub(crate) fn of(visitor: &str) -> Self {
        let mut jar = Self::default();
        jar.take(&format!("{VISITOR_COOKIE}={visitor}"));
        jar
    }

    /// The `Cookie` header as a whole line; empty without cookies.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// Fingerprint of the session cookie.
    pub(crate) fn sid(&self) -> Option<Rc<str>> {
        self.sid.clone()
    }

    /// The value of the session cookie, for who copies it.
    pub(crate) fn session(&self) -> Option<&str> {
        let session = self.cookies.iter().find(|(name, _)| **name == *SESSION_COOKIE_PLAIN);
        session.map(|(_, value)| &**value)
    }

    /// The size of a session cookie that was ignored since this was asked last. Bytes.
    pub(crate) fn take_dropped(&mut self) -> Option<usize> {
        self.dropped_bytes.take()
    }

    /// Takes a cookie as a `Set-Cookie` header says it (RFC 6265: name, value and expiry are all that matters between two
    /// parties), and answers its fingerprint when it is the session's and is not removed.
    pub(crate) fn take(&mut self, cookie: &str) -> Option<Rc<str>> {
        let mut parts = cookie.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if name.len() + value.len() > MOST_BYTES {
            if name == SESSION_COOKIE_PLAIN {
                self.dropped_bytes = Some(name.len() + value.len());
            }
            return None;
        }
        let removed = value.is_empty() || parts.any(|p| p.trim().eq_ignore_ascii_case("max-age=0"));
        self.cookies.retain(|(known, _)| **known != *name);
        if !removed {
            self.cookies.push((name.into(), value.into()));
        }
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.header.clear();
        if !pairs.is_empty() {
            self.header.extend(format!("cookie: {}\r\n", pairs.join("; ")).into_bytes());
        }
        if name != SESSION_COOKIE_PLAIN {
            return None;
        }
        self.sid = (!removed).then(|| fingerprint(value).into());
        self.sid()
    }
}

/// Enough of a hash (96 bits) to tell billions of cookies apart, and nothing to log in with.
pub(crate) fn fingerprint(value: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = Sha256::digest(value);
    let nibbles = hash.iter().take(12).flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_replaced_and_removed() {
        let mut jar = Jar::default();
        assert_eq!(jar.header(), b"");
        let first = jar.take("sid=abc; Path=/; HttpOnly");
        assert_eq!(jar.take("lab-server=s1"), None);
        assert_eq!(jar.header(), b"cookie: sid=abc; lab-server=s1\r\n");
        assert_eq!((first.as_ref().map(|sid| sid.len()), jar.sid()), (Some(24), first.clone()));
        assert_eq!(jar.take("lab-server=s2"), None);
        assert_eq!(jar.header(), b"cookie: sid=abc; lab-server=s2\r\n");
        assert_ne!(jar.take("sid=def"), first);
        assert_eq!(jar.take("sid=; Max-Age=0"), None);
        assert_eq!(jar.take("lab-server=x; max-age=0"), None);
        assert_eq!((jar.header(), jar.sid()), (&b""[..], None));
    }

    #[test]
    fn a_cookie_that_is_too_large_is_ignored_and_the_one_before_it_stays() {
        let mut jar = Jar::default();
        let fits = "x".repeat(MOST_BYTES - SESSION_COOKIE_PLAIN.len());
        let first = jar.take(&format!("sid={fits}; Path=/"));
        assert!(first.is_some());
        assert_eq!((jar.take(&format!("sid=y{fits}")), jar.sid()), (None, first));
        assert_eq!(jar.session(), Some(&*fits));
        assert_eq!(jar.take_dropped(), Some(MOST_BYTES + 1));
        assert_eq!(jar.take_dropped(), None);
    }

    #[test]
    fn a_fingerprint_is_the_beginning_of_the_sha256_of_the_value() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01cfea414140de");
    }
}
