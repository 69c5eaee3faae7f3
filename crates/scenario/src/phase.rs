//! The phases of a trial. All times are microseconds since the trial's zero, the moment at which the load starts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where in a trial something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Shoppers arrive and log in. Never counted in latency or throughput.
    WarmUp,
    /// The steady state before anything breaks.
    Baseline,
    /// From the first fault on.
    Fault,
    /// The faults are over.
    Recovery,
    /// Everything has been healed; the load goes on.
    Quiet,
    /// After the load: every shopper reads once.
    Final,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Phase; 6] =
        [Phase::WarmUp, Phase::Baseline, Phase::Fault, Phase::Recovery, Phase::Quiet, Phase::Final];

    /// The name that people read.
    pub fn name(self) -> &'static str {
        match self {
            Phase::WarmUp => "warm-up",
            Phase::Baseline => "baseline",
            Phase::Fault => "fault",
            Phase::Recovery => "recovery",
            Phase::Quiet => "quiet",
            Phase::Final => "final",
        }
    }
}

/// A phase with its place on the trial's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseSpan {
    /// Which phase.
    pub phase: Phase,
    /// First microsecond of it.
    pub start_us: u64,
    /// First microsecond after it.
    pub end_us: u64,
}

/// The phases under load, in order and without gaps. The final reads follow the last of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Phases(Vec<PhaseSpan>);

impl Phases {
    /// Lays out the five phases under load from their lengths in microseconds.
    pub fn from_lengths(lengths_us: [u64; 5]) -> Self {
        let mut start_us = 0;
        let spans = Phase::ALL.into_iter().zip(lengths_us).map(|(phase, length_us)| {
            let span = PhaseSpan { phase, start_us, end_us: start_us + length_us };
            start_us = span.end_us;
            span
        });
        Self(spans.collect())
    }

    /// The spans in their order.
    pub fn spans(&self) -> &[PhaseSpan] {
        &self.0
    }

    /// The span of one phase under load; `None` for [`Phase::Final`], whose length nobody plans.
    pub fn span(&self, phase: Phase) -> Option<PhaseSpan> {
        self.0.iter().find(|span| span.phase == phase).copied()
    }

    /// When the load ends.
    pub fn end_us(&self) -> u64 {
        self.0.last().map_or(0, |span| span.end_us)
    }

    /// The phase at a moment; everything after the load is [`Phase::Final`].
    pub fn at(&self, us: u64) -> Phase {
        self.0.iter().find(|span| us < span.end_us).map_or(Phase::Final, |span| span.phase)
    }
}
