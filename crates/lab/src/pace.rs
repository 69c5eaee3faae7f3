//! How long trials take: said before they run, and corrected by those that have.

use scenario::{Family, Scenario, Stack};
use std::time::{Duration, Instant};

/// From the start of a trial's first process to the end of its last, less the load and the final reads. Measured over the core
/// scenarios on two cores with other work on them, but for replicated stores, which are guessed. What a machine makes of it shows in
/// the first trials, and corrects the rest.
fn around(stack: Stack) -> Duration {
    let ms = match stack.store.family() {
        Family::Memory | Family::Sqlite | Family::Cookie => 500,
        Family::Redis if stack.store.is_replicated() => 3_500,
        Family::Redis => 700,
        Family::Postgres if stack.store.is_replicated() => 6_000,
        Family::Postgres => 2_800,
    };
    Duration::from_millis(ms)
}

/// How long it takes to let one of many sleepers in: a login and a line.
const SLEEPER: Duration = Duration::from_micros(450);

/// How long a trial will take.
pub fn trial(scenario: &Scenario, stack: Stack) -> Duration {
    let load = &scenario.load;
    // As the driver spreads them.
    let spacing_us = (load.think_time_ms * 1_000 / u64::from(load.shoppers.max(1))).clamp(200, 20_000);
    let reads_us = spacing_us * u64::from(load.shoppers);
    let sleepers = SLEEPER * load.sleepers;
    let sites = if scenario.standby_site.is_some() { 2 } else { 1 };
    Duration::from_micros(scenario.phases.end_us() + reads_us) + around(stack) * sites + sleepers
}

/// `about 50 s`, `about 4 min 50 s`, `about 38 min`.
pub fn about(time: Duration) -> String {
    let s = time.as_secs_f64().round() as u64;
    let tens = (s + 5) / 10 * 10;
    match (s, tens / 60, tens % 60) {
        (..60, ..) => format!("about {s} s"),
        (60..600, minutes, 0) => format!("about {minutes} min"),
        (60..600, minutes, s) => format!("about {minutes} min {s} s"),
        _ => format!("about {} min", (s + 30) / 60),
    }
}

/// What is left of a run, by what was estimated and by how that compares with what was seen.
pub struct Pace {
    left: Duration,
    estimated: Duration,
    began: Instant,
}

impl Pace {
    /// Before the first trial.
    pub fn new(total: Duration) -> Self {
        Self { left: total, estimated: Duration::ZERO, began: Instant::now() }
    }

    /// A trial that was to take so long is over.
    pub fn end(&mut self, estimated: Duration) {
        self.left = self.left.saturating_sub(estimated);
        self.estimated += estimated;
    }

    /// How long the rest will take, with `gone` of the present trial behind us.
    pub fn left(&self, gone: Duration) -> Duration {
        let seen = self.began.elapsed().saturating_sub(gone).as_secs_f64();
        let expected = self.estimated.as_secs_f64();
        // One short trial says little, and a wrong estimate is seldom wrong by more.
        let ratio = if expected < 1.0 { 1.0 } else { (seen / expected).clamp(0.5, 3.0) };
        self.left.saturating_sub(gone).mul_f64(ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios;

    fn suite(names: impl Iterator<Item = &'static str>) -> Duration {
        let loaded = names.map(|name| scenarios::load(name).map_err(|f| f.error.to_string()).unwrap().0);
        loaded.map(|s| s.stacks.iter().map(|stack| trial(&s, *stack)).sum::<Duration>()).sum()
    }

    #[test]
    fn the_core_fits_five_minutes() {
        let core = suite(scenarios::CORE.into_iter());
        assert!(core <= Duration::from_secs(5 * 60), "{}", about(core));
    }

    #[test]
    fn everything_fits_forty_five_minutes() {
        let all = suite(scenarios::suite());
        assert!(all <= Duration::from_secs(45 * 60), "{}", about(all));
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let said = |s| about(Duration::from_secs(s));
        assert_eq!(
            [said(9), said(60), said(63), said(292), said(597), said(2_380)],
            ["about 9 s", "about 1 min", "about 1 min", "about 4 min 50 s", "about 10 min", "about 40 min"]
        );
    }
}
