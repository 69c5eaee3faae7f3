//! Asks a running tier whose session is where, as an operator would: server after server, until somebody can speak for all.
//!
//! It knows the servers' doors and the operators' token, and learns from the first answer how far an answer reaches: to one server's
//! memory, so that all others must be asked too; to a store that all share, so that one answer is enough; or nowhere.

use crate::error::DriverError;
use crate::http;
use futures_util::future::join_all;
use protocol::app::Refusal;
use protocol::ops::{LookedUp, Reach, SESSIONS, Sighting};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A server that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// The server's instance.
    pub instance: String,
    /// Where it answers.
    pub addr: SocketAddr,
    /// Where its log is, as far as that is known: what is left of it when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
}

/// What one server said, or why it said nothing.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Who was asked.
    pub door: Door,
    /// The answer; a sentence where there is none.
    pub said: Result<LookedUp, Silence>,
    /// How long that took.
    pub took: Duration,
}

/// No answer to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It cannot be reached, or does not answer in time.
    Unreachable(String),
    /// It answers, and not this: its store is down, it does not know the token, it has no such feature.
    Refused {
        /// The status of its answer.
        status: u16,
        /// What it said.
        detail: String,
    },
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Silence::Unreachable(why) => f.write_str(why),
            Silence::Refused { status: 404, .. } => {
                f.write_str("it does not answer operators; it needs --ops-token-file")
            }
            Silence::Refused { status, detail } => write!(f, "{status}: {detail}"),
        }
    }
}

/// What is known in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Somebody has it.
    Found,
    /// Every place was asked and answered, and none has it.
    Nowhere,
    /// Not found, and not every place could be asked.
    Untold,
}

/// A look-up, from the first question to the last answer.
#[derive(Clone, Debug)]
pub struct LookUp {
    /// Who was asked, in this order.
    pub replies: Vec<Reply>,
    /// How far an answer reaches, as far as that is known.
    pub reach: Option<Reach>,
    /// How many places could hold the session, and had to be asked: every server's memory, the one store, or none that can be asked.
    pub places: u32,
    /// How many of them answered, and had looked at all that they hold.
    pub answered: u32,
    /// From the first question to the last answer.
    pub took: Duration,
}

impl LookUp {
    /// Each session that was found, with who told of it.
    pub fn sightings(&self) -> impl Iterator<Item = (&str, &Sighting)> {
        let answers = self.replies.iter().filter_map(|reply| reply.said.as_ref().ok());
        answers.flat_map(|said| said.sessions.iter().map(|sighting| (said.server.as_str(), sighting)))
    }

    /// What is known.
    pub fn whereabouts(&self) -> Whereabouts {
        match self.sightings().next() {
            Some(_) => Whereabouts::Found,
            None if self.places > 0 && self.answered == self.places => Whereabouts::Nowhere,
            None => Whereabouts::Untold,
        }
    }
}

/// Whoever asks: a token, and a limit to patience.
pub struct Operator {
    http: reqwest::Client,
    token: String,
}

impl Operator {
    /// With a token, and so much patience with each server.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(token: &str, patience: Duration) -> Result<Self, DriverError> {
        let http = http::client(patience)?;
        Ok(Self { http, token: token.trim().to_owned() })
    }

    /// Looks for the sessions of `owner` behind these doors. `expected` is how far an answer is believed to reach before anybody has
    /// answered.
    pub async fn look_up(&self, doors: &[Door], owner: &str, expected: Option<Reach>) -> LookUp {
        let began = Instant::now();
        let mut replies: Vec<Reply> = Vec::new();
        let mut reach = None;
        for (index, door) in doors.iter().enumerate() {
            let reply = self.ask(door, owner).await;
            reach = reply.said.as_ref().ok().map(|said| said.reach);
            replies.push(reply);
            if reach == Some(Reach::Process) {
                replies.extend(join_all(doors[index + 1..].iter().map(|door| self.ask(door, owner))).await);
            }
            if reach.is_some() {
                break;
            }
        }
        let reach = reach.or(expected);
        let spoke = replies.iter().filter(|reply| reply.said.as_ref().is_ok_and(|said| said.whole)).count();
        let (places, answered) = match reach {
            Some(Reach::Shared) => (1, spoke.min(1)),
            Some(Reach::Client | Reach::Closed) => (0, 0),
            Some(Reach::Process) | None => (doors.len(), spoke),
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        LookUp { replies, reach, places: number(places), answered: number(answered), took: began.elapsed() }
    }

    async fn ask(&self, door: &Door, owner: &str) -> Reply {
        let began = Instant::now();
        let said = self.answer(door, owner).await;
        Reply { door: door.clone(), said, took: began.elapsed() }
    }

    async fn answer(&self, door: &Door, owner: &str) -> Result<LookedUp, Silence> {
        let url = format!("http://{}{SESSIONS}?owner={}", door.addr, in_a_query(owner));
        let unreachable = |e: reqwest::Error| {
            let why = if e.is_timeout() {
                "no answer in time"
            } else if e.is_connect() {
                "nobody listens there"
            } else {
                "the connection broke"
            };
            Silence::Unreachable(why.to_owned())
        };
        let answer = self.http.get(url).bearer_auth(&self.token).send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            let detail = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.detail);
            return Err(Silence::Refused { status: status.as_u16(), detail: detail.unwrap_or_default() });
        }
        serde_json::from_slice(&body)
            .map_err(|e| Silence::Refused { status: status.as_u16(), detail: format!("not an answer: {e}") })
    }
}

/// A name as it stands in a query: RFC 3986, everything escaped that might mean something.
fn in_a_query(name: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(n: u16) -> Door {
        Door { instance: format!("server-{n}.1"), addr: SocketAddr::from(([127, 0, 0, 1], n)), log: None }
    }

    #[test]
    fn a_name_is_escaped_in_a_query() {
        assert_eq!(in_a_query("shopper-17"), "shopper-17");
        assert_eq!(in_a_query("a b&owner=\u{e4}"), "a%20b%26owner%3D%C3%A4");
    }

    #[tokio::test]
    async fn where_nobody_can_be_asked_nothing_can_be_told() {
        // Bound and never listened on again: nobody is there.
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let operator = Operator::new("secret", Duration::from_secs(5)).unwrap();
        let doors = [door(gone)];
        for (expected, places) in
            [(None, 1), (Some(Reach::Process), 1), (Some(Reach::Shared), 1), (Some(Reach::Client), 0)]
        {
            let look_up = operator.look_up(&doors, "ada", expected).await;
            assert_eq!((look_up.places, look_up.answered), (places, 0), "{expected:?}");
            assert_eq!(look_up.whereabouts(), Whereabouts::Untold);
            assert!(matches!(look_up.replies[0].said, Err(Silence::Unreachable(_))), "{:?}", look_up.replies);
        }
    }
}
