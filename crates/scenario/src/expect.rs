//! What a scenario promises of a stack, as a number between bounds.

use crate::phase::Phase;
use crate::probe::ProbeKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When the service counts as well.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SteadyState {
    /// The least share of requests that get a complete answer below 500, from 0 to 1. A refused session (401) is an answer: its
    /// loss is judged on its own, or one lost session would make the service look down for ever.
    pub ok_ratio: f64,
    /// The most that the 99th percentile of latency, taken from the plan, may be. Milliseconds.
    pub p99_ms: f64,
    /// For how long both must hold. Seconds.
    pub sustain_s: f64,
}

/// What an [`Expectation`] bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// `lost_session` findings.
    SessionsLost,
    /// `lost_session` findings, in percent of the sessions that were verified.
    SessionsLostPercent,
    /// `misrouted_session` findings.
    SessionsMisrouted,
    /// Sessions with any finding, in percent of the sessions that were verified.
    SessionsHarmedPercent,
    /// `lost_write` findings.
    WritesLost,
    /// Acknowledged lines that are gone, alone or together with their session: the recovery point, counted in writes.
    PastWritesLost,
    /// `lost_update` findings.
    UpdatesLost,
    /// `duplicate_effect` findings.
    EffectsDuplicated,
    /// `resurrected_session` findings.
    SessionsResurrected,
    /// `replayed_cookie` findings.
    CookiesReplayed,
    /// All findings of all kinds.
    Anomalies,
    /// Sessions that were read at least once after the (first) fault, or, without a fault, in the final reads.
    SessionsVerified,
    /// Requests without a complete answer below 500, in percent of those planned in the baseline, without
    /// those that were in flight when the first fault was called.
    BaselineErrorsPercent,
    /// Requests without a complete answer below 500, in percent of those planned from the first fault to the
    /// end of the load, or in flight when it was called.
    FaultErrorsPercent,
    /// From the first fault to the first window in which the steady state holds again. Seconds.
    ServiceBackS,
    /// 99th percentile of latency from the plan in the baseline. Milliseconds.
    BaselineP99Ms,
    /// Sessions that met an error, a strange answer or a loss after the first fault, in percent of those that were there.
    SessionsTroubledPercent,
    /// 90th percentile of latency from the plan in the fault phase: what one request in ten exceeds. Milliseconds.
    FaultP90Ms,
    /// 99th percentile of latency from the plan in the fault phase. Milliseconds.
    FaultP99Ms,
    /// 99th percentile of latency from the plan in the recovery phase. Milliseconds.
    RecoveryP99Ms,
    /// How much of the time from the first fault to the end of the load was outside of the steady state. Seconds.
    UnsteadyS,
    /// What the busiest server answered in the baseline, in percent of all answers.
    BusiestServerPercent,
    /// What servers that began after the first fault answered in the recovery phase, in percent of all answers.
    NewServersPercent,
    /// CPU time of servers, router and store for each answer. Microseconds.
    CpuUsPerRequest,
    /// How many processes the tier is made of when the load begins: router, servers, store.
    Processes,
    /// How much more resident memory all servers have for each of `load.sleepers`. Bytes.
    ServerBytesPerSession,
    /// How much more the store says that it holds for each of them. Bytes.
    StoreBytesPerSession,
    /// From the start of the tier's first process until the router has every server up. Milliseconds.
    StartUpMs,
    /// Cookies that nobody of this tier has made and that were no session, in percent of those that were tried.
    TampersRefusedPercent,
    /// Ids that were known before a log-in and were not the session after it, in percent of the tries.
    FixationsRefusedPercent,
    /// Requests with a copied cookie that were refused after the log-out, in percent of the tries.
    ReplaysRefusedPercent,
    /// Older cookies that did not put the session back, in percent of the tries.
    RollbacksRefusedPercent,
    /// Sessions that outgrew their place and were told so, staying as they were, in percent of those that were tried.
    OvergrowsRefusedPercent,
    /// Acknowledged lines of such sessions that were gone afterwards.
    OvergrownLinesLost,
    /// Requests of probes that got no answer, or one of 500 and above.
    ProbeErrors,
    /// The most places that one look-up had to ask.
    PlacesAsked,
    /// Look-ups before the first fault (all, without a fault) that found the session, in percent.
    FoundBeforeFaultPercent,
    /// Look-ups after the first fault that found it, in percent.
    FoundAfterFaultPercent,
    /// Look-ups after the first fault that did not find it, and could not ask every place, in percent.
    UntoldAfterFaultPercent,
    /// Processes of a second site when the load begins: what its standing by costs while nothing happens.
    StandbyProcesses,
    /// Age at the first fault of the oldest acknowledged line that is gone, 0 where none is: the recovery point, as a time. Seconds.
    RecoveryPointS,
    /// From the decision until the store of the second site took writes. Seconds.
    SitePromoteS,
    /// From then on until every server of the second site was up. Seconds.
    SiteStartS,
}

