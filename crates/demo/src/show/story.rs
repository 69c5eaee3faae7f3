//! Sentences for people: what was ordered, what came of it, what the router and the store did.

use super::message::Severity;
use journal::FaultStage;
use scenario::{FaultAction, Target};

/// What is hit, for people.
fn whom(target: Target) -> String {
    match target {
        Target::Server(place) => format!("server {place}"),
        Target::BusiestServer => "the busiest server".to_owned(),
        Target::Store => "the store".to_owned(),
        Target::Servers => "the servers".to_owned(),
        Target::Edge(_) => "the way to the store".to_owned(),
        other => other.to_string(),
    }
}

/// A few words for the time line.
pub(super) fn short(action: FaultAction, target: Target) -> String {
    let whom = match target {
        Target::Edge(_) => "store".to_owned(),
        other => whom(other).trim_start_matches("the ").to_owned(),
    };
    match action {
        FaultAction::Terminate => format!("stop {whom}"),
        FaultAction::Pause => format!("hang {whom}"),
        FaultAction::RollingRestart { drain_ms: 0, .. } => "rolling deploy".to_owned(),
        FaultAction::RollingRestart { .. } => "rolling deploy, drained".to_owned(),
        FaultAction::Add { .. } => "add a server".to_owned(),
        FaultAction::Route { policy } => format!("route: {policy}"),
        FaultAction::Delay { .. } => format!("slow {whom}"),
        FaultAction::Calm => format!("calm {whom}"),
        action => format!("{} {whom}", action.name()),
    }
}

/// What was ordered.
fn ordered(action: FaultAction, target: Target) -> String {
    let whom = whom(target);
    match action {
        FaultAction::Kill => format!("{} is killed: gone at once", capital(&whom)),
        FaultAction::Terminate => {
            format!("{} is asked to stop: it finishes what is in flight, and exits", capital(&whom))
        }
        FaultAction::Pause => format!("{} hangs: alive, and silent", capital(&whom)),
        FaultAction::Resume => format!("{} goes on", capital(&whom)),
        FaultAction::Start if target == Target::Store => "The store is started again".to_owned(),
        FaultAction::Start => format!("A new process takes the place of {whom}: its memory is empty"),
        FaultAction::Remove { .. } => format!("{} is drained and leaves the tier", capital(&whom)),
        FaultAction::Drain => format!("{} gets no new sessions", capital(&whom)),
        FaultAction::Undrain => format!("{} gets new sessions again", capital(&whom)),
        FaultAction::Add { .. } => "A server joins the tier".to_owned(),
        FaultAction::RollingRestart { drain_ms: 0, .. } => {
            "A new version is rolled out: one server after the other is replaced".to_owned()
        }
        FaultAction::RollingRestart { drain_ms, .. } => format!(
            "A new version is rolled out: one server after the other is drained for {} s and replaced",
            drain_ms as f64 / 1e3
        ),
        FaultAction::Route { policy } => format!("The router chooses by {policy} from now on"),
        FaultAction::Delay { delay_ms, .. } => {
            format!("Every byte to the store and back takes {delay_ms} ms longer")
        }
        FaultAction::Calm => "The way to the store is as fast as before".to_owned(),
        action => format!("{}: {whom}", action.name()),
    }
}

/// A stage of a fault in a sentence. A landing is told only of what takes its time.
pub(super) fn sentence(
    action: FaultAction,
    target: Target,
    stage: FaultStage,
    detail: &str,
) -> Option<(String, Severity)> {
    Some(match stage {
        FaultStage::Called => {
            let severity = match action {
                action if action.mends() => Severity::Good,
                FaultAction::Add { .. } | FaultAction::Route { .. } => Severity::Info,
                _ => Severity::Bad,
            };
            (format!("{}.", ordered(action, target)), severity)
        }
        FaultStage::Landed => match action {
            FaultAction::RollingRestart { .. } => ("The roll-out is over.".to_owned(), Severity::Good),
            FaultAction::Remove { .. } => (format!("{} has left.", capital(&whom(target))), Severity::Info),
            FaultAction::Add { .. } | FaultAction::Start => (format!("{}.", capital(detail)), Severity::Good),
            _ => return None,
        },
        FaultStage::Spared => {
            (format!("Nothing to {} here: this tier has no such thing.", action.name()), Severity::Info)
        }
        FaultStage::Failed => {
            (format!("It failed to {} {}: {detail}.", action.name(), whom(target)), Severity::Bad)
        }
    })
}

/// With a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// "1 session", "2 sessions".
pub(super) fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_has_a_sentence_and_fits_into_the_time_line() {
        let (server, store) = (Target::Server(2), Target::Store);
        let route = FaultAction::Route { policy: protocol::admin::Policy::RendezvousHash };
        for (action, target, words, said) in [
            (FaultAction::Kill, server, "kill server 2", "Server 2 is killed: gone at once."),
            (FaultAction::Pause, store, "hang store", "The store hangs: alive, and silent."),
            (FaultAction::Start, store, "start store", "The store is started again."),
            (
                route,
                Target::Servers,
                "route: rendezvous-hash",
                "The router chooses by rendezvous-hash from now on.",
            ),
        ] {
            assert_eq!(short(action, target), words);
            assert!(words.len() <= 32);
            assert_eq!(sentence(action, target, FaultStage::Called, "").unwrap().0, said);
        }
    }
}
