//! The honest tier behind a story, and what it forgets or keeps when the story says so.

use super::History;
use journal::View;
use scenario::Action;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
struct Session {
    epoch: u64,
    version: u64,
    ops: Vec<String>,
}

/// A request on its way: whose, with which cookie, what.
pub(super) type Request = (u32, Option<u64>, Action, Option<String>);

/// What the tier answers: a status, a view, and the cookie that the client is to have from then on.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) view: Option<View>,
    pub(super) cookie: Option<Option<u64>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tier {
    sessions: BTreeMap<u64, Session>,
    issued: u64,
}

impl Tier {
    pub(super) fn answer(&mut self, (shopper, cookie, action, op): &Request) -> Answer {
        let session =
            cookie.and_then(|cookie| self.sessions.remove(&cookie).map(|session| (cookie, session)));
        let Some((id, mut session)) = session else {
            return match action {
                Action::LogIn => self.issue(*shopper, Session { epoch: 1, version: 1, ..Session::default() }),
                Action::Read => Answer { status: 200, view: Some(View::default()), cookie: None },
                _ => Answer { status: 401, view: None, cookie: None },
            };
        };
        session.version += u64::from(action.is_write());
        match action {
            Action::LogIn => {
                session.epoch += 1;
                session.ops.clear();
                return self.issue(*shopper, session);
            }
            Action::LogOut => return Answer { status: 200, view: Some(View::default()), cookie: Some(None) },
            Action::Add => session.ops.extend(op.clone()),
            Action::CheckOut => session.ops.clear(),
            Action::Read => {}
        }
        let view = view(*shopper, &session);
        self.sessions.insert(id, session);
        Answer { status: 200, view: Some(view), cookie: None }
    }

    fn issue(&mut self, shopper: u32, session: Session) -> Answer {
        self.issued += 1;
        let view = view(shopper, &session);
        self.sessions.insert(self.issued, session);
        Answer { status: 200, view: Some(view), cookie: Some(Some(self.issued)) }
    }
}

fn view(shopper: u32, session: &Session) -> View {
    View {
        owner: Some(format!("shopper-{shopper}")),
        epoch: session.epoch,
        version: session.version,
        ops: session.ops.clone(),
    }
}

impl History {
    /// The tier takes a line out of the cart, or puts the lines in this order.
    pub fn tier_holds(mut self, ops: &[&str]) -> Self {
        let cookie = self.clients.get(&self.shopper).and_then(|client| client.cookie).expect("logged in");
        let session = self.tier.sessions.get_mut(&cookie).expect("the session lives");
        session.ops = ops.iter().map(|op| (*op).to_owned()).collect();
        self
    }

    /// The tier forgets the shopper's session.
    pub fn loses_the_session(mut self) -> Self {
        let cookie = self.clients.get(&self.shopper).and_then(|client| client.cookie);
        assert!(cookie.and_then(|cookie| self.tier.sessions.remove(&cookie)).is_some(), "nothing to lose");
        self
    }

    /// The tier forgets a line.
    pub fn loses_the_line(mut self, op: &str) -> Self {
        let cookie =
            self.clients.get(&self.shopper).and_then(|client| client.cookie).expect("nobody is logged in");
        self.tier.sessions.get_mut(&cookie).expect("the session is gone").ops.retain(|line| line != op);
        self
    }
}
