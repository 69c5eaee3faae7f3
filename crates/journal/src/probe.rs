//! What a probe sent and what came of it: raw facts, for the judge to read. A cookie is told by its fingerprint alone.

use crate::event::{Outcome, View};
use scenario::{Action, ProbeKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One request of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeEvent {
    /// The plan's number for the probe.
    pub probe: u32,
    /// Which of its times, from 0: each has sessions of its own.
    pub round: u32,
    /// What is tried.
    pub kind: ProbeKind,
    /// What was asked for.
    pub action: Action,
    /// The operation's id, for `add` and `check-out`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// Which cookie went along in the place of the session's.
    pub cookie: ProbeCookie,
    /// What a tier would do that controls who comes in.
    pub expected: Expected,
    /// When the first byte was handed to the socket; absent when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_us: Option<u64>,
    /// When the last byte of the answer was there, or nobody waited any longer.
    pub done_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The answer's status, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, in a few words: the refusal's word, or the transport's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The process that says it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What a 2xx answer said of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<View>,
    /// Fingerprint of what was sent as the session's cookie, under whatever name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Fingerprint of the session cookie that the answer set and a browser keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_sid: Option<String>,
    /// Name and value of a session cookie that the answer set and every browser drops, for it is too large. Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_bytes: Option<u64>,
}

/// One time of a probe is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeOverEvent {
    /// The plan's number for the probe.
    pub probe: u32,
    /// Which of its times, from 0.
    pub round: u32,
    /// When.
    pub at_us: u64,
    /// Why it could not be carried out to its end; absent when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_off: Option<String>,
}

/// Which cookie a probe sends in the place of the session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeCookie {
    /// None, as somebody who comes for the first time.
    None,
    /// The newest one that the session was given, as a browser sends it.
    Own,
    /// One that the session was given, and that somebody copied before what followed.
    Copied,
    /// A genuine one with a bit flipped.
    BitFlipped,
    /// A piece of a genuine one.
    Cut,
    /// Random text of the length of a genuine one.
    Forged,
    /// A genuine one under another cookie's name.
    Renamed,
    /// One that was sealed with a key which the tier does not have.
    OtherKey,
    /// One that another tier sealed with the same key.
    OtherTier,
    /// Text that the client chose as its session's id.
    Chosen,
    /// An attacker's own cookie, put into the victim's browser before the victim logs in.
    Planted,
}

impl ProbeCookie {
    /// In words.
    pub fn in_words(self) -> &'static str {
        match self {
            ProbeCookie::None => "no cookie",
            ProbeCookie::Own => "its own cookie",
            ProbeCookie::Copied => "a copied cookie",
            ProbeCookie::BitFlipped => "a cookie with a flipped bit",
            ProbeCookie::Cut => "a piece of a cookie",
            ProbeCookie::Forged => "a forged cookie",
            ProbeCookie::Renamed => "a cookie under another name",
            ProbeCookie::OtherKey => "a cookie sealed with another key",
            ProbeCookie::OtherTier => "another tier's cookie",
            ProbeCookie::Chosen => "an id of its own choice",
            ProbeCookie::Planted => "a planted cookie",
        }
    }
}

/// What is expected of a tier that controls who comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// Done as asked: an honest step on the way to the try, without which the try says nothing.
    Done,
    /// The try itself: what it claims must not be given.
    Refused,
    /// Done or refused, as long as what was said is true afterwards.
    Either,
}
