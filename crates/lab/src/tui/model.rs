//! What is known of both tiers at one moment: a whole picture and the changes since, from the messages that every page gets. What
//! `page/model.js` is to the browser. Pure, and nothing is counted here that the judge counts.

use ::demo::show::{Counters, Second, Severity, Side, Sides};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, VecDeque};

/// More sentences than a screen has lines.
const MOST_LINES: usize = 100;
/// More seconds than a line of a screen has columns.
const MOST_SECONDS: usize = 200;
/// So many ticks are a second.
const TICKS: usize = 5;

/// Both tiers, and what was said of them; the names are those of the messages.
#[derive(Clone, Deserialize)]
pub(super) struct Model {
    pub(super) at_us: u64,
    pub(super) state: String,
    pub(super) load: Load,
    pub(super) slo: Slo,
    pub(super) tiers: Sides<Tier>,
    pub(super) series: Sides<VecDeque<Second>>,
    /// Oldest first.
    pub(super) log: VecDeque<Line>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Load {
    pub(super) factor: f64,
}

#[derive(Clone, Deserialize)]
pub(super) struct Slo {
    pub(super) p99_ms: f64,
}

#[derive(Clone, Deserialize)]
pub(super) struct Tier {
    pub(super) name: String,
    pub(super) holds: String,
    pub(super) store: Option<Store>,
    pub(super) servers: Vec<Server>,
    pub(super) busy: Option<String>,
    pub(super) counters: Counters,
    /// Where each shopper's session was last seen, and what became of it.
    #[serde(rename = "where")]
    places: Vec<u32>,
    #[serde(deserialize_with = "letters")]
    fate: Vec<char>,
    /// Answers of each server in each of the last ticks.
    #[serde(skip)]
    flow: VecDeque<BTreeMap<u32, u64>>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Server {
    pub(super) place: u32,
    pub(super) state: String,
}

#[derive(Clone, Deserialize)]
pub(super) struct Store {
    pub(super) name: String,
    pub(super) state: String,
}

#[derive(Clone, Deserialize)]
pub(super) struct Line {
    pub(super) at_us: u64,
    pub(super) tier: String,
    pub(super) text: String,
    pub(super) severity: Severity,
}

#[derive(Deserialize)]
struct Tick {
    at_us: u64,
    a: Delta,
    b: Delta,
}

#[derive(Deserialize)]
struct Delta {
    servers: Option<Vec<Server>>,
    store: Option<Store>,
    #[serde(default, deserialize_with = "told")]
    busy: Option<Option<String>>,
    counters: Counters,
    #[serde(rename = "where")]
    places: Vec<(usize, u32)>,
    fate: Vec<(usize, char)>,
    flow: BTreeMap<u32, u64>,
}

fn letters<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<char>, D::Error> {
    Ok(String::deserialize(from)?.chars().collect())
}

/// Tells what is said to be nothing from what is not said.
fn told<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Model {
    /// A whole picture.
    ///
    /// # Errors
    /// When it is not as pages get it.
    pub(super) fn new(snapshot: &str) -> serde_json::Result<Self> {
        serde_json::from_str(snapshot)
    }

    /// Takes one message in.
    ///
    /// # Errors
    /// When it is not as pages get it.
    pub(super) fn apply(&mut self, kind: &str, data: &str) -> serde_json::Result<()> {
        match kind {
            "snapshot" => *self = Self::new(data)?,
            "tick" => {
                let Tick { at_us, a, b } = serde_json::from_str(data)?;
                self.at_us = at_us;
                self.tiers.a.take(a);
                self.tiers.b.take(b);
            }
            "second" => {
                let Sides { a, b } = serde_json::from_str(data)?;
                keep(&mut self.series.a, a, MOST_SECONDS);
                keep(&mut self.series.b, b, MOST_SECONDS);
            }
            "line" => keep(&mut self.log, serde_json::from_str(data)?, MOST_LINES),
            "load" => self.load = serde_json::from_str(data)?,
            // The time line's marks, the class and its vote, visitors' names: they are on the page.
            _ => {}
        }
        Ok(())
    }

    /// How many shoppers there are: no tier can hold more sessions.
    pub(super) fn shoppers(&self) -> usize {
        Side::BOTH.iter().map(|side| self.tiers.of(*side).fate.len()).max().unwrap_or(0)
    }
}

impl Tier {
    fn take(&mut self, delta: Delta) {
        let Delta { servers, store, busy, counters, places, fate, flow } = delta;
        self.servers = servers.unwrap_or_else(|| std::mem::take(&mut self.servers));
        self.store = store.or_else(|| self.store.take());
        self.busy = busy.unwrap_or_else(|| self.busy.take());
        self.counters = counters;
        keep(&mut self.flow, flow, TICKS);
        places.into_iter().for_each(|(shopper, place)| set(&mut self.places, shopper, place, 0));
        fate.into_iter().for_each(|(shopper, fate)| set(&mut self.fate, shopper, fate, '.'));
    }

    /// Whether its servers hold its sessions themselves.
    pub(super) fn in_memory(&self) -> bool {
        self.store.is_none() && self.name == "Stateful"
    }

    /// The sessions that live and were last seen at a server.
    pub(super) fn sessions_at(&self, place: u32) -> usize {
        let all = self.fate.iter().zip(&self.places);
        all.filter(|(fate, at)| **fate == 'a' && **at == place).count()
    }

    /// What a server answered in the last second.
    pub(super) fn answers_of(&self, place: u32) -> u64 {
        self.flow.iter().filter_map(|tick| tick.get(&place)).sum()
    }

    /// A server, where there is one in this place.
    pub(super) fn server(&self, place: u32) -> Option<&Server> {
        self.servers.iter().find(|server| server.place == place)
    }
}

/// A visitor has a number after all that were known.
fn set<T: Clone>(all: &mut Vec<T>, shopper: usize, new: T, unknown: T) {
    all.resize(all.len().max(shopper + 1), unknown);
    all[shopper] = new;
}

fn keep<T>(past: &mut VecDeque<T>, new: T, most: usize) {
    past.push_back(new);
    if past.len() > most {
        past.pop_front();
    }
}
