//! One shopper: its tabs, each a sequence of its own with a connection of its own, and one cookie jar for them all.
//!
//! Invariants: a tab never sends a step before the one before it has an outcome; a log-in waits for the outcomes of everything
//! before it in any tab, and everything after it waits for its own, so that the answers of two sessions never mix. A log-out
//! waits for nobody: it may race a slow write of another tab.

mod guest;

use crate::client::{Ask, Client, Route};
use crate::clock::Clock;
use crate::jar::Jar;
use crate::load::{Stage, Tally};
use crate::outcome::{Text, Verdict};
use crate::pacer::{Pacer, Turn};
use crate::recorder::Recorder;
use crate::steering::{Course, Visit};
use journal::{Event, Outcome, StepEvent};
use protocol::app::{AddLine, CART, CHECKOUT, Checkout, LINES, LOGIN, LOGOUT, Login};
use scenario::{Action, Mode, Phase, Plan, Retries, ShopperPlan, Step};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

/// What all shoppers share.
pub(crate) struct Floor {
    pub(crate) plan: Arc<Plan>,
    pub(crate) addr: SocketAddr,
    pub(crate) timeout: Duration,
    pub(crate) clock: Clock,
    pub(crate) recorder: Recorder,
    pub(crate) pacer: Rc<Pacer>,
    pub(crate) tally: Rc<RefCell<Tally>>,
    pub(crate) stage: watch::Receiver<Stage>,
    /// Where the timetable stands, in a load that is steered.
    pub(crate) course: Option<watch::Receiver<Course>>,
}

/// How many tabs a shopper has.
pub(crate) fn tabs(me: &ShopperPlan) -> usize {
    me.steps.iter().map(|step| usize::from(step.tab) + 1).max().unwrap_or(1)
}

impl Floor {
    /// Lets every shopper in, and waits until the last one has left.
    pub(crate) async fn open(self, visits: Option<mpsc::Receiver<Visit>>) {
        let floor = Rc::new(self);
        let mut everybody = JoinSet::new();
        for (index, me) in floor.plan.shoppers.iter().enumerate() {
            let jar = Rc::new(RefCell::new(Jar::of(&me.owner)));
            let progress = Rc::new(Progress::default());
            for number in 0..tabs(me) {
                let tab = Tab {
                    index,
                    number: u8::try_from(number).unwrap_or(u8::MAX),
                    client: floor.client(Rc::clone(&jar)),
                    progress: Rc::clone(&progress),
                    floor: Rc::clone(&floor),
                };
                everybody.spawn_local(tab.live());
            }
        }
        if let Some(visits) = visits {
            everybody.spawn_local(guest::receive(Rc::clone(&floor), visits));
        }
        while let Some(left) = everybody.join_next().await {
            if let Err(panic) = left {
                std::panic::resume_unwind(panic.into_panic());
            }
        }
    }
}

impl Floor {
    fn client(&self, jar: Rc<RefCell<Jar>>) -> Client {
        Client::new(self.addr, self.timeout, self.clock, jar)
    }

    /// Waits until the timetable is over and the final reads begin; answers when this shopper's is due.
    async fn final_read_us(&self, shopper: u32) -> Option<u64> {
        let mut stage = self.stage.clone();
        let stage = *stage.wait_for(|stage| *stage != Stage::Running).await.ok()?;
        let Stage::FinalReads { from_us, spacing_us } = stage else { return None };
        let planned_us = from_us + u64::from(shopper) * spacing_us;
        (self.pacer.until(planned_us).await == Turn::Due).then_some(planned_us)
    }
}

/// How many of a shopper's steps have their outcome, over all of its tabs.
#[derive(Default)]
struct Progress {
    over: Cell<usize>,
    changed: Notify,
}

impl Progress {
    fn one_is_over(&self) {
        self.over.set(self.over.get() + 1);
        self.changed.notify_waiters();
    }
}

struct Tab {
    index: usize,
    number: u8,
    client: Client,
    progress: Rc<Progress>,
    floor: Rc<Floor>,
}

/// One request to be made.
struct Attempt {
    step: u32,
    action: Action,
    planned_us: u64,
    phase: Phase,
    retry: bool,
}

impl Attempt {
    /// Everything is whole again: what is in the cart?
    fn final_read(step: u32, planned_us: u64) -> Self {
        Self { step, action: Action::Read, planned_us, phase: Phase::Final, retry: false }
    }
}

