//! What a stack and the generator cost, how a stack's latencies spread, and how far its figures lie apart from trial to trial.

use super::{CpuSummary, FigureSummary, GeneratorSummary, MemorySummary, SpectrumSummary};
use crate::words::median;
use analysis::statistics::{Figure, Reading, over_trials};
use analysis::{PhaseFindings, ProcessUsage, Role, TrialFindings, Usage};
use std::collections::BTreeMap;

impl CpuSummary {
    pub(super) fn new(trials: &[&TrialFindings]) -> Self {
        let over = |pick: fn(&Usage) -> Option<f64>| {
            let values = trials.iter().map(|t| pick(&t.usage).map(|us| us.round() as u64));
            values.collect::<Option<Vec<u64>>>().and_then(median)
        };
        Self {
            all_us: over(|u| u.cpu_us_per_request),
            servers_us: over(|u| u.servers_cpu_us_per_request),
            router_us: over(|u| u.router_cpu_us_per_request),
            store_us: over(|u| u.store_cpu_us_per_request),
            session_us: trials
                .iter()
                .map(|trial| cpu_a_session(trial))
                .collect::<Option<_>>()
                .and_then(median),
        }
    }
}

impl GeneratorSummary {
    pub(super) fn new(trials: &[&TrialFindings]) -> Option<Self> {
        let all = trials.iter().map(|t| t.generator).collect::<Option<Vec<_>>>()?;
        let n = all.len().max(1) as f64;
        // Thousandths: what a reader of JSON gives back to the bit.
        let rounded = |value: f64| (value * 1e3).round() / 1e3;
        Some(Self {
            offered_per_s: rounded(all.iter().map(|g| g.offered_per_s).sum::<f64>() / n),
            achieved_per_s: rounded(all.iter().map(|g| g.achieved_per_s).sum::<f64>() / n),
            cpu_cores_most: rounded(all.iter().map(|g| g.cpu_cores).fold(0.0, f64::max)),
        })
    }
}

/// CPU time of servers, router and store for each acknowledged session; `None` without samples or sessions.
fn cpu_a_session(trial: &TrialFindings) -> Option<u64> {
    trial.usage.cpu_us_per_request?;
    let all: u64 = measured(trial).map(|(_, usage)| usage.cpu_us).sum();
    all.checked_div(trial.sessions.acknowledged)
}

/// The processes that are under test: the driver and the relays are the lab's.
fn measured(trial: &TrialFindings) -> impl Iterator<Item = (&str, &ProcessUsage)> {
    let all = trial.usage.processes.iter().map(|(name, usage)| (name.as_str(), usage));
    all.filter(|(_, usage)| matches!(usage.role, Role::Server | Role::Router | Role::Store))
}

impl MemorySummary {
    pub(super) fn new(trials: &[&TrialFindings]) -> Self {
        let over = |wanted: &dyn Fn(Role) -> bool| {
            trials.iter().map(|trial| peak(trial, wanted)).collect::<Option<Vec<u64>>>().and_then(median)
        };
        Self {
            all_bytes: over(&|_| true),
            servers_bytes: over(&|role| role == Role::Server),
            router_bytes: over(&|role| role == Role::Router),
            store_bytes: over(&|role| role == Role::Store),
        }
    }
}

/// The most that each seat held, added up. A process that took a dead one's seat is not beside it: `server-2.2` follows `server-2.1`.
fn peak(trial: &TrialFindings, wanted: &dyn Fn(Role) -> bool) -> Option<u64> {
    let mut seats: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, usage) in measured(trial).filter(|(_, usage)| wanted(usage.role)) {
        let most = seats.entry(seat(name)).or_default();
        *most = usage.rss_max_bytes.max(*most);
    }
    (!seats.is_empty()).then(|| seats.values().sum())
}

fn seat(process: &str) -> &str {
    match process.rsplit_once('.') {
        Some((seat, turn)) if !turn.is_empty() && turn.bytes().all(|b| b.is_ascii_digit()) => seat,
        _ => process,
    }
}

impl FigureSummary {
    /// `None` when a trial has no value: a range of the others would flatter.
    pub(super) fn new(figure: Figure, trials: &[&TrialFindings]) -> Option<Self> {
        let value = |trial: &&TrialFindings| match figure.read(trial) {
            Reading::Value(value) => Some(value),
            Reading::Never | Reading::Absent => None,
        };
        let values = trials.iter().map(value).collect::<Option<Vec<f64>>>()?;
        let least = values.iter().copied().reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        // Nine digits: what every reader of JSON gives back to the bit.
        let rounded = |value: f64| format!("{value:.8e}").parse().unwrap_or(value);
        Some(Self { figure, least: rounded(least), most: rounded(most), mean: over_trials(figure, trials) })
    }
}

/// Medians over trials of each quantile that any of them supports.
pub(super) fn spectrum(all: &[PhaseFindings]) -> Vec<SpectrumSummary> {
    let longest = all.iter().map(|phase| &phase.spectrum).max_by_key(|points| points.len());
    let at = |quantile: f64| {
        let points: Option<Vec<_>> =
            all.iter().map(|p| p.spectrum.iter().find(|point| point.quantile == quantile)).collect();
        SpectrumSummary {
            quantile,
            latency_us: points.as_ref().and_then(|all| median(all.iter().map(|p| p.latency_us).collect())),
            service_us: points
                .and_then(|all| all.iter().map(|p| p.service_us).collect::<Option<_>>())
                .and_then(median),
        }
    };
    longest.into_iter().flatten().map(|point| at(point.quantile)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_a_seat_is_not_beside_the_one_that_left_it() {
        assert_eq!(
            ["server-2.1", "server-2.2", "redis", "postgres-standby", "a."].map(seat),
            ["server-2", "server-2", "redis", "postgres-standby", "a."]
        );
    }
}
