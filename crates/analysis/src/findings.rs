//! What the judge says of one trial. These types form the interface between the judge and whoever prints: plain data, whole
//! without the journal, and equal, byte for byte, whenever the journal is. Times are microseconds on the trial's clock, lengths
//! of time microseconds, shares run from 0 to 1; a field with another unit names it. `None` means "not known", never zero.

use crate::anomaly::{Anomaly, AnomalyKind, Check};
use crate::lookups::LookupRound;
use crate::measured::{
    FailoverMoment, FaultRecord, Generator, PhaseFindings, ProcessRecord, Recovery, RouterChange, Timeline,
    Usage,
};
use crate::probes::ProbeFindings;
use crate::site::SiteFindings;
use scenario::{Metric, Stack};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many anomalies of each kind are kept with their evidence; all are counted.
pub const MOST_KEPT_PER_KIND: usize = 1_000;

/// Everything that is found in one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialFindings {
    /// Which trial.
    pub identity: Identity,
    /// Whether its promises were kept.
    pub verdict: Verdict,
    /// Why the verdict is not better than it is; empty for [`Verdict::Holds`] and [`Verdict::Unpromised`].
    pub reasons: Vec<Reason>,
    /// What happened to the sessions.
    pub sessions: Sessions,
    /// What happened to the lines that were added to the carts.
    pub writes: Writes,
    /// All sixteen kinds, most specific first: which were looked for, and how many of them were found.
    pub checks: Vec<Check>,
    /// The findings themselves, by kind and then in order of the journal; at most [`MOST_KEPT_PER_KIND`] of each kind.
    pub anomalies: Vec<Anomaly>,
    /// How the service and the sessions came back; `None` when no fault was called.
    pub recovery: Option<Recovery>,
    /// The six phases in their order, warm-up and final reads included.
    pub phases: Vec<PhaseFindings>,
    /// The load as it went by.
    pub timeline: Timeline,
    /// The planned faults, in order.
    pub faults: Vec<FaultRecord>,
    /// The planned probes, in order. What they found is counted here, and nowhere among the shoppers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeFindings>,
    /// Beginnings and ends of processes, in order.
    pub processes: Vec<ProcessRecord>,
    /// How the store failed over, step by step, in order; empty when it did not. Who is promoted when tells the losses apart from
    /// those of the moment at which the primary was lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failover: Vec<FailoverMoment>,
    /// What an operator was told who looked for sessions, round by round; empty when nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<LookupRound>,
    /// How a second site stood by and took over; absent where there is one site alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteFindings>,
    /// What the router noticed, in order.
    pub router: Vec<RouterChange>,
    /// What the processes used over the load.
    pub usage: Usage,
    /// Whether the load generator can be trusted; `None` when it gave no account.
    pub generator: Option<Generator>,
    /// The promises that the scenario makes for this stack, in its order.
    pub expectations: Vec<ExpectationFinding>,
}

impl TrialFindings {
    /// How many anomalies of a kind were found; `None` when nobody looked.
    pub fn found(&self, kind: AnomalyKind) -> Option<u64> {
        self.checks.iter().find(|check| check.kind == kind).and_then(|check| check.found)
    }

    /// All anomalies of all kinds that were looked for.
    pub fn anomalies_found(&self) -> u64 {
        self.checks.iter().filter_map(|check| check.found).sum()
    }
}

/// Which trial it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// The run that it belongs to.
    pub run: String,
    /// The scenario's name.
    pub scenario: String,
    /// The architecture under test.
    #[schemars(with = "String")]
    pub stack: Stack,
    /// Which of several columns of the same stack in one run, from 0: the noise floor runs a stack against itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replica: u32,
    /// Which router sat in front: `builtin` or `haproxy`.
    pub router: String,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// Place in the run's order of trials, from 1.
    pub order: u32,
    /// The plan's seed.
    pub seed: u64,
    /// SHA-256 of the plan, in hexadecimal.
    pub plan_sha256: String,
    /// Wall clock at the trial's zero, milliseconds since 1970 UTC.
    pub started_unix_ms: u64,
}

impl Identity {
    /// The column in which it stands: the stack's name, and "again" for the stack that runs against itself.
    pub fn column(&self) -> String {
        match self.replica {
            0 => self.stack.to_string(),
            1 => format!("{} (again)", self.stack),
            n => format!("{} (again {n})", self.stack),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Whether promises were kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every promise was kept.
    Holds,
    /// A promise was broken, or an answer leaked from one shopper to another, which every promise forbids.
    Broken,
    /// The evidence does not carry a verdict.
    Inconclusive,
    /// Judged, and nothing was promised for this stack.
    Unpromised,
}

/// Why a verdict is not better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// For machines.
    pub cause: Cause,
    /// For people, in a sentence.
    pub text: String,
}

/// What can stand against a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Broken: an answer leaked from one shopper to another.
    CrossUserLeak,
    /// Broken: a promise was not kept.
    PromiseBroken,
    /// Inconclusive: the journal was cut, damaged or edited.
    Journal,
    /// Inconclusive: the user broke the trial off.
    Interrupted,
    /// Inconclusive: the driver says so.
    Void,
    /// Inconclusive: the header names no plan.
    PlanMissing,
    /// Inconclusive: a planned fault was not proved to have landed.
    FaultNotProved,
    /// Inconclusive: the baseline was outside of the steady state.
    BaselineUnsteady,
    /// Inconclusive: not one session was acknowledged.
    NothingAcknowledged,
    /// Inconclusive: too few of the sessions were verified.
    TooFewVerified,
    /// Inconclusive: nobody saw that everything was whole again before the final reads.
    HealingNotProved,
    /// Inconclusive: the load generator lagged, left steps unsent, or gave no account of itself.
    Generator,
    /// Inconclusive: the journal tells of more or fewer steps than were planned.
    StepsUnaccounted,
    /// Inconclusive: a process exited and nobody had ordered it.
    UnorderedExit,
    /// Inconclusive: a promise could not be measured.
    PromiseUnmeasured,
}

