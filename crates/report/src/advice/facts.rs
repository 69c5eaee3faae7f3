//! What a run has measured of each architecture, as far as advice needs it. Nothing is judged here: a stack that is inconclusive
//! in a scenario counts as not measured there, with its reason.

use crate::results::{Results, ScenarioResults, Setting};
use crate::summary::{Exact, StackSummary};
use analysis::statistics::{Estimate, Figure, Standing};
use analysis::{Role, ServiceRecovery, TrialFindings, Verdict};
use scenario::{FaultAction, Keys, Metric, Stack};
use schemars::JsonSchema;
use serde::Serialize;

/// A measurement, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Known<T> {
    /// It was measured.
    Measured(T),
    /// It was tried, and carries no claim.
    Inconclusive {
        /// In which scenario.
        scenario: String,
        /// Why not.
        why: String,
    },
    /// No trial asked for it.
    NotMeasured,
    /// This architecture has nothing that it could happen to.
    DoesNotApply,
}

impl<T> Known<T> {
    /// The measurement.
    pub fn measured(&self) -> Option<&T> {
        if let Known::Measured(found) = self { Some(found) } else { None }
    }
}

/// What a run has measured.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Facts {
    /// The run's id.
    pub run: String,
    /// Whether its times were halved.
    pub quick: bool,
    /// The stateful stack; absent where none was run.
    pub stateful: Option<Architecture>,
    /// The stacks without sessions in their servers, in the run's order.
    pub stateless: Vec<Architecture>,
}

/// What was measured of one architecture.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Architecture {
    /// The stack's name.
    pub stack: String,
    /// Whether a crashed server takes sessions with it: they are in the servers' memory.
    pub in_servers: bool,
    /// A server is killed.
    pub server_crash: Known<Loss>,
    /// All servers are replaced, one after the other.
    pub deployment: Known<Loss>,
    /// The same with a drain before each; absent where it was not measured.
    pub drained: Option<Drained>,
    /// The shared store is killed.
    pub store_crash: Known<Loss>,
    /// Servers are added.
    pub scale_out: Known<ScaleOut>,
    /// Drills of disaster recovery: a site is lost, and a second one stands by.
    pub drills: Vec<Loss>,
    /// What it costs when nothing is broken.
    pub price: Option<Price>,
    /// What a session weighs.
    pub memory: Option<Memory>,
    /// What finding a session takes.
    pub search: Option<Search>,
}

/// What became of the sessions and of the service in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Loss {
    /// In which scenario.
    pub scenario: String,
    /// How many trials.
    pub trials: u64,
    /// Servers at the start.
    pub servers: u32,
    /// Sessions lost, over all trials.
    pub lost: u64,
    /// Sessions verified, over all trials.
    pub verified: u64,
    /// Share lost.
    pub share: f64,
    /// The lower end of its 95% interval: of the exact one over sessions, of the one over trials where there are six, and of what
    /// the unverified sessions leave open, the least.
    pub low: f64,
    /// The upper end: the greatest of the same three.
    pub high: f64,
    /// Acknowledged lines that are gone, alone or with their session, over all trials.
    pub writes_gone: u64,
    /// Age of the oldest of them at the fault, seconds; absent when none is gone.
    pub oldest_lost_s: Option<f64>,
    /// For how long the service was away.
    pub away: Away,
    /// No digit finer is known. Seconds.
    pub resolution_s: f64,
    /// For how long the scenario itself left the thing dead, seconds; absent when it started nothing again.
    pub restarted_after_s: Option<f64>,
}

/// For how long the service was away after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Away {
    /// It was back.
    Back {
        /// From the fault to the steady state, the median of the trials; where the service left that state only later, all the time
        /// that it spent outside it, the most of the trials; 0 when it never left it. Seconds.
        away_s: f64,
    },
    /// It was not back while the load ran.
    NotBack,
    /// Nobody could tell.
    NotMeasured,
}

impl Away {
    /// How long, where it was back. Seconds.
    pub fn seconds(self) -> Option<f64> {
        if let Away::Back { away_s } = self { Some(away_s) } else { None }
    }
}

/// A deployment with a drain before each server.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Drained {
    /// How long each server was drained, seconds.
    pub drain_s: f64,
    /// What became of the sessions.
    pub loss: Loss,
}

/// Who answers once servers have been added.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ScaleOut {
    /// In which scenario.
    pub scenario: String,
    /// What the new servers answered afterwards, in percent of all answers: the least of the trials.
    pub new_servers_percent_least: f64,
    /// The most of the trials.
    pub new_servers_percent_most: f64,
}

