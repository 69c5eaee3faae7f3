//! What an operator was told who looked for sessions while the trial ran.
//!
//! "Found" says that a session of that owner's is there. What is in it is judged by the shoppers' own answers, and by nothing here.

use journal::LookupEvent;
use scenario::Lookup;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A round of look-ups. `looked_up = found + nowhere + untold`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LookupRound {
    /// Its number in the plan, from 0.
    pub lookup: u32,
    /// When it was due.
    pub planned_us: u64,
    /// Whether it was due after the first fault was called.
    pub after_fault: bool,
    /// How many shoppers were to be looked for.
    pub planned: u64,
    /// How many were.
    pub looked_up: u64,
    /// Of these, found.
    pub found: u64,
    /// Of these, not found although every place that could hold the session answered.
    pub nowhere: u64,
    /// Of these, not found, and not every place could be asked: nobody can tell.
    pub untold: u64,
    /// The most places that one of them had to ask.
    pub places_most: u32,
    /// The fewest places that answered one of them.
    pub answered_least: u32,
    /// Questions that were sent for all of them.
    pub questions: u64,
    /// From the first question to the last answer: the median of them; `None` when nobody was looked for.
    pub took_p50_us: Option<u64>,
    /// The longest.
    pub took_max_us: Option<u64>,
}

/// Collects the look-ups of a trial.
#[derive(Debug)]
pub(crate) struct LookupWatch {
    rounds: Vec<(LookupRound, Vec<u64>)>,
}

impl LookupWatch {
    pub(crate) fn new(planned: &[Lookup]) -> Self {
        let round = |(lookup, round): (u32, &Lookup)| LookupRound {
            lookup,
            planned_us: round.at_us,
            planned: u64::from(round.shoppers),
            ..LookupRound::default()
        };
        Self { rounds: (0..).zip(planned).map(round).map(|round| (round, Vec::new())).collect() }
    }

    /// One that no round has planned is not counted.
    pub(crate) fn takes(&mut self, event: &LookupEvent) {
        let Some((round, took)) = self.rounds.get_mut(event.lookup as usize) else { return };
        let first = round.looked_up == 0;
        round.looked_up += 1;
        match (event.found.is_empty(), event.places > 0 && event.answered == event.places) {
            (false, _) => round.found += 1,
            (true, true) => round.nowhere += 1,
            (true, false) => round.untold += 1,
        }
        round.places_most = round.places_most.max(event.places);
        round.answered_least = if first { event.answered } else { round.answered_least.min(event.answered) };
        round.questions += u64::from(event.questions);
        took.push(event.done_us.saturating_sub(event.at_us));
    }

    /// The rounds, with `t0_us` the moment of the first fault.
    pub(crate) fn finish(self, t0_us: Option<u64>) -> Vec<LookupRound> {
        let finish = |(mut round, mut took): (LookupRound, Vec<u64>)| {
            took.sort_unstable();
            round.after_fault = t0_us.is_some_and(|t0_us| round.planned_us >= t0_us);
            round.took_p50_us = took.get(took.len().saturating_sub(1) / 2).copied();
            round.took_max_us = took.last().copied();
            round
        };
        self.rounds.into_iter().map(finish).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::FoundSession;

    fn event(shopper: u32, places: u32, answered: u32, found: bool) -> LookupEvent {
        let session = FoundSession { server: "server-1.1".to_owned(), version: 3, lines: 2, age_ms: 9 };
        LookupEvent {
            lookup: 1,
            shopper,
            at_us: 100,
            done_us: 100 + u64::from(shopper),
            places,
            answered,
            questions: 3,
            silent: Vec::new(),
            found: if found { vec![session] } else { Vec::new() },
        }
    }

    #[test]
    fn found_nowhere_and_untold_are_told_apart_and_rounds_before_and_after_the_fault_too() {
        let planned = [Lookup { at_us: 50, shoppers: 1 }, Lookup { at_us: 90, shoppers: 5 }];
        let mut watch = LookupWatch::new(&planned);
        // In memory, with and without a silent server; with the client, where there is nobody to ask.
        for (shopper, (places, answered, found)) in
            [(3, 3, true), (3, 2, true), (3, 3, false), (3, 2, false), (0, 0, false)].into_iter().enumerate()
        {
            watch.takes(&event(u32::try_from(shopper).unwrap(), places, answered, found));
        }
        watch.takes(&LookupEvent { lookup: 2, ..event(0, 1, 1, true) });
        let rounds = watch.finish(Some(90));
        assert_eq!((rounds[0].planned, rounds[0].looked_up, rounds[0].after_fault), (1, 0, false));
        assert_eq!(rounds[0].took_p50_us, None);
        let round = &rounds[1];
        assert_eq!((round.looked_up, round.found, round.nowhere, round.untold), (5, 2, 1, 2));
        assert_eq!((round.places_most, round.answered_least, round.questions), (3, 0, 15));
        assert_eq!((round.took_p50_us, round.took_max_us, round.after_fault), (Some(2), Some(4), true));
        assert!(!LookupWatch::new(&planned).finish(None)[1].after_fault, "there was no fault to be after");
    }
}
