//! The events. This is the interface between the driver, which writes them as they happen, and the analysis, which knows a
//! trial by nothing else. All times are microseconds since the trial's zero, the moment at which the load starts; what
//! happens before it is at 0.

use crate::probe::{ProbeEvent, ProbeOverEvent};
use scenario::{Action, FaultAction, Phase, Scenario, Stack, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format's version; a reader refuses a newer one.
pub const FORMAT: u32 = 1;

/// The first line: which trial this is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// The run that the trial belongs to.
    pub run: String,
    /// Place in the run's order of trials, from 1.
    pub order: u32,
    /// Which repeat of the scenario, from 1.
    pub repeat: u32,
    /// The architecture under test.
    pub stack: Stack,
    /// Which of several columns of the same stack in one run, from 0: the noise floor runs a stack against itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replica: u32,
    /// Which router sat in front: `builtin` or `haproxy`.
    pub router: String,
    /// The seed of the plan.
    pub seed: u64,
    /// SHA-256 of the plan, in hexadecimal: equal for every stack of a repeat.
    pub plan_sha256: String,
    /// How many steps were planned, the final reads left out.
    pub planned_steps: u64,
    /// The scenario as resolved, with its phases, promises and faults.
    pub scenario: Scenario,
    /// Facts about the store that belong beside the numbers: version, durability settings. Sorted by name.
    pub store: BTreeMap<String, String>,
    /// From the start of the tier's first process until the router had every server up. Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_up_ms: Option<u64>,
    /// What the sessions weigh that were there before the load; absent when the scenario has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// Wall clock at the trial's zero, milliseconds since 1970 UTC.
    pub started_unix_ms: u64,
}

/// Sessions that were there before the load began, and what they weigh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Growth {
    /// How many: each logged in and put one line into its cart.
    pub sleepers: u32,
    /// How many of them came between the two weighings; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighed: Option<u32>,
    /// How long it took to let them in. Milliseconds.
    pub took_ms: u64,
    /// Resident memory of each process, and under [`Growth::STORED`] what the store says that it holds.
    pub sizes: BTreeMap<String, Size>,
}

impl Growth {
    /// The name of the store's own account: Redis's `used_memory`, the size of the table and its index, that of the file.
    pub const STORED: &str = "stored";
}

/// A weight before and after the sleepers that were weighed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// Bytes at the first weighing.
    pub before_bytes: u64,
    /// Bytes at the second, when all were there.
    pub after_bytes: u64,
}

/// A line between the first and the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1: the line's number less one. Evidence names events by it.
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// How many entries there are.
    pub entries: u64,
    /// SHA-256 of every byte before this line, in hexadecimal.
    pub sha256: String,
}

/// One thing that happened. What a step tells is text that is owned when it is read, and may be borrowed when it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event<S = String> {
    /// A shopper's request has its outcome. Written when it ends, so in order of `done_us`.
    Step(StepEvent<S>),
    /// A step of the plan that was never sent: the load ended, or the trial broke off, before its turn.
    Unsent {
        /// Who.
        shopper: u32,
        /// Which step of its timetable, from 0.
        step: u32,
        /// When it was due.
        planned_us: u64,
    },
    /// A process began or ended.
    Process(ProcessEvent),
    /// A stage of a fault.
    Fault(FaultEvent),
    /// Somebody steers the trial while it runs: faults are ordered, the timetable runs faster or slower, the load ends when they
    /// say so, and guests may come, whose numbers follow those of the planned shoppers. Told before anything else, or not at all.
    Steered {
        /// When the trial began.
        at_us: u64,
    },
    /// A fault that was ordered while the trial ran. Its stages follow under the same number.
    Ordered(OrderEvent),
    /// From now on a steered trial's timetable runs at so many times its planned speed; at 0 the load is over, and what would have
    /// come due later is not sent.
    Tempo {
        /// From when on.
        at_us: u64,
        /// The speed.
        factor: f64,
    },
    /// A step of a store's failover, as whoever decides on it took it: no fault, but the answer to one.
    Failover(FailoverEvent),
    /// A request of a probe has its outcome.
    Probe(ProbeEvent),
    /// One time of a probe is over.
    ProbeOver(ProbeOverEvent),
    /// An operator has looked for a shopper's session.
    Lookup(LookupEvent),
    /// A step in which a second site takes over, or what it did before so that it could.
    Site(SiteEvent),
    /// The router's view, sampled.
    Router {
        /// When it was asked.
        at_us: u64,
        /// Its servers, in the order in which they were added.
        servers: Vec<RouterServer>,
    },
    /// What a process used up to now, sampled.
    Usage {
        /// When it was read.
        at_us: u64,
        /// Its name, as in [`ProcessEvent`], or `driver`.
        process: String,
        /// User and system time since its start.
        cpu_us: u64,
        /// Resident memory in bytes.
        rss_bytes: u64,
    },
    /// Everything that was broken is whole again, and was seen to be: the final reads may begin. Absent when it could not be
    /// proved before the deadline.
    Healthy {
        /// When.
        at_us: u64,
        /// What was seen, in a sentence.
        proof: String,
    },
    /// The load generator's own account, once at the end.
    Generator(GeneratorEvent),
    /// Why the trial is void, as far as the driver can tell. May occur several times.
    Void {
        /// When it was noticed.
        at_us: u64,
        /// The reason, in a sentence.
        reason: String,
    },
}

