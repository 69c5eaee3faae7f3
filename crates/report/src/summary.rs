//! One stack over all its trials of a scenario. Counts are added up; times are medians over trials, never means of percentiles.

mod costs;

use crate::probes::{self, ProbeSummary};
use crate::results::worst;
use crate::sites::SiteSummary;
use crate::words::median;
use analysis::statistics::{Estimate, Figure, over_trials};
use analysis::{
    AnomalyKind, Check, ExpectationFinding, PhaseFindings, Quantiles, ServiceRecovery, TrialFindings,
    Verdict, Writes,
};
use costs::spectrum;
use scenario::{Metric, Phase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One stack over all its trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StackSummary {
    /// The stack's name.
    pub stack: String,
    /// What happened to it, in one sentence.
    pub answer: String,
    /// How many trials there are.
    pub trials: u64,
    /// The worst of its trials.
    pub verdict: Verdict,
    /// Why the verdict is not better, each reason once.
    pub reasons: Vec<String>,
    /// What happened to the sessions.
    pub sessions: SessionTotals,
    /// What happened to the lines that were added to the carts, added up.
    pub writes: Writes,
    /// In which the share of the lost among the verified writes lies.
    #[serde(default)]
    pub writes_loss_exact: Option<Exact>,
    /// Anomalies by kind, added up; a kind that any trial did not look for counts as not looked for.
    pub checks: Vec<Check>,
    /// How the service and its sessions came back; absent when no trial had a fault.
    pub recovery: Option<RecoverySummary>,
    /// How a second site stood by and took over; absent where there is one site alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteSummary>,
    /// The phase before the fault.
    pub baseline: PhaseSummary,
    /// The phase that begins with the fault.
    pub fault: PhaseSummary,
    /// CPU time a request, medians over trials.
    pub cpu: CpuSummary,
    /// Resident memory, medians over trials.
    #[serde(default)]
    pub memory: MemorySummary,
    /// Every figure that repeats are compared by, with its range over the trials and, from six trials on, its interval.
    #[serde(default)]
    pub figures: Vec<FigureSummary>,
    /// 99th percentile of the generator's send lag, the worst trial. Microseconds; absent when a trial gave no account.
    pub lag_p99_us: Option<u64>,
    /// Whether the load generator kept up; absent when a trial gave no account.
    #[serde(default)]
    pub generator: Option<GeneratorSummary>,
    /// What was tried beside the load and what became of it, by kind; empty where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeSummary>,
    /// What an operator was told who looked for sessions, over all trials; absent when nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookups: Option<LookupSummary>,
    /// The promises, each over all trials.
    pub expectations: Vec<ExpectationSummary>,
}

/// The exact (Clopper-Pearson) two-sided 95% interval of a share. It takes each one for lost on its own; those of one killed
/// server are lost together, so it is too narrow for them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exact {
    /// The lower end, as a share.
    pub low: f64,
    /// The upper end, as a share.
    pub high: f64,
}

impl Exact {
    /// For some of a whole; `None` of nothing.
    pub(crate) fn of(some: u64, whole: u64) -> Option<Self> {
        analysis::clopper_pearson(some, whole).map(|(low, high)| Self { low, high })
    }
}

/// Sessions over all trials of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionTotals {
    /// Log-ins that were acknowledged, or whose session was seen later.
    pub acknowledged: u64,
    /// Of these, over before the first fault, and not lost.
    pub over_before_fault: u64,
    /// Of these, spoken of by an answer after the fault.
    pub verified: u64,
    /// The rest: nobody knows what became of them.
    pub unverified: u64,
    /// `lost_session` findings.
    pub lost: u64,
    /// The fewest of them in one trial.
    pub lost_least: u64,
    /// The most of them in one trial.
    pub lost_most: u64,
    /// Mean share lost in a trial, with its 95% interval over trials; absent below six trials.
    #[serde(default)]
    pub loss_a_trial: Option<Estimate>,
    /// In which the share of the lost among the verified lies.
    #[serde(default)]
    pub loss_exact: Option<Exact>,
    /// Of the lost, first noticed by a 401.
    pub lost_loud: u64,
    /// Of the lost, first noticed by an empty session in a 200.
    pub lost_silent: u64,
    /// `misrouted_session` findings.
    pub misrouted: u64,
    /// Sessions with any finding.
    pub harmed: u64,
}

