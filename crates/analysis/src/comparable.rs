//! Whether trials may stand side by side.

use crate::findings::{Identity, TrialFindings};
use std::collections::BTreeMap;

/// Whether trials may be compared: those of one scenario and one repeat must have been given the same plan.
///
/// # Errors
/// A sentence that names two trials which were not, or one that names no plan.
pub fn comparable(trials: &[&TrialFindings]) -> Result<(), String> {
    let mut plans: BTreeMap<(&str, u32), &Identity> = BTreeMap::new();
    for Identity { scenario, repeat, stack, plan_sha256, .. } in trials.iter().map(|trial| &trial.identity) {
        if plan_sha256.trim().is_empty() {
            return Err(format!(
                "{scenario}, repeat {repeat}: the trial of {stack} names no plan; it cannot be compared"
            ));
        }
    }
    for identity in trials.iter().map(|trial| &trial.identity) {
        let Identity { scenario, repeat, stack, plan_sha256, .. } = identity;
        let first = *plans.entry((scenario, *repeat)).or_insert(identity);
        if first.plan_sha256 != *plan_sha256 {
            return Err(format!(
                "{scenario}, repeat {repeat}: {stack} was given another plan than {} ({} and {}); their loads differ, so they \
                 cannot be compared",
                first.stack,
                short(plan_sha256),
                short(&first.plan_sha256),
            ));
        }
    }
    Ok(())
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
