//! The `[[lookups]]` as written.

use super::{LONGEST_S, ScenarioError, Source};
use crate::lookup::Lookup;
use crate::phase::{Phase, Phases};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// More at once would be load.
const MOST_LOOKED_FOR: u32 = 1_000;

/// A round of an operator's look-ups: whose session is where?
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Lookup")]
pub(super) struct LookupFile {
    /// When, after the load starts: from the end of the warm-up to the end of the load. Seconds.
    #[schemars(with = "f64", range(min = 0.0, max = LONGEST_S))]
    at_s: Spanned<f64>,
    /// How many shoppers are looked for, one after the other. The seed chooses who, the same ones in every round.
    #[schemars(with = "u32", range(min = 1, max = MOST_LOOKED_FOR))]
    shoppers: Spanned<u32>,
}

impl Source<'_> {
    pub(super) fn lookups(
        &self,
        written: Vec<LookupFile>,
        phases: &Phases,
        shoppers: u32,
    ) -> Result<Vec<Lookup>, ScenarioError> {
        let from_us = phases.span(Phase::WarmUp).map_or(0, |span| span.end_us);
        let end_us = phases.end_us();
        let mut lookups: Vec<Lookup> = Vec::new();
        for LookupFile { at_s, shoppers: looked_for } in written {
            let at_us = self.seconds("lookups.at_s", &at_s)?;
            if at_us < from_us || at_us >= end_us {
                let (from, end) = (from_us as f64 / 1e6, end_us as f64 / 1e6);
                let message = format!(
                    "look-ups at {} s: before {from} s not everybody has logged in, and at {end} s the load is over; move them \
                     between the two",
                    at_s.get_ref()
                );
                return Err(self.error(at_s.span(), message));
            }
            if lookups.last().is_some_and(|last| last.at_us > at_us) {
                return Err(self.error(at_s.span(), "lookups must stand in order of at_s; move this one up"));
            }
            let most = shoppers.min(MOST_LOOKED_FOR);
            lookups.push(Lookup { at_us, shoppers: self.range("lookups.shoppers", looked_for, 1, most)? });
        }
        Ok(lookups)
    }
}
