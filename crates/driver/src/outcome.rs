//! What an exchange means for the session: ok, certainly failed, or unknown.

use crate::client::{Answer, Exchange};
use journal::{Outcome, View};
use protocol::app::{CartView, Refusal};
use scenario::Action;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Text that stays where the connection brought it, if it can.
#[derive(Deserialize, Serialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Text<'_> {
    /// The text, to be kept.
    pub(crate) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

/// What an exchange means for the session.
pub(crate) struct Verdict<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<Text<'a>>,
    pub(crate) view: Option<View<Text<'a>>>,
}

impl<'a> Verdict<'a> {
    pub(crate) fn of(action: Action, exchange: &Exchange, answer: &Result<Answer<'a>, &'a str>) -> Self {
        // Of a write whose bytes were sent nobody knows; a read has no effect that could be unknown.
        let lost =
            if action.is_write() && exchange.sent_us.is_some() { Outcome::Unknown } else { Outcome::Failed };
        match answer {
            Err(error) => Self { outcome: lost, error: Some(Text::from(*error)), view: None },
            Ok(answer) if (200..300).contains(&answer.status) => Self::of_success(answer, lost),
            Ok(answer) => {
                let word = serde_json::from_slice(answer.body).ok().map(|refusal: Refusal| refusal.error);
                let outcome = if says_no(answer.status, word.as_deref()) { Outcome::Failed } else { lost };
                let error = word.unwrap_or_else(|| format!("status {}", answer.status));
                Self { outcome, error: Some(Text::from(error)), view: None }
            }
        }
    }

    fn of_success(answer: &Answer<'a>, lost: Outcome) -> Self {
        match serde_json::from_slice::<CartView<Text<'a>>>(answer.body) {
            Ok(CartView { owner, epoch, version, ops, server: _ }) => {
                let view = Some(View { owner, epoch, version, ops });
                Self { outcome: Outcome::Ok, error: None, view }
            }
            Err(e) => Self { outcome: lost, error: Some(Text::from(format!("not a cart: {e}"))), view: None },
        }
    }
}

/// Whether a refusal is certain to have had no effect. A store's failure is not: its answer may have been lost on the way
/// back. Nor is a router's 502 or 504: the server may have done its work.
fn says_no(status: u16, word: Option<&str>) -> bool {
    match status {
        503 => matches!(word, Some("no_server" | "draining")),
        500.. => false,
        _ => true,
    }
}
