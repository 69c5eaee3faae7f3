//! The figures of a trial: phases, time series, recovery, and what the processes did and used. The same conventions as in
//! [`crate::findings`]: microseconds, shares from 0 to 1, and `None` for "not known".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the service and its sessions came back after the first fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recovery {
    /// t0: the driver's clock just before the first fault was called.
    pub t0_us: u64,
    /// What became of the service.
    pub service: ServiceRecovery,
    /// From t0 to the start of the first window that meets the steady state. 0 with [`ServiceRecovery::NotInterrupted`] and
    /// [`ServiceRecovery::LeftLater`]; `None` with [`ServiceRecovery::NotBack`] and [`ServiceRecovery::NotMeasured`].
    pub service_back_us: Option<u64>,
    /// How much of the time from t0 to the end of the load belongs to no window that meets the steady state.
    pub unsteady_us: u64,
    /// The error of the two figures above: print no digit finer.
    pub resolution_us: u64,
    /// How the sessions came back.
    pub sessions: SessionRecovery,
    /// What was lost of the time before t0.
    pub point: RecoveryPoint,
}

/// What became of the service from t0 on, in windows of the steady state's `sustain_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceRecovery {
    /// Every window met the steady state.
    NotInterrupted,
    /// The window at t0 met the steady state, and a later one did not: the fault was slow to show, or something else happened.
    LeftLater,
    /// It left the steady state at t0 and came back while the load ran.
    Back,
    /// It left the steady state at t0 and no window met it again before the load ended.
    NotBack,
    /// The load ended less than one window after t0.
    NotMeasured,
}

/// How the sessions that were alive after t0 came back. A session was affected when an answer to a request that was sent after t0
/// was missing, was 500 or above, did not know the session, or lacked a line that was owed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionRecovery {
    /// Affected, and seen again with their state intact.
    pub recovered: u64,
    /// Lost: these never come back.
    pub never: u64,
    /// Affected, not lost, and not seen intact again before they ended.
    pub unresolved: u64,
    /// Not affected.
    pub not_affected: u64,
    /// From t0 to the first intact answer after the trouble, for the recovered: the shortest.
    pub min_us: Option<u64>,
    /// The median.
    pub p50_us: Option<u64>,
    /// The longest.
    pub max_us: Option<u64>,
}

/// The recovery point: what was lost of the acknowledged past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryPoint {
    /// Acknowledged lines that are gone, alone or together with their session.
    pub writes_lost: u64,
    /// Age at t0 of the oldest of them, from its acknowledgement; 0 when all were acknowledged later; `None` when none was lost.
    pub oldest_age_us: Option<u64>,
}

/// One phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseFindings {
    /// Which; requests belong to the phase in which they were planned, and those of the baseline that were in flight when the
    /// first fault was called to [`scenario::Phase::Fault`].
    pub phase: scenario::Phase,
    /// When it began; `None` for the final reads.
    pub start_us: Option<u64>,
    /// When it ended; `None` for the final reads.
    pub end_us: Option<u64>,
    /// How the requests fared.
    pub requests: Requests,
    /// Complete answers below 500 to requests of this phase, for each second of it; `None` for the final reads.
    pub answered_per_s: Option<f64>,
    /// From the planned moment to the outcome: every request that was made, errors and time-outs too.
    pub latency: Quantiles,
    /// From the first byte sent to the outcome: what a naive tool would report.
    pub service_time: Quantiles,
    /// The latencies from quantile to quantile, as far as the samples support them; of the baseline and the fault window only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spectrum: Vec<SpectrumPoint>,
    /// Complete answers below 500 by the process that gave them.
    pub servers: BTreeMap<String, ServerShare>,
}

/// A point of a percentile spectrum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpectrumPoint {
    /// Which quantile, from 0 to 1.
    pub quantile: f64,
    /// Latency from the plan. Microseconds.
    pub latency_us: u64,
    /// Service time, from the first byte sent; `None` where fewer requests were sent than this quantile needs. Microseconds.
    pub service_us: Option<u64>,
}

/// How requests fared. `planned = sent + unsent`, `sent = ok + refused + failed + unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// What the plan holds.
    pub planned: u64,
    /// Requests that were made, those that found no connection included.
    pub sent: u64,
    /// A complete answer that says yes.
    pub ok: u64,
    /// A complete answer below 500 that says no: 401 for one.
    pub refused: u64,
    /// No effect and no such answer: no connection, or a read that got nothing or a 500 and above.
    pub failed: u64,
    /// A write without a complete answer, or with one of 500 and above: it may have had its effect.
    pub unknown: u64,
    /// Planned and never sent.
    pub unsent: u64,
}

impl Requests {
    /// Complete answers below 500.
    pub fn answered(&self) -> u64 {
        self.ok + self.refused
    }

    /// Requests without a complete answer below 500, unsent ones included.
    pub fn errors(&self) -> u64 {
        self.failed + self.unknown + self.unsent
    }
}

/// What one server answered in one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerShare {
    /// How many complete answers below 500.
    pub answers: u64,
    /// Of all such answers that name their server, as a share.
    pub share: f64,
}

/// Quantiles of a histogram with 3 significant digits, in microseconds. One that too few samples support is `None`: with fewer
/// than `ln 0.05 / ln q` of them the chance that none lies beyond the quantile is above 5% (p99: 299, p99.9: 2,995).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    /// How many samples.
    pub samples: u64,
    /// Median.
    pub p50_us: Option<u64>,
    /// 90th percentile.
    pub p90_us: Option<u64>,
    /// 99th percentile.
    pub p99_us: Option<u64>,
    /// 99.9th percentile.
    pub p999_us: Option<u64>,
    /// The greatest; `None` without samples. 60 s and above are 60 s.
    pub max_us: Option<u64>,
}

