//! The `[standby_site]` section as written.

use super::{LONGEST_S, ScenarioError, Source};
use crate::fault::Fault;
use crate::site::{StandbySite, Strategy};
use crate::stack::{Stack, StoreKind};
use schemars::JsonSchema;
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

const PROBES_MS: (u64, u64) = (50, 10_000);
const MOST_MISSES: u32 = 20;
const LONGEST_DELAY_MS: u64 = 5_000;
/// A dump takes some tenths of a second.
const SHORTEST_DUMP_S: f64 = 0.5;

/// What stands by at a second site, site B. A disaster at the first, site A, makes it take over: its store takes writes, its servers
/// start, and the entrance leads to it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StandbySite")]
pub(super) struct StandbySiteFile {
    /// What runs there before.
    strategy: Strategy,
    /// How long a byte takes from one site to the other, and so how far the replica is behind. Needed, but with `cold`. Milliseconds.
    #[schemars(with = "Option<u64>", range(min = 0, max = LONGEST_DELAY_MS))]
    link_delay_ms: Option<Spanned<u64>>,
    /// Of `cold`, and needed there: how often the store is dumped, and the dump copied to site B. Seconds.
    #[schemars(with = "Option<f64>", range(min = SHORTEST_DUMP_S, max = LONGEST_S))]
    dump_every_s: Option<Spanned<f64>>,
    /// How often somebody looks whether site A serves. Milliseconds.
    #[serde(default = "half_a_second")]
    #[schemars(with = "u64", range(min = PROBES_MS.0, max = PROBES_MS.1))]
    probe_every_ms: Spanned<u64>,
    /// How many times in a row it must not, before that is taken for a disaster.
    #[serde(default = "three")]
    #[schemars(with = "u32", range(min = 1, max = MOST_MISSES))]
    misses: Spanned<u32>,
    /// How long it then takes somebody, or something, to decide that site B takes over. Seconds.
    #[serde(default = "at_once")]
    #[schemars(with = "f64", range(min = 0.0, max = LONGEST_S))]
    declare_s: Spanned<f64>,
}

fn half_a_second() -> Spanned<u64> {
    Spanned::new(0..0, 500)
}

fn three() -> Spanned<u32> {
    Spanned::new(0..0, 3)
}

fn at_once() -> Spanned<f64> {
    Spanned::new(0..0, 0.0)
}

impl Source<'_> {
    pub(super) fn standby_site(
        &self,
        written: Spanned<StandbySiteFile>,
        faults: &[Fault],
        stacks: &[Stack],
    ) -> Result<StandbySite, ScenarioError> {
        let section = written.span();
        let written = written.into_inner();
        if let Some(stack) = stacks.iter().find(|stack| !stack.store.can_stand_at_two_sites()) {
            let possible: Vec<&str> = StoreKind::ALL
                .into_iter()
                .filter(|store| store.can_stand_at_two_sites())
                .map(StoreKind::name)
                .collect();
            let message = format!(
                "{stack} cannot stand at two sites; these stores can: {}; take the stack or the [standby_site] out",
                possible.join(", ")
            );
            return Err(self.error(section, message));
        }
        let strategy = written.strategy;
        let key = |key, given: bool| self.key_of_a_strategy(key, given, strategy, &section);
        key("link_delay_ms", written.link_delay_ms.is_some())?;
        key("dump_every_s", written.dump_every_s.is_some())?;
        let link_delay_ms = match written.link_delay_ms {
            Some(ms) => self.range("standby_site.link_delay_ms", ms, 0, LONGEST_DELAY_MS)?,
            None => 0,
        };
        let dump_every_ms = match written.dump_every_s {
            Some(s) => Some(self.dump_every_ms(s, faults)?),
            None => None,
        };
        let (least, most) = PROBES_MS;
        Ok(StandbySite {
            strategy,
            link_delay_ms,
            dump_every_ms,
            probe_every_ms: self.range("standby_site.probe_every_ms", written.probe_every_ms, least, most)?,
            misses: self.range("standby_site.misses", written.misses, 1, MOST_MISSES)?,
            declare_ms: self.seconds("standby_site.declare_s", &written.declare_s)? / 1_000,
        })
    }

    /// A replica is behind by the link, a dump by its age: each key belongs to one of them, and is needed there.
    fn key_of_a_strategy(
        &self,
        key: &str,
        given: bool,
        strategy: Strategy,
        section: &Range<usize>,
    ) -> Result<(), ScenarioError> {
        let needed = strategy.replicates() == (key == "link_delay_ms");
        let name = strategy.name();
        let message = match (needed, given) {
            (true, false) => format!("standby_site.strategy '{name}' needs standby_site.{key}; give it"),
            (false, true) if strategy.replicates() => {
                format!(
                    "standby_site.{key} means nothing with strategy '{name}', which has a replica; take it out"
                )
            }
            (false, true) => {
                format!(
                    "standby_site.{key} means nothing with strategy '{name}', which has no replica; take it out"
                )
            }
            _ => return Ok(()),
        };
        Err(self.error(section.clone(), message))
    }

    fn dump_every_ms(&self, written: Spanned<f64>, faults: &[Fault]) -> Result<u64, ScenarioError> {
        let span = written.span();
        let every_s = self.range("standby_site.dump_every_s", written, SHORTEST_DUMP_S, LONGEST_S)?;
        let early = faults.iter().map(|fault| fault.at_us as f64 / 1e6).find(|at_s| *at_s < every_s + 1.0);
        if let Some(at_s) = early {
            let message = format!(
                "the first dump is begun at {every_s} s and needs up to a second, and the disaster is at {at_s} s: there would be \
                 nothing to restore; dump more often, or let the disaster come later"
            );
            return Err(self.error(span, message));
        }
        Ok((every_s * 1e3).round() as u64)
    }

    /// A disaster needs a second site, and where there are two, nothing else is broken: what would then be healed is gone.
    pub(super) fn check_sites(
        &self,
        fault: &Fault,
        before: &[Fault],
        two_sites: bool,
        target: &Range<usize>,
    ) -> Result<(), ScenarioError> {
        let message = match (two_sites, fault.action.is_of_a_site()) {
            (false, true) => {
                "a disaster needs a second site that takes over; say how it stands by in [standby_site]"
            }
            (true, false) => {
                "with a [standby_site] the only fault is a disaster of site-a; take this one out, or the section"
            }
            (true, true) if !before.is_empty() => "a site has one disaster; take this one out",
            _ => return Ok(()),
        };
        Err(self.error(target.clone(), message))
    }
}

impl StandbySite {
    /// The same where every time is halved but those that belong to machines: the link's and the probe's.
    pub(super) fn quick(self) -> Self {
        Self {
            dump_every_ms: self.dump_every_ms.map(|ms| (ms / 2).max(1)),
            declare_ms: self.declare_ms / 2,
            ..self
        }
    }
}
