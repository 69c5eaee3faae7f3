//! One tier: the judge of its journal, and the picture of it.

use super::losses::Losses;
use super::message::{Counters, Ended, Line, Mark, Second, Server, Severity, Side, Store, to_json};
use super::seats::{Noticed, Seats, place_of};
use super::story;
use super::window::Window;
use crate::scene;
use analysis::{Interim, Judge, SessionState};
use journal::{
    Entry, Event, FailoverStep, FaultEvent, FaultStage, Header, JournalError, OrderEvent, StepEvent,
};
use scenario::{FaultAction, Stack, SteadyState};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What is to be told since the last time.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) marks: Vec<Mark>,
    pub(super) lines: Vec<Line>,
    /// When the timetable's speed changed, and to what.
    pub(super) tempos: Vec<(u64, f64)>,
}

/// What the page was told last.
#[derive(Debug, Default)]
struct Shown {
    servers: Vec<Server>,
    store: Option<Store>,
    policy: &'static str,
    busy: Option<&'static str>,
}

/// One tier, as it stands.
pub struct Tier {
    side: Side,
    stack: Stack,
    slo: SteadyState,
    shoppers: u32,
    judge: Option<Judge>,
    seats: Seats,
    window: Window,
    orders: BTreeMap<u32, OrderEvent>,
    busy: Option<&'static str>,
    latest_us: u64,
    /// Where each shopper's session was last seen, and what became of it; guests follow the planned shoppers.
    place: Vec<u32>,
    fate: Vec<char>,
    touched: BTreeSet<u32>,
    moved: BTreeSet<u32>,
    flow: BTreeMap<u32, u64>,
    errors: u64,
    counters: Counters,
    told: Told,
    shown: Shown,
    losses: Losses,
}

impl Tier {
    pub(super) fn new(side: Side, header: &Header) -> Self {
        let shoppers = header.scenario.load.shoppers;
        let slo = header.scenario.steady_state;
        Self {
            side,
            stack: header.stack,
            slo,
            shoppers,
            judge: Some(Judge::new(header)),
            seats: Seats::new(header.stack),
            window: Window::new((slo.p99_ms * 1e3) as u64),
            orders: BTreeMap::new(),
            busy: None,
            latest_us: 0,
            place: vec![0; shoppers as usize],
            fate: vec!['.'; shoppers as usize],
            touched: BTreeSet::new(),
            moved: BTreeSet::new(),
            flow: BTreeMap::new(),
            errors: 0,
            counters: Counters::default(),
            told: Told::default(),
            shown: Shown::default(),
            losses: Losses::default(),
        }
    }

    /// The latest event's moment.
    pub fn latest_us(&self) -> u64 {
        self.latest_us
    }

    /// The counters as they were told last.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Where a shopper's session was last seen: a server's place, 0 before.
    pub fn place(&self, shopper: u32) -> u32 {
        self.place.get(shopper as usize).copied().unwrap_or(0)
    }

    /// The servers.
    pub fn servers(&self) -> Vec<Server> {
        self.seats.servers()
    }

    pub(super) fn slo(&self) -> SteadyState {
        self.slo
    }

    pub(super) fn planned_shoppers(&self) -> u32 {
        self.shoppers
    }

    pub(super) fn is_a_guest(&self, shopper: u32) -> bool {
        shopper >= self.shoppers
    }

    pub(super) fn push(&mut self, entry: &Entry) {
        if let Some(judge) = &mut self.judge {
            judge.push(entry);
        }
        match &entry.event {
            Event::Step(step) => self.step(step),
            Event::Process(event) => {
                self.latest_us = self.latest_us.max(event.at_us);
                self.seats.process(event);
            }
            Event::Ordered(order) => {
                self.orders.insert(order.fault, order.clone());
            }
            Event::Fault(event) => self.fault(event),
            Event::Tempo { at_us, factor } if *factor > 0.0 => self.told.tempos.push((*at_us, *factor)),
            Event::Failover(event) => {
                if matches!(event.step, FailoverStep::Writable | FailoverStep::Announced) {
                    self.seats.failed_over();
                }
                let text = format!("{}: {}.", event.process, event.detail);
                self.line(event.at_us, text, Severity::Info);
            }
            Event::Router { at_us, servers } => {
                self.latest_us = self.latest_us.max(*at_us);
                for noticed in self.seats.router(servers) {
                    let (text, severity) = match noticed {
                        Noticed::Up(id) => {
                            (format!("The router sends requests to {id} now."), Severity::Good)
                        }
                        Noticed::Down(id) => (format!("The router holds {id} for dead."), Severity::Bad),
                    };
                    // Their first appearance is no news.
                    if *at_us > 1_000_000 {
                        self.line(*at_us, text, severity);
                    }
                }
            }
            Event::Healthy { at_us, proof } => {
                self.line(*at_us, format!("All is whole: {proof}."), Severity::Good);
            }
            Event::Void { at_us, reason } => self.line(*at_us, format!("Void: {reason}."), Severity::Bad),
            _ => {}
        }
    }

