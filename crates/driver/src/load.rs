//! The load: every shopper of the plan on one thread, each request timed from the moment at which it was due.

use crate::client::{Answer, Client, Exchange};
use crate::clock::Clock;
use crate::recorder::Recorder;
use hdrhistogram::Histogram;
use http::Method;
use journal::{Event, Outcome, StepEvent, View};
use protocol::app::{AddLine, CART, CHECKOUT, CartView, Checkout, LINES, LOGIN, LOGOUT, Login, Refusal};
use scenario::{Action, Phase, Plan, ShopperPlan};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::LocalSet;

/// How far the load has come; the trial sets it, the shoppers follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The timetable is being followed.
    Running,
    /// Everything is whole again: shopper `n` reads `n` times `spacing_us` after `from_us`.
    FinalReads {
        /// When the first one reads.
        from_us: u64,
        /// Between one shopper and the next.
        spacing_us: u64,
    },
    /// Stop at once: what was not sent stays unsent.
    Stopped,
}

/// What the load says of itself once the timetable is done.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Steps sent.
    pub sent: u64,
    /// Steps never sent.
    pub unsent: u64,
    /// 99th percentile of the send lag. Microseconds.
    pub lag_p99_us: u64,
    /// The greatest send lag. Microseconds.
    pub lag_max_us: u64,
}

/// What the load needs to know.
pub struct LoadSpec {
    /// The timetable.
    pub plan: Arc<Plan>,
    /// Where the router listens.
    pub addr: SocketAddr,
    /// After this long a shopper gives up on a request.
    pub timeout: Duration,
    /// The trial's clock.
    pub clock: Clock,
    /// Where events go.
    pub recorder: Recorder,
    /// Followed by every shopper.
    pub stage: watch::Receiver<Stage>,
    /// Told once, when the timetable is done.
    pub timetable_done: tokio::sync::oneshot::Sender<Account>,
}

struct Tally {
    lag: Histogram<u64>,
    sent: u64,
    unsent: u64,
    busy: usize,
    timetable_done: Option<tokio::sync::oneshot::Sender<Account>>,
}

impl Tally {
    fn one_is_done(&mut self) {
        self.busy -= 1;
        if self.busy > 0 {
            return;
        }
        let account = Account {
            sent: self.sent,
            unsent: self.unsent,
            lag_p99_us: self.lag.value_at_quantile(0.99),
            lag_max_us: self.lag.max(),
        };
        if let Some(tell) = self.timetable_done.take() {
            // Nobody listens when the trial was broken off.
            let _ = tell.send(account);
        }
    }
}

/// Drives every shopper to the end of its final read. Blocks its thread, which has no other work.
///
/// # Panics
/// When no runtime can be made.
pub fn drive(spec: LoadSpec) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let LoadSpec { plan, addr, timeout, clock, recorder, stage, timetable_done } = spec;
    let tally = Rc::new(RefCell::new(Tally {
        lag: Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are valid"),
        sent: 0,
        unsent: 0,
        busy: plan.shoppers.len(),
        timetable_done: Some(timetable_done),
    }));
    let shoppers = LocalSet::new();
    for index in 0..plan.shoppers.len() {
        let shopper = Shopper {
            plan: Arc::clone(&plan),
            index,
            client: Client::new(addr, timeout, clock),
            clock,
            recorder: recorder.clone(),
            tally: Rc::clone(&tally),
        };
        shoppers.spawn_local(shopper.live(stage.clone()));
    }
    drop(recorder);
    runtime.block_on(shoppers);
}

struct Shopper {
    plan: Arc<Plan>,
    index: usize,
    client: Client,
    clock: Clock,
    recorder: Recorder,
    tally: Rc<RefCell<Tally>>,
}

