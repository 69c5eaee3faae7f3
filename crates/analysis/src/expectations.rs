//! What the scenario promises of the stack, against what was measured.

use crate::anomaly::{AnomalyKind, Check};
use crate::environs::role;
use crate::findings::{ExpectationFinding, Sessions, Verdict, Writes};
use crate::lookups::LookupRound;
use crate::measured::{PhaseFindings, ProcessFate, ProcessRecord, Recovery, Role, ServiceRecovery, Usage};
use crate::probes::ProbeFindings;
use crate::recovery::Tally;
use crate::site::SiteFindings;
use journal::{Growth, Header};
use scenario::{Expectation, Family, Metric, Phase, ProbeKind};

/// What promises are measured by.
pub(crate) struct Measured<'a> {
    pub(crate) header: &'a Header,
    pub(crate) sessions: &'a Sessions,
    pub(crate) writes: &'a Writes,
    pub(crate) checks: &'a [Check],
    pub(crate) recovery: Option<&'a Recovery>,
    pub(crate) site: Option<&'a SiteFindings>,
    pub(crate) phases: &'a [PhaseFindings],
    pub(crate) processes: &'a [ProcessRecord],
    pub(crate) probes: &'a [ProbeFindings],
    pub(crate) usage: &'a Usage,
    pub(crate) lookups: &'a [LookupRound],
    pub(crate) baseline: Tally,
    /// From the first fault to the end of the load.
    pub(crate) since_fault: Option<Tally>,
}

/// A measurement, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Is(f64),
    /// It did not happen while anybody looked: greater than any bound.
    Never,
    Unmeasured,
}