/// What happened to the sessions. `acknowledged = over_before_fault + verified + unverified`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Log-ins that were acknowledged, or whose session was seen later.
    pub acknowledged: u64,
    /// Of these, over (logged out) before the first fault, and not lost: they were never at risk.
    pub over_before_fault: u64,
    /// Of these, spoken of by a complete answer to a request that was sent after the first fault (without a fault: by the final
    /// read, or, for those that ended earlier, by any answer after the log-in). Lost ones are among them.
    pub verified: u64,
    /// The rest: nobody knows what became of them.
    pub unverified: u64,
    /// `lost_session` findings.
    pub lost: u64,
    /// Of these, first noticed by a 401.
    pub lost_loud: u64,
    /// Of these, first noticed by an empty session in a 200.
    pub lost_silent: u64,
    /// Of the lost, those that took acknowledged lines with them.
    #[serde(default)]
    pub lost_with_lines: u64,
    /// `misrouted_session` findings.
    pub misrouted: u64,
    /// Sessions with any finding.
    pub harmed: u64,
    /// `lost / verified`, as a share; `None` when nothing was verified.
    pub loss: Option<f64>,
    /// Between `loss_low` and `loss_high` lies the rate behind `loss` with 95% confidence: the Clopper-Pearson interval, exact and
    /// two-sided, for sessions that are lost independently of one another. Those of one killed server are not: the unit of a
    /// claim is the trial. `None` when nothing was verified.
    #[serde(default)]
    pub loss_low: Option<f64>,
    /// See `loss_low`.
    #[serde(default)]
    pub loss_high: Option<f64>,
    /// `lost / (acknowledged - over_before_fault)`, as a share: the least that the loss can be.
    pub loss_least: Option<f64>,
    /// `(lost + unverified) / (acknowledged - over_before_fault)`, as a share: the most that the loss can be.
    pub loss_most: Option<f64>,
    /// When none was lost: the loss is below this share with 95% confidence, one-sided (the rule of three, 3 / verified). Never
    /// call it zero.
    pub loss_below: Option<f64>,
}

/// What happened to the lines that were added to the carts: the writes whose effect an answer can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Writes {
    /// Requests that were to add a line.
    pub attempted: u64,
    /// Of these, acknowledged.
    pub acknowledged: u64,
    /// Of the acknowledged, looked for by a later answer that showed the cart (sent after the first fault, where they were still
    /// owed then). `lost` is among them, `in_lost_sessions` is not.
    pub verified: u64,
    /// `lost_write` findings.
    pub lost: u64,
    /// Of the attempted, without a complete answer: they may have had their effect. Never counted as lost.
    pub unknown: u64,
    /// Of the unknown, those whose operation a later answer showed, whichever try of it had the effect.
    pub recovered: u64,
    /// Acknowledged lines that were still owed when their session was lost. They are part of that loss and not of `lost`.
    pub in_lost_sessions: u64,
}

/// A promise and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectationFinding {
    /// What is bounded.
    pub metric: Metric,
    /// The least value that keeps the promise, in the metric's own unit.
    pub min: Option<f64>,
    /// The greatest value that keeps the promise, in the metric's own unit.
    pub max: Option<f64>,
    /// The value, in the metric's own unit; `None` when it could not be measured, or has no end (a service that never came back).
    pub measured: Option<f64>,
    /// Whether the figures keep the promise, claimed or not; `None` when it could not be measured.
    pub within: Option<bool>,
    /// What is claimed: in an inconclusive trial, nothing.
    pub verdict: Verdict,
    /// Why it was to be expected, from the scenario.
    pub because: String,
    /// For people, in a sentence.
    pub text: String,
}

/// One shopper's trial, step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fate {
    /// Which trial.
    pub identity: Identity,
    /// Who.
    pub shopper: u32,
    /// What it did and got, in order.
    pub steps: Vec<FateStep>,
    /// Why the story is not whole, when the journal is not.
    pub cut_short: Option<String>,
}

/// One step of one shopper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FateStep {
    /// Number of the journal's entry.
    pub seq: u64,
    /// When it was due.
    pub planned_us: u64,
    /// When it was sent; `None` when not one byte was.
    pub sent_us: Option<u64>,
    /// When it was over.
    pub done_us: u64,
    /// The phase in which it was planned.
    pub phase: scenario::Phase,
    /// Which of the shopper's sessions, as in [`Anomaly::session`].
    pub session: u32,
    /// What was done.
    pub action: scenario::Action,
    /// The operation's id, for writes.
    pub op: Option<String>,
    /// How it ended.
    pub outcome: journal::Outcome,
    /// The answer's status.
    pub status: Option<u16>,
    /// Who answered.
    pub server: Option<String>,
    /// What the cart held, oldest line first; `None` when the answer did not show a session.
    pub cart: Option<Vec<String>>,
    /// How many acknowledged lines the shopper was owed after this step.
    pub owed: u32,
    /// Whether this answer harmed: the session was absent, a line was missing, or somebody else's was shown.
    pub harmed: bool,
    /// For people: "acknowledged", "the session is gone: 401", "an empty cart for somebody who had 3 lines".
    pub note: String,
}
