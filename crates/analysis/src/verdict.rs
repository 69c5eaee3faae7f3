//! The verdict: never better than its evidence.
//!
//! In this order: an answer that leaked from one shopper to another breaks any trial; what stands against the evidence makes it
//! inconclusive; a broken promise breaks it; a promise that could not be measured makes it inconclusive; otherwise it holds, or,
//! where nothing was promised, says so.

use crate::anomaly::{AnomalyKind, Check};
use crate::findings::{Cause, ExpectationFinding, Reason, Sessions, Verdict};
use crate::measured::{FaultRecord, PhaseFindings, ProcessFate, ProcessRecord};
use crate::probes::ProbeFindings;
use crate::recovery::Tally;
use crate::site::SiteFindings;
use crate::wording::{counted, seconds};
use journal::{GeneratorEvent, Header};
use scenario::{FaultAction, Mode};

/// The send lag of the generator, 99th percentile, beyond which its latencies are not believed. A tenth of the time in which
/// people notice a delay (Nielsen 1993: 0.1 s) would be finer than a busy two-core machine can keep; half of it is kept by any
/// machine that is not overloaded, and stays well below the steady states that scenarios ask for.
pub const MOST_LAG_P99_US: u64 = 50_000;

/// The processor time of the driver over the load's length beyond which its latencies are not believed, in cores. One thread sends
/// everything; from four fifths of a core on, what comes due finds it busy more often than not, and waits in the driver instead of
/// in the service. The journal's thread is in the figure too, so the bound is on the safe side.
pub const MOST_CPU_CORES: f64 = 0.8;

/// How late a fault may be called. The same fault at the same second is what makes stacks comparable; a driver that is later than
/// this was starved.
pub const MOST_FAULT_DELAY_US: u64 = 250_000;

/// Whether what a fault does is the question, and not how long the tier takes for it: to mend, and to grow.
fn disturbs(action: FaultAction) -> bool {
    !action.mends() && !matches!(action, FaultAction::Add { .. })
}

/// The least share of the sessions that must be verified.
pub const LEAST_VERIFIED: f64 = 0.95;

/// What the driver says of the trial, beside the requests.
#[derive(Debug, Default)]
pub(crate) struct Testimony {
    pub(crate) journal_error: Option<String>,
    pub(crate) voids: Vec<String>,
    pub(crate) healthy: bool,
    pub(crate) unplanned_faults: Vec<String>,
    pub(crate) generator: Option<GeneratorEvent>,
    /// Steps that were told of, sent and unsent, the final reads left out.
    pub(crate) steps: u64,
    pub(crate) unsent: u64,
    /// Somebody steered the trial while it ran.
    pub(crate) steered: bool,
}

/// What the doubts are drawn from.
pub(crate) struct Evidence<'a> {
    pub(crate) header: &'a Header,
    pub(crate) testimony: &'a Testimony,
    pub(crate) faults: &'a [FaultRecord],
    pub(crate) site: Option<&'a SiteFindings>,
    pub(crate) processes: &'a [ProcessRecord],
    pub(crate) sessions: &'a Sessions,
    pub(crate) baseline: &'a PhaseFindings,
    pub(crate) baseline_tally: Tally,
}

/// Everything that makes the trial inconclusive.
pub(crate) fn doubts(evidence: &Evidence<'_>) -> Vec<Reason> {
    let mut doubts = Doubts(Vec::new());
    doubts.journal(evidence.header, evidence.testimony);
    doubts.faults(evidence);
    doubts.site(evidence);
    doubts.baseline(evidence);
    doubts.sessions(evidence.sessions);
    doubts.generator(evidence.header, evidence.testimony);
    doubts.0
}

struct Doubts(Vec<Reason>);

impl Doubts {
    fn add(&mut self, cause: Cause, text: impl Into<String>) {
        self.0.push(Reason { cause, text: text.into() });
    }

    fn journal(&mut self, header: &Header, testimony: &Testimony) {
        if let Some(error) = &testimony.journal_error {
            self.add(Cause::Journal, format!("The journal is not whole: {error}."));
        }
        if testimony.generator.as_ref().is_some_and(|generator| generator.interrupted) {
            self.add(Cause::Interrupted, "The user broke the trial off.");
        }
        for void in &testimony.voids {
            self.add(Cause::Void, format!("The driver declared the trial void: {}.", sentence(void)));
        }
        if header.plan_sha256.trim().is_empty() {
            self.add(
                Cause::PlanMissing,
                "The header names no plan, so nothing says that this load was the others'.",
            );
        }
    }

