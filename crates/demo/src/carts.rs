//! Visitors' carts. A visitor is a guest of both tiers: one cookie jar in each, requests through the router like any shopper's, and
//! an entry in each journal, from which the answer is read. What is not in the journal did not happen, here too.

use crate::show::{Side, Sides};
use journal::{Outcome, StepEvent};
use scenario::Action;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// So many guests may come to one segment.
const MOST_GUESTS: usize = 100;
const MOST_NAME_BYTES: usize = 40;
const MOST_ITEM_BYTES: usize = 60;

/// What a visitor does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CartRequest {
    /// Logs in, on both tiers.
    LogIn {
        /// What the page calls the visitor.
        name: String,
    },
    /// Puts something into the cart.
    Add {
        /// What.
        item: String,
    },
    /// Looks into it.
    Look {},
    /// Checks out.
    CheckOut {},
    /// Logs out.
    LogOut {},
}

/// What one tier answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Got {
    /// A complete answer that says yes.
    pub ok: bool,
    /// Its status, when there was an answer.
    pub status: Option<u16>,
    /// Who answered.
    pub server: Option<String>,
    /// Whether the session is there; `None` when the answer says nothing of it.
    pub there: Option<bool>,
    /// What the cart holds.
    pub lines: Option<Vec<String>>,
    /// What was acknowledged and is not there any more.
    pub gone: Vec<String>,
    /// A sentence.
    pub why: String,
}

