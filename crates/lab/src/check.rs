//! `lab check`: are these scenario files right, and what will they do?

use crate::args::CheckArgs;
use crate::effect;
use crate::failure::{Exit, Failure};
use crate::scenarios;
use crate::terminal::say;
use scenario::{Scenario, Stack};
use serde_json::{Value, json};
use std::fmt::Write;

/// Checks every file and tells all that is wrong, one mistake a file. Of files that are named it tells what they will do.
///
/// # Errors
/// Never for a bad file: that is its answer.
pub fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let named = !args.scenarios.is_empty();
    let names = if named { args.scenarios.clone() } else { scenarios::names() };
    let checked: Vec<(String, Result<Scenario, String>)> = names
        .into_iter()
        .map(|name| {
            let read = scenarios::load(&name).map(|(scenario, _)| scenario);
            (name, read.map_err(|failure| format!("{:#}", failure.error)))
        })
        .collect();
    let bad = checked.iter().any(|(_, read)| read.is_err());
    if args.json {
        let rows: Vec<Value> = checked.iter().map(|(name, read)| as_json(name, read)).collect();
        say(&format!("{:#}\n", Value::Array(rows)));
    } else {
        for (name, read) in &checked {
            match read {
                Ok(scenario) if named => say(&format!("ok     {name}\n{}", in_words(scenario))),
                Ok(_) => say(&format!("ok     {name}\n")),
                Err(error) => say(&format!("wrong  {error}\n")),
            }
        }
    }
    Ok(if bad { Exit::Usage } else { Exit::Held })
}

fn names(stacks: &[Stack]) -> String {
    stacks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn in_words(scenario: &Scenario) -> String {
    let mut text = String::new();
    if let Some(site) = &scenario.standby_site {
        let _ = writeln!(text, "  what stands by at a second site, {}", site.strategy.name());
        for stack in &scenario.stacks {
            let there = effect::standing_by(scenario, *stack).unwrap_or_default();
            let _ = writeln!(text, "      {stack}: {there}");
        }
    }
    let effects = effect::effects(scenario);
    text.push_str(if effects.is_empty() { "  nothing is broken\n" } else { "  what is broken\n" });
    for effect in effects {
        let _ = writeln!(text, "    {}", effect.fault);
        for (stacks, what) in effect.stacks {
            let _ = writeln!(text, "      {}: {what}", names(&stacks));
        }
    }
    if !scenario.probes.is_empty() {
        text.push_str("  what is tried beside the load, with sessions of its own\n");
    }
    for probe in &scenario.probes {
        let _ = writeln!(text, "    {}", effect::probe(probe));
    }
    if !scenario.lookups.is_empty() {
        text.push_str("  what is looked for\n");
    }
    for (lookup, stacks) in effect::look_ups(scenario) {
        let _ = writeln!(text, "    {lookup}");
        for (stacks, what) in stacks {
            let _ = writeln!(text, "      {}: {what}", names(&stacks));
        }
    }
    text.push_str(if scenario.expect.is_empty() {
        "  nothing is promised\n"
    } else {
        "  what is promised\n"
    });
    for expectation in &scenario.expect {
        let covered: Vec<Stack> =
            scenario.stacks.iter().copied().filter(|stack| expectation.covers(&stack.to_string())).collect();
        let _ = writeln!(text, "    {}: {}", names(&covered), effect::promise(expectation));
        let _ = writeln!(text, "      because {}", expectation.because);
    }
    text
}

fn as_json(name: &str, read: &Result<Scenario, String>) -> Value {
    let scenario = match read {
        Err(error) => return json!({ "scenario": name, "error": error }),
        Ok(scenario) => scenario,
    };
    let faults: Vec<Value> = effect::effects(scenario)
        .into_iter()
        .map(|effect| {
            let stacks: serde_json::Map<String, Value> = effect
                .stacks
                .iter()
                .flat_map(|(stacks, what)| stacks.iter().map(move |s| (s.to_string(), json!(what))))
                .collect();
            json!({ "fault": effect.fault, "stacks": stacks })
        })
        .collect();
    let promises: Vec<Value> = scenario
        .expect
        .iter()
        .map(|e| json!({ "stacks": e.stacks, "promise": effect::promise(e), "because": e.because }))
        .collect();
    let probes: Vec<String> = scenario.probes.iter().map(effect::probe).collect();
    let lookups: Vec<String> = effect::look_ups(scenario).into_iter().map(|(lookup, _)| lookup).collect();
    json!({
        "scenario": name, "error": null, "faults": faults, "probes": probes, "lookups": lookups, "promises": promises
    })
}
