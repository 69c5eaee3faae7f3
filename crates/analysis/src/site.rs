//! How a second site took the place of the first: each step timed apart, and what its standing by cost before.

use journal::{SITE_B, SiteEvent, SiteStep};
use scenario::{StandbySite, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a second site cost, and how it took over. The steps follow one another, so their lengths add up to the time from t0 to the
/// first answer of the second site; a step that was not taken is `None`: a stack without a store has nothing to promote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SiteFindings {
    /// How it stood by.
    pub strategy: Strategy,
    /// Its processes when the load began.
    pub processes: u64,
    /// Their resident memory together, in the last samples before the first fault; `None` without samples. Bytes.
    pub rss_bytes: Option<u64>,
    /// What they used of the processors up to then, in cores; `None` without two samples of each.
    pub cpu_cores: Option<f64>,
    /// Dumps that had arrived there before the first fault.
    pub dumps: u64,
    /// How old the picture was at t0 that the last of them shows.
    pub dump_age_us: Option<u64>,
    /// From t0 until the first site was held for lost.
    pub detect_us: Option<u64>,
    /// Until somebody had decided.
    pub declare_us: Option<u64>,
    /// Until the second site's store took writes.
    pub promote_us: Option<u64>,
    /// Until all of its servers were up.
    pub start_us: Option<u64>,
    /// Until the entrance led there.
    pub reroute_us: Option<u64>,
    /// Until one of its servers had answered through the entrance.
    pub serve_us: Option<u64>,
    /// The steps as they were told, in order, without the dumps.
    pub moments: Vec<SiteMoment>,
}

/// A step in which a second site took over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteMoment {
    /// When it was seen.
    pub at_us: u64,
    /// Which step.
    pub step: SiteStep,
    /// For people: what was seen.
    pub detail: String,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    first: (u64, u64),
    last: (u64, u64),
    rss_bytes: u64,
}

/// What is heard of a second site, event by event.
#[derive(Debug)]
pub(crate) struct SiteWatch {
    strategy: Strategy,
    processes: u64,
    standing: BTreeMap<String, Standing>,
    dumps: Vec<(u64, u64)>,
    moments: Vec<SiteMoment>,
}

impl SiteWatch {
    pub(crate) fn new(site: &StandbySite) -> Self {
        Self {
            strategy: site.strategy,
            processes: 0,
            standing: BTreeMap::new(),
            dumps: Vec::new(),
            moments: Vec::new(),
        }
    }

    /// A process is ready. Those of the beginning stood by.
    pub(crate) fn ready(&mut self, at_us: u64, process: &str) {
        self.processes += u64::from(at_us == 0 && process.starts_with(SITE_B));
    }

    /// What a process had used by a moment before the first fault.
    pub(crate) fn sample(&mut self, at_us: u64, process: &str, cpu_us: u64, rss_bytes: u64) {
        if process.starts_with(SITE_B) {
            let now = (at_us, cpu_us);
            let standing = Standing { first: now, last: now, rss_bytes };
            let known = self.standing.entry(process.to_owned()).or_insert(standing);
            (known.last, known.rss_bytes) = (now, rss_bytes);
        }
    }

    pub(crate) fn hears(&mut self, event: &SiteEvent) {
        let SiteEvent { at_us, step, begun_us, detail } = event.clone();
        match step {
            SiteStep::Dumped => self.dumps.push((begun_us.unwrap_or(at_us), at_us)),
            _ => self.moments.push(SiteMoment { at_us, step, detail }),
        }
    }

    pub(crate) fn finish(self, t0_us: Option<u64>) -> SiteFindings {
        let before = |(_, at_us): &&(u64, u64)| t0_us.is_none_or(|t0_us| *at_us <= t0_us);
        let latest = self.dumps.iter().rfind(before);
        let mut step_ends_us = t0_us;
        let mut until = |step: SiteStep| {
            let at_us = self.moments.iter().find(|moment| moment.step == step)?.at_us;
            let began_us = step_ends_us.replace(at_us)?;
            Some(at_us.saturating_sub(began_us))
        };
        SiteFindings {
            strategy: self.strategy,
            processes: self.processes,
            rss_bytes: (!self.standing.is_empty())
                .then(|| self.standing.values().map(|standing| standing.rss_bytes).sum()),
            cpu_cores: cores(self.standing.values()),
            dumps: self.dumps.iter().filter(before).count() as u64,
            dump_age_us: t0_us.zip(latest).map(|(t0_us, (begun_us, _))| t0_us.saturating_sub(*begun_us)),
            detect_us: until(SiteStep::Detected),
            declare_us: until(SiteStep::Declared),
            promote_us: until(SiteStep::Promoted),
            start_us: until(SiteStep::Started),
            reroute_us: until(SiteStep::Rerouted),
            serve_us: until(SiteStep::Served),
            moments: self.moments,
        }
    }
}

