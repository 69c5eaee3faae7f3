//! Reads an HTTP/1.1 answer out of what a connection has brought so far (RFC 9112). Knows nothing of sockets.

use protocol::app::SERVED_BY;
use std::ops::Range;

/// A longer answer is no cart.
const MOST_BODY_BYTES: usize = 1 << 20;
const MOST_HEAD_BYTES: usize = 1 << 16;
const MOST_HEADERS: usize = 64;

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status, never one of 1xx.
    pub(crate) status: u16,
    /// Where the process that answered is named.
    pub(crate) server: Option<Range<usize>>,
    /// Whether there are cookies in it.
    pub(crate) sets_cookies: bool,
    /// Where it ends.
    len: usize,
    framing: Framing,
    keep_alive: bool,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

/// A body that is complete.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// Where it is.
    pub(crate) at: Range<usize>,
    /// Whether another request may go over the same connection.
    pub(crate) keep_alive: bool,
}

impl Head {
    /// Reads a head; `None` when it is not complete. Interim answers (1xx) before it are removed.
    pub(crate) fn read(inbox: &mut Vec<u8>) -> Result<Option<Self>, String> {
        while let Some(head) = Self::parse(inbox)? {
            match head.status {
                101 => return Err("the answer changes the protocol, which nobody asked for".to_owned()),
                100..200 => drop(inbox.drain(..head.len)),
                _ => return Ok(Some(head)),
            }
        }
        if inbox.len() > MOST_HEAD_BYTES {
            return Err(format!("the head of the answer is longer than {MOST_HEAD_BYTES} bytes"));
        }
        Ok(None)
    }

    fn parse(inbox: &[u8]) -> Result<Option<Self>, String> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        let parsed = answer.parse(inbox).map_err(|e| format!("not an HTTP answer: {e}"))?;
        let httparse::Status::Complete(len) = parsed else { return Ok(None) };
        let status = answer.code.unwrap_or_default();
        let (mut length, mut encoding, mut server, mut sets_cookies) = (None, None, None, false);
        let mut keep_alive = answer.version == Some(1);
        for httparse::Header { name, value } in answer.headers.iter() {
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(same_length(length, value)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                encoding = tokens(value).last();
            } else if name.eq_ignore_ascii_case("connection") {
                keep_alive &= !tokens(value).any(|token| token.eq_ignore_ascii_case(b"close"));
                keep_alive |= tokens(value).any(|token| token.eq_ignore_ascii_case(b"keep-alive"));
            } else if name.eq_ignore_ascii_case(SERVED_BY) && server.is_none() && value.is_ascii() {
                let start = value.as_ptr().addr() - inbox.as_ptr().addr();
                server = Some(start..start + value.len());
            }
            sets_cookies |= name.eq_ignore_ascii_case("set-cookie");
        }
        let framing = match (encoding, length) {
            _ if matches!(status, 100..200 | 204 | 304) => Framing::Length(0),
            (Some(last), _) if last.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length),
            _ => Framing::UntilClosed,
        };
        Ok(Some(Self { status, server, sets_cookies, len, framing, keep_alive }))
    }

    /// The cookies that it sets, as they are written.
    pub(crate) fn cookies(&self, inbox: &[u8], mut take: impl FnMut(&str)) {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        // It was read before.
        let _ = httparse::Response::new(&mut headers).parse(&inbox[..self.len]);
        for header in headers.iter().filter(|header| header.name.eq_ignore_ascii_case("set-cookie")) {
            if let (true, Ok(cookie)) = (header.value.is_ascii(), std::str::from_utf8(header.value)) {
                take(cookie);
            }
        }
    }

    /// Finds the body behind the head; `None` when it is not complete. Chunks are joined in place.
    pub(crate) fn body(&self, inbox: &mut [u8], closed: bool) -> Result<Option<Body>, String> {
        let too_long = || Err(format!("the answer is longer than {MOST_BODY_BYTES} bytes"));
        let found = match self.framing {
            Framing::Length(length) if length > MOST_BODY_BYTES => return too_long(),
            Framing::Length(length) => {
                Some(self.len + length).filter(|end| *end <= inbox.len()).map(|end| (end, end))
            }
            Framing::Chunked => join_chunks(inbox, self.len)?,
            Framing::UntilClosed => closed.then_some((inbox.len(), inbox.len())),
        };
        match found {
            Some((end, behind)) if end - self.len <= MOST_BODY_BYTES => {
                // What comes behind an answer was not asked for.
                let alone = behind == inbox.len() && self.framing != Framing::UntilClosed;
                Ok(Some(Body { at: self.len..end, keep_alive: self.keep_alive && alone }))
            }
            // Chunks take more room than what is in them.
            None if inbox.len() - self.len <= 2 * MOST_BODY_BYTES => Ok(None),
            _ => too_long(),
        }
    }
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// A length may be said several times, and each time the same.
fn same_length(before: Option<usize>, value: &[u8]) -> Result<usize, String> {
    let number = |token: &[u8]| {
        let digits = token.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(token).ok().filter(|_| digits)?.parse::<usize>().ok()
    };
    let mut said = value.split(|byte| *byte == b',').map(|token| number(token.trim_ascii()));
    let first = said.next().flatten().filter(|first| before.is_none_or(|before| before == *first));
    first
        .filter(|first| said.all(|again| again == Some(*first)))
        .ok_or_else(|| "the answer does not say how long it is in one number".to_owned())
}