/// A step has come due.
struct MyTurn {
    due_us: u64,
    /// The tab was waiting for it, and not it for the tab.
    in_time: bool,
    stopped: bool,
}

/// What came of it.
struct Made {
    sent_us: Option<u64>,
    done_us: u64,
    outcome: Outcome,
}

impl Tab {
    async fn live(mut self) {
        let plan = Arc::clone(&self.floor.plan);
        let me = &plan.shoppers[self.index];
        match plan.mode {
            Mode::Open => self.follow_timetable(me).await,
            Mode::Closed => self.follow_answers(me, plan.phases.end_us()).await,
        }
        // The others see that nothing more comes from here.
        self.progress.changed.notify_waiters();
        self.floor.tally.borrow_mut().one_is_done();
        if self.number > 0 {
            return;
        }
        if let Some(planned_us) = self.floor.final_read_us(me.shopper).await {
            let step = u32::try_from(me.steps.len()).unwrap_or(u32::MAX);
            self.make(me, &Attempt::final_read(step, planned_us)).await;
        }
    }

    /// Sends each step when it is due, or, when one that it must wait for took longer, as soon as that has its outcome.
    async fn follow_timetable(&mut self, me: &ShopperPlan) {
        let mut log_in = 0;
        for (index, step) in me.steps.iter().enumerate() {
            let is_log_in = step.action == Action::LogIn;
            log_in = if is_log_in { index } else { log_in };
            if step.tab != self.number {
                continue;
            }
            let before = if is_log_in { index } else { log_in + 1 };
            let Some(turn) = self.turn(step.at_us).await else { return };
            let free = self.progress.over.get() >= before;
            if turn.stopped || !self.others_are_over(before).await {
                return self.leave_unsent(me, index);
            }
            self.carry_out(me, index, step, turn.due_us, turn.in_time && free).await;
        }
    }

    /// Waits until a place of the timetable is reached; `None` when a steered load is over before.
    async fn turn(&self, place_us: u64) -> Option<MyTurn> {
        let Floor { pacer, clock, course, .. } = &*self.floor;
        let Some(course) = course else {
            let in_time = clock.now_us() < place_us;
            let stopped = pacer.until(place_us).await == Turn::Stopped;
            return Some(MyTurn { due_us: place_us, in_time, stopped });
        };
        let mut course = course.clone();
        let mut in_time = None;
        loop {
            let due_us = course.borrow_and_update().due_us(place_us)?;
            let in_time = *in_time.get_or_insert_with(|| clock.now_us() < due_us);
            tokio::select! {
                turn = pacer.until(due_us) => {
                    return Some(MyTurn { due_us, in_time, stopped: turn == Turn::Stopped });
                }
                Ok(()) = course.changed() => {}
            }
        }
    }

    /// Waits until so many of the shopper's steps have their outcome; `false` when the load was stopped instead.
    async fn others_are_over(&self, before: usize) -> bool {
        while self.progress.over.get() < before {
            if self.floor.pacer.is_stopped() {
                return false;
            }
            self.progress.changed.notified().await;
        }
        true
    }

    /// Closed: each pause begins with the answer before it, and whom the end of the load meets in a pause sends nothing more.
    async fn follow_answers(&mut self, me: &ShopperPlan, end_us: u64) {
        let (mut ready_us, mut before_us) = (0, 0);
        for (index, step) in me.steps.iter().enumerate() {
            ready_us += step.at_us - before_us;
            before_us = step.at_us;
            if ready_us >= end_us || self.floor.pacer.until(ready_us).await == Turn::Stopped {
                return;
            }
            ready_us = self.carry_out(me, index, step, ready_us, true).await;
        }
    }

    /// Sends a step, and again while its outcome is unknown and the scenario says so. Answers when it was over.
    async fn carry_out(
        &mut self,
        me: &ShopperPlan,
        index: usize,
        step: &Step,
        planned_us: u64,
        on_time: bool,
    ) -> u64 {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let first = self.attempt(number, step.action, planned_us, false);
        let mut made = self.make(me, &first).await;
        {
            let mut tally = self.floor.tally.borrow_mut();
            tally.sent += 1;
            if let (true, Some(sent_us)) = (on_time, made.sent_us) {
                tally.lag.saturating_record(sent_us.saturating_sub(planned_us));
            }
        }
        if let Some(retries) = self.retries(step.action) {
            for _ in 0..retries.max {
                let due_us = made.done_us + retries.after_ms * 1_000;
                if made.outcome != Outcome::Unknown || self.floor.pacer.until(due_us).await == Turn::Stopped {
                    break;
                }
                let again = self.attempt(number, step.action, due_us, true);
                made = self.make(me, &again).await;
            }
        }
        self.progress.one_is_over();
        made.done_us
    }

