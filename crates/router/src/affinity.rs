//! What ties a request to a server: the cookies that it brings, and the one that binds it.
//!
//! The affinity cookie holds a random token that was drawn when the server was added, not the server's id: a client can
//! neither read which server it has nor choose one, and a token that was altered is simply unknown.

use crate::hash;
use crate::policy::{Ask, Token};
use http::header::{COOKIE, HeaderMap, HeaderValue};
use protocol::admin::Policy;
use protocol::app::{AFFINITY_COOKIE, SESSION_COOKIE_PLAIN, SESSION_COOKIE_SECURE, VISITOR_COOKIE};
use std::net::SocketAddr;

/// Length of a token in a cookie: 128 bits in lower-case hexadecimal.
const TOKEN_CHARS: usize = 32;

/// What the policy has to know of a request. Hashing policies take the visitor's cookie; a request without one goes by its session
/// cookie, and one without either by the client's address and port, which spreads clients but says nothing lasting. The session
/// cookie alone would not do: its value changes with the login, so that the first request after it often goes to another server
/// than the login did.
pub fn ask(policy: Policy, headers: &HeaderMap, client: SocketAddr) -> Ask<'static> {
    let mut ask = Ask::default();
    match policy {
        Policy::RoundRobin | Policy::LeastConnections => {}
        Policy::SourceIpHash => ask.key = hash_address(client, false),
        Policy::HashModulo | Policy::ConsistentHash | Policy::RendezvousHash => {
            ask.key = visitor(headers)
                .or_else(|| session(headers))
                .map_or_else(|| hash_address(client, true), hash::bytes);
        }
        Policy::CookieInsert => {
            ask.token = cookies(headers, AFFINITY_COOKIE).find_map(token);
        }
    }
    ask
}

/// The cookie that binds a session to the server with this token.
pub fn binding(token: Token) -> HeaderValue {
    HeaderValue::try_from(format!("{AFFINITY_COOKIE}={token:032x}; Path=/; HttpOnly; SameSite=Lax"))
        .expect("hexadecimal digits make a header value")
}

/// Takes the affinity cookie out of a request: it is between the client and the router.
pub fn strip(headers: &mut HeaderMap) {
    if cookies(headers, AFFINITY_COOKIE).next().is_none() {
        return;
    }
    let kept = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty() && value_of(pair, AFFINITY_COOKIE).is_none())
        .collect::<Vec<_>>()
        .join(&b"; "[..]);
    headers.remove(COOKIE);
    if let (false, Ok(kept)) = (kept.is_empty(), HeaderValue::from_bytes(&kept)) {
        headers.insert(COOKIE, kept);
    }
}

fn visitor(headers: &HeaderMap) -> Option<&[u8]> {
    cookies(headers, VISITOR_COOKIE).next().filter(|value| !value.is_empty())
}

fn session(headers: &HeaderMap) -> Option<&[u8]> {
    cookies(headers, SESSION_COOKIE_SECURE).next().or_else(|| cookies(headers, SESSION_COOKIE_PLAIN).next())
}

fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(move |pair| value_of(pair.trim_ascii(), name))
}

fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

fn token(value: &[u8]) -> Option<Token> {
    let canonical = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    if value.len() != TOKEN_CHARS || !value.iter().all(canonical) {
        return None;
    }
    Token::from_str_radix(std::str::from_utf8(value).ok()?, 16).ok()
}

fn hash_address(client: SocketAddr, with_port: bool) -> u64 {
    let address = match client {
        SocketAddr::V4(v4) => hash::bytes(&v4.ip().octets()),
        SocketAddr::V6(v6) => hash::bytes(&v6.ip().octets()),
    };
    if with_port { hash::pair(address, u64::from(client.port())) } else { address }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cookies: &[&str]) -> HeaderMap {
        cookies.iter().map(|line| (COOKIE, HeaderValue::from_str(line).unwrap())).collect()
    }

    fn client() -> SocketAddr {
        "192.0.2.7:4000".parse().unwrap()
    }

    #[test]
    fn the_token_is_found_among_other_cookies_and_is_taken_out_of_the_request() {
        let cookie = binding(0xab);
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let mut headers = request(&["a=1", &format!("sid=s;  {pair} ;b=2"), pair]);
        assert_eq!(ask(Policy::CookieInsert, &headers, client()).token, Some(0xab));
        strip(&mut headers);
        let left: Vec<_> = headers.get_all(COOKIE).iter().collect();
        assert_eq!(left, ["a=1; sid=s; b=2"]);
    }

    #[test]
    fn a_request_that_brings_nothing_but_the_affinity_cookie_brings_no_cookie_at_all_to_the_server() {
        let mut headers = request(&["lab-server=x"]);
        strip(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn what_is_not_a_token_is_ignored() {
        for value in ["", "1", "+0000000000000000000000000000001", "0000000000000000000000000000000G"] {
            let headers = request(&[&format!("lab-server={value}")]);
            assert_eq!(ask(Policy::CookieInsert, &headers, client()).token, None, "{value}");
        }
        let headers = request(&["xlab-server=000000000000000000000000000000ab"]);
        assert_eq!(ask(Policy::CookieInsert, &headers, client()).token, None);
    }

    #[test]
    fn hashing_policies_go_by_the_visitor_or_else_the_session_wherever_the_client_is() {
        let elsewhere = "198.51.100.1:9".parse().unwrap();
        let plain = ask(Policy::ConsistentHash, &request(&["sid=s"]), client()).key;
        assert_eq!(plain, ask(Policy::RendezvousHash, &request(&["x=y; __Host-sid=s"]), elsewhere).key);
        assert_ne!(plain, ask(Policy::ConsistentHash, &request(&["sid=t"]), client()).key);
        let known = ask(Policy::ConsistentHash, &request(&["visitor=v"]), client()).key;
        assert_eq!(known, ask(Policy::HashModulo, &request(&["sid=s; visitor=v"]), elsewhere).key);
        assert_ne!(known, plain);
        let bare = ask(Policy::ConsistentHash, &request(&[]), client()).key;
        assert_ne!(bare, ask(Policy::ConsistentHash, &request(&[]), "192.0.2.7:4001".parse().unwrap()).key);
        let source = ask(Policy::SourceIpHash, &request(&[]), client()).key;
        assert_eq!(
            source,
            ask(Policy::SourceIpHash, &request(&["sid=s"]), "192.0.2.7:1".parse().unwrap()).key
        );
    }
}