impl Metric {
    /// All of them, in the order of the documentation.
    pub const ALL: [Metric; 43] = [
        Metric::SessionsLost,
        Metric::SessionsLostPercent,
        Metric::SessionsMisrouted,
        Metric::SessionsHarmedPercent,
        Metric::WritesLost,
        Metric::PastWritesLost,
        Metric::UpdatesLost,
        Metric::EffectsDuplicated,
        Metric::SessionsResurrected,
        Metric::CookiesReplayed,
        Metric::Anomalies,
        Metric::SessionsVerified,
        Metric::BaselineErrorsPercent,
        Metric::FaultErrorsPercent,
        Metric::ServiceBackS,
        Metric::BaselineP99Ms,
        Metric::SessionsTroubledPercent,
        Metric::FaultP90Ms,
        Metric::FaultP99Ms,
        Metric::RecoveryP99Ms,
        Metric::UnsteadyS,
        Metric::BusiestServerPercent,
        Metric::NewServersPercent,
        Metric::CpuUsPerRequest,
        Metric::Processes,
        Metric::ServerBytesPerSession,
        Metric::StoreBytesPerSession,
        Metric::StartUpMs,
        Metric::TampersRefusedPercent,
        Metric::FixationsRefusedPercent,
        Metric::ReplaysRefusedPercent,
        Metric::RollbacksRefusedPercent,
        Metric::OvergrowsRefusedPercent,
        Metric::OvergrownLinesLost,
        Metric::ProbeErrors,
        Metric::PlacesAsked,
        Metric::FoundBeforeFaultPercent,
        Metric::FoundAfterFaultPercent,
        Metric::UntoldAfterFaultPercent,
        Metric::StandbyProcesses,
        Metric::RecoveryPointS,
        Metric::SitePromoteS,
        Metric::SiteStartS,
    ];

    /// Whether it is counted from a fault on, and so means nothing without one.
    pub fn needs_a_fault(self) -> bool {
        matches!(
            self,
            Metric::ServiceBackS
                | Metric::FaultErrorsPercent
                | Metric::PastWritesLost
                | Metric::SessionsTroubledPercent
                | Metric::UnsteadyS
                | Metric::NewServersPercent
                | Metric::FoundAfterFaultPercent
                | Metric::UntoldAfterFaultPercent
                | Metric::RecoveryPointS
                | Metric::SitePromoteS
                | Metric::SiteStartS
        )
    }

    /// Whether it is a length of time, a latency included.
    pub fn is_a_time(self) -> bool {
        self.name().ends_with("-s") || self.name().ends_with("-ms")
    }

    /// Whether it tells of `load.sleepers`.
    pub fn needs_sleepers(self) -> bool {
        matches!(self, Metric::ServerBytesPerSession | Metric::StoreBytesPerSession)
    }

    /// The phase that it is measured in, if it is one alone.
    pub fn phase(self) -> Option<Phase> {
        match self {
            Metric::BaselineErrorsPercent | Metric::BaselineP99Ms | Metric::BusiestServerPercent => {
                Some(Phase::Baseline)
            }
            Metric::FaultP90Ms | Metric::FaultP99Ms => Some(Phase::Fault),
            Metric::RecoveryP99Ms | Metric::NewServersPercent => Some(Phase::Recovery),
            _ => None,
        }
    }

    /// Whether it tells of look-ups.
    pub fn needs_look_ups(self) -> bool {
        matches!(
            self,
            Metric::PlacesAsked
                | Metric::FoundBeforeFaultPercent
                | Metric::FoundAfterFaultPercent
                | Metric::UntoldAfterFaultPercent
        )
    }