/// What an architecture costs when nothing is broken: medians over trials.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Price {
    /// In which scenario.
    pub scenario: String,
    /// How many trials.
    pub trials: u64,
    /// Median latency from the plan, baseline. Microseconds.
    pub p50_us: Option<u64>,
    /// 99th percentile of it. Microseconds.
    pub p99_us: Option<u64>,
    /// CPU of servers, router and store for each answer. Microseconds.
    pub cpu_us: Option<u64>,
    /// Resident memory of all servers at most. Bytes.
    pub servers_rss_bytes: Option<u64>,
    /// The same of the store's processes; absent where it has none.
    pub store_rss_bytes: Option<u64>,
    /// Against the stateful stack, for latency and CPU; empty below two trials.
    pub differences: Vec<PriceDifference>,
}

/// A figure less that of the stateful stack.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PriceDifference {
    /// Which figure.
    pub figure: Figure,
    /// By how much, with its interval where there are six pairs. Microseconds.
    pub by: Estimate,
    /// What may be said of it.
    pub standing: Standing,
}

/// What a session weighs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Memory {
    /// In which scenario.
    pub scenario: String,
    /// In all servers together. Bytes.
    pub server_bytes: Option<f64>,
    /// In the store. Bytes.
    pub store_bytes: Option<f64>,
}

/// What an operator was told who looked for sessions once something had been broken.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Search {
    /// In which scenario.
    pub scenario: String,
    /// How many places one look-up had to ask at most; 0 where the sessions are nowhere that can be asked.
    pub places: u64,
    /// Look-ups that found the session.
    pub found: u64,
    /// All look-ups.
    pub looked_up: u64,
}

impl Facts {
    /// Everything that a run says of the architectures.
    pub fn of(results: &Results) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for stack in results.scenarios.iter().flat_map(|scenario| &scenario.stacks) {
            if !names.contains(&stack.stack.as_str()) {
                names.push(&stack.stack);
            }
        }
        let is_stateless = |stack: &Stack| !stack.is_stateful() && stack.conflict.is_none();
        // A column that runs a stack against itself bears no stack's name, and is not counted twice.
        let known: Vec<Stack> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let stateful = known.iter().find(|stack| **stack == Stack::stateful());
        Self {
            run: results.run.id.clone(),
            quick: results.run.quick,
            stateful: stateful.map(|stack| Architecture::of(*stack, results)),
            stateless: known
                .iter()
                .filter(|s| is_stateless(s))
                .map(|s| Architecture::of(*s, results))
                .collect(),
        }
    }

    /// The architecture of this name.
    pub fn architecture(&self, stack: &str) -> Option<&Architecture> {
        self.all().find(|architecture| architecture.stack == stack)
    }

    /// All of them, the stateful one first.
    pub fn all(&self) -> impl Iterator<Item = &Architecture> {
        self.stateful.iter().chain(&self.stateless)
    }
}

impl Architecture {
    fn of(stack: Stack, results: &Results) -> Self {
        let name = stack.to_string();
        let seen: Vec<Seen<'_>> = results.scenarios.iter().filter_map(|s| Seen::new(s, &name)).collect();
        let usable = || seen.iter().filter_map(|seen| Some((seen.scenario, seen.usable.as_ref().ok()?)));
        let drained = usable().find_map(|(scenario, summary)| {
            let drain_ms = deployment(&scenario.setting).filter(|drain_ms| *drain_ms > 0)?;
            Some(Drained { drain_s: drain_ms as f64 / 1e3, loss: loss(scenario, summary)? })
        });
        let store_crash = if stack.store.is_a_process() {
            known(&seen, kills_the_store, loss)
        } else {
            Known::DoesNotApply
        };
        Self {
            in_servers: stack.is_stateful(),
            server_crash: known(&seen, kills_a_server, loss),
            deployment: known(&seen, |setting| deployment(setting) == Some(0), loss),
            drained,
            store_crash,
            scale_out: known(&seen, adds_servers, scale_out),
            drills: usable().filter_map(|(scenario, summary)| drill(scenario, summary)).collect(),
            price: usable().find_map(|(scenario, summary)| price(scenario, summary)),
            memory: usable().find_map(|(scenario, summary)| memory(scenario, summary)),
            search: usable().find_map(|(scenario, summary)| search(scenario, summary)),
            stack: name,
        }
    }
}

