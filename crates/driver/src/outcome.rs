//! What an exchange means for the session: ok, certainly failed, or unknown.

use crate::client::{Answer, Exchange};
use journal::{Outcome, View};
use protocol::app::{CartView, Refusal};
use scenario::Action;

/// What an exchange means for the session.
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) error: Option<String>,
    pub(crate) view: Option<View>,
}

impl Verdict {
    pub(crate) fn of(action: Action, exchange: &Exchange) -> Self {
        // Of a write whose bytes were sent nobody knows; a read has no effect that could be unknown.
        let lost =
            if action.is_write() && exchange.sent_us.is_some() { Outcome::Unknown } else { Outcome::Failed };
        match &exchange.answer {
            Err(error) => Self { outcome: lost, error: Some(error.clone()), view: None },
            Ok(answer) if (200..300).contains(&answer.status) => Self::of_success(answer, lost),
            Ok(answer) => {
                let word = serde_json::from_slice(&answer.body).ok().map(|refusal: Refusal| refusal.error);
                let outcome = if says_no(answer.status, word.as_deref()) { Outcome::Failed } else { lost };
                Self {
                    outcome,
                    error: word.or_else(|| Some(format!("status {}", answer.status))),
                    view: None,
                }
            }
        }
    }

    fn of_success(answer: &Answer, lost: Outcome) -> Self {
        match serde_json::from_slice::<CartView>(&answer.body) {
            Ok(CartView { owner, epoch, version, ops, server: _ }) => {
                let view = Some(View { owner, epoch, version, ops });
                Self { outcome: Outcome::Ok, error: None, view }
            }
            Err(e) => Self { outcome: lost, error: Some(format!("not a cart: {e}")), view: None },
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
