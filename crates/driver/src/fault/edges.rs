//! What is done to the edges between processes: a relay stands on each, and its level is set.

use super::{Chosen, Injector, not_here};
use crate::error::DriverError;
use crate::relay::Relay;
use protocol::relay::{Lane, Level, LoseAnswers};
use scenario::{Edge, FaultAction, Target};
use std::num::NonZeroU64;

impl Injector {
    pub(super) async fn disturb(&self, action: FaultAction, chosen: Chosen) -> Result<String, DriverError> {
        let level = level(action)?;
        let mut cluster = self.cluster.lock().await;
        if let Chosen::Other(Target::Edge(edge)) = chosen {
            cluster.note_level(edge, level);
        }
        let relays: Vec<&Relay> = match chosen {
            Chosen::Server(number) => {
                cluster.place_mut(number).and_then(|place| place.relay.as_ref()).into_iter().collect()
            }
            Chosen::Other(Target::Edge(edge)) => cluster.relays_on(edge),
            Chosen::Other(target) => return Err(not_here(action, &target.to_string())),
        };
        if relays.is_empty() {
            return Err(DriverError::Machine("no relay stands on that edge".to_owned()));
        }
        let mut proofs = Vec::new();
        for relay in relays {
            proofs.push(set(relay, level).await?);
        }
        Ok(proofs.join("; "))
    }

    pub(super) async fn calm_all(&self) -> Result<(), DriverError> {
        let mut cluster = self.cluster.lock().await;
        for edge in Edge::ALL {
            cluster.note_level(edge, Level::default());
            for relay in cluster.relays_on(edge) {
                set(relay, Level::default()).await?;
            }
        }
        Ok(())
    }
}

/// Sets a level; the relay answers once every open connection has read it.
async fn set(relay: &Relay, level: Level) -> Result<String, DriverError> {
    let state = relay.set_level(level).await?;
    if state.level != level {
        return Err(DriverError::Machine(format!(
            "{} has another level than it was given",
            relay.process().name()
        )));
    }
    Ok(format!(
        "{}: {} connections go by the new level, {} resets",
        relay.process().name(),
        state.connections_open,
        state.resets
    ))
}

fn level(action: FaultAction) -> Result<Level, DriverError> {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let both = |lane: Lane| Level { up: lane, down: lane, ..Level::default() };
    Ok(match action {
        FaultAction::Delay { delay_ms, jitter_ms } => {
            both(Lane { delay_ms: narrow(delay_ms), jitter_ms: narrow(jitter_ms), ..Lane::default() })
        }
        FaultAction::Throttle { kbytes_per_s } => {
            both(Lane { rate_bytes_per_s: NonZeroU64::new(kbytes_per_s * 1_000), ..Lane::default() })
        }
        FaultAction::Cut => Level { cut: true, ..Level::default() },
        FaultAction::Refuse => Level { refuse: true, ..Level::default() },
        FaultAction::LoseAnswers { one_in } => {
            let one_in = NonZeroU64::new(u64::from(one_in)).unwrap_or(NonZeroU64::MIN);
            Level { lose_answers: Some(LoseAnswers { one_in }), ..Level::default() }
        }
        FaultAction::Calm => Level::default(),
        _ => return Err(not_here(action, "an edge")),
    })
}
