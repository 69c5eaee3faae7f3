//! Takes a journal entry by entry, hands each to whoever it concerns, and puts the findings together.

use crate::answer::is_answered;
use crate::environs::{
    RouterWatch, UsageWatch, failover_moment, fault_stage, ordered_fault, planned_faults, process_record,
};
use crate::expectations::{self, Measured};
use crate::findings::{Identity, TrialFindings};
use crate::interim::{Interim, Interims, SessionState};
use crate::ledger::Ledger;
use crate::lookups::LookupWatch;
use crate::measured::{FailoverMoment, FaultRecord, Generator, ProcessRecord};
use crate::phases::{PhaseHistograms, PhaseTallies};
use crate::probes::ProbeWatch;
use crate::recovery::{ServiceWatch, recovery};
use crate::seconds::{IntervalHistograms, IntervalTallies};
use crate::session::Watch;
use crate::shopper::Shopper;
use crate::site::SiteWatch;
use crate::timeline::TimelineTally;
use crate::verdict::{Evidence, Testimony, doubts, verdict};
use journal::{
    Entry, Event, FaultEvent, FaultStage, GeneratorEvent, Header, JournalError, OrderEvent, ProcessChange,
    StepEvent,
};
use scenario::{Phase, Phases};
use std::collections::BTreeMap;

/// What the judge hands back.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The findings.
    pub findings: TrialFindings,
    /// The histograms of the six phases, in their order.
    pub histograms: Vec<PhaseHistograms>,
    /// The same second by second, in order of time.
    pub intervals: Vec<IntervalHistograms>,
}

/// Judges a journal as it is read. Its memory grows with the shoppers and what each is owed; of every operation it keeps two
/// bits, to tell a leaked one from one that nobody attempted.
#[derive(Debug)]
pub struct Judge {
    header: Header,
    end_us: u64,
    latest_us: u64,
    /// When somebody ended the load of a steered trial.
    load_ended_us: Option<u64>,
    shoppers: BTreeMap<u32, Shopper>,
    ledger: Ledger,
    phases: PhaseTallies,
    intervals: IntervalTallies,
    timeline: TimelineTally,
    service: Option<ServiceWatch>,
    faults: Vec<FaultRecord>,
    processes: Vec<ProcessRecord>,
    failover: Vec<FailoverMoment>,
    probes: ProbeWatch,
    lookups: LookupWatch,
    site: Option<SiteWatch>,
    router: RouterWatch,
    usage: UsageWatch,
    testimony: Testimony,
    /// What would be found so far, in a steered trial.
    interims: Interims,
}

impl Judge {
    /// A judge of the trial with this header.
    pub fn new(header: &Header) -> Self {
        let end_us = header.scenario.phases.end_us();
        Self {
            end_us,
            latest_us: 0,
            load_ended_us: None,
            shoppers: BTreeMap::new(),
            ledger: Ledger::new(!header.scenario.faults.is_empty()),
            phases: PhaseTallies::new(header.scenario.steady_state),
            intervals: IntervalTallies::new(end_us),
            timeline: TimelineTally::new(end_us),
            service: None,
            faults: planned_faults(&header.scenario),
            processes: Vec::new(),
            failover: Vec::new(),
            probes: ProbeWatch::new(&header.scenario),
            lookups: LookupWatch::new(&header.scenario.lookups),
            site: header.scenario.standby_site.as_ref().map(SiteWatch::new),
            router: RouterWatch::default(),
            usage: UsageWatch::new(end_us),
            testimony: Testimony::default(),
            interims: Interims::default(),
            header: header.clone(),
        }
    }

