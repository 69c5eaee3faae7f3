//! The `[[probes]]` as written.

use super::{LONGEST_S, ScenarioError, Source};
use crate::phase::{Phase, Phases};
use crate::probe::{Probe, ProbeKind};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

const MOST_TIMES: u32 = 100;

/// Something that an adversary, or a clumsy client, tries beside the load, with sessions of its own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Probe")]
pub(super) struct ProbeFile {
    /// When, after the load starts. It must lie between the end of the warm-up and that of the load. Seconds.
    #[schemars(with = "f64", range(min = 0.0, max = LONGEST_S))]
    at_s: Spanned<f64>,
    /// What is tried.
    kind: ProbeKind,
    /// How many times, one after the other, each with a session of its own.
    #[schemars(with = "Option<u32>", range(min = 1, max = MOST_TIMES), extend("default" = 1))]
    times: Option<Spanned<u32>>,
}

impl Source<'_> {
    pub(super) fn probes(
        &self,
        written: Vec<ProbeFile>,
        phases: &Phases,
    ) -> Result<Vec<Probe>, ScenarioError> {
        let from_us = phases.span(Phase::WarmUp).map_or(0, |span| span.end_us);
        let mut probes: Vec<Probe> = Vec::new();
        for ProbeFile { at_s, kind, times } in written {
            let at_us = self.seconds("probes.at_s", &at_s)?;
            if at_us < from_us || at_us >= phases.end_us() {
                let message = format!(
                    "probe at {} s lies outside of {} s to {} s after the load starts, the time between the warm-up and the end of \
                     the load; move it or change the phases",
                    at_s.get_ref(),
                    from_us as f64 / 1e6,
                    phases.end_us() as f64 / 1e6,
                );
                return Err(self.error(at_s.span(), message));
            }
            if probes.last().is_some_and(|last| last.at_us > at_us) {
                return Err(self.error(at_s.span(), "probes must stand in order of at_s; move this one up"));
            }
            let times = times.map_or(Ok(1), |times| self.range("probes.times", times, 1, MOST_TIMES))?;
            probes.push(Probe { at_us, kind, times });
        }
        Ok(probes)
    }
}
