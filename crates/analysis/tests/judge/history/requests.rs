//! What shoppers do in a story, and how the journal tells it.

use super::tier::{Request, Tier};
use super::{Effect, History};
use journal::{Event, Outcome, StepEvent};
use scenario::{Action, Phase};

#[derive(Clone, Debug, Default)]
pub struct Client {
    pub(super) cookie: Option<u64>,
    /// How often the cookie was sealed anew: some middleware does it with every write, and the fingerprint changes.
    pub(super) seals: u32,
    steps: u32,
}

pub(super) fn fingerprint(id: u64, seals: u32) -> String {
    if seals == 0 { format!("sid-{id}") } else { format!("sid-{id}, seal {seals}") }
}

impl History {
    pub fn logs_in(self) -> Self {
        self.sends(Action::LogIn, None)
    }

    pub fn reads(self) -> Self {
        self.sends(Action::Read, None)
    }

    pub fn adds(self, op: &str) -> Self {
        self.sends(Action::Add, Some(op))
    }

    pub fn checks_out(self) -> Self {
        self.sends(Action::CheckOut, Some("check-out"))
    }

    pub fn logs_out(self) -> Self {
        self.sends(Action::LogOut, None)
    }

    fn request(&self, action: Action, op: Option<&str>) -> Request {
        let cookie = self.clients.get(&self.shopper).and_then(|client| client.cookie);
        (self.shopper, cookie, action, op.map(str::to_owned))
    }

    fn sends(mut self, action: Action, op: Option<&str>) -> Self {
        let request = self.request(action, op);
        let mut stranger_tier = Tier::default();
        let tier = if self.elsewhere { &mut stranger_tier } else { &mut self.tier };
        let answer = tier.answer(&request);
        self.elsewhere = false;
        let mut step = self.step(&request);
        step.status = Some(answer.status);
        step.view = answer.view;
        if answer.status == 401 {
            step.outcome = Outcome::Failed;
            step.error = Some("no_session".to_owned());
        }
        let client = self.clients.entry(self.shopper).or_default();
        if let Some(cookie) = answer.cookie {
            (client.cookie, client.seals) = (cookie, 0);
            step.new_sid = cookie.map(|id| fingerprint(id, 0));
        } else if let (true, 200, Some(id)) = (action.is_write(), answer.status, client.cookie) {
            client.seals += 1;
            step.new_sid = Some(fingerprint(id, client.seals));
        }
        self.push(step)
    }

    /// A request that gets no complete answer.
    pub fn without_an_answer(mut self, action: Action, op: Option<&str>, effect: Effect) -> Self {
        let request = self.request(action, op);
        let mut step = self.step(&request);
        step.outcome = if action.is_write() { Outcome::Unknown } else { Outcome::Failed };
        step.error = Some("timeout".to_owned());
        step.server = None;
        match effect {
            Effect::Happens => drop(self.tier.answer(&request)),
            Effect::Late => self.late.push(request),
            Effect::Never => {}
        }
        self.push(step)
    }

    /// A log-in whose head arrived, cookie included, and whose body did not.
    pub fn logs_in_with_half_an_answer(mut self) -> Self {
        let request = self.request(Action::LogIn, None);
        let answer = self.tier.answer(&request);
        let mut step = self.step(&request);
        step.outcome = Outcome::Unknown;
        step.status = Some(200);
        if let Some(cookie) = answer.cookie {
            let client = self.clients.entry(self.shopper).or_default();
            (client.cookie, client.seals) = (cookie, 0);
            step.new_sid = cookie.map(|id| fingerprint(id, 0));
        }
        self.push(step)
    }

    pub fn adds_without_an_answer(self, op: &str, effect: Effect) -> Self {
        self.without_an_answer(Action::Add, Some(op), effect)
    }

    /// What was on its way arrives at last.
    pub fn late_effects_happen(mut self) -> Self {
        for request in std::mem::take(&mut self.late) {
            drop(self.tier.answer(&request));
        }
        self
    }

    fn step(&mut self, (shopper, cookie, action, op): &Request) -> StepEvent {
        let client = self.clients.entry(*shopper).or_default();
        client.steps += 1;
        let seals = client.seals;
        let phase =
            if self.in_final_reads { Phase::Final } else { self.header.scenario.phases.at(self.now_us) };
        StepEvent {
            tab: self.tab,
            retry_of: None,
            idempotent: false,
            shopper: *shopper,
            step: client.steps - 1,
            phase,
            action: *action,
            op: op.clone(),
            planned_us: self.now_us,
            sent_us: Some(self.now_us + 100),
            first_byte_us: None,
            done_us: self.now_us + 5_000,
            outcome: Outcome::Ok,
            status: None,
            error: None,
            server: Some("server-1.1".to_owned()),
            view: None,
            sid: cookie.map(|id| fingerprint(id, seals)),
            new_sid: None,
        }
    }

    fn push(mut self, step: StepEvent) -> Self {
        self.events.push(Event::Step(step));
        self.now_us += 50_000;
        self
    }
}