    pub(super) fn fail(&mut self, error: &JournalError) {
        if let Some(judge) = &mut self.judge {
            judge.fail(error);
        }
        self.line(self.latest_us, format!("The journal is not whole: {error}."), Severity::Bad);
    }

    fn step(&mut self, step: &StepEvent) {
        self.latest_us = self.latest_us.max(step.done_us);
        let answered = self.window.add(step);
        self.counters.requests += 1;
        self.counters.errors += u64::from(!answered);
        self.errors += u64::from(!answered);
        let place = step.server.as_deref().and_then(place_of);
        if let (true, Some(place)) = (answered, place) {
            *self.flow.entry(place).or_default() += 1;
        }
        let index = step.shopper as usize;
        if index >= self.fate.len() {
            self.fate.resize(index + 1, '.');
            self.place.resize(index + 1, 0);
        }
        self.touched.insert(step.shopper);
        let shows_it = step.view.as_ref().is_some_and(|view| view.owner.is_some());
        if let (true, Some(place)) = (shows_it, place)
            && self.place[index] != place
        {
            self.place[index] = place;
            self.moved.insert(step.shopper);
        }
    }

    fn fault(&mut self, event: &FaultEvent) {
        let Some(OrderEvent { action, target, .. }) = self.orders.get(&event.fault).cloned() else { return };
        let stage = match event.stage {
            FaultStage::Called => "called",
            FaultStage::Landed => "landed",
            FaultStage::Spared => "spared",
            FaultStage::Failed => "failed",
        };
        // It is spared in a moment: nothing has happened to it.
        if event.stage == FaultStage::Called && !self.stack.has(target) {
            return;
        }
        if event.stage == FaultStage::Landed {
            self.seats.landed(action, target, &event.process);
        }
        match (event.stage, action) {
            (FaultStage::Called, FaultAction::RollingRestart { .. }) => {
                self.busy = Some("rolling deployment")
            }
            (FaultStage::Called, FaultAction::Remove { .. }) => self.busy = Some("removal of a server"),
            (FaultStage::Called, _) => {}
            (_, FaultAction::RollingRestart { .. } | FaultAction::Remove { .. }) => self.busy = None,
            _ => {}
        }
        let kind = if action.mends() { "heal" } else { "fault" };
        let text = story::short(action, target);
        self.told.marks.push(Mark { at_us: event.at_us, tier: self.side.letter(), kind, stage, text });
        if let Some((text, severity)) = story::sentence(action, target, event.stage, &event.detail) {
            self.line(event.at_us, text, severity);
        }
    }

    fn line(&mut self, at_us: u64, text: String, severity: Severity) {
        self.told.lines.push(Line { at_us, tier: self.side.letter(), text, severity });
    }

    pub(super) fn told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    /// Asks the judge. Once it has finished, the counters stay.
    fn count(&mut self) {
        let Some(judge) = &mut self.judge else { return };
        let Interim {
            lost,
            lost_with_lines,
            lines_in_lost_sessions,
            writes_lost,
            writes_unknown,
            misrouted,
            acknowledged: _,
        } = judge.interim();
        let counters = &mut self.counters;
        counters.lost = lost;
        counters.carts_lost = lost_with_lines;
        counters.lines_lost = lines_in_lost_sessions;
        counters.writes_lost = writes_lost;
        counters.unknown = writes_unknown;
        counters.strayed = misrouted;
        let mut fates = Vec::new();
        for shopper in &self.touched {
            fates.push((*shopper, letter(judge.session_state(*shopper))));
        }
        self.touched.clear();
        for (shopper, fate) in fates {
            if std::mem::replace(&mut self.fate[shopper as usize], fate) != fate {
                self.moved.insert(shopper);
            }
        }
        self.counters.alive = self.fate.iter().filter(|fate| **fate == 'a').count() as u64;
    }

    /// What changed since the last time.
    pub(super) fn delta(&mut self) -> Value {
        self.count();
        let moved = std::mem::take(&mut self.moved);
        let place: Vec<Value> = moved.iter().map(|n| json!([n, self.place[*n as usize]])).collect();
        let fate: Vec<Value> = moved.iter().map(|n| json!([n, self.fate[*n as usize]])).collect();
        let flow: BTreeMap<String, u64> =
            std::mem::take(&mut self.flow).into_iter().map(|(place, n)| (place.to_string(), n)).collect();
        let mut delta = json!({
            "where": place,
            "fate": fate,
            "flow": flow,
            "errors": std::mem::take(&mut self.errors),
            "counters": to_json(&self.counters),
        });
        self.changed(&mut delta);
        delta
    }