    fn faults(&mut self, evidence: &Evidence<'_>) {
        let load_end_us = evidence.header.scenario.phases.end_us();
        for fault in evidence.faults {
            let name = format!("Fault {} ({} {})", fault.fault, fault.action.name(), fault.target);
            match (fault.called_us, fault.landed_us, fault.failed_us) {
                (_, _, Some(at_us)) => {
                    let detail = sentence(&fault.detail);
                    self.add(
                        Cause::FaultNotProved,
                        format!("{name} failed at {}: {detail}.", seconds(at_us)),
                    );
                }
                (None, ..) => self.add(Cause::FaultNotProved, format!("{name} was never called.")),
                (_, None, _) if fault.spared_us.is_none() => {
                    self.add(Cause::FaultNotProved, format!("{name} was not proved to have landed."));
                }
                (Some(called_us), ..) if called_us > fault.planned_us + MOST_FAULT_DELAY_US => {
                    let (called, due) = (seconds(called_us), seconds(fault.planned_us));
                    let text = format!(
                        "{name} was called at {called} and was due at {due}: the driver was starved, or still busy with an \
                         earlier fault."
                    );
                    self.add(Cause::FaultNotProved, text);
                }
                (_, Some(landed_us), _) if landed_us > load_end_us && disturbs(fault.action) => {
                    let (landed, end) = (seconds(landed_us), seconds(load_end_us));
                    let text = format!(
                        "{name} landed at {landed}, after the load had ended at {end}: not all of it was met by shoppers."
                    );
                    self.add(Cause::FaultNotProved, text);
                }
                _ => {}
            }
        }
        for unplanned in &evidence.testimony.unplanned_faults {
            self.add(
                Cause::FaultNotProved,
                format!("A fault that is not in the plan was called: {unplanned}."),
            );
        }
        if !evidence.testimony.healthy {
            let text = "Nobody saw that everything was whole again before the final reads, so an absent session may only have \
                        been out of reach.";
            self.add(Cause::HealingNotProved, text);
        }
        for process in evidence.processes {
            if let ProcessFate::Exited { ordered: false, status } = &process.change {
                let text = format!(
                    "{} exited at {} ({status}), and nobody had ordered it.",
                    process.process,
                    seconds(process.at_us)
                );
                self.add(Cause::UnorderedExit, text);
            }
        }
    }

    fn site(&mut self, evidence: &Evidence<'_>) {
        let struck = evidence.faults.iter().any(|f| f.action.is_of_a_site() && f.landed_us.is_some());
        if struck && evidence.site.is_none_or(|site| site.serve_us.is_none()) {
            let text =
                "A disaster struck the site that served, and nobody saw another one serve in its place.";
            self.add(Cause::HealingNotProved, text);
        }
    }

    fn baseline(&mut self, evidence: &Evidence<'_>) {
        let steady = &evidence.header.scenario.steady_state;
        let tally = evidence.baseline_tally;
        if tally.is_steady(steady) {
            return;
        }
        let text = if tally.requests == 0 {
            "The baseline holds no request, so nothing shows the steady state.".to_owned()
        } else {
            let p99 = match evidence.baseline.latency.p99_us {
                Some(us) => format!("the 99th percentile took {:.1} ms", us as f64 / 1e3),
                None => "too few for a 99th percentile".to_owned(),
            };
            format!(
                "The baseline was outside of the steady state: {:.2} % of {} were answered ({:.2} % are asked), and {} took \
                 longer than {} ms ({p99}; at most one in a hundred is allowed).",
                tally.answered as f64 / tally.requests as f64 * 100.0,
                counted(tally.requests, "request"),
                steady.ok_ratio * 100.0,
                tally.slow,
                steady.p99_ms,
            )
        };
        self.add(Cause::BaselineUnsteady, text);
    }

    fn sessions(&mut self, sessions: &Sessions) {
        if sessions.acknowledged == 0 {
            self.add(Cause::NothingAcknowledged, "Not one session was acknowledged, so none could be lost.");
            return;
        }
        let at_risk = sessions.acknowledged - sessions.over_before_fault;
        if at_risk == 0 {
            self.add(
                Cause::TooFewVerified,
                "Every session was over before the first fault, so none was put to the test.",
            );
        } else if (sessions.verified as f64) < LEAST_VERIFIED * at_risk as f64 {
            let text = format!(
                "Only {} of {} were verified ({:.1} %; {:.0} % are needed).",
                sessions.verified,
                counted(at_risk, "session"),
                sessions.verified as f64 / at_risk as f64 * 100.0,
                LEAST_VERIFIED * 100.0,
            );
            self.add(Cause::TooFewVerified, text);
        }
    }