/// How the service and its sessions came back, over all trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecoverySummary {
    /// The worst that became of the service in any trial.
    pub service: ServiceRecovery,
    /// Median over trials from t0 to the steady state; absent when it was not back in any one of them. Microseconds.
    pub service_back_us: Option<u64>,
    /// The coarsest resolution of any trial: no digit finer is printed. Microseconds.
    pub resolution_us: u64,
    /// Sessions that were affected and seen again with their state intact.
    pub recovered: u64,
    /// Lost ones.
    pub never: u64,
    /// Affected, not lost, and not seen intact again before they ended.
    pub unresolved: u64,
    /// Median over trials of the median time from t0 to a session's first intact answer. Microseconds.
    pub sessions_back_us: Option<u64>,
    /// The longest of any trial. Microseconds.
    pub sessions_back_max_us: Option<u64>,
    /// Acknowledged lines that are gone, alone or with their session.
    pub writes_gone: u64,
    /// Age at t0 of the oldest of them. Microseconds.
    pub oldest_age_us: Option<u64>,
}

/// A phase over all trials.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseSummary {
    /// Requests planned.
    pub planned: u64,
    /// Requests without a complete answer below 500, unsent ones included.
    pub errors: u64,
    /// The fewest samples of a trial: what decides which quantiles are supported.
    pub samples_least: u64,
    /// Median over trials of the median latency from the plan; absent when a trial has none. Microseconds.
    pub p50_us: Option<u64>,
    /// Median over trials of the 99th percentile of latency from the plan; absent when a trial does not support it.
    /// Microseconds.
    pub p99_us: Option<u64>,
    /// The greatest latency of any trial. Microseconds.
    pub max_us: Option<u64>,
    /// The median that a naive tool would print, from the moment of sending. Microseconds.
    #[serde(default)]
    pub service_p50_us: Option<u64>,
    /// The 99th percentile that a naive tool would print, from the moment of sending. Microseconds.
    pub service_p99_us: Option<u64>,
    /// The latencies from quantile to quantile, medians over trials, as far as every trial's samples support them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spectrum: Vec<SpectrumSummary>,
}

/// A point of a percentile spectrum, over all trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpectrumSummary {
    /// Which quantile, from 0 to 1.
    pub quantile: f64,
    /// Latency from the plan; absent when a trial does not support it. Microseconds.
    pub latency_us: Option<u64>,
    /// From the moment of sending. Microseconds.
    pub service_us: Option<u64>,
}

/// CPU time a request, medians over trials, microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpuSummary {
    /// Servers, router and store together.
    pub all_us: Option<u64>,
    /// The servers' part.
    pub servers_us: Option<u64>,
    /// The router's part.
    pub router_us: Option<u64>,
    /// The store's part.
    pub store_us: Option<u64>,
    /// All of them together, for each session that was acknowledged.
    #[serde(default)]
    pub session_us: Option<u64>,
}

/// The most resident memory of each seat (a process and those that replaced it), added up by their part; medians over trials, bytes.
/// Most of it is there before the first session: what a session weighs is measured with `load.sleepers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemorySummary {
    /// Servers, router and store together; absent when a trial has no samples.
    pub all_bytes: Option<u64>,
    /// The servers' part.
    pub servers_bytes: Option<u64>,
    /// The router's part.
    pub router_bytes: Option<u64>,
    /// The store's part.
    pub store_bytes: Option<u64>,
}

/// A figure over all trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureSummary {
    /// Which one.
    pub figure: Figure,
    /// The least value of any trial.
    pub least: f64,
    /// The greatest.
    pub most: f64,
    /// The mean of the trials with its 95% interval; absent below six trials.
    pub mean: Option<Estimate>,
}

/// The load generator over all trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorSummary {
    /// Planned requests for each second of the load, the mean of the trials.
    pub offered_per_s: f64,
    /// Requests sent for each second of the load, the mean of the trials.
    pub achieved_per_s: f64,
    /// CPU time over the load's length, the busiest trial: 1 is one core fully used.
    pub cpu_cores_most: f64,
}

/// A promise over all trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectationSummary {
    /// What is bounded.
    pub metric: Metric,
    /// The least value that keeps the promise.
    pub min: Option<f64>,
    /// The greatest value that keeps the promise.
    pub max: Option<f64>,
    /// The least value that was measured.
    pub measured_least: Option<f64>,
    /// The greatest value that was measured.
    pub measured_most: Option<f64>,
    /// Trials in which it could not be measured.
    pub unmeasured: u64,
    /// The worst of the trials.
    pub verdict: Verdict,
    /// Why it was to be expected.
    pub because: String,
    /// What was seen, from the first trial with the worst verdict.
    pub text: String,
}