    /// Takes the next entry.
    pub fn push(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Step(step) => self.step(entry.seq, step),
            Event::Unsent { planned_us, .. } => self.unsent(*planned_us),
            Event::Process(event) => {
                if matches!(event.change, ProcessChange::Ready { .. }) {
                    self.usage.ready(event.at_us, &event.process);
                    self.site.iter_mut().for_each(|site| site.ready(event.at_us, &event.process));
                }
                self.processes.push(process_record(event));
            }
            Event::Fault(event) => self.fault(event),
            Event::Steered { .. } => self.is_steered(),
            Event::Ordered(order) => self.ordered(order),
            Event::Tempo { at_us, factor } => {
                if *factor == 0.0 {
                    self.load_ended_us = Some(*at_us);
                }
            }
            Event::Failover(event) => self.failover.push(failover_moment(event)),
            Event::Probe(event) => self.probes.takes(entry.seq, event),
            Event::ProbeOver(event) => self.probes.is_over(event),
            Event::Lookup(event) => self.lookups.takes(event),
            Event::Site(event) => self.site.iter_mut().for_each(|site| site.hears(event)),
            Event::Router { at_us, servers } => self.router.sample(*at_us, servers),
            Event::Usage { at_us, process, cpu_us, rss_bytes } => {
                self.usage.sample(*at_us, process, *cpu_us, *rss_bytes);
                if self.service.is_none() {
                    self.site.iter_mut().for_each(|site| site.sample(*at_us, process, *cpu_us, *rss_bytes));
                }
            }
            Event::Healthy { .. } => self.testimony.healthy = true,
            Event::Generator(generator) => self.testimony.generator = Some(generator.clone()),
            Event::Void { reason, .. } => self.testimony.voids.push(reason.clone()),
        }
    }

    /// The journal cannot be read on: the trial is inconclusive.
    pub fn fail(&mut self, error: &JournalError) {
        self.testimony.journal_error.get_or_insert(error.to_string());
    }

    fn step(&mut self, seq: u64, step: &StepEvent) {
        self.latest_us = self.latest_us.max(step.done_us);
        let shopper = self.shoppers.entry(step.shopper).or_insert_with(|| Shopper::new(step.shopper));
        shopper.takes(seq, step, &mut self.ledger);
        if self.testimony.steered {
            self.interims.forget(step.shopper);
        }
        // A retry is no planned step: what the load met is told by the first tries.
        if step.retry_of.is_some() {
            return;
        }
        let met_the_fault_us = self.met_the_fault_us(step);
        let in_baseline = step.phase == Phase::Baseline;
        let at_fault = met_the_fault_us.is_some() || self.is_after_an_order(step);
        let phase = if in_baseline && at_fault { Phase::Fault } else { step.phase };
        self.phases.add(step, phase);
        self.intervals.add(step, phase);
        if step.phase == Phase::Final {
            return;
        }
        self.testimony.steps += u64::from(!self.is_a_guest(step.shopper));
        self.timeline.add(step);
        if let Some(service) = &mut self.service {
            let latency_us = step.done_us.saturating_sub(step.planned_us);
            let steady = &self.header.scenario.steady_state;
            let at_us = met_the_fault_us.unwrap_or(step.planned_us);
            service.add(at_us, is_answered(step), Some(latency_us), steady);
        }
    }

    /// The moment of the first fault, for a request that was in flight then: due before it, it met the fault all the same, and
    /// its fate belongs there. One that was overdue by then (by the steady state's own measure) was in trouble without the fault.
    fn met_the_fault_us(&self, step: &StepEvent) -> Option<u64> {
        let t0_us = self.service.as_ref()?.t0_us();
        let waiting_us = t0_us.checked_sub(step.planned_us)?;
        let overdue = waiting_us as f64 > self.header.scenario.steady_state.p99_ms * 1e3;
        (step.done_us >= t0_us && !overdue).then_some(t0_us)
    }

    fn is_steered(&mut self) {
        self.testimony.steered = true;
        // A fault may be ordered at any moment, so nobody has been at risk before the first.
        if self.service.is_none() {
            self.ledger.watch = Watch::NotYet;
        }
    }

    /// A fault that nobody planned joins the planned ones, in a trial that is steered; in any other it is called by nobody's leave.
    fn ordered(&mut self, order: &OrderEvent) {
        if self.testimony.steered {
            self.faults.push(ordered_fault(order));
        }
    }

    /// A steered trial has no planned phases but the warm-up: what is due after the first order is no baseline.
    fn is_after_an_order(&self, step: &StepEvent) -> bool {
        let t0_us = self.service.as_ref().map(ServiceWatch::t0_us);
        self.testimony.steered && t0_us.is_some_and(|t0_us| step.planned_us >= t0_us)
    }

    /// Guests come after the planned shoppers.
    fn is_a_guest(&self, shopper: u32) -> bool {
        self.testimony.steered && shopper >= self.header.scenario.load.shoppers
    }

    /// The phases as they were: those of the plan, or, in a steered trial, a baseline up to the first order and all that came after it.
    fn phases(&self) -> Phases {
        let planned = &self.header.scenario.phases;
        if !self.testimony.steered {
            return planned.clone();
        }
        let warm_up_us = planned.span(Phase::WarmUp).map_or(0, |span| span.end_us);
        let end_us = self.load_ended_us.unwrap_or(self.latest_us).max(warm_up_us);
        let t0_us = self.service.as_ref().map_or(end_us, ServiceWatch::t0_us).clamp(warm_up_us, end_us);
        Phases::from_lengths([warm_up_us, t0_us - warm_up_us, end_us - t0_us, 0, 0])
    }

    /// What would be found if the journal ended here and every final read said what the latest answer says. Only of a steered trial.
    pub fn interim(&mut self) -> Interim {
        let watch = self.ledger.watch;
        let shoppers = &self.shoppers;
        self.interims.sum(&self.ledger, |number| shoppers.get(&number).map(|shopper| shopper.so_far(watch)))
    }

    /// What a shopper's latest answers say of its session.
    pub fn session_state(&self, shopper: u32) -> SessionState {
        self.shoppers.get(&shopper).map_or(SessionState::NotYet, Shopper::state)
    }

    fn unsent(&mut self, planned_us: u64) {
        self.testimony.steps += 1;
        self.testimony.unsent += 1;
        let phase = self.header.scenario.phases.at(planned_us);
        self.phases.add_unsent(phase);
        self.intervals.add_unsent(planned_us, phase);
        if let Some(service) = &mut self.service {
            service.add(planned_us, false, None, &self.header.scenario.steady_state);
        }
    }

    fn fault(&mut self, event: &FaultEvent) {
        if !fault_stage(&mut self.faults, event) && event.stage == FaultStage::Called {
            self.testimony.unplanned_faults.push(format!("{} ({})", event.fault, event.process));
        }
        if event.stage == FaultStage::Called && self.service.is_none() {
            self.ledger.watch = Watch::Since(event.at_us);
            self.service = Some(ServiceWatch::new(event.at_us, self.end_us));
        }
    }

    /// Everything was seen: what is found.
    pub fn finish(mut self) -> Judged {
        for shopper in self.shoppers.values_mut() {
            shopper.finishes(self.latest_us, &mut self.ledger);
        }
        self.ledger.resolve_foreign();
        let steady = self.header.scenario.steady_state;
        let sessions = self.ledger.tallied_sessions();
        let writes = self.ledger.writes;
        let checks = self.ledger.checks();
        let (baseline_tally, answered) = (self.phases.tally(Phase::Baseline), self.answered_under_load());
        let spans = self.phases();
        let (phases, histograms) = self.phases.finish(&spans);
        let comebacks = std::mem::take(&mut self.ledger.comebacks);
        let recovery =
            self.service.as_ref().map(|service| recovery(service, &steady, comebacks, self.ledger.point));
        let site = self.site.map(|site| site.finish(recovery.as_ref().map(|recovery| recovery.t0_us)));
        let baseline = &phases[Phase::Baseline as usize];
        let doubts = doubts(&Evidence {
            header: &self.header,
            testimony: &self.testimony,
            faults: &self.faults,
            site: site.as_ref(),
            processes: &self.processes,
            sessions: &sessions,
            baseline,
            baseline_tally,
        });
        let usage = self.usage.finish(answered);
        let probes = self.probes.finish();
        let lookups = self.lookups.finish(self.service.as_ref().map(ServiceWatch::t0_us));
        let measured = Measured {
            header: &self.header,
            sessions: &sessions,
            writes: &writes,
            checks: &checks,
            recovery: recovery.as_ref(),
            site: site.as_ref(),
            phases: &phases,
            processes: &self.processes,
            probes: &probes,
            usage: &usage,
            lookups: &lookups,
            baseline: baseline_tally,
            since_fault: self.service.as_ref().map(ServiceWatch::total),
        };
        let expectations = expectations::judge(&self.header, &measured, !doubts.is_empty());
        let (verdict, reasons) = verdict(&checks, &probes, doubts, &expectations);
        let findings = TrialFindings {
            identity: identity(&self.header),
            verdict,
            reasons,
            sessions,
            writes,
            checks,
            anomalies: self.ledger.take_anomalies(),
            recovery,
            phases,
            timeline: self.timeline.finish(&self.ledger, spans.end_us()),
            faults: self.faults,
            probes,
            processes: self.processes,
            failover: self.failover,
            lookups,
            site,
            router: self.router.finish(),
            usage,
            generator: self.testimony.generator.as_ref().map(|g| generator(g, &self.header, &spans)),
            expectations,
        };
        Judged { findings, histograms, intervals: self.intervals.finish() }
    }

    fn answered_under_load(&self) -> u64 {
        let under_load = Phase::ALL.into_iter().filter(|phase| *phase != Phase::Final);
        under_load.map(|phase| self.phases.requests(phase).answered()).sum()
    }
}

pub(crate) fn identity(header: &Header) -> Identity {
    Identity {
        run: header.run.clone(),
        scenario: header.scenario.name.clone(),
        stack: header.stack,
        replica: header.replica,
        router: header.router.clone(),
        repeat: header.repeat,
        order: header.order,
        seed: header.seed,
        plan_sha256: header.plan_sha256.clone(),
        started_unix_ms: header.started_unix_ms,
    }
}

fn generator(event: &GeneratorEvent, header: &Header, spans: &Phases) -> Generator {
    let load_s = (spans.end_us() as f64 / 1e6).max(1e-6);
    // What a steered load would have offered later was offered to nobody.
    let offered = header.planned_steps.min(event.sent + event.unsent);
    Generator {
        offered_per_s: offered as f64 / load_s,
        achieved_per_s: event.sent as f64 / load_s,
        lag_p99_us: event.lag_p99_us,
        lag_max_us: event.lag_max_us,
        cpu_cores: event.cpu_us as f64 / 1e6 / load_s,
        unsent: event.unsent,
        journal_backlog: event.journal_backlog,
    }
}
