//! A shopper's cookies, shared by its tabs. What every request needs of them is made when they change, not when they are sent.

use http::{HeaderMap, HeaderValue, header};
use protocol::app::SESSION_COOKIE_PLAIN;
use sha2::{Digest, Sha256};

/// The cookies of one shopper.
#[derive(Default)]
pub(crate) struct Jar {
    /// Name and value; there are two at most, so order is cheaper than a map.
    cookies: Vec<(Box<str>, Box<str>)>,
    header: Option<HeaderValue>,
    sid: Option<String>,
}

impl Jar {
    /// The `Cookie` header; `None` without cookies.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        self.header.clone()
    }

    /// Fingerprint of the session cookie.
    pub(crate) fn sid(&self) -> Option<String> {
        self.sid.clone()
    }

    /// Takes the cookies of an answer (RFC 6265: name, value and expiry are all that matters between two parties), and answers
    /// the fingerprint of the session cookie that it set.
    pub(crate) fn take(&mut self, headers: &HeaderMap) -> Option<String> {
        let (mut new_sid, mut changed) = (None, false);
        for cookie in headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = cookie.split(';');
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let (name, value) = (name.trim(), value.trim());
            let removed = value.is_empty() || parts.any(|p| p.trim().eq_ignore_ascii_case("max-age=0"));
            self.cookies.retain(|(known, _)| **known != *name);
            changed = true;
            if name == SESSION_COOKIE_PLAIN {
                self.sid = (!removed).then(|| fingerprint(value));
                new_sid.clone_from(&self.sid);
            }
            if !removed {
                self.cookies.push((name.into(), value.into()));
            }
        }
        if changed {
            let pairs: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            self.header = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|header| !header.is_empty());
        }
        new_sid
    }
}

/// Enough of a hash (96 bits) to tell billions of cookies apart, and nothing to log in with.
fn fingerprint(value: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = Sha256::digest(value);
    let nibbles = hash.iter().take(12).flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cookies: &[&'static str]) -> HeaderMap {
        cookies.iter().map(|cookie| (header::SET_COOKIE, HeaderValue::from_static(cookie))).collect()
    }

    #[test]
    fn cookies_are_kept_replaced_and_removed() {
        let mut jar = Jar::default();
        assert_eq!(jar.header(), None);
        let first = jar.take(&answer(&["sid=abc; Path=/; HttpOnly", "lab-server=s1"]));
        assert_eq!(jar.header().unwrap(), "sid=abc; lab-server=s1");
        assert_eq!((first.as_ref().map(String::len), jar.sid()), (Some(24), first.clone()));
        assert_eq!(jar.take(&answer(&["lab-server=s2"])), None);
        assert_eq!(jar.header().unwrap(), "sid=abc; lab-server=s2");
        assert_ne!(jar.take(&answer(&["sid=def"])), first);
        assert_eq!(jar.take(&answer(&["sid=; Max-Age=0"])), None);
        assert_eq!(jar.take(&answer(&["lab-server=x; max-age=0"])), None);
        assert_eq!((jar.header(), jar.sid()), (None, None));
    }

    #[test]
    fn a_fingerprint_is_the_beginning_of_the_sha256_of_the_value() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01cfea414140de");
    }
}