fn cores<'a>(standing: impl Iterator<Item = &'a Standing>) -> Option<f64> {
    let each: Vec<Option<f64>> = standing
        .map(|Standing { first, last, .. }| {
            let over_us = last.0.checked_sub(first.0).filter(|us| *us > 0)?;
            Some(last.1.saturating_sub(first.1) as f64 / over_us as f64)
        })
        .collect();
    (!each.is_empty()).then(|| each.into_iter().sum::<Option<f64>>()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(strategy: Strategy) -> SiteWatch {
        SiteWatch::new(&StandbySite {
            strategy,
            link_delay_ms: 0,
            dump_every_ms: None,
            probe_every_ms: 500,
            misses: 3,
            declare_ms: 0,
        })
    }

    fn told(watch: &mut SiteWatch, steps: &[(u64, SiteStep)]) {
        for (at_us, step) in steps.iter().copied() {
            watch.hears(&SiteEvent { at_us, step, begun_us: None, detail: String::new() });
        }
    }

    #[test]
    fn steps_are_timed_apart_and_add_up_from_the_disaster_to_the_first_answer() {
        use SiteStep::{Declared, Detected, Promoted, Rerouted, Served, Started};
        let mut watch = site(Strategy::Hot);
        let steps = [Detected, Declared, Promoted, Started, Rerouted, Served];
        let at_us = [1_300, 2_300, 2_350, 2_351, 2_360, 2_365];
        told(&mut watch, &at_us.into_iter().zip(steps).collect::<Vec<_>>());
        let found = watch.finish(Some(1_000));
        let lengths = [
            found.detect_us,
            found.declare_us,
            found.promote_us,
            found.start_us,
            found.reroute_us,
            found.serve_us,
        ];
        assert_eq!(lengths, [300, 1_000, 50, 1, 9, 5].map(Some));
        assert_eq!(lengths.into_iter().flatten().sum::<u64>(), 2_365 - 1_000);
    }

    #[test]
    fn what_was_not_done_has_no_length_and_its_time_is_not_lost() {
        let mut watch = site(Strategy::Warm);
        told(&mut watch, &[(50, SiteStep::Detected), (60, SiteStep::Declared), (90, SiteStep::Started)]);
        let found = watch.finish(Some(10));
        assert_eq!((found.promote_us, found.start_us, found.serve_us), (None, Some(30), None));
        assert_eq!(site(Strategy::Warm).finish(None).detect_us, None);
    }

    #[test]
    fn the_last_dump_that_had_arrived_counts_by_the_moment_it_began() {
        let mut watch = site(Strategy::Cold);
        for (begun_us, at_us) in [(3_000, 3_200), (6_000, 6_200), (9_000, 9_200)] {
            let begun_us = Some(begun_us);
            watch.hears(&SiteEvent { at_us, step: SiteStep::Dumped, begun_us, detail: String::new() });
        }
        let found = watch.finish(Some(9_100));
        assert_eq!((found.dumps, found.dump_age_us), (2, Some(3_100)));
        assert!(found.moments.is_empty(), "a dump is no step of a recovery");
    }

    #[test]
    fn standing_by_costs_what_its_own_processes_use() {
        let mut watch = site(Strategy::Warm);
        for process in ["b-router", "b-server-1.1", "server-1.1", "relay-sites"] {
            watch.ready(0, process);
        }
        watch.ready(7, "b-server-2.1");
        for (at_us, process, cpu_us, rss_bytes) in [
            (0, "b-router", 100, 5),
            (0, "b-server-1.1", 0, 20),
            (0, "server-1.1", 0, 1_000),
            (1_000, "b-router", 200, 6),
            (1_000, "b-server-1.1", 50, 21),
            (1_000, "server-1.1", 900, 1_000),
        ] {
            watch.sample(at_us, process, cpu_us, rss_bytes);
        }
        let found = watch.finish(None);
        assert_eq!((found.processes, found.rss_bytes), (2, Some(27)));
        assert!((found.cpu_cores.unwrap() - 0.15).abs() < 1e-9);
    }
}
