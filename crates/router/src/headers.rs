//! Which headers pass: hop-by-hop ones do not, in either direction (RFC 9110, 7.6.1), and what a client says of where
//! it comes from is replaced by what the router sees.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Version};
use std::net::{IpAddr, SocketAddr};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Headers of one connection, and of no message that passes through it.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What only a proxy that is trusted may say; no client is.
const CLAIMS: [HeaderName; 6] = [
    FORWARDED_FOR,
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// What the router says of a client; made once a connection.
#[derive(Debug)]
pub struct Origin {
    forwarded_for: HeaderValue,
    forwarded: HeaderValue,
}

impl Origin {
    /// The headers for a client at this address.
    pub fn of(client: IpAddr) -> Self {
        let forwarded = match client {
            IpAddr::V4(v4) => format!("for={v4};proto=http"),
            IpAddr::V6(v6) => format!("for=\"[{v6}]\";proto=http"),
        };
        let value = |text: String| HeaderValue::try_from(text).expect("an address makes a header value");
        Origin { forwarded_for: value(client.to_string()), forwarded: value(forwarded) }
    }
}

/// Why a request is not passed on at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It asks for a tunnel.
    #[error("method CONNECT is not served; send the request itself")]
    Tunnel,
    /// It asks for another protocol.
    #[error("no other protocol is served; send the request without an Upgrade header")]
    Upgrade,
    /// Its host is not clear: a second Host header, or none.
    #[error("a request needs exactly one Host header")]
    Host,
}

/// Refuses what must not reach a server.
pub fn vet<B>(request: &Request<B>) -> Result<(), Unfit> {
    if request.method() == Method::CONNECT {
        return Err(Unfit::Tunnel);
    }
    if request.headers().contains_key(header::UPGRADE) {
        return Err(Unfit::Upgrade);
    }
    match request.headers().get_all(header::HOST).iter().count() {
        1 => Ok(()),
        0 if request.version() == Version::HTTP_10 => Ok(()),
        _ => Err(Unfit::Host),
    }
}

/// Makes a client's headers fit for a server. The body's length is left to the connection, which knows it for certain.
pub fn to_server(headers: &mut HeaderMap, origin: &Origin) {
    drop_hop_by_hop(headers);
    for claim in &CLAIMS {
        headers.remove(claim);
    }
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::EXPECT);
    headers.insert(FORWARDED_FOR, origin.forwarded_for.clone());
    headers.insert(header::FORWARDED, origin.forwarded.clone());
}

/// Names the server itself as the host, for clients of HTTP/1.0 that name none: HTTP/1.1 demands one.
pub fn set_host(headers: &mut HeaderMap, server: SocketAddr) {
    let host = HeaderValue::try_from(server.to_string()).expect("an address makes a header value");
    headers.insert(header::HOST, host);
}

/// Makes a server's headers fit for a client.
pub fn to_client(headers: &mut HeaderMap) {
    drop_hop_by_hop(headers);
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.eq_ignore_ascii_case(b"close") && !name.eq_ignore_ascii_case(b"keep-alive"))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn hop_by_hop_headers_and_those_that_connection_names_are_dropped() {
        let mut response = headers(&[
            ("connection", "close, x-secret"),
            ("connection", "x-other"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("x-kept", "3"),
        ]);
        to_client(&mut response);
        assert_eq!(response, headers(&[("x-kept", "3")]));
    }

    #[test]
    fn a_client_cannot_say_where_it_comes_from() {
        let mut request = headers(&[
            ("host", "shop"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            // Nominating the router's own header must not remove it either.
            ("connection", "x-forwarded-for"),
        ]);
        let origin = Origin::of("2001:db8::1".parse().unwrap());
        to_server(&mut request, &origin);
        let forwarded = ("forwarded", "for=\"[2001:db8::1]\";proto=http");
        assert_eq!(request, headers(&[("host", "shop"), ("x-forwarded-for", "2001:db8::1"), forwarded]));
    }

    #[test]
    fn a_request_needs_exactly_one_host() {
        let with = |lines: &[(&'static str, &'static str)]| {
            let mut request = Request::new(());
            *request.headers_mut() = headers(lines);
            vet(&request)
        };
        assert_eq!(with(&[("host", "a")]), Ok(()));
        assert_eq!(with(&[]), Err(Unfit::Host));
        assert_eq!(with(&[("host", "a"), ("host", "a")]), Err(Unfit::Host));
        assert_eq!(with(&[("host", "a"), ("upgrade", "websocket")]), Err(Unfit::Upgrade));
    }
}
