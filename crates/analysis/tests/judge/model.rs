//! A correct tier and its shoppers, as a simulation: every request takes effect at one moment between its sending and its answer
//! (or later, or never, when no answer comes), and every answer tells the truth of that moment. Tabs overlap, share a cookie jar,
//! retry, log in, out and check out whenever they like; some answers are slow, some never come, and a crash cuts off what is in
//! flight. What such a tier does is linearizable by construction.

use crate::history::FAULT_US;
use journal::{Event, Outcome, StepEvent, View};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use scenario::{Action, Phase};
use std::collections::{BTreeMap, BTreeSet};

const END_US: u64 = 16_000_000;

#[derive(Clone, Debug, Default)]
struct Session {
    epoch: u64,
    version: u64,
    ops: Vec<String>,
    applied: BTreeSet<String>,
}

/// A cookie: which session's id, and which seal of it.
type Cookie = (u64, u64);

#[derive(Clone, Debug)]
enum Jar {
    Leave,
    Clear,
    Put(Cookie),
}

#[derive(Clone, Debug)]
struct Request {
    event: StepEvent,
    cookie: Option<Cookie>,
    effect_us: Option<u64>,
    answered: bool,
    jar: Jar,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Effect(usize),
    Done(usize),
    Send(u32, u32),
}

/// The simulation.
pub struct Model {
    rng: ChaCha8Rng,
    sessions: BTreeMap<u64, Session>,
    issued: u64,
    seals: u64,
    jars: BTreeMap<u32, Option<Cookie>>,
    steps: BTreeMap<u32, u32>,
    /// What a tab may try again.
    again: BTreeMap<(u32, u32), (u32, String)>,
    requests: Vec<Request>,
    queue: BTreeSet<(u64, Turn)>,
    events: Vec<Event>,
}

impl Model {
    /// Plays so many shoppers to the end of the load, and a final read each.
    pub fn play(seed: u64, shoppers: u32) -> Vec<Event> {
        let mut model = Model {
            rng: ChaCha8Rng::seed_from_u64(seed),
            sessions: BTreeMap::new(),
            issued: 0,
            seals: 0,
            jars: BTreeMap::new(),
            steps: BTreeMap::new(),
            again: BTreeMap::new(),
            requests: Vec::new(),
            queue: BTreeSet::new(),
            events: Vec::new(),
        };
        for shopper in 0..shoppers {
            for tab in 0..model.rng.random_range(1..4) {
                let at_us = model.rng.random_range(100_000..1_500_000);
                model.queue.insert((at_us, Turn::Send(shopper, tab)));
            }
            model.queue.insert((19_000_000 + u64::from(shopper) * 100, Turn::Send(shopper, 0)));
        }
        while let Some((at_us, turn)) = model.queue.pop_first() {
            match turn {
                Turn::Send(shopper, tab) => model.sends(at_us, shopper, tab),
                Turn::Effect(index) => model.takes_effect(index),
                Turn::Done(index) => model.is_done(at_us, index),
            }
        }
        model.events
    }

    fn sends(&mut self, at_us: u64, shopper: u32, tab: u32) {
        let is_final = at_us > END_US;
        let cookie = self.jars.get(&shopper).copied().flatten();
        let retry = self.again.remove(&(shopper, tab)).filter(|_| !is_final && self.rng.random_bool(0.7));
        let action = match &retry {
            _ if is_final => Action::Read,
            Some(_) => Action::Add,
            None => self.action(cookie.is_some()),
        };
        let step = self.steps.entry(shopper).or_default();
        *step += 1;
        let step = *step;
        let op = matches!(action, Action::Add | Action::CheckOut).then(|| match &retry {
            Some((_, op)) => op.clone(),
            None => format!("s{shopper}-{step}"),
        });
        let slow = self.rng.random_bool(0.2);
        let took_us = self.rng.random_range(1_000..if slow { 900_000 } else { 40_000 });
        let done_us = at_us + took_us;
        let met_the_crash = at_us < FAULT_US && done_us >= FAULT_US;
        let fate = if is_final { 0.0 } else { self.rng.random::<f64>() };
        let answered = fate < 0.85 && !met_the_crash;
        let effect_us = match fate {
            _ if met_the_crash => Some(self.rng.random_range(at_us..=done_us)).filter(|us| *us < FAULT_US),
            f if f < 0.90 => Some(self.rng.random_range(at_us..=done_us)),
            f if f < 0.95 => Some(done_us + self.rng.random_range(0..1_500_000)),
            _ => None,
        };
        let event = StepEvent {
            tab,
            retry_of: retry.as_ref().map(|(step, _)| *step),
            idempotent: action == Action::Add,
            shopper,
            step,
            phase: if is_final { Phase::Final } else { Phase::Baseline },
            action,
            op,
            planned_us: at_us,
            sent_us: Some(at_us),
            first_byte_us: None,
            done_us,
            outcome: if action.is_write() { Outcome::Unknown } else { Outcome::Failed },
            status: None,
            error: None,
            server: None,
            view: None,
            sid: cookie.map(|(id, seal)| format!("sid-{id}-{seal}")),
            new_sid: None,
        };
        let index = self.requests.len();
        self.requests.push(Request { event, cookie, effect_us, answered, jar: Jar::Leave });
        self.queue.extend(effect_us.map(|us| (us, Turn::Effect(index))));
        self.queue.insert((done_us, Turn::Done(index)));
    }

