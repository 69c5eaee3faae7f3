//! The figures that are compared: where each is found in a trial, and which difference would matter to anybody.

use crate::findings::TrialFindings;
use crate::measured::{PhaseFindings, Quantiles, ServiceRecovery};
use scenario::Phase;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A figure of a trial. Of each of them less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Sessions lost, as a share of those verified.
    SessionsLost,
    /// From t0 to the first window of the steady state; 0 for a service that never left it.
    ServiceBack,
    /// Requests of the baseline without a complete answer below 500, as a share of those planned.
    BaselineErrors,
    /// Median latency from the plan, baseline.
    BaselineP50,
    /// 99th percentile of latency from the plan, baseline.
    BaselineP99,
    /// 99th percentile of service time, baseline: what a naive tool compares.
    BaselineServiceP99,
    /// As [`Figure::BaselineErrors`], in the fault window.
    FaultErrors,
    /// Median latency from the plan, fault window.
    FaultP50,
    /// 99th percentile of latency from the plan, fault window.
    FaultP99,
    /// 99th percentile of service time, fault window.
    FaultServiceP99,
    /// CPU time of servers, router and store for each answered request.
    CpuPerRequest,
}

/// What a figure's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FigureUnit {
    /// Microseconds.
    Us,
    /// A share from 0 to 1; its differences are percentage points.
    Share,
}

/// What a trial says of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// This.
    Value(f64),
    /// It never came: no number stands for that, and leaving it out would flatter.
    Never,
    /// It was not measured, or too few samples support it.
    Absent,
}

/// Differences below these are practically nothing, whatever their p-value: the greater of an absolute bound and a part of the
/// reference. Nobody notices a millisecond in a page, and machines of one kind differ by a twentieth.
const LATENCY: (f64, f64) = (1_000.0, 0.05);
/// A tenth of a percentage point.
const ERRORS: (f64, f64) = (0.001, 0.0);
/// One session in a hundred.
const LOSS: (f64, f64) = (0.01, 0.0);
/// The kernel counts CPU in ticks; over a trial's requests less than 20 us is not told apart.
const CPU: (f64, f64) = (20.0, 0.05);
/// Half of the shortest window that the built-in scenarios ask a steady state of.
const RECOVERY: (f64, f64) = (500_000.0, 0.1);

impl Figure {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Figure; 11] = [
        Figure::SessionsLost,
        Figure::ServiceBack,
        Figure::BaselineErrors,
        Figure::BaselineP50,
        Figure::BaselineP99,
        Figure::BaselineServiceP99,
        Figure::FaultErrors,
        Figure::FaultP50,
        Figure::FaultP99,
        Figure::FaultServiceP99,
        Figure::CpuPerRequest,
    ];

    /// Those that describe the machine as much as the stack, and are therefore watched for drift.
    pub const DRIFTING: [Figure; 3] = [Figure::BaselineP50, Figure::BaselineP99, Figure::CpuPerRequest];

    /// What its numbers are.
    pub fn unit(self) -> FigureUnit {
        match self {
            Figure::SessionsLost | Figure::BaselineErrors | Figure::FaultErrors => FigureUnit::Share,
            _ => FigureUnit::Us,
        }
    }

    /// The least difference from a reference of this mean that matters, in the figure's unit.
    pub fn matters_from(self, reference: f64) -> f64 {
        let (least, part) = match self {
            Figure::SessionsLost => LOSS,
            Figure::BaselineErrors | Figure::FaultErrors => ERRORS,
            Figure::CpuPerRequest => CPU,
            Figure::ServiceBack => RECOVERY,
            _ => LATENCY,
        };
        least.max(part * reference.abs())
    }

    /// Its value in a trial.
    pub fn read(self, trial: &TrialFindings) -> Reading {
        let of_phase = |phase: Phase, pick: fn(&PhaseFindings) -> Option<f64>| {
            let found = trial.phases.iter().find(|p| p.phase == phase).and_then(pick);
            found.map_or(Reading::Absent, Reading::Value)
        };
        match self {
            Figure::SessionsLost => trial.sessions.loss.map_or(Reading::Absent, Reading::Value),
            Figure::ServiceBack => service_back(trial),
            Figure::BaselineErrors => of_phase(Phase::Baseline, errors),
            Figure::FaultErrors => of_phase(Phase::Fault, errors),
            Figure::BaselineP50 => of_phase(Phase::Baseline, |p| p50(&p.latency)),
            Figure::BaselineP99 => of_phase(Phase::Baseline, |p| p99(&p.latency)),
            Figure::BaselineServiceP99 => of_phase(Phase::Baseline, |p| p99(&p.service_time)),
            Figure::FaultP50 => of_phase(Phase::Fault, |p| p50(&p.latency)),
            Figure::FaultP99 => of_phase(Phase::Fault, |p| p99(&p.latency)),
            Figure::FaultServiceP99 => of_phase(Phase::Fault, |p| p99(&p.service_time)),
            Figure::CpuPerRequest => trial.usage.cpu_us_per_request.map_or(Reading::Absent, Reading::Value),
        }
    }
}

fn p50(times: &Quantiles) -> Option<f64> {
    times.p50_us.map(|us| us as f64)
}

fn p99(times: &Quantiles) -> Option<f64> {
    times.p99_us.map(|us| us as f64)
}

fn errors(phase: &PhaseFindings) -> Option<f64> {
    let requests = &phase.requests;
    (requests.planned > 0).then(|| requests.errors() as f64 / requests.planned as f64)
}

fn service_back(trial: &TrialFindings) -> Reading {
    match &trial.recovery {
        None => Reading::Absent,
        Some(recovery) => match (recovery.service, recovery.service_back_us) {
            (ServiceRecovery::NotBack, _) => Reading::Never,
            // Well at the fault and unsteady later: 0 would flatter, and no other number is known.
            (ServiceRecovery::LeftLater | ServiceRecovery::NotMeasured, _) | (_, None) => Reading::Absent,
            (_, Some(us)) => Reading::Value(us as f64),
        },
    }
}
