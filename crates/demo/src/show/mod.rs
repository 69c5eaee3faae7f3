//! What the page shows, derived from the events of two journals and from nothing else: where each shopper's session was last seen,
//! what became of it, the counters, the servers, the sentences. Live and replayed runs are the same function of the same events.
//!
//! Invariants: pure (no clock, no file); a counter is what the judge of that journal says, never a sum of our own.

mod losses;
mod message;
mod seats;
mod story;
#[cfg(test)]
mod tests;
mod tier;
mod window;

pub use message::{Counters, Ended, Line, Mark, Message, Second, Server, Severity, Side, Sides, Store};
pub use tier::Tier;

use crate::carts::item;
use journal::{Entry, Event, Header, StepEvent};
use message::to_json;
use scenario::Action;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// What a snapshot keeps of the past.
const MOST_SECONDS: usize = 300;
const MOST_MARKS: usize = 200;
const MOST_LINES: usize = 100;

/// Whether it happens now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Live,
    /// It is read from a recording.
    Recorded,
}

/// How far a segment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It is healed, and everybody reads once more.
    Ending,
    /// It is over.
    Over,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Ending => "ending",
            State::Over => "over",
        }
    }
}

/// Two tiers, as they stand.
pub struct Show {
    /// Whether it happens now.
    pub mode: Mode,
    /// How far it has come.
    pub state: State,
    /// What was found in the segment before, or in the whole recording.
    pub findings: Option<Value>,
    /// What the class votes on; `Null` without a class.
    pub class: Value,
    segment: u32,
    end_us: u64,
    tiers: Sides<Tier>,
    factor: f64,
    guests: Vec<(u32, String)>,
    guests_changed: bool,
    series: Sides<VecDeque<Second>>,
    marks: VecDeque<Mark>,
    lines: VecDeque<Line>,
    next_second: u64,
    seed: u64,
    run: String,
}

impl Show {
    /// Two journals that begin.
    pub fn new(mode: Mode, segment: u32, headers: [&Header; 2]) -> Self {
        Self {
            mode,
            state: State::Running,
            findings: None,
            class: Value::Null,
            segment,
            end_us: headers[0].scenario.phases.end_us(),
            tiers: Sides { a: Tier::new(Side::A, headers[0]), b: Tier::new(Side::B, headers[1]) },
            factor: 1.0,
            guests: Vec::new(),
            guests_changed: false,
            series: Sides::default(),
            marks: VecDeque::new(),
            lines: VecDeque::new(),
            next_second: 1,
            seed: headers[0].seed,
            run: headers[0].run.clone(),
        }
    }

    /// Which segment it is, from 1.
    pub fn segment(&self) -> u32 {
        self.segment
    }

    /// How long a recording is. Microseconds.
    pub fn ends_at(&mut self, end_us: u64) {
        self.end_us = end_us;
    }

    /// A tier.
    pub fn tier(&self, side: Side) -> &Tier {
        self.tiers.of(side)
    }

