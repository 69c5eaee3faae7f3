//! What each process is when a fault is due, as far as the faults before it tell: what cannot be done to it then is an error.

use crate::fault::{Fault, FaultAction, Target};
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Up,
    Paused,
    /// Killed or terminated.
    Ended,
    /// Taken out of the tier.
    Removed,
    /// A deployment or a disaster came by.
    Unknown,
}

/// A place that faults name. The busiest server may be any of the others, so that nothing is known of it but what is done to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Server(u32),
    /// The one that was the busiest when this fault was due.
    BusiestAt(usize),
    Store,
    Replica,
}

/// Why a fault of a list cannot be carried out, if one cannot; which, and a sentence.
pub(super) fn impossible(faults: &[Fault], servers: u32) -> Option<(usize, String)> {
    let mut standing: BTreeMap<Place, Standing> = BTreeMap::new();
    let mut latest = None;
    let mut left = servers;
    for (index, fault) in faults.iter().enumerate() {
        let place = match fault.target {
            Target::Server(number) => Some(Place::Server(number)),
            Target::BusiestServer => Some(Place::BusiestAt(index)),
            Target::SameServer => latest,
            Target::Store => Some(Place::Store),
            Target::Replica => Some(Place::Replica),
            _ => None,
        };
        if matches!(place, Some(Place::Server(_) | Place::BusiestAt(_))) {
            latest = place;
        }
        match fault.action {
            FaultAction::Add { count } => left += count,
            FaultAction::Remove { .. } if left == 1 => {
                return Some((index, "a remove of the last server would leave no tier; keep one".to_owned()));
            }
            FaultAction::Remove { .. } => left -= 1,
            FaultAction::RollingRestart { .. } | FaultAction::Disaster => {
                for standing in standing.values_mut().filter(|standing| **standing != Standing::Removed) {
                    *standing = Standing::Unknown;
                }
            }
            _ => {}
        }
        let Some(place) = place else { continue };
        let before = standing.get(&place).copied().unwrap_or(Standing::Up);
        match after(fault.action, before) {
            // A store of several processes has another primary by then.
            _ if place == Place::Store && before == Standing::Ended && ends(fault.action) => {}
            Ok(after) => {
                standing.insert(place, after);
            }
            Err(why) => {
                return Some((
                    index,
                    format!("a {} of {} means nothing here: {why}", fault.action.name(), fault.target),
                ));
            }
        }
    }
    None
}

fn ends(action: FaultAction) -> bool {
    matches!(action, FaultAction::Kill | FaultAction::Terminate | FaultAction::Pause)
}

/// What a process is after an action.
fn after(action: FaultAction, before: Standing) -> Result<Standing, &'static str> {
    use Standing::{Ended, Paused, Removed, Up};
    match (action, before) {
        (_, Removed) => Err("an earlier fault has taken it out of the tier for good"),
        (FaultAction::Kill | FaultAction::Terminate | FaultAction::CrashLoop { .. }, Ended) => {
            Err("an earlier fault has ended it; start it first")
        }
        (FaultAction::Pause, Ended) => Err("an earlier fault has ended it; start it first"),
        (FaultAction::Pause, Paused) => Err("it is paused already"),
        (FaultAction::Resume, Up) => Err("no earlier fault has paused it; put a pause before it"),
        (FaultAction::Resume, Ended) => Err("an earlier fault has ended it; start it instead"),
        (FaultAction::Start | FaultAction::StartEmpty, Up | Paused) => {
            Err("no earlier fault has ended it; put a kill or a terminate before it")
        }
        (FaultAction::Kill | FaultAction::Terminate | FaultAction::CrashLoop { .. }, _) => Ok(Ended),
        (FaultAction::Pause, _) => Ok(Paused),
        (FaultAction::Resume | FaultAction::Start | FaultAction::StartEmpty, _) => Ok(Up),
        (FaultAction::Remove { .. }, _) => Ok(Removed),
        (_, before) => Ok(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FaultAction::{Add, Kill, Pause, Remove, Resume, Start, Terminate};
    use Target::{BusiestServer, SameServer, Server, Servers, Store};

    fn told(faults: &[(FaultAction, Target)]) -> Option<(usize, String)> {
        let fault =
            |(action, target): &(FaultAction, Target)| Fault { at_us: 0, action: *action, target: *target };
        impossible(&faults.iter().map(fault).collect::<Vec<_>>(), 2)
    }

    #[test]
    fn what_can_be_done_one_after_the_other_is_let_through() {
        let fine: [&[(FaultAction, Target)]; 5] = [
            &[(Kill, Server(1)), (Start, Server(1)), (Kill, Server(1))],
            &[(Pause, Store), (Resume, Store), (Kill, Store), (Start, Store)],
            &[(Kill, BusiestServer), (Start, SameServer), (Terminate, SameServer)],
            &[(Kill, BusiestServer), (Kill, BusiestServer)],
            &[
                (Remove { drain_ms: 0 }, Server(1)),
                (Add { count: 1 }, Servers),
                (Remove { drain_ms: 0 }, Server(2)),
            ],
        ];
        for faults in fine {
            assert_eq!(told(faults), None, "{faults:?}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_told_with_its_reason() {
        let wrong: [(&[(FaultAction, Target)], &str); 8] = [
            (&[(Kill, Server(1)), (Kill, Server(1))], "has ended it"),
            (&[(Start, Server(1))], "put a kill"),
            (&[(Start, Store)], "put a kill"),
            (&[(Resume, Server(2))], "put a pause"),
            (&[(Pause, Server(2)), (Pause, Server(2))], "paused already"),
            (&[(Kill, BusiestServer), (Kill, SameServer)], "has ended it"),
            (&[(Remove { drain_ms: 0 }, Server(1)), (Kill, Server(1))], "out of the tier"),
            (&[(Remove { drain_ms: 0 }, Server(1)), (Remove { drain_ms: 0 }, Server(2))], "last server"),
        ];
        for (faults, why) in wrong {
            let (index, said) = told(faults).unwrap_or_else(|| panic!("{faults:?} is let through"));
            assert!(index + 1 == faults.len() && said.contains(why), "{faults:?}: {said}");
        }
    }
}