/// The first conclusive scenario of a kind; else the first inconclusive one's reason.
fn known<T>(
    seen: &[Seen<'_>],
    asks: impl Fn(&Setting) -> bool,
    read: impl Fn(&ScenarioResults, &StackSummary) -> Option<T>,
) -> Known<T> {
    let mut doubt = None;
    for Seen { scenario, usable } in seen.iter().filter(|seen| asks(&seen.scenario.setting)) {
        let why = match usable {
            Ok(summary) => match read(scenario, summary) {
                Some(found) => return Known::Measured(found),
                None => "the figure could not be measured".to_owned(),
            },
            Err(why) => why.clone(),
        };
        doubt.get_or_insert(Known::Inconclusive { scenario: scenario.name.clone(), why });
    }
    doubt.unwrap_or(Known::NotMeasured)
}

/// One stack in one scenario: the trials that carry a claim, or why none does.
struct Seen<'a> {
    scenario: &'a ScenarioResults,
    usable: Result<StackSummary, String>,
}

impl<'a> Seen<'a> {
    fn new(scenario: &'a ScenarioResults, stack: &str) -> Option<Self> {
        let all = scenario.stacks.iter().find(|summary| summary.stack == stack)?;
        let usable: Vec<&TrialFindings> = usable_trials(scenario, stack).collect();
        let usable = match &scenario.comparable.why {
            Some(why) => Err(why.clone()),
            None if usable.is_empty() => Err(all
                .reasons
                .first()
                .cloned()
                .unwrap_or_else(|| "the evidence does not carry a verdict".to_owned())),
            None => Ok(StackSummary::new(stack.to_owned(), &usable)),
        };
        Some(Self { scenario, usable })
    }
}

/// The trials of a stack that carry a claim.
fn usable_trials<'a>(scenario: &'a ScenarioResults, stack: &str) -> impl Iterator<Item = &'a TrialFindings> {
    let own = scenario.trials.iter().filter(move |trial| trial.identity.column() == stack);
    own.filter(|trial| trial.verdict != Verdict::Inconclusive)
}

fn names_a_server(target: &str) -> bool {
    target == "busiest-server" || target.starts_with("server-")
}

/// One server is killed, once, and at most started again.
fn kills_a_server(setting: &Setting) -> bool {
    let kills = setting.faults.iter().filter(|f| f.action == FaultAction::Kill).count();
    kills == 1
        && setting.faults.iter().all(|f| match f.action {
            FaultAction::Kill => names_a_server(&f.target),
            FaultAction::Start => true,
            _ => false,
        })
}

/// The shared store is killed, and its replica's link may have been slow.
fn kills_the_store(setting: &Setting) -> bool {
    let kills = setting.faults.iter().filter(|f| f.action == FaultAction::Kill).count();
    kills == 1
        && setting.faults.iter().all(|f| match f.action {
            FaultAction::Kill | FaultAction::Start => f.target == "store",
            FaultAction::Delay { .. } => f.target == "primary-replica",
            _ => false,
        })
}

/// How long a deployment drains each server. Milliseconds; `None` where nothing else is done, or the keys change.
fn deployment(setting: &Setting) -> Option<u64> {
    match setting.faults.as_slice() {
        [only] => match only.action {
            FaultAction::RollingRestart { drain_ms, keys: Keys::Kept } => Some(drain_ms),
            _ => None,
        },
        _ => None,
    }
}

fn adds_servers(setting: &Setting) -> bool {
    !setting.faults.is_empty() && setting.faults.iter().all(|f| matches!(f.action, FaultAction::Add { .. }))
}

fn loss(scenario: &ScenarioResults, summary: &StackSummary) -> Option<Loss> {
    let s = &summary.sessions;
    let Exact { low, high } = s.loss_exact.or_else(|| Exact::of(s.lost, s.verified))?;
    let over_trials = s.loss_a_trial.and_then(|share| Some((share.low?, share.high?)));
    let at_risk = (s.verified + s.unverified) as f64;
    let share = s.lost as f64 / s.verified as f64;
    let lows = [low, over_trials.map_or(low, |(low, _)| low), s.lost as f64 / at_risk];
    let highs = [high, over_trials.map_or(high, |(_, high)| high), (s.lost + s.unverified) as f64 / at_risk];
    let recovery = summary.recovery.as_ref();
    let seconds = |us: u64| us as f64 / 1e6;
    let faults = &scenario.setting.faults;
    let killed = faults.iter().find(|f| f.action == FaultAction::Kill).map(|f| f.at_us);
    let started = faults.iter().find(|f| f.action == FaultAction::Start).map(|f| f.at_us);
    Some(Loss {
        scenario: scenario.name.clone(),
        trials: summary.trials,
        servers: scenario.setting.servers,
        lost: s.lost,
        verified: s.verified,
        share,
        low: lows.into_iter().fold(share, f64::min),
        high: highs.into_iter().fold(share, f64::max),
        writes_gone: recovery.map_or(0, |r| r.writes_gone),
        oldest_lost_s: recovery.and_then(|r| r.oldest_age_us).map(seconds),
        away: away(scenario, summary),
        resolution_s: recovery.map_or(0.0, |r| seconds(r.resolution_us)),
        restarted_after_s: killed
            .zip(started)
            .map(|(killed, started)| seconds(started.saturating_sub(killed))),
    })
}