    /// The kinds of probes that it is counted from; one of them must be planned. `None` for what needs no probe.
    pub fn needs_a_probe(self) -> Option<&'static [ProbeKind]> {
        match self {
            Metric::TampersRefusedPercent => Some(&[ProbeKind::Tamper]),
            Metric::FixationsRefusedPercent => Some(&[ProbeKind::Fixation]),
            Metric::ReplaysRefusedPercent => Some(&[ProbeKind::ReplayAfterLogOut]),
            Metric::RollbacksRefusedPercent => Some(&[ProbeKind::Rollback]),
            Metric::OvergrowsRefusedPercent | Metric::OvergrownLinesLost => Some(&[ProbeKind::Overgrow]),
            Metric::ProbeErrors => Some(&ProbeKind::ALL),
            _ => None,
        }
    }

    /// Whether it tells of a second site, and so means nothing without one.
    pub fn needs_a_standby_site(self) -> bool {
        matches!(self, Metric::StandbyProcesses | Metric::SitePromoteS | Metric::SiteStartS)
    }

    /// Whether it is a latency from the plan, which a closed load does not have.
    pub fn is_from_the_plan(self) -> bool {
        matches!(
            self,
            Metric::BaselineP99Ms | Metric::FaultP90Ms | Metric::FaultP99Ms | Metric::RecoveryP99Ms
        )
    }

    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            Metric::SessionsLost => "sessions-lost",
            Metric::SessionsLostPercent => "sessions-lost-percent",
            Metric::SessionsMisrouted => "sessions-misrouted",
            Metric::SessionsHarmedPercent => "sessions-harmed-percent",
            Metric::WritesLost => "writes-lost",
            Metric::PastWritesLost => "past-writes-lost",
            Metric::UpdatesLost => "updates-lost",
            Metric::EffectsDuplicated => "effects-duplicated",
            Metric::SessionsResurrected => "sessions-resurrected",
            Metric::CookiesReplayed => "cookies-replayed",
            Metric::Anomalies => "anomalies",
            Metric::SessionsVerified => "sessions-verified",
            Metric::BaselineErrorsPercent => "baseline-errors-percent",
            Metric::FaultErrorsPercent => "fault-errors-percent",
            Metric::ServiceBackS => "service-back-s",
            Metric::BaselineP99Ms => "baseline-p99-ms",
            Metric::SessionsTroubledPercent => "sessions-troubled-percent",
            Metric::FaultP90Ms => "fault-p90-ms",
            Metric::FaultP99Ms => "fault-p99-ms",
            Metric::RecoveryP99Ms => "recovery-p99-ms",
            Metric::UnsteadyS => "unsteady-s",
            Metric::BusiestServerPercent => "busiest-server-percent",
            Metric::NewServersPercent => "new-servers-percent",
            Metric::CpuUsPerRequest => "cpu-us-per-request",
            Metric::Processes => "processes",
            Metric::ServerBytesPerSession => "server-bytes-per-session",
            Metric::StoreBytesPerSession => "store-bytes-per-session",
            Metric::StartUpMs => "start-up-ms",
            Metric::TampersRefusedPercent => "tampers-refused-percent",
            Metric::FixationsRefusedPercent => "fixations-refused-percent",
            Metric::ReplaysRefusedPercent => "replays-refused-percent",
            Metric::RollbacksRefusedPercent => "rollbacks-refused-percent",
            Metric::OvergrowsRefusedPercent => "overgrows-refused-percent",
            Metric::OvergrownLinesLost => "overgrown-lines-lost",
            Metric::ProbeErrors => "probe-errors",
            Metric::PlacesAsked => "places-asked",
            Metric::FoundBeforeFaultPercent => "found-before-fault-percent",
            Metric::FoundAfterFaultPercent => "found-after-fault-percent",
            Metric::UntoldAfterFaultPercent => "untold-after-fault-percent",
            Metric::StandbyProcesses => "standby-processes",
            Metric::RecoveryPointS => "recovery-point-s",
            Metric::SitePromoteS => "site-promote-s",
            Metric::SiteStartS => "site-start-s",
        }
    }
}

/// One promise: on these stacks this metric lies between these bounds, both included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Names of stacks; a trailing `*` stands for any ending.
    pub stacks: Vec<String>,
    /// What is bounded.
    pub metric: Metric,
    /// The least value that keeps the promise.
    pub min: Option<f64>,
    /// The greatest value that keeps the promise.
    pub max: Option<f64>,
    /// Why this is to be expected, in a sentence.
    pub because: String,
}

impl Expectation {
    /// Whether it speaks of this stack.
    pub fn covers(&self, stack: &str) -> bool {
        self.stacks.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => stack.starts_with(start),
            None => pattern == stack,
        })
    }

    /// Whether a value keeps the promise.
    pub fn holds(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }
}
