//! What a comparison will run: which scenarios, on which stacks, in which order.

use crate::args::CompareArgs;
use crate::failure::Failure;
use crate::harm;
use crate::runner::Subject;
use crate::scenarios;
use crate::terminal::note;
use anyhow::anyhow;
use driver::{DriverError, ExternalStores, Program};
use journal::{LeftOut, PlannedTrial};
use scenario::{ConflictPolicy, Family, Scenario, Stack};

/// A stack, and which of its columns: the noise floor runs one against itself.
#[derive(Clone, Copy)]
struct Column {
    stack: Stack,
    replica: u32,
}

/// Everything that was asked for.
pub struct Settled {
    /// The scenarios.
    pub subjects: Vec<Subject>,
    /// Every trial, in order.
    pub trials: Vec<PlannedTrial>,
    /// Stacks that cannot be run here.
    pub left_out: Vec<LeftOut>,
}

/// Reads the scenarios and settles which stacks can be run.
///
/// # Errors
/// When a scenario is unknown or wrong, a stack cannot be run, or a fault would hurt what the lab has not started.
pub fn settle(args: &CompareArgs, external: &ExternalStores) -> Result<Settled, Failure> {
    let mut settled = Settled { subjects: Vec::new(), trials: Vec::new(), left_out: Vec::new() };
    if args.all {
        note(&format!(
            "not part of --all, for it takes many minutes: {} (run it by its name)",
            scenarios::ALONE.join(", ")
        ));
    }
    for name in wanted(args) {
        let (mut scenario, source) = scenarios::load(&name)?;
        if settled.subjects.iter().any(|other| other.scenario.name == scenario.name) {
            return Err(Failure::usage(anyhow!(
                "scenario '{}' is named twice; name it once, or use --repeat",
                scenario.name
            )));
        }
        if args.quick {
            scenario = scenario.quick();
        }
        let stacks = stacks(&scenario, &args.stacks, external, &mut settled.left_out)?;
        harm::refuse_strangers(&scenario, &stacks, external)?;
        for told in harm::unhit(&scenario, &stacks) {
            note(&told);
        }
        schedule(&scenario.name, &columns(&stacks, args.noise_floor), args.repeat, &mut settled.trials);
        settled.subjects.push(Subject { scenario, source });
    }
    Ok(settled)
}

fn wanted(args: &CompareArgs) -> Vec<String> {
    match (args.all, args.scenarios.is_empty()) {
        (true, _) => scenarios::suite().map(str::to_owned).collect(),
        (false, true) => scenarios::CORE.map(str::to_owned).to_vec(),
        (false, false) => args.scenarios.clone(),
    }
}

/// Adds a scenario's trials. A B B A: whatever drifts on the machine falls on both alike.
fn schedule(scenario: &str, columns: &[Column], repeats: u32, trials: &mut Vec<PlannedTrial>) {
    for repeat in 1..=repeats {
        let mut columns = columns.to_vec();
        if repeat % 2 == 0 {
            columns.reverse();
        }
        for Column { stack, replica } in columns {
            let order = u32::try_from(trials.len() + 1).unwrap_or(u32::MAX);
            trials.push(PlannedTrial { scenario: scenario.to_owned(), stack, replica, repeat, order });
        }
    }
}

/// The first stack is the one that the others are compared with, so it is the one whose noise matters.
fn columns(stacks: &[Stack], noise_floor: bool) -> Vec<Column> {
    let mut columns: Vec<Column> = stacks.iter().map(|stack| Column { stack: *stack, replica: 0 }).collect();
    if let (true, Some(first)) = (noise_floor, stacks.first()) {
        columns.insert(1, Column { stack: *first, replica: 1 });
    }
    columns
}

/// A stack that was asked for by name must run; one that merely belongs to the scenario is left out, and that is said.
///
/// # Errors
/// When one was asked for and cannot run, or none can.
pub fn stacks(
    scenario: &Scenario,
    asked: &[Stack],
    external: &ExternalStores,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<Stack>, Failure> {
    let wanted = if asked.is_empty() { &scenario.stacks } else { asked };
    let mut stacks: Vec<Stack> = Vec::new();
    for stack in wanted {
        if stacks.contains(stack) {
            return Err(Failure::usage(anyhow!(
                "stack '{stack}' is named twice; name it once, or use --repeat"
            )));
        }
        if scenario.standby_site.is_some() && !stack.store.can_stand_at_two_sites() {
            return Err(Failure::usage(anyhow!(
                "'{}' has two sites, and {stack} cannot stand at two; name another stack, or another scenario",
                scenario.name
            )));
        }
        let policy = stack.conflict.unwrap_or(scenario.topology.conflict_policy);
        if policy == ConflictPolicy::Optimistic && !stack.compares_versions() {
            return Err(Failure::usage(anyhow!(
                "stack '{stack}' cannot be optimistic: its store has no versions to compare; write '{}'",
                stack.with_conflict(ConflictPolicy::LastWriteWins)
            )));
        }
        match lacking(*stack, external) {
            None => stacks.push(*stack),
            Some(e) if !asked.is_empty() => return Err(e.into()),
            Some(e) => {
                let one = LeftOut { stack: stack.to_string(), why: e.to_string() };
                if !left_out.contains(&one) {
                    note(&format!("left out: {} ({})", one.stack, one.why));
                    left_out.push(one);
                }
            }
        }
    }
    if stacks.is_empty() {
        return Err(Failure::environment(anyhow!(
            "none of the stacks of '{}' can be run here; install what is missing with 'just setup'",
            scenario.name
        )));
    }
    Ok(stacks)
}

/// What a stack needs and this machine has not.
pub fn lacking(stack: Stack, external: &ExternalStores) -> Option<DriverError> {
    match stack.store.family() {
        Family::Redis if external.redis.is_none() => Program::Redis.find().err(),
        Family::Postgres if external.postgres.is_none() => Program::Postgres.find().err(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_go_a_b_b_a_and_are_numbered_through() {
        let columns = columns(&[Stack::stateful(), Stack::stateless(scenario::StoreKind::Redis)], false);
        let mut trials = Vec::new();
        schedule("one", &columns, 2, &mut trials);
        schedule("two", &columns[..1], 1, &mut trials);
        let told: Vec<String> =
            trials.iter().map(|t| format!("{} {} {} {}", t.order, t.scenario, t.stack, t.repeat)).collect();
        assert_eq!(
            told,
            [
                "1 one stateful 1",
                "2 one stateless-redis 1",
                "3 one stateless-redis 2",
                "4 one stateful 2",
                "5 two stateful 1"
            ]
        );
    }
}