fn away(scenario: &ScenarioResults, summary: &StackSummary) -> Away {
    let Some(recovery) = &summary.recovery else { return Away::NotMeasured };
    let unsteady =
        usable_trials(scenario, &summary.stack).filter_map(|t| t.recovery.as_ref()).map(|r| r.unsteady_us);
    let away_us = match recovery.service {
        ServiceRecovery::NotInterrupted | ServiceRecovery::Back => recovery.back_us(),
        ServiceRecovery::LeftLater => unsteady.max(),
        ServiceRecovery::NotBack => return Away::NotBack,
        ServiceRecovery::NotMeasured => None,
    };
    away_us.map_or(Away::NotMeasured, |us| Away::Back { away_s: us as f64 / 1e6 })
}

fn scale_out(scenario: &ScenarioResults, summary: &StackSummary) -> Option<ScaleOut> {
    let share = summary.expectations.iter().find(|e| e.metric == Metric::NewServersPercent)?;
    Some(ScaleOut {
        scenario: scenario.name.clone(),
        new_servers_percent_least: share.measured_least?,
        new_servers_percent_most: share.measured_most?,
    })
}

fn drill(scenario: &ScenarioResults, summary: &StackSummary) -> Option<Loss> {
    scenario.setting.standby_site.as_ref()?;
    summary.recovery.as_ref()?;
    loss(scenario, summary)
}

/// From the first scenario with the stateful stack beside it in which both carry a claim, and whose load is as usual.
fn price(scenario: &ScenarioResults, summary: &StackSummary) -> Option<Price> {
    let stateful = Stack::stateful().to_string();
    let beside = Seen::new(scenario, &stateful)?;
    let usual = scenario.closed().is_none() && scenario.setting.servers > 1;
    if !usual || beside.usable.is_err() {
        return None;
    }
    let rss = |role: Role| {
        let sums = usable_trials(scenario, &summary.stack).map(|trial| {
            let own = trial.usage.processes.values().filter(|process| process.role == role);
            own.map(|process| process.rss_max_bytes).sum::<u64>()
        });
        crate::words::median(sums.filter(|sum| *sum > 0).collect())
    };
    let comparison =
        scenario.comparisons.iter().find(|c| c.stack == summary.stack && c.reference == stateful);
    let figures = comparison.into_iter().flat_map(|c| &c.figures);
    let differences = figures.filter_map(|f| {
        let shown = matches!(f.figure, Figure::BaselineP50 | Figure::BaselineP99 | Figure::CpuPerRequest);
        Some(PriceDifference { figure: f.figure, by: f.difference.filter(|_| shown)?, standing: f.standing })
    });
    Some(Price {
        scenario: scenario.name.clone(),
        trials: summary.trials,
        p50_us: summary.baseline.p50_us,
        p99_us: summary.baseline.p99_us,
        cpu_us: summary.cpu.all_us,
        servers_rss_bytes: rss(Role::Server),
        store_rss_bytes: rss(Role::Store),
        differences: differences.collect(),
    })
}

fn memory(scenario: &ScenarioResults, summary: &StackSummary) -> Option<Memory> {
    let of = |metric: Metric| {
        let found = summary.expectations.iter().find(|e| e.metric == metric)?;
        Some(f64::midpoint(found.measured_least?, found.measured_most?))
    };
    let (server_bytes, store_bytes) = (of(Metric::ServerBytesPerSession), of(Metric::StoreBytesPerSession));
    if server_bytes.is_none() && store_bytes.is_none() {
        return None;
    }
    Some(Memory { scenario: scenario.name.clone(), server_bytes, store_bytes })
}

fn search(scenario: &ScenarioResults, summary: &StackSummary) -> Option<Search> {
    let told = summary.lookups?;
    (told.after.looked_up > 0).then(|| Search {
        scenario: scenario.name.clone(),
        places: u64::from(told.places_most),
        found: told.after.found,
        looked_up: told.after.looked_up,
    })
}