impl Measured<'_> {
    fn value(&self, metric: Metric) -> Value {
        let s = self.sessions;
        match metric {
            Metric::SessionsLost => Value::Is(s.lost as f64),
            Metric::SessionsLostPercent => percent(s.lost, s.verified),
            Metric::SessionsMisrouted => Value::Is(s.misrouted as f64),
            Metric::SessionsHarmedPercent => percent(s.harmed, s.verified),
            Metric::WritesLost => Value::Is(self.writes.lost as f64),
            Metric::PastWritesLost => self.since(|r| Value::Is(r.point.writes_lost as f64)),
            Metric::UpdatesLost => self.found(AnomalyKind::LostUpdate),
            Metric::EffectsDuplicated => self.found(AnomalyKind::DuplicateEffect),
            Metric::SessionsResurrected => self.found(AnomalyKind::ResurrectedSession),
            Metric::CookiesReplayed => self.found(AnomalyKind::ReplayedCookie),
            Metric::Anomalies => Value::Is(self.checks.iter().filter_map(|c| c.found).sum::<u64>() as f64),
            Metric::SessionsVerified => Value::Is(s.verified as f64),
            Metric::SessionsTroubledPercent => self.since(|r| {
                let troubled = r.sessions.recovered + r.sessions.never + r.sessions.unresolved;
                percent(troubled, troubled + r.sessions.not_affected)
            }),
            Metric::BaselineErrorsPercent => errors_percent(Some(self.baseline)),
            Metric::FaultErrorsPercent => errors_percent(self.since_fault),
            Metric::ServiceBackS => self.since(|r| match (r.service, r.service_back_us) {
                // It was left by a later fault than the one it is counted from.
                (ServiceRecovery::LeftLater, _) => Value::Unmeasured,
                (_, Some(us)) => Value::Is(us as f64 / 1e6),
                (ServiceRecovery::NotBack, None) => Value::Never,
                _ => Value::Unmeasured,
            }),
            Metric::UnsteadyS => self.since(|r| Value::Is(r.unsteady_us as f64 / 1e6)),
            Metric::BaselineP99Ms => self.p99_ms(Phase::Baseline),
            Metric::FaultP90Ms => {
                let p90_us = self.phase(Phase::Fault).and_then(|findings| findings.latency.p90_us);
                p90_us.map_or(Value::Unmeasured, |us| Value::Is(us as f64 / 1e3))
            }
            Metric::FaultP99Ms => self.p99_ms(Phase::Fault),
            Metric::RecoveryP99Ms => self.p99_ms(Phase::Recovery),
            Metric::BusiestServerPercent => self.busiest_server_percent(),
            Metric::NewServersPercent => self.new_servers_percent(),
            Metric::CpuUsPerRequest => self.usage.cpu_us_per_request.map_or(Value::Unmeasured, Value::Is),
            Metric::Processes => Value::Is(self.processes_at_the_start() as f64),
            Metric::ServerBytesPerSession => self.bytes_per_session(|name| role(name) == Role::Server),
            Metric::StoreBytesPerSession => self.store_bytes_per_session(),
            Metric::TampersRefusedPercent => self.refused_percent(ProbeKind::Tamper),
            Metric::FixationsRefusedPercent => self.refused_percent(ProbeKind::Fixation),
            Metric::ReplaysRefusedPercent => self.refused_percent(ProbeKind::ReplayAfterLogOut),
            Metric::RollbacksRefusedPercent => self.refused_percent(ProbeKind::Rollback),
            Metric::OvergrowsRefusedPercent => self.refused_percent(ProbeKind::Overgrow),
            Metric::OvergrownLinesLost => self.lines_lost(),
            Metric::ProbeErrors => self.probe_errors(),
            Metric::PlacesAsked => self.places_asked(),
            Metric::FoundBeforeFaultPercent => self.looked_up(false, |round| round.found),
            Metric::FoundAfterFaultPercent => self.looked_up(true, |round| round.found),
            Metric::UntoldAfterFaultPercent => self.looked_up(true, |round| round.untold),
            Metric::StandbyProcesses => {
                self.site.map_or(Value::Unmeasured, |site| Value::Is(site.processes as f64))
            }
            Metric::RecoveryPointS => {
                self.since(|r| Value::Is(r.point.oldest_age_us.unwrap_or(0) as f64 / 1e6))
            }
            Metric::SitePromoteS => self.site_step(|site| site.promote_us),
            Metric::SiteStartS => self.site_step(|site| site.start_us),
            Metric::StartUpMs => self.header.start_up_ms.map_or(Value::Unmeasured, |ms| Value::Is(ms as f64)),
        }
    }

    /// How long a second site took for a step.
    fn site_step(&self, step: impl Fn(&SiteFindings) -> Option<u64>) -> Value {
        self.site.and_then(step).map_or(Value::Unmeasured, |us| Value::Is(us as f64 / 1e6))
    }

    /// How much what bears such a name has grown for each session that came between the two weighings.
    fn bytes_per_session(&self, counts: impl Fn(&str) -> bool) -> Value {
        let Some(growth) = &self.header.growth else { return Value::Unmeasured };
        let grown: Vec<f64> = growth
            .sizes
            .iter()
            .filter(|(name, _)| *name != "driver" && counts(name))
            .map(|(_, size)| size.after_bytes as f64 - size.before_bytes as f64)
            .collect();
        if grown.is_empty() {
            return Value::Unmeasured;
        }
        Value::Is(grown.iter().sum::<f64>() / f64::from(growth.weighed.unwrap_or(growth.sleepers).max(1)))
    }

    /// Where no store is shared, none has grown.
    fn store_bytes_per_session(&self) -> Value {
        match self.header.stack.store.family() {
            Family::Memory | Family::Cookie if self.header.growth.is_some() => Value::Is(0.0),
            _ => self.bytes_per_session(|name| name == Growth::STORED),
        }
    }

    /// Some of the look-ups before or after the first fault. A look-up that was planned and never made leaves nothing to say.
    fn looked_up(&self, after_fault: bool, some: impl Fn(&LookupRound) -> u64) -> Value {
        let rounds = || self.lookups.iter().filter(|round| round.after_fault == after_fault);
        if rounds().any(|round| round.looked_up < round.planned) {
            return Value::Unmeasured;
        }
        percent(rounds().map(some).sum(), rounds().map(|round| round.looked_up).sum())
    }

    fn places_asked(&self) -> Value {
        if self.lookups.iter().any(|round| round.looked_up < round.planned) {
            return Value::Unmeasured;
        }
        let most = self.lookups.iter().map(|round| round.places_most).max();
        most.map_or(Value::Unmeasured, |places| Value::Is(f64::from(places)))
    }

    fn found(&self, kind: AnomalyKind) -> Value {
        let found = self.checks.iter().find(|check| check.kind == kind).and_then(|check| check.found);
        found.map_or(Value::Unmeasured, |n| Value::Is(n as f64))
    }

    /// Probes of a kind; `None` unless each was carried out to its end every time, and every try has a clear answer.
    fn probes(&self, kind: ProbeKind) -> Option<Vec<&ProbeFindings>> {
        let all: Vec<&ProbeFindings> = self.probes.iter().filter(|probe| probe.kind == kind).collect();
        let whole = |probe: &&ProbeFindings| probe.carried_out == probe.times && probe.unclear == 0;
        (!all.is_empty() && all.iter().all(whole)).then_some(all)
    }

    fn refused_percent(&self, kind: ProbeKind) -> Value {
        self.probes(kind).map_or(Value::Unmeasured, |probes| {
            percent(probes.iter().map(|p| p.refused).sum(), probes.iter().map(|p| p.tries).sum())
        })
    }

    fn lines_lost(&self) -> Value {
        let lost = |probes: Vec<&ProbeFindings>| probes.iter().map(|p| p.lines_lost).sum::<u64>();
        self.probes(ProbeKind::Overgrow).map(lost).map_or(Value::Unmeasured, |n| Value::Is(n as f64))
    }

    /// An error is one, whatever became of the rest; that there was none can be said only when everything was tried.
    fn probe_errors(&self) -> Value {
        let errors: u64 = self.probes.iter().map(|probe| probe.errors).sum();
        let whole = self.probes.iter().all(|probe| probe.carried_out == probe.times);
        if errors == 0 && (!whole || self.probes.is_empty()) {
            return Value::Unmeasured;
        }
        Value::Is(errors as f64)
    }

    /// A figure of the time since the first fault.
    fn since(&self, figure: impl Fn(&Recovery) -> Value) -> Value {
        self.recovery.map_or(Value::Unmeasured, figure)
    }

    fn phase(&self, phase: Phase) -> Option<&PhaseFindings> {
        self.phases.iter().find(|findings| findings.phase == phase)
    }

    fn p99_ms(&self, phase: Phase) -> Value {
        let p99_us = self.phase(phase).and_then(|findings| findings.latency.p99_us);
        p99_us.map_or(Value::Unmeasured, |us| Value::Is(us as f64 / 1e3))
    }

    fn busiest_server_percent(&self) -> Value {
        let shares = self.phase(Phase::Baseline).into_iter().flat_map(|findings| findings.servers.values());
        shares
            .map(|share| share.share)
            .max_by(f64::total_cmp)
            .map_or(Value::Unmeasured, |s| Value::Is(s * 100.0))
    }

    fn new_servers_percent(&self) -> Value {
        let Some((recovery, phase)) = self.recovery.zip(self.phase(Phase::Recovery)) else {
            return Value::Unmeasured;
        };
        let is_new = |name: &str| {
            self.processes.iter().any(|process| {
                process.process == name
                    && process.at_us > recovery.t0_us
                    && matches!(process.change, ProcessFate::Ready { .. })
            })
        };
        let answers = |new: bool| {
            let counted = phase.servers.iter().filter(move |(name, _)| !new || is_new(name));
            counted.map(|(_, share)| share.answers).sum::<u64>()
        };
        percent(answers(true), answers(false))
    }

    fn processes_at_the_start(&self) -> usize {
        let began = self.processes.iter().filter(|process| {
            process.at_us == 0
                && matches!(process.change, ProcessFate::Ready { .. })
                && !matches!(role(&process.process), Role::Relay | Role::Driver)
        });
        began.count()
    }
}