    fn changed(&mut self, delta: &mut Value) {
        let servers = self.seats.servers();
        if servers != self.shown.servers {
            delta["servers"] = to_json(&servers);
            self.shown.servers = servers;
        }
        let store = self.seats.store();
        if store != self.shown.store {
            delta["store"] = to_json(&store);
            self.shown.store = store;
        }
        if self.seats.policy() != self.shown.policy {
            self.shown.policy = self.seats.policy();
            delta["policy"] = json!(self.shown.policy);
        }
        if self.busy != self.shown.busy {
            self.shown.busy = self.busy;
            delta["busy"] = json!(self.busy);
        }
    }

    /// A second that is over.
    pub(super) fn second(&mut self, s: u64) -> Second {
        self.count();
        let figures = self.window.figures(s);
        let counters = &mut self.counters;
        counters.ok_per_s = Some(figures.ok);
        counters.errors_per_s = Some(figures.errors);
        counters.slo_percent = figures.slo_percent.map(|share| (share * 10.0).round() / 10.0);
        (counters.p50_ms, counters.p99_ms) = (figures.p50_ms, figures.p99_ms);
        let (alive, lost) = (counters.alive, counters.lost);
        let more = self.losses.second(lost);
        self.gone((s + 1) * 1_000_000, more);
        Second {
            s,
            ok: figures.ok,
            errors: figures.errors,
            p50_ms: figures.p50_ms,
            p99_ms: figures.p99_ms,
            naive_p99_ms: figures.naive_p99_ms,
            max_ms: figures.max_ms,
            alive,
            lost,
        }
    }

    fn gone(&mut self, at_us: u64, more: Option<u64>) {
        if let Some(more) = more {
            let (gone, lost) = (story::counted(more, "session"), self.counters.lost);
            self.line(at_us, format!("{gone} gone from this tier: {lost} so far."), Severity::Bad);
        }
    }

    /// Everything, as it stands.
    pub(super) fn whole(&mut self) -> Value {
        self.count();
        json!({
            "stack": self.stack.to_string(),
            "name": if self.stack.is_stateful() { "Stateful" } else { "Stateless" },
            "holds": self.stack.store.place(),
            "store": to_json(&self.seats.store()),
            "policy": self.seats.policy(),
            "policies": scene::policies(),
            "servers": to_json(&self.seats.servers()),
            "busy": self.busy,
            "where": self.place,
            "fate": self.fate.iter().collect::<String>(),
            "counters": to_json(&self.counters),
        })
    }

    /// The journal is over.
    pub(super) fn finish(&mut self) -> Option<Ended> {
        self.count();
        let more = self.losses.last(self.counters.lost);
        self.gone(self.latest_us, more);
        let findings = self.judge.take()?.finish().findings;
        let (sessions, writes, counters) = (&findings.sessions, &findings.writes, &self.counters);
        let agrees = [
            (counters.lost, sessions.lost),
            (counters.carts_lost, sessions.lost_with_lines),
            (counters.strayed, sessions.misrouted),
            (counters.lines_lost, writes.in_lost_sessions),
            (counters.writes_lost, writes.lost),
            (counters.unknown, writes.unknown),
        ]
        .iter()
        .all(|(shown, found)| shown == found);
        let anomalies = findings.checks.iter().filter_map(|check| {
            let found = check.found.filter(|found| *found > 0)?;
            Some((check.kind.name().to_owned(), found))
        });
        Some(Ended {
            verdict: to_json(&findings.verdict).as_str().unwrap_or_default().to_owned(),
            reasons: findings.reasons.iter().map(|reason| reason.text.clone()).collect(),
            acknowledged: sessions.acknowledged,
            verified: sessions.verified,
            lost: sessions.lost,
            carts_lost: sessions.lost_with_lines,
            lines_lost: writes.in_lost_sessions,
            writes_lost: writes.lost,
            unknown: writes.unknown,
            strayed: sessions.misrouted,
            agrees,
            anomalies: anomalies.collect(),
        })
    }
}

fn letter(state: SessionState) -> char {
    match state {
        SessionState::NotYet => '.',
        SessionState::Unsure => 'u',
        SessionState::Alive => 'a',
        SessionState::Lost => 'l',
        SessionState::LoggedOut => 'o',
    }
}