    /// Takes the next event of one journal; answers a guest's request that it tells of.
    pub fn push<'a>(&mut self, side: Side, entry: &'a Entry) -> Option<&'a StepEvent> {
        if let (Event::Tempo { factor, .. }, Side::A) = (&entry.event, side)
            && *factor > 0.0
        {
            self.factor = *factor;
        }
        self.tiers.of_mut(side).push(entry);
        match &entry.event {
            Event::Step(step) if self.tiers.of(side).is_a_guest(step.shopper) => {
                if step.action == Action::LogIn {
                    self.welcome(step);
                }
                Some(step)
            }
            _ => None,
        }
    }

    /// The journal of one tier cannot be read on.
    pub fn fail(&mut self, side: Side, error: &journal::JournalError) {
        self.tiers.of_mut(side).fail(error);
    }

    /// A guest logs in, and gives a name.
    fn welcome(&mut self, step: &StepEvent) {
        let Some(name) = step.op.as_deref().map(item) else { return };
        let guest = (step.shopper, name);
        if self.guests.contains(&guest) {
            return;
        }
        self.guests.retain(|(known, _)| *known != step.shopper);
        self.guests.push(guest);
        self.guests_changed = true;
    }

    fn guest_list(&self) -> Value {
        self.guests.iter().map(|(shopper, name)| json!({ "shopper": shopper, "name": name })).collect()
    }

    /// Something to be told that no journal tells.
    pub fn note(&mut self, at_us: u64, text: &str) -> Message {
        let line = Line { at_us, tier: "both", text: text.to_owned(), severity: Severity::Info };
        let message = Message::new("line", at_us, to_json(&line));
        keep(&mut self.lines, line, MOST_LINES);
        message
    }

    /// What changed since the last time, up to this moment.
    pub fn tick(&mut self, at_us: u64) -> Vec<Message> {
        let mut messages = self.told();
        // A second is told when the journals have had the time to tell all of it.
        while at_us >= self.next_second * 1_000_000 + 300_000 {
            messages.push(self.second(self.next_second - 1));
            self.next_second += 1;
        }
        let deltas = Sides { a: self.tiers.a.delta(), b: self.tiers.b.delta() };
        messages.push(Message::new("tick", at_us, json!({ "at_us": at_us, "a": deltas.a, "b": deltas.b })));
        messages
    }

    /// Who has come, and what both tiers have to tell in marks and sentences.
    fn told(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        if std::mem::take(&mut self.guests_changed) {
            messages.push(Message::new(
                "guests",
                self.tiers.a.latest_us(),
                json!({ "guests": self.guest_list() }),
            ));
        }
        for side in Side::BOTH {
            let told = self.tiers.of_mut(side).told();
            for mark in told.marks {
                messages.push(Message::new("mark", mark.at_us, to_json(&mark)));
                keep(&mut self.marks, mark, MOST_MARKS);
            }
            for line in told.lines {
                messages.push(Message::new("line", line.at_us, to_json(&line)));
                keep(&mut self.lines, line, MOST_LINES);
            }
            if side == Side::A {
                for (at_us, factor) in told.tempos {
                    messages.push(Message::new("load", at_us, json!({ "at_us": at_us, "factor": factor })));
                }
            }
        }
        messages
    }

    fn second(&mut self, s: u64) -> Message {
        let seconds = Sides { a: self.tiers.a.second(s), b: self.tiers.b.second(s) };
        let at_us = (s + 1) * 1_000_000;
        let message = Message::new(
            "second",
            at_us,
            json!({ "at_us": at_us, "a": to_json(&seconds.a), "b": to_json(&seconds.b) }),
        );
        keep(&mut self.series.a, seconds.a, MOST_SECONDS);
        keep(&mut self.series.b, seconds.b, MOST_SECONDS);
        message
    }

    /// Everything, as it stands at this moment.
    pub fn snapshot(&mut self, at_us: u64) -> Message {
        let slo = self.tiers.a.slo();
        let data = json!({
            "v": 1,
            "mode": if self.mode == Mode::Live { "live" } else { "recorded" },
            "state": self.state.name(),
            "run": self.run,
            "segment": self.segment,
            "at_us": at_us,
            "end_us": self.end_us,
            "title": "Where should session state live?",
            "seed": self.seed,
            "slo": { "ok_ratio": slo.ok_ratio, "p99_ms": slo.p99_ms },
            "shoppers": self.tiers.a.planned_shoppers(),
            "guests": self.guest_list(),
            "load": { "factor": self.factor },
            "tiers": { "a": self.tiers.a.whole(), "b": self.tiers.b.whole() },
            "series": { "a": to_json(&self.series.a), "b": to_json(&self.series.b) },
            "marks": to_json(&self.marks),
            "log": to_json(&self.lines),
            "class": self.class,
            "findings": self.findings,
        });
        Message::new("snapshot", at_us, data)
    }

    /// Both journals are over: what is found, and whether the counters say the same.
    pub fn finish(&mut self) -> (Vec<Message>, Sides<Option<Ended>>) {
        let ended = Sides { a: self.tiers.a.finish(), b: self.tiers.b.finish() };
        let findings = json!({ "segment": self.segment, "a": to_json(&ended.a), "b": to_json(&ended.b) });
        self.findings = Some(findings.clone());
        self.state = State::Over;
        let mut messages = self.told();
        messages.push(Message::new("findings", self.tiers.a.latest_us(), findings));
        (messages, ended)
    }
}

fn keep<T>(past: &mut VecDeque<T>, new: T, most: usize) {
    past.push_back(new);
    if past.len() > most {
        past.pop_front();
    }
}
