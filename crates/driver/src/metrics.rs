//! What the load generator counts while a comparison runs, as OpenMetrics text, for whoever watches it. Beside the journal and never
//! instead of it: nothing is judged by these numbers.
//!
//! One for the process, for a process runs one trial at a time; without [`publish`] nothing is counted. Each step costs a few
//! atomic additions and one short lock that nobody else holds but a reader.

use journal::{Header, Outcome, StepEvent};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use scenario::Phase;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

static PUBLISHED: OnceLock<LoadMetrics> = OnceLock::new();

/// Upper bounds, seconds: finer below the lag that voids a trial (50 ms), coarser above.
const LAG_BOUNDS_S: [f64; 10] = [0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0];
const OUTCOMES: [&str; 4] = ["ok", "failed", "unknown", "unsent"];

/// Counts from now on, and says where.
pub fn publish() -> &'static LoadMetrics {
    PUBLISHED.get_or_init(LoadMetrics::new)
}

/// The metrics, where anybody wants them.
pub(crate) fn published() -> Option<&'static LoadMetrics> {
    PUBLISHED.get()
}

/// Counters of the load generator, since the process began.
#[derive(Debug)]
pub struct LoadMetrics {
    trials: Counter,
    planned: Counter,
    /// As in [`OUTCOMES`].
    outcomes: [Counter; OUTCOMES.len()],
    lag: Histogram,
    /// The place in [`Phase::ALL`] of the latest step.
    phase: AtomicUsize,
    order: AtomicU64,
    /// Scenario, stack and repeat of the trial that runs, or ran last.
    trial: Mutex<[(&'static str, String); 3]>,
}

impl LoadMetrics {
    fn new() -> Self {
        Self {
            trials: Counter::default(),
            planned: Counter::default(),
            outcomes: Default::default(),
            lag: Histogram::new(LAG_BOUNDS_S),
            phase: AtomicUsize::new(0),
            order: AtomicU64::new(0),
            trial: Mutex::new(["scenario", "stack", "repeat"].map(|name| (name, String::new()))),
        }
    }

    /// A trial begins.
    pub(crate) fn trial(&self, header: &Header) {
        self.trials.inc();
        self.planned.inc_by(header.planned_steps);
        self.order.store(header.order.into(), Relaxed);
        let named = [
            ("scenario", header.scenario.name.clone()),
            ("stack", header.stack.to_string()),
            ("repeat", header.repeat.to_string()),
        ];
        *self.trial.lock().unwrap_or_else(PoisonError::into_inner) = named;
    }

    /// A step has its outcome.
    pub(crate) fn step<S>(&self, step: &StepEvent<S>) {
        let outcome = match (step.sent_us, step.outcome) {
            (None, _) => 3,
            (Some(_), Outcome::Ok) => 0,
            (Some(_), Outcome::Failed) => 1,
            (Some(_), Outcome::Unknown) => 2,
        };
        self.outcomes[outcome].inc();
        if let Some(sent_us) = step.sent_us {
            self.lag.observe(sent_us.saturating_sub(step.planned_us) as f64 / 1e6);
        }
        let place = Phase::ALL.iter().position(|phase| *phase == step.phase);
        self.phase.store(place.unwrap_or_default(), Relaxed);
    }

    /// Everything as text.
    pub fn openmetrics(&self) -> String {
        let mut registry = Registry::with_prefix("lab_driver");
        registry.register("trials", "Trials that have begun", self.trials.clone());
        registry.register("planned_steps", "Steps that the plans of these trials hold", self.planned.clone());
        let outcomes = Family::<[(&str, &str); 1], Counter>::default();
        for (name, counter) in OUTCOMES.iter().zip(&self.outcomes) {
            outcomes.get_or_create(&[("outcome", *name)]).inc_by(counter.get());
        }
        registry.register(
            "steps",
            "Steps that are over, final reads included, by outcome; unsent: not one byte left",
            outcomes,
        );
        let help = "From the moment at which a step was due to the first byte sent";
        registry.register_with_unit("send_lag", help, Unit::Seconds, self.lag.clone());
        let phases = Family::<[(&str, &str); 1], Gauge>::default();
        let current = self.phase.load(Relaxed);
        for (place, phase) in Phase::ALL.iter().enumerate() {
            phases.get_or_create(&[("phase", phase.name())]).set(i64::from(place == current));
        }
        registry.register("phase", "1 for the phase of the latest step", phases);
        let order = Gauge::<i64>::default();
        order.set(i64::try_from(self.order.load(Relaxed)).unwrap_or(i64::MAX));
        registry.register("trial_order", "Place of the trial in its run, from 1; 0 before the first", order);
        let trial = self.trial.lock().unwrap_or_else(PoisonError::into_inner).to_vec();
        registry.register("trial", "The trial that runs, or ran last", Info::new(trial));
        let mut out = String::new();
        // A string takes everything.
        let written = text::encode(&mut out, &registry);
        debug_assert!(written.is_ok());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::Action;

    fn step(outcome: Outcome, sent_us: Option<u64>) -> StepEvent {
        let text = format!(
            r#"{{"shopper":1,"step":0,"phase":"baseline","action":{:?},"planned_us":1000,"done_us":9000,"outcome":"ok"}}"#,
            serde_json::to_value(Action::Read).unwrap().as_str().unwrap()
        );
        StepEvent { outcome, sent_us, ..serde_json::from_str(&text).unwrap() }
    }

    #[test]
    fn steps_are_counted_by_outcome_and_their_lag_in_buckets() {
        let metrics = LoadMetrics::new();
        metrics.step(&step(Outcome::Ok, Some(1_300)));
        metrics.step(&step(Outcome::Unknown, Some(31_000)));
        metrics.step(&step(Outcome::Failed, None));
        let text = metrics.openmetrics();
        for line in [
            "lab_driver_steps_total{outcome=\"ok\"} 1\n",
            "lab_driver_steps_total{outcome=\"unknown\"} 1\n",
            "lab_driver_steps_total{outcome=\"unsent\"} 1\n",
            "lab_driver_send_lag_seconds_bucket{le=\"0.0005\"} 1\n",
            "lab_driver_send_lag_seconds_bucket{le=\"0.05\"} 2\n",
            "lab_driver_send_lag_seconds_count 2\n",
            "lab_driver_phase{phase=\"baseline\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