fn percent(part: u64, whole: u64) -> Value {
    if whole == 0 { Value::Unmeasured } else { Value::Is(part as f64 / whole as f64 * 100.0) }
}

fn errors_percent(tally: Option<Tally>) -> Value {
    tally.map_or(Value::Unmeasured, |tally| percent(tally.requests - tally.answered, tally.requests))
}

/// Judges the promises for this stack, in the scenario's order. In a doubtful trial the figures are shown and nothing is claimed.
pub(crate) fn judge(header: &Header, measured: &Measured<'_>, doubtful: bool) -> Vec<ExpectationFinding> {
    let stack = header.stack.to_string();
    let covering = header.scenario.expect.iter().filter(|expectation| expectation.covers(&stack));
    covering.map(|expectation| one(expectation, measured.value(expectation.metric), doubtful)).collect()
}

fn one(expectation: &Expectation, value: Value, doubtful: bool) -> ExpectationFinding {
    let within = match value {
        Value::Is(value) => Some(expectation.holds(value)),
        Value::Never => Some(expectation.holds(f64::INFINITY)),
        Value::Unmeasured => None,
    };
    let verdict = match within {
        Some(true) if !doubtful => Verdict::Holds,
        Some(false) if !doubtful => Verdict::Broken,
        _ => Verdict::Inconclusive,
    };
    ExpectationFinding {
        metric: expectation.metric,
        min: expectation.min,
        max: expectation.max,
        measured: if let Value::Is(value) = value { Some(value) } else { None },
        within,
        verdict,
        because: expectation.because.clone(),
        text: text(expectation, value),
    }
}

