//! The planned look-ups of a trial: an operator asks the servers whose session is where, one shopper after the other, beside the load.

use crate::clock::Clock;
use crate::look_up::{LookUp, Operator};
use crate::recorder::Recorder;
use crate::tier::Roster;
use journal::{Event, FoundSession, LookupEvent};
use scenario::Plan;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any server that lives takes on a tier of this size.
const PATIENCE: Duration = Duration::from_secs(2);

/// Carries out every round at its time and records each look-up.
pub async fn look_up_all(plan: Arc<Plan>, roster: Option<Arc<Roster>>, recorder: Recorder, clock: Clock) {
    let Some(roster) = roster.filter(|_| !plan.lookups.is_empty()) else { return };
    let tier = roster.tier();
    let operator = match fs::read_to_string(&tier.token_file).map(|token| Operator::new(&token, PATIENCE)) {
        Ok(Ok(operator)) => operator,
        failed => {
            let why = failed.err().map_or("no HTTP client".to_owned(), |e| e.to_string());
            let reason = format!("nobody can look sessions up: {why}");
            return recorder.record(Event::Void { at_us: clock.now_us(), reason });
        }
    };
    for round in &plan.lookups {
        clock.sleep_until(round.at_us).await;
        for shopper in &round.shoppers {
            let Some(planned) = plan.shoppers.get(*shopper as usize) else { continue };
            let at_us = clock.now_us();
            // Who is there may change from one look-up to the next.
            let found = operator.look_up(&roster.tier().servers, &planned.owner, Some(tier.reach())).await;
            recorder.record(Event::Lookup(event(round.lookup, *shopper, at_us, clock.now_us(), &found)));
        }
    }
}

fn event(lookup: u32, shopper: u32, at_us: u64, done_us: u64, found: &LookUp) -> LookupEvent {
    let silent = found.replies.iter().filter(|reply| reply.said.is_err());
    let session = |(server, seen): (&str, &protocol::ops::Sighting)| FoundSession {
        server: server.to_owned(),
        version: seen.version,
        lines: seen.lines,
        age_ms: seen.age_ms,
    };
    LookupEvent {
        lookup,
        shopper,
        at_us,
        done_us,
        places: found.places,
        answered: found.answered,
        questions: u32::try_from(found.replies.len()).unwrap_or(u32::MAX),
        silent: silent.map(|reply| reply.door.instance.clone()).collect(),
        found: found.sightings().map(session).collect(),
    }
}