    fn generator(&mut self, header: &Header, testimony: &Testimony) {
        let Some(generator) = &testimony.generator else {
            self.add(Cause::Generator, "The load generator gave no account of itself.");
            return;
        };
        if generator.lag_p99_us > MOST_LAG_P99_US {
            let text = format!(
                "The load generator lagged: the 99th percentile of its send lag is {:.1} ms (at most {} ms are allowed).",
                generator.lag_p99_us as f64 / 1e3,
                MOST_LAG_P99_US / 1_000,
            );
            self.add(Cause::Generator, text);
        }
        let load_s = header.scenario.phases.end_us() as f64 / 1e6;
        let cores = generator.cpu_us as f64 / 1e6 / load_s;
        if load_s > 0.0 && cores > MOST_CPU_CORES {
            let text = format!(
                "The load generator was overloaded: it used {cores:.2} cores over the load (at most {MOST_CPU_CORES} are \
                 allowed); ask for fewer requests a second."
            );
            self.add(Cause::Generator, text);
        }
        let unsent = testimony.unsent.max(generator.unsent);
        if unsent > 0 {
            self.add(Cause::Generator, format!("{} planned and never sent.", were(unsent)));
        }
        // Closed: how far the shoppers come depends on the answers.
        let closed = header.scenario.load.mode == Mode::Closed;
        let accounted =
            testimony.steps == header.planned_steps || (closed && testimony.steps <= header.planned_steps);
        // Steered: the load ends when somebody says so, and what the generator says that it sent must all be told.
        if testimony.steered && testimony.journal_error.is_none() {
            let due = generator.sent + generator.unsent;
            if testimony.steps != due || due > header.planned_steps {
                let text = format!(
                    "The load generator sent {} of {} planned, and the journal tells of {}.",
                    counted(due, "step"),
                    header.planned_steps,
                    testimony.steps
                );
                self.add(Cause::StepsUnaccounted, text);
            }
            return;
        }
        if testimony.journal_error.is_none() && !accounted {
            let text = format!(
                "The plan holds {}, and the journal tells of {}.",
                counted(header.planned_steps, "step"),
                testimony.steps
            );
            self.add(Cause::StepsUnaccounted, text);
        }
    }
}

fn were(steps: u64) -> String {
    if steps == 1 { "1 step was".to_owned() } else { format!("{steps} steps were") }
}

/// Without the full stop, which the sentence around it brings.
fn sentence(text: &str) -> &str {
    text.trim().trim_end_matches('.')
}

/// The verdict and its reasons.
pub(crate) fn verdict(
    checks: &[Check],
    probes: &[ProbeFindings],
    doubts: Vec<Reason>,
    expectations: &[ExpectationFinding],
) -> (Verdict, Vec<Reason>) {
    let leaks =
        checks.iter().find(|check| check.kind == AnomalyKind::CrossUserLeak).and_then(|check| check.found);
    let probed = probes.iter().flat_map(|probe| &probe.found);
    let probed = probed.filter(|found| found.anomaly == Some(AnomalyKind::CrossUserLeak)).count() as u64;
    let leaks = leaks.map(|leaks| leaks + probed);
    let of = |verdict: Verdict, cause: Cause| {
        let concerned = expectations.iter().filter(move |finding| finding.verdict == verdict);
        concerned.map(move |finding| Reason { cause, text: finding.text.clone() })
    };
    let broken: Vec<Reason> = of(Verdict::Broken, Cause::PromiseBroken).collect();
    if let Some(leaks @ 1..) = leaks {
        let text = format!(
            "{} carried what is another shopper's; one is enough to fail any trial.",
            counted(leaks, "answer")
        );
        let mut reasons = vec![Reason { cause: Cause::CrossUserLeak, text }];
        reasons.extend(broken);
        reasons.extend(doubts);
        return (Verdict::Broken, reasons);
    }
    if !doubts.is_empty() {
        return (Verdict::Inconclusive, doubts);
    }
    if !broken.is_empty() {
        return (Verdict::Broken, broken);
    }
    let unmeasured: Vec<Reason> = of(Verdict::Inconclusive, Cause::PromiseUnmeasured).collect();
    if !unmeasured.is_empty() {
        return (Verdict::Inconclusive, unmeasured);
    }
    (if expectations.is_empty() { Verdict::Unpromised } else { Verdict::Holds }, Vec::new())
}
