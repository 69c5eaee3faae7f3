//! Latency, errors, throughput and each server's share, phase by phase.

use crate::answer::{is_answered, is_refused};
use crate::latency::{histogram, quantiles, record, spectrum};
use crate::measured::{PhaseFindings, Requests, ServerShare};
use crate::recovery::Tally;
use hdrhistogram::Histogram;
use journal::{Outcome, StepEvent};
use scenario::{Phase, Phases, SteadyState};
use std::collections::BTreeMap;

/// The histograms of one phase, in microseconds, for whoever keeps them beside the report.
#[derive(Clone, Debug)]
pub struct PhaseHistograms {
    /// Which phase.
    pub phase: Phase,
    /// From the planned moment to the outcome.
    pub latency: Histogram<u64>,
    /// From the first byte sent to the outcome.
    pub service_time: Histogram<u64>,
}

impl Requests {
    /// Counts one that was sent.
    pub(crate) fn count(&mut self, step: &StepEvent) {
        self.planned += 1;
        self.sent += 1;
        match step.outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Failed if is_refused(step) => self.refused += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Unknown => self.unknown += 1,
        }
    }

    /// Counts one that was planned and never sent.
    pub(crate) fn count_unsent(&mut self) {
        self.planned += 1;
        self.unsent += 1;
    }
}

#[derive(Debug)]
struct PhaseTally {
    requests: Requests,
    histograms: PhaseHistograms,
    servers: BTreeMap<String, u64>,
    tally: Tally,
}

/// All phases so far.
#[derive(Debug)]
pub(crate) struct PhaseTallies {
    steady: SteadyState,
    phases: [PhaseTally; 6],
}

impl PhaseTallies {
    pub(crate) fn new(steady: SteadyState) -> Self {
        let phases = Phase::ALL.map(|phase| PhaseTally {
            requests: Requests::default(),
            histograms: PhaseHistograms { phase, latency: histogram(), service_time: histogram() },
            servers: BTreeMap::new(),
            tally: Tally::default(),
        });
        Self { steady, phases }
    }

    pub(crate) fn add(&mut self, step: &StepEvent, phase: Phase) {
        let phase = &mut self.phases[phase as usize];
        phase.requests.count(step);
        let latency_us = step.done_us.saturating_sub(step.planned_us);
        record(&mut phase.histograms.latency, latency_us);
        if let Some(sent_us) = step.sent_us {
            record(&mut phase.histograms.service_time, step.done_us.saturating_sub(sent_us));
        }
        let answered = is_answered(step);
        phase.tally.add(answered, Some(latency_us), &self.steady);
        if let (true, Some(server)) = (answered, &step.server) {
            match phase.servers.get_mut(server) {
                Some(answers) => *answers += 1,
                None => drop(phase.servers.insert(server.clone(), 1)),
            }
        }
    }

    pub(crate) fn add_unsent(&mut self, phase: Phase) {
        let phase = &mut self.phases[phase as usize];
        phase.requests.count_unsent();
        phase.tally.add(false, None, &self.steady);
    }

    /// How the requests of a phase fared.
    pub(crate) fn requests(&self, phase: Phase) -> Requests {
        self.phases[phase as usize].requests
    }

    /// The same against the steady state.
    pub(crate) fn tally(&self, phase: Phase) -> Tally {
        self.phases[phase as usize].tally
    }

    /// The figures and the histograms.
    pub(crate) fn finish(self, spans: &Phases) -> (Vec<PhaseFindings>, Vec<PhaseHistograms>) {
        let finished = self.phases.into_iter().map(|tally| (findings(&tally, spans), tally.histograms));
        finished.unzip()
    }
}

fn findings(tally: &PhaseTally, spans: &Phases) -> PhaseFindings {
    let phase = tally.histograms.phase;
    let span = spans.span(phase);
    let named: u64 = tally.servers.values().sum();
    let share = |answers: u64| ServerShare { answers, share: answers as f64 / named as f64 };
    let per_s = |length_us: u64| tally.requests.answered() as f64 / (length_us as f64 / 1e6);
    PhaseFindings {
        phase,
        start_us: span.map(|span| span.start_us),
        end_us: span.map(|span| span.end_us),
        requests: tally.requests,
        answered_per_s: span.map(|span| span.end_us - span.start_us).filter(|us| *us > 0).map(per_s),
        latency: quantiles(&tally.histograms.latency),
        service_time: quantiles(&tally.histograms.service_time),
        spectrum: match phase {
            Phase::Baseline | Phase::Fault => {
                spectrum(&tally.histograms.latency, &tally.histograms.service_time)
            }
            _ => Vec::new(),
        },
        servers: tally.servers.iter().map(|(server, answers)| (server.clone(), share(*answers))).collect(),
    }
}