/// What an operator was told who looked for sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LookupSummary {
    /// The most places that one look-up had to ask.
    pub places_most: u32,
    /// Look-ups before the first fault; all, without one.
    pub before: Lookups,
    /// Look-ups after it.
    pub after: Lookups,
    /// The median look-up, from the first question to the last answer: the median of the rounds' medians.
    pub took_p50_us: Option<u64>,
    /// The longest.
    pub took_max_us: Option<u64>,
}

/// Look-ups, and what came of them. `looked_up = found + nowhere + untold`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lookups {
    /// How many were made.
    pub looked_up: u64,
    /// A session was found.
    pub found: u64,
    /// None was, though every place answered.
    pub nowhere: u64,
    /// None was, and not every place could be asked.
    pub untold: u64,
}

impl LookupSummary {
    fn new(trials: &[&TrialFindings]) -> Option<Self> {
        let mut all = Self::default();
        let rounds = || trials.iter().flat_map(|trial| &trial.lookups);
        for round in rounds() {
            all.places_most = all.places_most.max(round.places_most);
            let side = if round.after_fault { &mut all.after } else { &mut all.before };
            side.looked_up += round.looked_up;
            side.found += round.found;
            side.nowhere += round.nowhere;
            side.untold += round.untold;
        }
        all.took_p50_us = median(rounds().filter_map(|round| round.took_p50_us).collect());
        all.took_max_us = rounds().filter_map(|round| round.took_max_us).max();
        rounds().next().map(|_| all)
    }
}

impl StackSummary {
    /// `trials` are those of one stack and one scenario. The sentence is left to [`crate::answer`].
    pub(crate) fn new(stack: String, trials: &[&TrialFindings]) -> Self {
        let mut reasons: Vec<String> = Vec::new();
        for reason in trials.iter().flat_map(|t| &t.reasons) {
            if !reasons.contains(&reason.text) {
                reasons.push(reason.text.clone());
            }
        }
        let writes = writes(trials);
        let lags = trials.iter().map(|t| t.generator.map(|g| g.lag_p99_us)).collect::<Option<Vec<_>>>();
        Self {
            stack,
            answer: String::new(),
            trials: trials.len() as u64,
            verdict: worst(trials.iter().map(|t| t.verdict)),
            reasons,
            sessions: SessionTotals::new(trials),
            writes,
            writes_loss_exact: Exact::of(writes.lost, writes.verified),
            checks: AnomalyKind::ALL.map(|kind| check(kind, trials)).to_vec(),
            recovery: RecoverySummary::new(trials),
            site: SiteSummary::new(trials),
            baseline: PhaseSummary::new(trials, Phase::Baseline),
            fault: PhaseSummary::new(trials, Phase::Fault),
            cpu: CpuSummary::new(trials),
            memory: MemorySummary::new(trials),
            figures: Figure::ALL
                .into_iter()
                .filter_map(|figure| FigureSummary::new(figure, trials))
                .collect(),
            lag_p99_us: lags.and_then(|lags| lags.into_iter().max()),
            generator: GeneratorSummary::new(trials),
            probes: probes::summaries(trials),
            lookups: LookupSummary::new(trials),
            expectations: expectations(trials),
        }
    }

    /// How many anomalies of a kind were found; `None` when nobody looked.
    pub fn found(&self, kind: AnomalyKind) -> Option<u64> {
        self.checks.iter().find(|check| check.kind == kind).and_then(|check| check.found)
    }

    /// Whether nothing may be claimed.
    pub fn is_inconclusive(&self) -> bool {
        self.verdict == Verdict::Inconclusive
    }
}

impl SessionTotals {
    fn new(trials: &[&TrialFindings]) -> Self {
        let mut total = Self { lost_least: u64::MAX, ..Self::default() };
        for s in trials.iter().map(|t| &t.sessions) {
            total.acknowledged += s.acknowledged;
            total.over_before_fault += s.over_before_fault;
            total.verified += s.verified;
            total.unverified += s.unverified;
            total.lost += s.lost;
            total.lost_least = total.lost_least.min(s.lost);
            total.lost_most = total.lost_most.max(s.lost);
            total.lost_loud += s.lost_loud;
            total.lost_silent += s.lost_silent;
            total.misrouted += s.misrouted;
            total.harmed += s.harmed;
        }
        total.lost_least = total.lost_least.min(total.lost_most);
        total.loss_exact = Exact::of(total.lost, total.verified);
        total.loss_a_trial = over_trials(Figure::SessionsLost, trials);
        total
    }
}

fn writes(trials: &[&TrialFindings]) -> Writes {
    trials.iter().map(|t| t.writes).fold(Writes::default(), |a, b| Writes {
        attempted: a.attempted + b.attempted,
        acknowledged: a.acknowledged + b.acknowledged,
        verified: a.verified + b.verified,
        lost: a.lost + b.lost,
        unknown: a.unknown + b.unknown,
        recovered: a.recovered + b.recovered,
        in_lost_sessions: a.in_lost_sessions + b.in_lost_sessions,
    })
}

