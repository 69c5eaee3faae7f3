//! Whom a scenario's faults would hurt: only what the lab has started itself, and somebody at all.

use crate::failure::Failure;
use anyhow::anyhow;
use driver::ExternalStores;
use scenario::{Edge, Family, Scenario, Stack, Target};

/// Refuses a fault on a store that somebody else runs, or on the way to it.
///
/// # Errors
/// The first such fault, with the stack and the option that named the store.
pub fn refuse_strangers(
    scenario: &Scenario,
    stacks: &[Stack],
    external: &ExternalStores,
) -> Result<(), Failure> {
    let touches_a_store = |target: Target| {
        matches!(
            target,
            Target::Store
                | Target::Replica
                | Target::SiteA
                | Target::Edge(Edge::ServerStore | Edge::PrimaryReplica)
        )
    };
    for fault in scenario.faults.iter().filter(|fault| touches_a_store(fault.target)) {
        let Some(stack) = stacks.iter().find(|stack| external.url_for(stack.store).is_some()) else {
            continue;
        };
        let (option, variable) = match stack.store.family() {
            Family::Postgres => ("--postgres-url", "LAB_POSTGRES_URL"),
            _ => ("--redis-url", "LAB_REDIS_URL"),
        };
        return Err(Failure::usage(anyhow!(
            "'{}' would {} the {} of {stack}, which is somebody else's: it was named by {option} (or {variable}), and only what the \
             lab has started may be hurt; leave {option} out, and the lab starts its own, or name other scenarios",
            scenario.name,
            fault.action.name(),
            fault.target,
        )));
    }
    Ok(())
}

/// Faults that no stack of the run has anything for: nothing will be broken there, and that is said before it runs.
pub fn unhit(scenario: &Scenario, stacks: &[Stack]) -> Vec<String> {
    let mut told = Vec::new();
    for fault in &scenario.faults {
        if stacks.iter().any(|stack| stack.has(fault.target)) {
            continue;
        }
        let names: Vec<String> = stacks.iter().map(ToString::to_string).collect();
        told.push(format!(
            "'{}': {} {} at {} s hits nobody: {} {} none, and will be spared",
            scenario.name,
            fault.action.name(),
            fault.target,
            fault.at_us as f64 / 1e6,
            names.join(", "),
            if names.len() == 1 { "has" } else { "have" },
        ));
    }
    told
}
