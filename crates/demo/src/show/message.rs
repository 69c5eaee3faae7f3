//! The messages to the page, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Which of the two tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The stateful one.
    A,
    /// The stateless one.
    B,
}

impl Side {
    /// Both, in their order.
    pub const BOTH: [Side; 2] = [Side::A, Side::B];

    /// The letter that messages use.
    pub fn letter(self) -> &'static str {
        match self {
            Side::A => "a",
            Side::B => "b",
        }
    }
}

/// One of something for each tier.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sides<T> {
    /// The stateful tier's.
    pub a: T,
    /// The stateless tier's.
    pub b: T,
}

impl<T> Sides<T> {
    /// One side's.
    pub fn of(&self, side: Side) -> &T {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// One side's, to be changed.
    pub fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}

/// One message, as the page gets it: an event of the stream with its JSON.
#[derive(Clone, Debug)]
pub struct Message {
    /// Which kind.
    pub event: &'static str,
    /// When.
    pub at_us: u64,
    /// The JSON text.
    pub data: String,
}

impl Message {
    pub(super) fn new(event: &'static str, at_us: u64, data: Value) -> Self {
        Self { event, at_us, data: data.to_string() }
    }

    /// A message of the backend itself.
    pub(crate) fn of(event: &'static str, at_us: u64, data: &Value) -> Self {
        Self { event, at_us, data: data.to_string() }
    }

    /// As server-sent event. JSON on one line needs no more.
    pub fn to_event(&self) -> String {
        format!("event: {}\ndata: {}\n\n", self.event, self.data)
    }

    /// Which kind an event of the stream is, and its JSON; `None` for a word that only keeps a connection alive.
    pub fn read_event(event: &str) -> Option<(&str, &str)> {
        event.trim_end().strip_prefix("event: ")?.split_once("\ndata: ")
    }

    /// As a line of a recording.
    pub fn to_line(&self) -> String {
        format!("{{\"event\":\"{}\",\"data\":{}}}\n", self.event, self.data)
    }
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("what the page is told is plain data")
}

/// The big numbers of one tier; `None` is not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Sessions that their latest answer shows.
    pub alive: u64,
    /// Sessions that are absent in their latest answer and in every one since some moment.
    pub lost: u64,
    /// Of the lost, those that took acknowledged lines with them.
    pub carts_lost: u64,
    /// Acknowledged lines that went with lost sessions.
    pub lines_lost: u64,
    /// Acknowledged lines that are missing although their session lives.
    pub writes_lost: u64,
    /// Sessions that were absent and came back.
    pub strayed: u64,
    /// Writes without a complete answer.
    pub unknown: u64,
    /// Requests that have their outcome.
    pub requests: u64,
    /// Of these, without a complete answer below 500.
    pub errors: u64,
    /// Answered in the last whole second.
    pub ok_per_s: Option<u64>,
    /// Not answered in the last whole second.
    pub errors_per_s: Option<u64>,
    /// Of every hundred requests of the last 5 s, those that were answered in time.
    pub slo_percent: Option<f64>,
    /// Median latency of the last 5 s.
    pub p50_ms: Option<f64>,
    /// 99th percentile of latency of the last 5 s, where there are enough requests to tell.
    pub p99_ms: Option<f64>,
}

/// One second of one tier; the quantiles are those of the 5 s that end with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Which, from 0.
    pub s: u64,
    /// Answered in it.
    pub ok: u64,
    /// Not answered in it.
    pub errors: u64,
    /// Median latency from the plan.
    pub p50_ms: Option<f64>,
    /// 99th percentile of it.
    pub p99_ms: Option<f64>,
    /// 99th percentile from the sending: what a tool says that forgets who waited.
    pub naive_p99_ms: Option<f64>,
    /// The longest latency of that second.
    pub max_ms: Option<f64>,
    /// Sessions alive at its end.
    pub alive: u64,
    /// Sessions lost up to its end.
    pub lost: u64,
}

/// A mark on the time line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// When.
    pub at_us: u64,
    /// `a` or `b`.
    pub tier: &'static str,
    /// `fault`, `heal`, `failover` or `note`.
    pub kind: &'static str,
    /// `called`, `landed`, `failed` or `spared`.
    pub stage: &'static str,
    /// A few words.
    pub text: String,
}

/// Whether a sentence is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Neither.
    Info,
    /// Something is whole again.
    Good,
    /// Something broke.
    Bad,
}

/// A sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub at_us: u64,
    /// `a`, `b` or `both`.
    pub tier: &'static str,
    /// The sentence.
    pub text: String,
    /// Whether it is good news.
    pub severity: Severity,
}

/// A server's seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Its number.
    pub place: u32,
    /// The process in it.
    pub instance: String,
    /// `starting`, `up`, `down`, `paused`, `draining` or `dead`.
    pub state: &'static str,
    /// Its process id.
    pub pid: Option<u32>,
    /// Requests that the router sent to it.
    pub requests: u64,
    /// Sessions that the router has bound to it.
    pub bound: u64,
}

/// The shared store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Store {
    /// Its kind, as stacks name it.
    pub kind: &'static str,
    /// For people.
    pub name: &'static str,
    /// Whether it is a process of its own, which can be killed.
    pub process: bool,
    /// `up`, `stopped`, `paused` or `slow`.
    pub state: &'static str,
}

/// What the judge found in one tier's journal, and whether the page said the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ended {
    /// `holds`, `broken`, `inconclusive` or `unpromised`.
    pub verdict: String,
    /// Why it is not better.
    pub reasons: Vec<String>,
    /// Sessions whose log-in was acknowledged.
    pub acknowledged: u64,
    /// Of these, looked at after the first fault.
    pub verified: u64,
    /// Lost sessions.
    pub lost: u64,
    /// Of the lost, those that took acknowledged lines with them.
    pub carts_lost: u64,
    /// Acknowledged lines that went with lost sessions.
    pub lines_lost: u64,
    /// Acknowledged lines that are missing although their session lives.
    pub writes_lost: u64,
    /// Writes without a complete answer.
    pub unknown: u64,
    /// Sessions that were absent and came back.
    pub strayed: u64,
    /// The last counters say the same.
    pub agrees: bool,
    /// What was found of each kind that was found at all.
    pub anomalies: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_read_as_it_was_written_and_a_word_that_means_nothing_is_none() {
        let message = Message::new("line", 3, json!({ "text": "event: x\ndata: y" }));
        let event = message.to_event();
        assert_eq!(Message::read_event(&event), Some(("line", message.data.as_str())));
        assert_eq!(Message::read_event(": still here\n\n"), None);
    }
}