fn check(kind: AnomalyKind, trials: &[&TrialFindings]) -> Check {
    let found = trials.iter().map(|t| t.found(kind)).collect::<Option<Vec<u64>>>();
    Check { kind, found: found.map(|counts| counts.iter().sum()) }
}

impl RecoverySummary {
    /// From t0 to the steady state. `None` where a service left that state only later too: a 0 would flatter it. Microseconds.
    pub(crate) fn back_us(&self) -> Option<u64> {
        let is_back = matches!(self.service, ServiceRecovery::NotInterrupted | ServiceRecovery::Back);
        self.service_back_us.filter(|_| is_back)
    }

    fn new(trials: &[&TrialFindings]) -> Option<Self> {
        let all: Vec<_> = trials.iter().filter_map(|t| t.recovery.as_ref()).collect();
        let rank = |service: &ServiceRecovery| match service {
            ServiceRecovery::NotInterrupted => 0,
            ServiceRecovery::Back => 1,
            ServiceRecovery::LeftLater => 2,
            ServiceRecovery::NotMeasured => 3,
            ServiceRecovery::NotBack => 4,
        };
        let back = all.iter().map(|r| r.service_back_us).collect::<Option<Vec<u64>>>();
        Some(Self {
            service: all.iter().map(|r| r.service).max_by_key(rank)?,
            service_back_us: back.and_then(median),
            resolution_us: all.iter().map(|r| r.resolution_us).max()?,
            recovered: all.iter().map(|r| r.sessions.recovered).sum(),
            never: all.iter().map(|r| r.sessions.never).sum(),
            unresolved: all.iter().map(|r| r.sessions.unresolved).sum(),
            sessions_back_us: median(all.iter().filter_map(|r| r.sessions.p50_us).collect()),
            sessions_back_max_us: all.iter().filter_map(|r| r.sessions.max_us).max(),
            writes_gone: all.iter().map(|r| r.point.writes_lost).sum(),
            oldest_age_us: all.iter().filter_map(|r| r.point.oldest_age_us).max(),
        })
    }
}

impl PhaseSummary {
    fn new(trials: &[&TrialFindings], phase: Phase) -> Self {
        let of = |t: &&TrialFindings| t.phases.iter().find(|p| p.phase == phase).cloned();
        let all: Vec<PhaseFindings> = trials.iter().filter_map(of).collect();
        let over = |pick: fn(&Quantiles) -> Option<u64>, from: fn(&PhaseFindings) -> &Quantiles| {
            let values = all.iter().map(|p| pick(from(p))).collect::<Option<Vec<u64>>>();
            values.and_then(median)
        };
        Self {
            planned: all.iter().map(|p| p.requests.planned).sum(),
            errors: all.iter().map(|p| p.requests.errors()).sum(),
            samples_least: all.iter().map(|p| p.latency.samples).min().unwrap_or(0),
            p50_us: over(|q| q.p50_us, |p| &p.latency),
            p99_us: over(|q| q.p99_us, |p| &p.latency),
            max_us: all.iter().filter_map(|p| p.latency.max_us).max(),
            service_p50_us: over(|q| q.p50_us, |p| &p.service_time),
            service_p99_us: over(|q| q.p99_us, |p| &p.service_time),
            spectrum: spectrum(&all),
        }
    }
}

/// Promises are matched by their place: all trials of a stack come from one scenario.
fn expectations(trials: &[&TrialFindings]) -> Vec<ExpectationSummary> {
    let Some(first) = trials.first() else { return Vec::new() };
    let at = |place: usize| trials.iter().filter_map(move |t| t.expectations.get(place));
    (0..first.expectations.len()).map(|place| expectation(&at(place).collect::<Vec<_>>())).collect()
}

fn expectation(all: &[&ExpectationFinding]) -> ExpectationSummary {
    let verdict = worst(all.iter().map(|e| e.verdict));
    let shown = all.iter().find(|e| e.verdict == verdict).unwrap_or(&all[0]);
    let measured = || all.iter().filter_map(|e| e.measured);
    ExpectationSummary {
        metric: shown.metric,
        min: shown.min,
        max: shown.max,
        measured_least: measured().reduce(f64::min),
        measured_most: measured().reduce(f64::max),
        unmeasured: all.iter().filter(|e| e.measured.is_none()).count() as u64,
        verdict,
        because: shown.because.clone(),
        text: shown.text.clone(),
    }
}
