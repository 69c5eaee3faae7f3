//! What one answer says of the shopper's session. A status code cannot tell: session middleware that does not know an id
//! commonly answers 200 with a new, empty session. So the answer is compared with whom it should speak of.

use crate::anomaly::Absence;
use journal::{Outcome, StepEvent, View};
use scenario::Action;

/// What an answer says of the session that the shopper believes to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says<'a> {
    /// It is here, and this is what it holds.
    Here(&'a View),
    /// It was here until this acknowledged log-out. The contract answers 401 to a log-out without a session.
    Left,
    /// It is not here.
    Absent(Absence),
    /// Here is somebody else.
    Stranger(&'a str),
    /// Nothing: no complete answer, 500 and above, 409, or a refusal that has nothing to do with the session.
    Nothing,
}

impl<'a> Says<'a> {
    /// Reads it off a request's outcome.
    pub(crate) fn of(step: &'a StepEvent) -> Self {
        match (step.outcome, step.action) {
            (Outcome::Ok, action) => match &step.view {
                Some(View { owner: Some(owner), .. }) if !is_own(owner, step.shopper) => {
                    Says::Stranger(owner)
                }
                Some(_) if action == Action::LogOut => Says::Left,
                Some(view @ View { owner: Some(_), .. }) => Says::Here(view),
                Some(View { owner: None, .. }) if action != Action::LogIn => Says::Absent(Absence::Silent),
                _ => Says::Nothing,
            },
            (Outcome::Failed, action) if action != Action::LogIn && is_no_session(step) => {
                Says::Absent(Absence::Loud)
            }
            _ => Says::Nothing,
        }
    }
}

/// A plan names its shoppers `shopper-N`: see [`scenario::ShopperPlan::owner`].
fn is_own(owner: &str, shopper: u32) -> bool {
    owner.strip_prefix("shopper-").is_some_and(|number| {
        number.parse() == Ok(shopper) && (number == "0" || !number.starts_with(['0', '+']))
    })
}

fn is_no_session(step: &StepEvent) -> bool {
    step.status == Some(401) && step.error.as_deref().is_none_or(|word| word == "no_session")
}

/// Whether a complete answer below 500 came: the service was there, whatever it said. A 401 counts, for the loss of a session
/// is judged on its own; otherwise one lost session would make the service look down for ever.
pub fn is_answered(step: &StepEvent) -> bool {
    step.outcome == Outcome::Ok || is_refused(step)
}

/// Whether a complete answer below 500 said no. A read whose answer broke off is `failed` with the status of its head, so only
/// the statuses that are refusals count.
pub(crate) fn is_refused(step: &StepEvent) -> bool {
    step.outcome == Outcome::Failed && step.status.is_some_and(|status| (400..500).contains(&status))
}

/// A place in the journal and on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Number of the entry.
    pub(crate) seq: u64,
    /// Microseconds.
    pub(crate) at_us: u64,
}

/// Where an answer stands: in the journal, on the clock, and in which tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// When it was there.
    pub(crate) at: Moment,
    /// When its request was sent.
    pub(crate) sent_us: u64,
    /// Which tab's it is.
    pub(crate) tab: u32,
    /// Whether a plain read asked for it.
    pub(crate) is_read: bool,
    /// The version that it names.
    pub(crate) version: Option<u64>,
}

impl Reply {
    /// Reads it off a request's outcome.
    pub(crate) fn of(seq: u64, step: &StepEvent) -> Self {
        Self {
            at: Moment { seq, at_us: step.done_us },
            sent_us: sent_us(step),
            tab: step.tab,
            is_read: step.action == Action::Read,
            version: step.view.as_ref().filter(|view| view.owner.is_some()).map(|view| view.version),
        }
    }
}

/// When a request counts as sent. One that never got a byte out counts from its end.
pub(crate) fn sent_us(step: &StepEvent) -> u64 {
    step.sent_us.unwrap_or(step.done_us)
}