impl<S> Event<S> {
    /// When it happened, or was noticed. Microseconds on the trial's clock.
    pub fn at_us(&self) -> u64 {
        match self {
            Event::Step(step) => step.done_us,
            Event::Unsent { planned_us, .. } => *planned_us,
            Event::Process(event) => event.at_us,
            Event::Fault(event) => event.at_us,
            Event::Ordered(event) => event.at_us,
            Event::Failover(event) => event.at_us,
            Event::Site(event) => event.at_us,
            Event::Probe(event) => event.done_us,
            Event::ProbeOver(event) => event.at_us,
            Event::Lookup(event) => event.done_us,
            Event::Generator(event) => event.at_us,
            Event::Steered { at_us }
            | Event::Tempo { at_us, .. }
            | Event::Router { at_us, .. }
            | Event::Usage { at_us, .. }
            | Event::Healthy { at_us, .. }
            | Event::Void { at_us, .. } => *at_us,
        }
    }
}

/// How a request ended, seen from the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A complete answer that says yes (2xx), its last byte included.
    Ok,
    /// It certainly had no effect: not one byte sent, or a complete answer that says no; a read without an answer too.
    Failed,
    /// A write without a complete answer, or with 502/503/504/500 after its bytes were sent: it may have had its effect.
    Unknown,
}

/// A shopper's request with its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct StepEvent<S = String> {
    /// Who.
    pub shopper: u32,
    /// Which step of its timetable, from 0; the final read comes after the last.
    pub step: u32,
    /// Which of the shopper's tabs sent it, from 0. Tabs share the shopper's cookies; each waits for its own answers alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tab: u32,
    /// The step of which this is another try; both carry the same operation's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<u32>,
    /// Whether it carried an idempotency key, so that a second try must have no second effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idempotent: bool,
    /// The phase in which it was *planned*.
    pub phase: Phase,
    /// What.
    pub action: Action,
    /// The operation's id, for `add` and `check-out`; for the log-in of a demo's visitor the name that was given, which no tier is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<S>,
    /// When it was due.
    pub planned_us: u64,
    /// When the first byte was handed to the socket; absent when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_us: Option<u64>,
    /// When the head of the answer was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_us: Option<u64>,
    /// When the last byte of the answer was there, or the shopper gave up.
    pub done_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The answer's status, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, in a few words: the refusal's word, or the transport's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<S>,
    /// The process that says it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<S>,
    /// What a 2xx answer said of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<View<S>>,
    /// Fingerprint of the session cookie that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<S>,
    /// Fingerprint of the session cookie that the answer set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_sid: Option<S>,
}

fn is_zero(tab: &u32) -> bool {
    *tab == 0
}

/// What an answer said of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct View<S = String> {
    /// Whose session; absent when the server knew none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<S>,
    /// Login epoch.
    pub epoch: u64,
    /// Version.
    pub version: u64,
    /// The cart's lines.
    pub ops: Vec<S>,
}

/// A process began or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessEvent {
    /// When it was noticed.
    pub at_us: u64,
    /// `router`, a server's instance such as `server-2.1` (place 2, first process), a process of the store such as `redis`, `postgres-2` or
    /// `sentinel-1` (its second process is `redis.2` or `postgres-2.2`), or a relay such as `relay-server-store`. At a second site the
    /// same with [`SITE_B`] before it: `b-router`, `b-server-2.1`, `b-postgres`.
    pub process: String,
    /// Its process id.
    pub pid: u32,
    /// What happened to it.
    pub change: ProcessChange,
}

/// What happened to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessChange {
    /// It said that it is ready.
    Ready {
        /// Milliseconds from its start to that.
        took_ms: u64,
    },
    /// It ended.
    Exited {
        /// A planned fault or the end of the trial wanted it.
        ordered: bool,
        /// `signal 9`, `code 0`, ...
        status: String,
    },
}