    fn action(&mut self, has_cookie: bool) -> Action {
        let ticket = self.rng.random_range(0..100);
        match ticket {
            0..70 if !has_cookie => Action::LogIn,
            0..3 => Action::LogIn,
            3..8 => Action::LogOut,
            8..16 => Action::CheckOut,
            16..55 => Action::Add,
            _ => Action::Read,
        }
    }

    fn takes_effect(&mut self, index: usize) {
        let Request { mut event, cookie, .. } = self.requests[index].clone();
        // Under the optimistic policy somebody may have written first.
        if event.action == Action::Add && self.rng.random_bool(0.05) {
            refused(&mut event, 409, "conflict");
            self.requests[index].event = event;
            return;
        }
        let session = cookie.and_then(|(id, _)| Some((id, self.sessions.remove(&id)?)));
        let (view, jar) = match (event.action, session) {
            (Action::LogIn, session) => {
                let mut session = session.map(|(_, session)| session).unwrap_or_default();
                session.epoch += 1;
                session.version += 1;
                session.ops.clear();
                self.issued += 1;
                let id = self.issued;
                let view = view(event.shopper, &session);
                self.sessions.insert(id, session);
                (view, Jar::Put((id, self.seal())))
            }
            (Action::Read, None) => (View::default(), Jar::Leave),
            (_, None) => {
                refused(&mut event, 401, "no_session");
                self.requests[index].event = event;
                return;
            }
            (Action::LogOut, Some(_)) => (View::default(), Jar::Clear),
            (action, Some((id, mut session))) => {
                let op = event.op.clone().unwrap_or_default();
                let writes = match action {
                    Action::Add if event.idempotent && !session.applied.insert(op.clone()) => false,
                    Action::Add => {
                        session.ops.push(op);
                        true
                    }
                    Action::CheckOut => {
                        session.ops.clear();
                        true
                    }
                    _ => false,
                };
                session.version += u64::from(writes);
                let view = view(event.shopper, &session);
                self.sessions.insert(id, session);
                (view, if writes { Jar::Put((id, self.seal())) } else { Jar::Leave })
            }
        };
        event.outcome = Outcome::Ok;
        event.status = Some(200);
        event.view = Some(view);
        if let Jar::Put((id, seal)) = jar {
            event.new_sid = Some(format!("sid-{id}-{seal}"));
        }
        let request = &mut self.requests[index];
        if request.answered {
            (request.event, request.jar) = (event, jar);
        }
    }

    fn seal(&mut self) -> u64 {
        self.seals += 1;
        self.seals
    }

    fn is_done(&mut self, at_us: u64, index: usize) {
        let request = self.requests[index].clone();
        let mut event = request.event;
        match request.jar {
            Jar::Leave => {}
            Jar::Clear => drop(self.jars.insert(event.shopper, None)),
            Jar::Put(cookie) => drop(self.jars.insert(event.shopper, Some(cookie))),
        }
        if request.effect_us.is_none() && self.rng.random_bool(0.3) {
            refused(&mut event, 503, "no_server");
        }
        let (shopper, tab) = (event.shopper, event.tab);
        if let (Action::Add, true, Some(op)) = (event.action, event.outcome != Outcome::Ok, &event.op) {
            self.again.insert((shopper, tab), (event.retry_of.unwrap_or(event.step), op.clone()));
        }
        let next_us = at_us + self.rng.random_range(1_000..500_000);
        if next_us < END_US {
            self.queue.insert((next_us, Turn::Send(shopper, tab)));
        }
        self.events.push(Event::Step(event));
    }
}

fn refused(event: &mut StepEvent, status: u16, word: &str) {
    event.outcome = Outcome::Failed;
    event.status = Some(status);
    event.error = Some(word.to_owned());
    event.view = None;
}

fn view(shopper: u32, session: &Session) -> View {
    View {
        owner: Some(format!("shopper-{shopper}")),
        epoch: session.epoch,
        version: session.version,
        ops: session.ops.clone(),
    }
}