/// Moves the chunks together; answers where what they hold ends, and where the answer does. Moves nothing before all is there.
fn join_chunks(inbox: &mut [u8], start: usize) -> Result<Option<(usize, usize)>, String> {
    let broken = || "the answer's chunks are broken".to_owned();
    let mut chunks = Vec::new();
    let mut at = start;
    loop {
        let size = httparse::parse_chunk_size(&inbox[at..]).map_err(|_| broken())?;
        let httparse::Status::Complete((line, size)) = size else { return Ok(None) };
        at += line;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).ok().filter(|size| *size <= MOST_BODY_BYTES).ok_or_else(broken)?;
        match inbox.get(at + size..at + size + 2) {
            Some(b"\r\n") => chunks.push(at..at + size),
            Some(_) => return Err(broken()),
            None => return Ok(None),
        }
        at += size + 2;
    }
    let mut trailers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let trailers = httparse::parse_headers(&inbox[at..], &mut trailers).map_err(|_| broken())?;
    let httparse::Status::Complete((behind, _)) = trailers else { return Ok(None) };
    let mut end = start;
    for chunk in chunks {
        let length = chunk.len();
        inbox.copy_within(chunk, end);
        end += length;
    }
    Ok(Some((end, at + behind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an answer that comes in two parts, cut at every byte in turn; it must be the same each time.
    fn read(text: &str, closed: bool) -> Result<Option<(u16, String, bool)>, String> {
        let whole = read_in_parts(text, text.len(), closed);
        for cut in 0..text.len() {
            assert_eq!(read_in_parts(text, cut, closed), whole, "cut at {cut}");
        }
        whole
    }

    fn read_in_parts(text: &str, cut: usize, closed: bool) -> Result<Option<(u16, String, bool)>, String> {
        let mut inbox = text.as_bytes()[..cut].to_vec();
        let mut head = Head::read(&mut inbox)?;
        if let Some(head) = &head
            && let Some(body) = head.body(&mut inbox, false)?
        {
            // What comes later belongs to nobody.
            let alone = body.keep_alive && cut == text.len();
            return Ok(Some((head.status, String::from_utf8(inbox[body.at].to_vec()).unwrap(), alone)));
        }
        inbox.extend_from_slice(&text.as_bytes()[cut..]);
        if head.is_none() {
            head = Head::read(&mut inbox)?;
        }
        let Some(head) = head else { return Ok(None) };
        let body = head.body(&mut inbox, closed)?;
        Ok(body
            .map(|body| (head.status, String::from_utf8(inbox[body.at].to_vec()).unwrap(), body.keep_alive)))
    }

    fn complete(status: u16, body: &str, keep_alive: bool) -> Result<Option<(u16, String, bool)>, String> {
        Ok(Some((status, body.to_owned(), keep_alive)))
    }

    #[test]
    fn a_length_ends_an_answer() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Served-By: s1\r\n\r\nhello";
        assert_eq!(read(text, false), complete(200, "hello", true));
        let mut inbox = text.as_bytes().to_vec();
        let head = Head::read(&mut inbox).unwrap().unwrap();
        assert_eq!(&inbox[head.server.clone().unwrap()], b"s1");
        for cut in 0..text.len() {
            assert_eq!(Head::read(&mut inbox[..cut].to_vec()).map(|head| head.is_some()), Ok(cut > 54));
        }
        assert_eq!(head.body(&mut inbox[..text.len() - 1], true), Ok(None));
    }

    #[test]
    fn a_length_that_is_not_one_number_is_no_answer() {
        for wrong in ["5, 6", "+5", "", "five", "5\r\nContent-Length: 6", "99999999999999999999"] {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {wrong}\r\n\r\nhello!");
            assert!(read_in_parts(&text, text.len(), true).is_err(), "{wrong}");
        }
        let twice = "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(read(twice, false), complete(200, "ok", true));
    }

    #[test]
    fn chunks_are_joined_and_what_follows_them_is_passed_over() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                    5;name=value\r\nhello\r\n0006\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
        assert_eq!(read(text, false), complete(200, "hello world", true));
        let broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n";
        assert!(read_in_parts(broken, broken.len(), true).is_err());
        let size = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
        assert!(read_in_parts(size, size.len(), true).is_err());
        // Both: the encoding counts (RFC 9112, 6.3).
        let both =
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(read(both, false), complete(200, "ok", true));
    }

    #[test]
    fn without_a_length_the_end_of_the_connection_ends_an_answer() {
        let text = "HTTP/1.0 502 Bad Gateway\r\n\r\nsorry";
        assert_eq!(read(text, true), complete(502, "sorry", false));
        assert_eq!(read_in_parts(text, text.len(), false), Ok(None));
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n", false), complete(204, "", true));
    }

    #[test]
    fn a_connection_is_used_again_only_when_both_sides_want_it() {
        for (version, header, keep_alive) in [
            ("1.1", "Accept: x", true),
            ("1.1", "Connection: close", false),
            ("1.1", "Connection: Upgrade, Close", false),
            ("1.0", "Accept: x", false),
            ("1.0", "Connection: Keep-Alive", true),
        ] {
            let text = format!("HTTP/{version} 200 OK\r\nContent-Length: 2\r\n{header}\r\n\r\nok");
            assert_eq!(read(&text, false), complete(200, "ok", keep_alive), "{version} {header}");
        }
        let unasked = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(read(unasked, false), complete(200, "ok", false));
    }

    #[test]
    fn interim_answers_are_passed_over_and_another_protocol_is_refused() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
                    HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(read(text, false), complete(200, "ok", true));
        let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";
        assert!(read_in_parts(text, text.len(), false).is_err());
    }

    #[test]
    fn what_is_endless_is_refused() {
        let mut head = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        head.resize(MOST_HEAD_BYTES + 1, b'x');
        assert!(Head::read(&mut head).unwrap_err().contains("65536"));
        let length = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MOST_BODY_BYTES + 1);
        assert!(read_in_parts(&length, length.len(), false).unwrap_err().contains("1048576"));
        let mut open = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        let head = Head::read(&mut open).unwrap().unwrap();
        open.resize(head.len + MOST_BODY_BYTES + 1, b'x');
        assert!(head.body(&mut open, true).is_err());
    }

    #[test]
    fn cookies_are_told_as_they_are_written() {
        let mut inbox =
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n"
                .to_vec();
        let head = Head::read(&mut inbox).unwrap().unwrap();
        let mut cookies = Vec::new();
        head.cookies(&inbox, |cookie| cookies.push(cookie.to_owned()));
        assert!(head.sets_cookies);
        assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
    }
}