/// Why a visitor is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CartError {
    /// Something is malformed.
    Malformed(&'static str),
    /// It cannot be done now.
    NotNow(&'static str),
    /// Nobody knows this visitor yet.
    Unknown,
    /// One thing at a time.
    TooMany,
}

#[derive(Debug)]
struct Guest {
    shopper: u32,
    steps: u32,
    busy: bool,
    /// What each tier has acknowledged and still owes.
    owed: Sides<Vec<String>>,
}

/// A request that is to be sent to both tiers.
#[derive(Debug)]
pub struct Errand {
    /// Whose.
    pub shopper: u32,
    /// Which of the guest's requests.
    pub step: u32,
    /// What is done.
    pub action: Action,
    /// The operation's id; an added item travels in it, and so does the name that the visitor gave at a log-in.
    pub op: Option<String>,
    /// What the journals will tell.
    pub told: Sides<oneshot::Receiver<StepEvent>>,
}

#[derive(Debug, Default)]
struct Book {
    first: u32,
    guests: HashMap<String, Guest>,
    waiting: HashMap<(Side, u32, u32), oneshot::Sender<StepEvent>>,
}

/// All visitors of a segment, by their cookies.
#[derive(Debug, Default)]
pub struct Carts(Mutex<Book>);

impl Carts {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new segment, with so many planned shoppers: nobody is logged in.
    pub fn begin(&self, shoppers: u32) {
        *self.book() = Book { first: shoppers, ..Book::default() };
    }

    /// A visitor wants something: what is to be sent.
    ///
    /// # Errors
    /// When it is malformed, or cannot be done now.
    pub fn ask(&self, visitor: &str, request: CartRequest) -> Result<Errand, CartError> {
        let mut book = self.book();
        let (action, item, name) = match request {
            CartRequest::LogIn { name } => (Action::LogIn, None, Some(text(&name, MOST_NAME_BYTES)?)),
            CartRequest::Add { item } => (Action::Add, Some(text(&item, MOST_ITEM_BYTES)?), None),
            CartRequest::Look {} => (Action::Read, None, None),
            CartRequest::CheckOut {} => (Action::CheckOut, None, None),
            CartRequest::LogOut {} => (Action::LogOut, None, None),
        };
        let many = book.guests.len();
        if !book.guests.contains_key(visitor) {
            if action != Action::LogIn {
                return Err(CartError::Unknown);
            }
            if many >= MOST_GUESTS {
                return Err(CartError::NotNow("the shop is full; wait for the next segment"));
            }
            let shopper = book.first + u32::try_from(many).unwrap_or(u32::MAX);
            let guest = Guest { shopper, steps: 0, busy: false, owed: Sides::default() };
            book.guests.insert(visitor.to_owned(), guest);
        }
        let Some(guest) = book.guests.get_mut(visitor) else { return Err(CartError::TooMany) };
        if std::mem::replace(&mut guest.busy, true) {
            return Err(CartError::TooMany);
        }
        let (shopper, step) = (guest.shopper, guest.steps);
        guest.steps += 1;
        let op = match (action, item) {
            (Action::Add, Some(item)) => Some(format!("s{shopper}-{step} {item}")),
            // It goes into the journals and no further: a tier is told no operation at a log-in.
            (Action::LogIn, _) => name.map(|name| format!("s{shopper}-{step} {name}")),
            (Action::CheckOut, _) => Some(format!("s{shopper}-{step}")),
            _ => None,
        };
        let mut listen = |side| {
            let (tell, told) = oneshot::channel();
            book.waiting.insert((side, shopper, step), tell);
            told
        };
        let told = Sides { a: listen(Side::A), b: listen(Side::B) };
        Ok(Errand { shopper, step, action, op, told })
    }

    /// A journal tells of a guest's request.
    pub fn told(&self, side: Side, step: &StepEvent) {
        let waiting = self.book().waiting.remove(&(side, step.shopper, step.step));
        if let Some(waiting) = waiting {
            // Who asked may have left.
            let _ = waiting.send(step.clone());
        }
    }

    /// Both tiers have answered, or have not: what the visitor got.
    pub fn got(&self, visitor: &str, errand: (u32, u32), told: Sides<Option<StepEvent>>) -> Sides<Got> {
        let mut book = self.book();
        for side in Side::BOTH {
            book.waiting.remove(&(side, errand.0, errand.1));
        }
        let mut nobody = Sides::default();
        let owed = match book.guests.get_mut(visitor).filter(|guest| guest.shopper == errand.0) {
            Some(guest) => {
                guest.busy = false;
                &mut guest.owed
            }
            None => &mut nobody,
        };
        Sides { a: got(told.a.as_ref(), &mut owed.a), b: got(told.b.as_ref(), &mut owed.b) }
    }
}

fn text(given: &str, most_bytes: usize) -> Result<String, CartError> {
    let trimmed = given.trim();
    if trimmed.is_empty() {
        return Err(CartError::Malformed("say at least one letter"));
    }
    if trimmed.len() > most_bytes {
        return Err(CartError::Malformed("that is too long"));
    }
    Ok(trimmed.to_owned())
}

/// The item, or the name, that travelled in an operation's id.
pub(crate) fn item(op: &str) -> String {
    op.split_once(' ').map_or(op, |(_, item)| item).to_owned()
}

/// Reads one tier's answer, and keeps what it owes from now on.
fn got(told: Option<&StepEvent>, owed: &mut Vec<String>) -> Got {
    let Some(step) = told else {
        return Got { why: "no answer was recorded in time".to_owned(), ..Got::default() };
    };
    let ok = step.outcome == Outcome::Ok;
    if ok && step.action == Action::LogIn {
        owed.clear();
    }
    let view = step.view.as_ref().filter(|view| view.owner.is_some() && step.action != Action::LogOut);
    let there = match (view, step.status) {
        (Some(_), _) => Some(true),
        (None, _) if step.action == Action::LogOut && ok => None,
        (None, Some(200..=299 | 401)) => Some(false),
        (None, _) => None,
    };
    if ok && let (Action::Add, Some(op)) = (step.action, &step.op) {
        owed.push(op.clone());
    }
    if ok && matches!(step.action, Action::CheckOut | Action::LogOut) {
        owed.clear();
    }
    let holds = |op: &&String| view.is_some_and(|view| view.ops.contains(op));
    let gone = match there {
        Some(true) => owed.iter().filter(|op| !holds(op)).map(|op| item(op)).collect(),
        Some(false) => owed.iter().map(|op| item(op)).collect(),
        None => Vec::new(),
    };
    Got {
        ok,
        status: step.status,
        server: step.server.clone(),
        there,
        lines: view.map(|view| view.ops.iter().map(|op| item(op)).collect()),
        why: why(step, there, &gone),
        gone,
    }
}

fn why(step: &StepEvent, there: Option<bool>, gone: &[String]) -> String {
    let many = |n: usize| if n == 1 { "1 thing".to_owned() } else { format!("{n} things") };
    match (there, step.outcome, step.action) {
        (Some(true), ..) if gone.is_empty() => "your session is here".to_owned(),
        (Some(true), ..) => format!("your session is here, but {} of your cart are gone", many(gone.len())),
        (Some(false), ..) if gone.is_empty() => "nobody here knows your session".to_owned(),
        (Some(false), ..) => format!("nobody here knows your session: {} gone with it", many(gone.len())),
        (None, Outcome::Ok, Action::LogOut) => "you have left".to_owned(),
        (None, Outcome::Unknown, _) => "no complete answer: it may have happened".to_owned(),
        (None, ..) => {
            let word = step.error.as_deref().unwrap_or("no answer");
            format!("it did not happen: {word}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::View;
    use scenario::Phase;

    fn step(errand: &Errand, status: u16, ops: Option<&[&str]>) -> StepEvent {
        let ok = status == 200;
        let view = View {
            owner: ops.map(|_| format!("shopper-{}", errand.shopper)),
            epoch: 1,
            version: 1,
            ops: ops.unwrap_or_default().iter().map(|op| (*op).to_owned()).collect(),
        };
        StepEvent {
            shopper: errand.shopper,
            step: errand.step,
            tab: 0,
            retry_of: None,
            idempotent: false,
            phase: Phase::Baseline,
            action: errand.action,
            op: errand.op.clone(),
            planned_us: 1,
            sent_us: Some(1),
            first_byte_us: Some(2),
            done_us: 2,
            outcome: if ok { Outcome::Ok } else { Outcome::Failed },
            status: Some(status),
            error: (!ok).then(|| "no_session".to_owned()),
            server: Some("server-1.1".to_owned()),
            view: ok.then_some(view),
            sid: None,
            new_sid: None,
        }
    }

    fn answered(carts: &Carts, errand: Errand, a: StepEvent, b: StepEvent) -> Sides<Got> {
        carts.told(Side::A, &a);
        carts.told(Side::B, &b);
        let Errand { shopper, step, mut told, .. } = errand;
        carts.got("ann", (shopper, step), Sides { a: told.a.try_recv().ok(), b: told.b.try_recv().ok() })
    }

    #[test]
    fn a_cart_is_kept_on_one_side_and_gone_on_the_other() {
        let carts = Carts::default();
        carts.begin(300);
        assert_eq!(carts.ask("ann", CartRequest::Look {}).unwrap_err(), CartError::Unknown);
        let errand = carts.ask("ann", CartRequest::LogIn { name: "Ann".to_owned() }).unwrap();
        assert_eq!((errand.shopper, errand.step), (300, 0));
        assert_eq!(errand.op.as_deref(), Some("s300-0 Ann"));
        let both = step(&errand, 200, Some(&[]));
        answered(&carts, errand, both.clone(), both);

        let errand = carts.ask("ann", CartRequest::Add { item: "<b>shoes</b>".to_owned() }).unwrap();
        assert_eq!(errand.op.as_deref(), Some("s300-1 <b>shoes</b>"));
        assert_eq!(carts.ask("ann", CartRequest::Look {}).unwrap_err(), CartError::TooMany);
        let both = step(&errand, 200, Some(&["s300-1 <b>shoes</b>"]));
        let got = answered(&carts, errand, both.clone(), both);
        assert_eq!(got.a.lines, Some(vec!["<b>shoes</b>".to_owned()]));

        let errand = carts.ask("ann", CartRequest::Look {}).unwrap();
        let (a, b) = (step(&errand, 200, None), step(&errand, 200, Some(&["s300-1 <b>shoes</b>"])));
        let got = answered(&carts, errand, a, b);
        assert_eq!((got.a.there, got.a.gone), (Some(false), vec!["<b>shoes</b>".to_owned()]));
        assert_eq!((got.b.there, got.b.gone.len()), (Some(true), 0));
    }

    #[test]
    fn no_answer_says_nothing_of_the_session_and_frees_the_visitor() {
        let carts = Carts::default();
        carts.begin(10);
        let errand = carts.ask("bob", CartRequest::LogIn { name: "Bob".to_owned() }).unwrap();
        let got = carts.got("bob", (errand.shopper, errand.step), Sides::default());
        assert_eq!((got.a.there, got.a.status), (None, None));
        assert!(carts.ask("bob", CartRequest::Look {}).is_ok());
    }

    #[test]
    fn names_and_items_are_bounded_and_not_empty() {
        let carts = Carts::default();
        for name in ["", "  ", &"x".repeat(41)] {
            let error = carts.ask("eve", CartRequest::LogIn { name: name.to_owned() }).unwrap_err();
            assert!(matches!(error, CartError::Malformed(_)), "{name}");
        }
    }
}
