//! Whether what was measured meets the user's recovery objectives: one rule for crashes, deployments and drills. `advice.js` follows the
//! same, and a test compares the two.

use super::facts::{Architecture, Away, Facts, Loss};
use super::outlook::Cause;
use super::range::{digits, given};
use super::service::Service;
use crate::words::counted;
use scenario::Stack;

/// The recovery point objective that an event breaks: it took sessions, or lines that are older than the objective allows. Nothing that is
/// lost is older than its session, and where no session is open nothing can be.
pub(crate) fn broken_rpo(loss: &Loss, service: &Service) -> Option<f64> {
    let rpo_s = service.rpo_s.filter(|_| service.sessions > 0.0)?;
    let outlives = service.session_minutes.is_none_or(|minutes| minutes * 60.0 > rpo_s);
    let older = loss.oldest_lost_s.is_some_and(|oldest_s| oldest_s > rpo_s);
    let broken = loss.lost > 0 || older || (rpo_s == 0.0 && loss.writes_gone > 0);
    (outlives && broken).then_some(rpo_s)
}

/// What was lost: `104 of 300 sessions`, or, where every session lives, `154 acknowledged lines, the oldest 2.5 s old`.
pub(crate) fn harm(loss: &Loss) -> String {
    let verified = given(loss.verified as f64);
    if loss.lost > 0 {
        return format!("{} of {verified} sessions", given(loss.lost as f64));
    }
    if loss.writes_gone == 0 {
        return format!("none of {verified} sessions");
    }
    let lines = counted(loss.writes_gone, "acknowledged line", "acknowledged lines");
    match loss.oldest_lost_s {
        Some(oldest_s) => format!("{lines}, the oldest {} s old", digits(oldest_s)),
        None => lines,
    }
}

/// Which objective an event missed, and by how much; `None` when it met them, or there are none.
pub(crate) fn missed(loss: &Loss, service: &Service) -> Option<String> {
    if let Some(rpo_s) = broken_rpo(loss, service) {
        let (harm, rpo_s) = (harm(loss), given(rpo_s));
        return Some(format!("it lost {harm} in {}, and you allow the loss of {rpo_s} s", loss.scenario));
    }
    let rto_s = service.rto_s?;
    let told = match loss.away {
        Away::Back { away_s } if away_s <= rto_s => return None,
        Away::Back { away_s } => format!("the service was away for {} s", digits(away_s)),
        Away::NotBack => "nobody saw the service back".to_owned(),
        Away::NotMeasured => "how long the service was away was not measured".to_owned(),
    };
    Some(format!("{told} in {}, and you allow {} s", loss.scenario, given(rto_s)))
}

/// The drills in which the stateful tier missed the objectives.
pub(crate) fn missed_drills<'a>(facts: &'a Facts, service: &Service) -> Vec<&'a Loss> {
    let drills = facts.stateful.iter().flat_map(|stateful| &stateful.drills);
    drills.filter(|drill| missed(drill, service).is_some()).collect()
}

/// The stateless stacks that were put through a drill, and whether they met the objectives in it.
pub(crate) fn drilled<'a>(facts: &'a Facts, scenario: &str, service: &Service) -> Vec<(&'a str, bool)> {
    let of = |a: &'a Architecture| {
        let drill = a.drills.iter().find(|drill| drill.scenario == scenario)?;
        Some((a.stack.as_str(), missed(drill, service).is_none()))
    };
    facts.stateless.iter().filter_map(of).collect()
}

/// The drills because of which T4 fires: the stateful tier missed the objectives in them, and a stateless stack met them.
pub(crate) fn contested<'a>(facts: &'a Facts, service: &Service) -> Vec<&'a str> {
    let met = |drill: &&Loss| drilled(facts, &drill.scenario, service).iter().any(|(_, met)| *met);
    missed_drills(facts, service).into_iter().filter(met).map(|drill| drill.scenario.as_str()).collect()
}

/// Whether an architecture was put through none of these drills.
pub(crate) fn is_undrilled(architecture: &Architecture, drills: &[&str]) -> bool {
    !drills.is_empty() && !architecture.drills.iter().any(|drill| drills.contains(&drill.scenario.as_str()))
}

/// Whether a second site can have what it holds.
pub(crate) fn can_be_drilled(architecture: &Architecture) -> bool {
    architecture.stack.parse::<Stack>().is_ok_and(|stack| stack.store.can_stand_at_two_sites())
}

/// Which objective an architecture missed in something that can befall it.
pub(crate) fn missed_event(architecture: &Architecture, service: &Service) -> Option<String> {
    let mut events = Cause::ALL.into_iter().filter(|cause| cause.comes(service));
    events.find_map(|cause| missed(cause.of(architecture).measured()?, service))
}

/// Why an architecture is not shown to meet the user's objectives; `None` when it is, as far as it was measured. Where T4 fires, it has to
/// have met them in one of the drills that T4 fires for.
pub(crate) fn refused(facts: &Facts, architecture: &Architecture, service: &Service) -> Option<String> {
    if let Some(why) = missed_event(architecture, service) {
        return Some(why);
    }
    let contested = contested(facts, service);
    if is_undrilled(architecture, &contested) {
        return Some(if can_be_drilled(architecture) {
            let drills = contested.join(", ");
            format!("it was not put through {drills}, where the stateful tier missed your objectives")
        } else {
            "no second site can have what it holds, and your objectives need one".to_owned()
        });
    }
    let own = architecture.drills.iter().filter(|drill| contested.contains(&drill.scenario.as_str()));
    let failed: Option<Vec<String>> = own.map(|drill| missed(drill, service)).collect();
    failed.and_then(|failed| failed.into_iter().next())
}