/// A stage of a planned fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultEvent {
    /// The plan's number for it.
    pub fault: u32,
    /// When.
    pub at_us: u64,
    /// Which stage.
    pub stage: FaultStage,
    /// The process that it hits, once that is known.
    pub process: String,
    /// For people and for the judge: what was seen.
    pub detail: String,
}

/// A fault that was ordered while a steered trial ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// Its number: the planned faults come first.
    pub fault: u32,
    /// When it was ordered.
    pub at_us: u64,
    /// What is to be done.
    pub action: FaultAction,
    /// To whom.
    pub target: Target,
}

/// The stages of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultStage {
    /// The driver's clock just before the call: t0.
    Called,
    /// Proved to have landed: the process is gone, stopped, running again, ready.
    Landed,
    /// This stack has nothing that the fault could hit: a store that is not there cannot be killed. As good as landed.
    Spared,
    /// The call failed, or its effect could not be proved.
    Failed,
}

/// A step of a failover: a store's replica takes the place of its primary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailoverEvent {
    /// When it was seen.
    pub at_us: u64,
    /// Which step.
    pub step: FailoverStep,
    /// The process that it concerns, as in [`ProcessEvent`]: the old primary up to its fencing, the new one from then on.
    pub process: String,
    /// For people: what was seen.
    pub detail: String,
}

/// The steps of a failover, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailoverStep {
    /// Whoever decides (the Sentinels together, the witness) holds the primary for lost.
    Detected,
    /// The old primary was made sure never to come back as a second one. Sentinels leave this step out.
    Fenced,
    /// The replica was told to take its place.
    Promoted,
    /// The new primary takes writes.
    Writable,
    /// Whoever asks where the primary is hears of the new one. Without Sentinels nobody can be asked, and clients try all of them.
    Announced,
}

/// An operator has looked for a shopper's session: who was asked, who answered, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupEvent {
    /// The plan's number of the round.
    pub lookup: u32,
    /// Whose session.
    pub shopper: u32,
    /// When the first question was asked.
    pub at_us: u64,
    /// When the last answer was there, or patience was over.
    pub done_us: u64,
    /// How many places could hold it, and had to be asked: every server's memory, the one store, or none that can be asked.
    pub places: u32,
    /// How many of them answered for all that they hold.
    pub answered: u32,
    /// How many questions were sent.
    pub questions: u32,
    /// The servers that did not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
    /// The sessions of this shopper's that were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<FoundSession>,
}

/// A session that an operator found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundSession {
    /// The server that told of it.
    pub server: String,
    /// Its version.
    pub version: u64,
    /// How many lines its cart held.
    pub lines: u64,
    /// How old it was. Milliseconds.
    pub age_ms: u64,
}

/// A second site takes over, or does what it must have done before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteEvent {
    /// When it was seen.
    pub at_us: u64,
    /// Which step.
    pub step: SiteStep,
    /// When it began, where that is not the end of the step before it: the moment that a dump is a picture of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_us: Option<u64>,
    /// For people: what was seen.
    pub detail: String,
}

/// The steps in which a second site takes over, in their order. A stack whose sessions are in no store has nothing to dump or to
/// promote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SiteStep {
    /// A dump of the first site's store is at the second: again and again, before anything happens.
    Dumped,
    /// The first site has not served so many times in a row that it is held for lost.
    Detected,
    /// Somebody, or something, has decided that the second site takes over.
    Declared,
    /// The store of the second site takes writes: its replica was promoted, or the last dump was restored.
    Promoted,
    /// Every server of the second site is up in its router.
    Started,
    /// The entrance leads to the second site.
    Rerouted,
    /// A request through the entrance was answered by a server of the second site.
    Served,
}

/// What the names of a second site's processes begin with.
pub const SITE_B: &str = "b-";

/// One server in a sample of the router's view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterServer {
    /// The server's instance.
    pub id: String,
    /// `starting`, `up` or `down`.
    pub health: String,
    /// Whether it drains.
    pub draining: bool,
    /// Requests sent to it since it was added.
    pub requests: u64,
    /// Sessions bound to it.
    pub bound: u64,
}

/// The load generator's own account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorEvent {
    /// When the load was over.
    pub at_us: u64,
    /// Steps sent, the final reads left out.
    pub sent: u64,
    /// Steps planned and never sent.
    pub unsent: u64,
    /// 99th percentile of sent less planned, over the steps that had no earlier step of the same shopper to wait for.
    /// Microseconds.
    pub lag_p99_us: u64,
    /// The greatest such lag. Microseconds.
    pub lag_max_us: u64,
    /// The driver's own CPU time while the load ran. Microseconds.
    pub cpu_us: u64,
    /// The most events that ever waited for the journal's writer.
    pub journal_backlog: u64,
    /// The user broke the trial off.
    pub interrupted: bool,
}