/// The load as it went by, warm-up included, final reads left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// Length of a bucket; bucket `n` begins at `n * bucket_us`.
    pub bucket_us: u64,
    /// The buckets, without gaps, to the end of the load.
    pub buckets: Vec<Bucket>,
    /// Who answered, by name; empty in what older labs wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerSeries>,
}

/// What one server answered as time went by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerSeries {
    /// Its name; empty for all beyond the first [`crate::MOST_SERVERS_TOLD`] taken together.
    pub server: String,
    /// Complete answers below 500 to requests that were planned in each bucket.
    pub answers: Vec<u64>,
}

/// A quarter of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    /// When it began.
    pub start_us: u64,
    /// Requests that were planned in it and made.
    pub requests: u64,
    /// Of these, with a complete answer that says yes.
    pub ok: u64,
    /// Of these, refused by a complete answer below 500.
    pub refused: u64,
    /// Of these, failed otherwise, or unknown.
    pub failed: u64,
    /// Median latency from the plan; `None` below 5 requests.
    pub p50_us: Option<u64>,
    /// 99th percentile of it; `None` below 299 requests.
    pub p99_us: Option<u64>,
    /// The greatest latency from the plan; `None` without requests.
    pub max_us: Option<u64>,
    /// Median service time, from the first byte sent: what a naive tool would report; `None` below 5 requests that were sent.
    #[serde(default)]
    pub service_p50_us: Option<u64>,
    /// 99th percentile of it; `None` below 299 such requests.
    #[serde(default)]
    pub service_p99_us: Option<u64>,
    /// The greatest service time; `None` without such requests.
    #[serde(default)]
    pub service_max_us: Option<u64>,
    /// Acknowledged sessions at its end that had neither ended nor been seen absent for good.
    pub sessions_alive: u64,
    /// Sessions that were lost by its end, by the time of their first absent answer; the last bucket holds those too whose loss
    /// only the final read showed.
    pub sessions_lost: u64,
}

/// A planned fault and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultRecord {
    /// Its number in the plan, from 0.
    pub fault: u32,
    /// What was to be done.
    pub action: scenario::FaultAction,
    /// To whom, as the scenario says it.
    pub target: String,
    /// When it was due.
    pub planned_us: u64,
    /// When it was called.
    pub called_us: Option<u64>,
    /// When it was proved to have landed.
    pub landed_us: Option<u64>,
    /// When it was seen to have failed.
    pub failed_us: Option<u64>,
    /// When it was due and found nothing to hit in this stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spared_us: Option<u64>,
    /// The process that it hit.
    pub process: Option<String>,
    /// What was seen, from its latest stage.
    pub detail: String,
}

/// A process began or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessRecord {
    /// When it was noticed.
    pub at_us: u64,
    /// Its name.
    pub process: String,
    /// What happened to it.
    pub change: ProcessFate,
}

/// What happened to a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessFate {
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

/// A step of a failover of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailoverMoment {
    /// When it was seen.
    pub at_us: u64,
    /// Which step.
    pub step: journal::FailoverStep,
    /// The process that it concerns: the old primary up to its fencing, the new one from then on.
    pub process: String,
    /// For people: what was seen.
    pub detail: String,
}

/// A change in the router's view, seen between two samples of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouterChange {
    /// When the sample was taken that shows it first.
    pub at_us: u64,
    /// The server.
    pub server: String,
    /// What changed.
    pub change: RouterChangeKind,
}

/// What changed in the router's view of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RouterChangeKind {
    /// It is there for the first time, in whatever health.
    New,
    /// It is up.
    Up,
    /// It is down.
    Down,
    /// It began to drain.
    Draining,
    /// It is there no longer.
    Gone,
}

/// What the processes used over the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Each process that was sampled, by name.
    pub processes: BTreeMap<String, ProcessUsage>,
    /// Complete answers below 500 to requests under load: what the CPU time below is divided by.
    pub answered: u64,
    /// CPU time of servers, router and store for each such answer, microseconds; `None` without answers or samples. The
    /// driver is not in it.
    pub cpu_us_per_request: Option<f64>,
    /// The servers' part of it.
    pub servers_cpu_us_per_request: Option<f64>,
    /// The router's part of it.
    pub router_cpu_us_per_request: Option<f64>,
    /// The store's part of it. A store that is embedded in the servers is in theirs.
    pub store_cpu_us_per_request: Option<f64>,
}

/// What one process used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessUsage {
    /// Which part of the trial it is.
    pub role: Role,
    /// CPU time between its first and its last sample under load; of one that began under load, all up to the last.
    pub cpu_us: u64,
    /// The most resident memory in any sample, bytes.
    pub rss_max_bytes: u64,
}

/// Which part of the trial a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The load generator.
    Driver,
    /// The router.
    Router,
    /// A process of the shared store.
    Store,
    /// A relay on an edge: the lab's, and not the tier's.
    Relay,
    /// A server of the tier.
    Server,
}

/// Whether the load generator can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Planned requests for each second of the load.
    pub offered_per_s: f64,
    /// Requests sent for each second of the load.
    pub achieved_per_s: f64,
    /// 99th percentile of the send lag.
    pub lag_p99_us: u64,
    /// The greatest send lag.
    pub lag_max_us: u64,
    /// The driver's CPU time over the load's length: 1 is one core fully used.
    pub cpu_cores: f64,
    /// Steps planned and never sent.
    pub unsent: u64,
    /// The most events that ever waited for the journal's writer.
    pub journal_backlog: u64,
}