impl Shopper {
    async fn live(mut self, mut stage: watch::Receiver<Stage>) {
        let plan = Arc::clone(&self.plan);
        let me = &plan.shoppers[self.index];
        self.follow_timetable(me, &mut stage).await;
        self.tally.borrow_mut().one_is_done();
        let Ok(stage) = stage.wait_for(|stage| *stage != Stage::Running).await.map(|stage| *stage) else {
            return;
        };
        if let Stage::FinalReads { from_us, spacing_us } = stage {
            let planned_us = from_us + u64::from(me.shopper) * spacing_us;
            self.clock.sleep_until(planned_us).await;
            let step = u32::try_from(me.steps.len()).unwrap_or(u32::MAX);
            self.perform(me, step, Action::Read, planned_us, Phase::Final).await;
        }
    }

    /// Sends each step when it is due, or, when the one before it took longer, as soon as that has its outcome.
    async fn follow_timetable(&mut self, me: &ShopperPlan, stage: &mut watch::Receiver<Stage>) {
        for (index, step) in (0..).zip(&me.steps) {
            let waited = self.clock.now_us() < step.at_us;
            let stopped = tokio::select! {
                biased;
                _ = stage.wait_for(|stage| *stage == Stage::Stopped) => true,
                () = self.clock.sleep_until(step.at_us) => false,
            };
            if stopped {
                return self.leave_unsent(me, index);
            }
            let phase = self.plan.phases.at(step.at_us);
            let sent_us = self.perform(me, index, step.action, step.at_us, phase).await;
            let mut tally = self.tally.borrow_mut();
            tally.sent += 1;
            if let (true, Some(sent_us)) = (waited, sent_us) {
                tally.lag.saturating_record(sent_us.saturating_sub(step.at_us));
            }
        }
    }

    fn leave_unsent(&mut self, me: &ShopperPlan, from: u32) {
        for (index, step) in (0..).zip(&me.steps).skip(from as usize) {
            self.tally.borrow_mut().unsent += 1;
            let event = Event::Unsent { shopper: me.shopper, step: index, planned_us: step.at_us };
            self.recorder.record(event);
        }
    }

    async fn perform(
        &mut self,
        me: &ShopperPlan,
        step: u32,
        action: Action,
        planned_us: u64,
        phase: Phase,
    ) -> Option<u64> {
        let op = matches!(action, Action::Add | Action::CheckOut).then(|| me.op(step as usize));
        let (method, path, body) = request(me, action, op.as_deref());
        let exchange = self.client.send(method, path, body).await;
        let verdict = Verdict::of(action, &exchange);
        let sent_us = exchange.sent_us;
        let (status, server, new_sid) = match &exchange.answer {
            Ok(answer) => (Some(answer.status), answer.server.clone(), answer.new_sid.clone()),
            Err(_) => (None, None, None),
        };
        self.recorder.record(Event::Step(StepEvent {
            tab: 0,
            retry_of: None,
            idempotent: false,
            shopper: me.shopper,
            step,
            phase,
            action,
            op,
            planned_us,
            sent_us,
            first_byte_us: exchange.first_byte_us,
            done_us: exchange.done_us,
            outcome: verdict.outcome,
            status,
            error: verdict.error,
            server,
            view: verdict.view,
            sid: exchange.sid,
            new_sid,
        }));
        sent_us
    }
}

fn request(me: &ShopperPlan, action: Action, op: Option<&str>) -> (Method, &'static str, Option<Vec<u8>>) {
    let json = |value: serde_json::Result<Vec<u8>>| Some(value.expect("a body is plain data"));
    let op = || op.unwrap_or_default().to_owned();
    match action {
        Action::LogIn => (Method::POST, LOGIN, json(serde_json::to_vec(&Login { owner: me.owner.clone() }))),
        Action::Read => (Method::GET, CART, None),
        Action::Add => (Method::POST, LINES, json(serde_json::to_vec(&AddLine { op: op() }))),
        Action::CheckOut => (Method::POST, CHECKOUT, json(serde_json::to_vec(&Checkout { op: op() }))),
        Action::LogOut => (Method::POST, LOGOUT, None),
    }
}

/// What an exchange means for the session.
struct Verdict {
    outcome: Outcome,
    error: Option<String>,
    view: Option<View>,
}

impl Verdict {
    fn of(action: Action, exchange: &Exchange) -> Self {
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
