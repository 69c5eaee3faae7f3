//! `lab list`: the scenarios and the stacks.

use crate::args::ListArgs;
use crate::claims;
use crate::failure::{Exit, Failure};
use crate::scenarios;
use crate::terminal::say;
use driver::Program;
use scenario::{Family, Scenario, Stack};
use std::fmt::Write;

/// Prints them.
///
/// # Errors
/// When a file of the folder `scenarios` has a mistake.
pub fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let scenarios =
        scenarios::names().iter().map(|name| scenarios::load(name)).collect::<Result<Vec<_>, _>>()?;
    let scenarios: Vec<Scenario> = scenarios.into_iter().map(|(scenario, _)| scenario).collect();
    if args.claims {
        claims::print(args, &scenarios);
        return Ok(Exit::Held);
    }
    if args.json {
        say(&format!("{:#}\n", as_json(&scenarios)));
        return Ok(Exit::Held);
    }
    let mut text = String::from("Scenarios (lab compare NAME):\n");
    for scenario in &scenarios {
        let seconds = scenario.phases.end_us() / 1_000_000;
        let _ = writeln!(text, "  {:<16} {} ({seconds} s a stack)", scenario.name, scenario.question);
    }
    text.push_str("\nStacks (--stack NAME):\n");
    for stack in Stack::named() {
        let note = missing(stack).map_or(String::new(), |program| format!("  [needs {program}: just setup]"));
        let name = stack.to_string();
        let _ = writeln!(text, "  {name:<22} sessions in {}, {}{note}", stack.store.place(), stack.policy());
    }
    let _ = writeln!(text, "  {:<22} any other pair, such as memory+round-robin", "STORE+POLICY");
    say(&text);
    Ok(Exit::Held)
}

fn as_json(scenarios: &[Scenario]) -> serde_json::Value {
    let scenarios = scenarios.iter().map(|scenario| {
        let seconds = scenario.phases.end_us() as f64 / 1e6;
        let Scenario { name, question, claims, stacks, .. } = scenario;
        serde_json::json!({ "name": name, "question": question, "claims": claims, "stacks": stacks, "seconds": seconds })
    });
    let stacks = Stack::named().into_iter().map(|stack| {
        let (store, policy) = (stack.store, stack.policy());
        serde_json::json!({ "name": stack, "store": store, "policy": policy, "missing": missing(stack) })
    });
    serde_json::json!({ "scenarios": scenarios.collect::<Vec<_>>(), "stacks": stacks.collect::<Vec<_>>() })
}

/// The program that a stack needs and that is not installed.
fn missing(stack: Stack) -> Option<&'static str> {
    let program = match stack.store.family() {
        Family::Redis => Program::Redis,
        Family::Postgres => Program::Postgres,
        Family::Memory | Family::Sqlite | Family::Cookie => return None,
    };
    program.find().is_err().then(|| program.executable())
}