fn text(expectation: &Expectation, value: Value) -> String {
    let promised = match (expectation.min, expectation.max) {
        (Some(min), Some(max)) if min == max => number(min),
        (Some(min), Some(max)) => format!("{} to {}", number(min), number(max)),
        (Some(min), None) => format!("at least {}", number(min)),
        (None, Some(max)) => format!("at most {}", number(max)),
        (None, None) => "anything".to_owned(),
    };
    let name = expectation.metric.name();
    match value {
        Value::Is(value) => format!("{name} is {}; promised: {promised}.", number(value)),
        Value::Never => format!("{name}: never while the load ran; promised: {promised}."),
        Value::Unmeasured => format!("{name} could not be measured; promised: {promised}."),
    }
}

/// At most three decimals, and none that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(metric: Metric, min: Option<f64>, max: Option<f64>) -> Expectation {
        Expectation { stacks: vec!["*".to_owned()], metric, min, max, because: "so".to_owned() }
    }

    #[test]
    fn a_value_keeps_a_promise_breaks_it_or_is_not_known() {
        let at_most_5 = expectation(Metric::ServiceBackS, None, Some(5.0));
        assert_eq!(one(&at_most_5, Value::Is(5.0), false).verdict, Verdict::Holds);
        assert_eq!(one(&at_most_5, Value::Is(5.1), false).verdict, Verdict::Broken);
        assert_eq!(one(&at_most_5, Value::Never, false).verdict, Verdict::Broken);
        assert_eq!(one(&at_most_5, Value::Unmeasured, false).verdict, Verdict::Inconclusive);
        let shown = one(&at_most_5, Value::Is(5.1), true);
        assert_eq!(
            (shown.verdict, shown.within, shown.measured),
            (Verdict::Inconclusive, Some(false), Some(5.1))
        );
    }

    #[test]
    fn the_sentence_says_value_and_promise() {
        let text = |min, max, value| text(&expectation(Metric::SessionsLost, min, max), value);
        assert_eq!(text(None, Some(0.0), Value::Is(12.0)), "sessions-lost is 12; promised: at most 0.");
        assert_eq!(text(Some(1.5), None, Value::Is(0.25)), "sessions-lost is 0.25; promised: at least 1.5.");
        assert_eq!(text(Some(2.0), Some(2.0), Value::Is(100.0)), "sessions-lost is 100; promised: 2.");
        assert_eq!(
            text(Some(1.0), Some(2.0), Value::Never),
            "sessions-lost: never while the load ran; promised: 1 to 2."
        );
    }
}
