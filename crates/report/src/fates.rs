//! One shopper, the same seed, told on each stack. Whose story is told is chosen by a rule, so that it is the same whenever the
//! report is made again.

use analysis::{AnomalyKind, Fate, TrialFindings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One shopper, told on each stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fates {
    /// Who.
    pub shopper: u32,
    /// In which repeat.
    pub repeat: u32,
    /// The story on each stack, in the order in which they were handed in.
    pub told: Vec<Fate>,
}

/// A shopper whose story is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Witness {
    /// In which repeat.
    pub repeat: u32,
    /// Who.
    pub shopper: u32,
}

/// Shoppers worth a story, at most `most` of them: those who lost a session, those who lost a line, those who were turned away
/// for a while; each in the first repeat that has any. Where nobody was harmed it is shopper 0 of the first repeat. Hand the
/// trials of one scenario in, and tell each witness's [`Fate`] on every stack of that repeat.
pub fn witnesses(trials: &[&TrialFindings], most: usize) -> Vec<Witness> {
    let kinds = [AnomalyKind::LostSession, AnomalyKind::LostWrite, AnomalyKind::MisroutedSession];
    for kind in kinds {
        let mut found: Vec<Witness> = trials
            .iter()
            .flat_map(|trial| trial.anomalies.iter().map(move |anomaly| (trial.identity.repeat, anomaly)))
            .filter(|(_, anomaly)| anomaly.kind == kind)
            .map(|(repeat, anomaly)| Witness { repeat, shopper: anomaly.shopper })
            .collect();
        found.sort_unstable();
        found.dedup();
        if let Some(first) = found.first().copied() {
            found.retain(|witness| witness.repeat == first.repeat);
            found.truncate(most);
            return found;
        }
    }
    let first = trials.iter().map(|trial| trial.identity.repeat).min();
    first.map(|repeat| Witness { repeat, shopper: 0 }).into_iter().take(most).collect()
}

/// The group of one shopper and repeat in which most was at stake when it was lost.
pub(crate) fn most_telling(scenario: &str, fates: &[Fate]) -> Option<Fates> {
    let own: Vec<&Fate> = fates.iter().filter(|fate| fate.identity.scenario == scenario).collect();
    let mut best: Option<(u32, Witness)> = None;
    for fate in &own {
        let who = Witness { repeat: fate.identity.repeat, shopper: fate.shopper };
        let score = stake(fate);
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, who));
        }
    }
    let (_, who) = best?;
    let told = own
        .into_iter()
        .filter(|fate| fate.identity.repeat == who.repeat && fate.shopper == who.shopper)
        .cloned()
        .collect();
    Some(Fates { shopper: who.shopper, repeat: who.repeat, told })
}

/// Lines that were owed just before the first harm, plus one for the harm itself; 0 for a story without any.
fn stake(fate: &Fate) -> u32 {
    let Some(at) = fate.steps.iter().position(|step| step.harmed) else { return 0 };
    1 + at.checked_sub(1).and_then(|before| fate.steps.get(before)).map_or(0, |step| step.owed)
}
