//! One time of a probe: whose browser it sits at, and one request after the other, each journalled.

use super::ProbeSpec;
use super::forge::Dice;
use crate::client::{Ask, Client};
use crate::jar::{Jar, fingerprint};
use crate::outcome::Verdict;
use crate::shopper::request;
use journal::{Event, Expected, Outcome, ProbeCookie, ProbeEvent, View};
use protocol::app::SESSION_COOKIE_PLAIN;
use scenario::{Action, PlannedProbe};
use std::cell::RefCell;
use std::rc::Rc;

/// One time of a probe.
pub(super) struct Round {
    pub(super) spec: Rc<ProbeSpec>,
    pub(super) probe: PlannedProbe,
    number: u32,
    pub(super) dice: Dice,
    client: Client,
    /// The browser that the client sits at.
    jar: Rc<RefCell<Jar>>,
    owner: String,
    ops: u32,
}

/// What a request came to, as far as the next one depends on it.
pub(super) struct Asked {
    pub(super) outcome: Outcome,
    pub(super) owner: Option<String>,
}

impl Round {
    pub(super) fn new(spec: Rc<ProbeSpec>, probe: PlannedProbe, number: u32) -> Self {
        let jar = Rc::new(RefCell::new(Jar::default()));
        let client = Client::new(spec.addr, spec.timeout, spec.clock, Rc::clone(&jar));
        let dice = Dice::new(probe.dice, number);
        Self { spec, probe, number, dice, client, jar, owner: String::new(), ops: 0 }
    }

    /// Sits down at the browser of somebody whom nobody has seen before.
    pub(super) fn becomes(&mut self, whom: &str) {
        self.owner = format!("probe-{}-{}{whom}", self.probe.probe, self.number);
        *self.jar.borrow_mut() = Jar::of(&self.owner);
    }

    /// The session cookie that the browser holds.
    pub(super) fn cookie(&self) -> Result<String, String> {
        let jar = self.jar.borrow();
        jar.session().map(str::to_owned).ok_or_else(|| "the session has no cookie".to_owned())
    }

    /// Puts a session cookie into the browser.
    pub(super) fn put(&mut self, value: &str) {
        self.jar.borrow_mut().take(&format!("{SESSION_COOKIE_PLAIN}={value}"));
    }

    /// Everything that the browser holds, to be put back later.
    pub(super) fn browser(&self) -> Jar {
        self.jar.borrow().clone()
    }

    /// Sits down at another browser.
    pub(super) fn sits_at(&mut self, browser: Jar) {
        *self.jar.borrow_mut() = browser;
    }

    /// An honest step on the way, which must be done as asked.
    pub(super) async fn does(&mut self, action: Action) -> Result<(), String> {
        let cookie = if self.jar.borrow().session().is_some() { ProbeCookie::Own } else { ProbeCookie::None };
        let asked = self.ask(action, cookie, Expected::Done, 0).await;
        if asked.outcome != Outcome::Ok {
            return Err(format!("it could not {}", action.name()));
        }
        let there = action == Action::LogOut || asked.owner.as_ref() == Some(&self.owner);
        if there { Ok(()) } else { Err(format!("it could not {}: the session was not there", action.name())) }
    }

    /// A line of so many bytes, which may be refused. Answers whether it was acknowledged.
    pub(super) async fn adds(&mut self, bytes: usize) -> bool {
        self.ask(Action::Add, ProbeCookie::Own, Expected::Either, bytes).await.outcome == Outcome::Ok
    }

    /// The try: a request with this value in the place of the session's cookie. The browser is afterwards as it was.
    pub(super) async fn tries(&mut self, action: Action, cookie: ProbeCookie, value: &str) {
        self.tries_as(SESSION_COOKIE_PLAIN, action, cookie, value).await;
    }

    /// The same under another cookie's name.
    pub(super) async fn tries_as(&mut self, name: &str, action: Action, cookie: ProbeCookie, value: &str) {
        let browser = self.browser();
        {
            let mut jar = self.jar.borrow_mut();
            jar.take(&format!("{SESSION_COOKIE_PLAIN}=; max-age=0"));
            jar.take(&format!("{name}={value}"));
        }
        let sid = fingerprint(value);
        self.ask_with(action, cookie, Expected::Refused, 0, Some(sid)).await;
        self.sits_at(browser);
    }

    /// A request with whatever the browser holds.
    pub(super) async fn ask(
        &mut self,
        action: Action,
        cookie: ProbeCookie,
        expected: Expected,
        bytes: usize,
    ) -> Asked {
        let sid = self.jar.borrow().session().map(fingerprint);
        self.ask_with(action, cookie, expected, bytes, sid).await
    }

    async fn ask_with(
        &mut self,
        action: Action,
        cookie: ProbeCookie,
        expected: Expected,
        bytes: usize,
        sid: Option<String>,
    ) -> Asked {
        let op = matches!(action, Action::Add | Action::CheckOut).then(|| self.op(bytes));
        let (route, body) = request(&self.owner, action, op.as_deref());
        let exchange = self.client.send(Ask { route, body, idempotency_key: None }).await;
        let answer = match &exchange.answer {
            Ok(received) => Ok(self.client.answer(received)),
            Err(error) => Err(error.as_str()),
        };
        let Verdict { outcome, error, view } = Verdict::of(action, &exchange, &answer);
        let view = view.map(|View { owner, epoch, version, ops }| View {
            owner: owner.map(|owner| owner.into_owned()),
            epoch,
            version,
            ops: ops.into_iter().map(|op| op.into_owned()).collect(),
        });
        let answer = answer.ok();
        let owner = view.as_ref().and_then(|view| view.owner.clone());
        let event = ProbeEvent {
            probe: self.probe.probe,
            round: self.number,
            kind: self.probe.kind,
            action,
            op,
            cookie,
            expected,
            sent_us: exchange.sent_us,
            done_us: exchange.done_us,
            outcome,
            status: answer.as_ref().map(|answer| answer.status),
            error: error.map(|error| error.into_owned()),
            server: answer.as_ref().and_then(|answer| answer.server).map(str::to_owned),
            view,
            sid,
            new_sid: answer.as_ref().and_then(|answer| answer.new_sid).map(str::to_owned),
            dropped_bytes: self.jar.borrow_mut().take_dropped().map(|bytes| bytes as u64),
        };
        self.spec.recorder.record(Event::Probe(event));
        Asked { outcome, owner }
    }

    /// The unique id of an operation: `p<probe>-<round>-<n>`, made longer where a line must have some weight.
    fn op(&mut self, bytes: usize) -> String {
        self.ops += 1;
        let op = format!("p{}-{}-{}", self.probe.probe, self.number, self.ops);
        if op.len() < bytes { format!("{op}-{}", "x".repeat(bytes - op.len() - 1)) } else { op }
    }
}