    fn attempt(&self, step: u32, action: Action, planned_us: u64, retry: bool) -> Attempt {
        let phases = &self.floor.plan.phases;
        // What is sent again after the load is no final read.
        let phase = phases.at(planned_us.min(phases.end_us().saturating_sub(1)));
        Attempt { step, action, planned_us, phase, retry }
    }

    fn retries(&self, action: Action) -> Option<Retries> {
        self.floor.plan.retries.filter(|_| matches!(action, Action::Add | Action::CheckOut))
    }

    fn leave_unsent(&mut self, me: &ShopperPlan, from: usize) {
        let mine = (0..).zip(&me.steps).skip(from).filter(|(_, step)| step.tab == self.number);
        for (index, step) in mine {
            self.floor.tally.borrow_mut().unsent += 1;
            let event = Event::Unsent { shopper: me.shopper, step: index, planned_us: step.at_us };
            self.floor.recorder.record(event);
        }
    }

    /// Sends one request and records what came of it.
    async fn make(&mut self, me: &ShopperPlan, attempt: &Attempt) -> Made {
        let op =
            matches!(attempt.action, Action::Add | Action::CheckOut).then(|| me.op(attempt.step as usize));
        self.make_with(me, attempt, op).await
    }

    /// The same, with an operation's id that is not the plan's.
    async fn make_with(&mut self, me: &ShopperPlan, attempt: &Attempt, op: Option<String>) -> Made {
        let Attempt { step, action, planned_us, phase, retry } = *attempt;
        let idempotent = self.retries(action).is_some_and(|retries| retries.idempotency_key);
        let (route, body) = request(&me.owner, action, op.as_deref());
        let idempotency_key = op.as_deref().filter(|_| idempotent);
        let exchange = self.client.send(Ask { route, body, idempotency_key }).await;
        let answer = match &exchange.answer {
            Ok(received) => Ok(self.client.answer(received)),
            Err(error) => Err(error.as_str()),
        };
        let verdict = Verdict::of(action, &exchange, &answer);
        let made = Made { sent_us: exchange.sent_us, done_us: exchange.done_us, outcome: verdict.outcome };
        let answer = answer.ok();
        let step = StepEvent {
            shopper: me.shopper,
            step,
            tab: u32::from(self.number),
            retry_of: retry.then_some(step),
            idempotent,
            phase,
            action,
            op: op.as_deref().map(Text::from),
            planned_us,
            sent_us: exchange.sent_us,
            first_byte_us: exchange.first_byte_us,
            done_us: exchange.done_us,
            outcome: verdict.outcome,
            status: answer.as_ref().map(|answer| answer.status),
            error: verdict.error,
            server: answer.as_ref().and_then(|answer| answer.server).map(Text::from),
            view: verdict.view,
            sid: exchange.sid.as_deref().map(Text::from),
            new_sid: answer.as_ref().and_then(|answer| answer.new_sid).map(Text::from),
        };
        self.floor.recorder.record_step(step);
        made
    }
}

/// What is sent for an action, by whoever bears this name.
pub(crate) fn request(owner: &str, action: Action, op: Option<&str>) -> (Route, Option<Vec<u8>>) {
    let json = |value: serde_json::Result<Vec<u8>>| Some(value.expect("a body is plain data"));
    let op = || op.unwrap_or_default().to_owned();
    match action {
        Action::LogIn => (Route::Post(LOGIN), json(serde_json::to_vec(&Login { owner: owner.to_owned() }))),
        Action::Read => (Route::Get(CART), None),
        Action::Add => (Route::Post(LINES), json(serde_json::to_vec(&AddLine { op: op() }))),
        Action::CheckOut => (Route::Post(CHECKOUT), json(serde_json::to_vec(&Checkout { op: op() }))),
        Action::LogOut => (Route::Post(LOGOUT), None),
    }
}
