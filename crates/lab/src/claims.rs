//! `lab list --claims`: which scenarios put which claim to the test, and on which stacks.

use crate::args::ListArgs;
use crate::terminal::say;
use scenario::{CLAIMS, Claim, ClaimGroup, Scenario};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// A scenario, and the stacks of which it promises something.
struct Test<'a> {
    scenario: &'a Scenario,
    stacks: Vec<String>,
}

fn tests<'a>(id: &str, scenarios: &'a [Scenario]) -> Vec<Test<'a>> {
    let of_claim = scenarios.iter().filter(|scenario| scenario.claims.iter().any(|claim| claim == id));
    of_claim.map(|scenario| Test { scenario, stacks: promised(scenario) }).collect()
}

/// The stacks of which a scenario promises something.
fn promised(scenario: &Scenario) -> Vec<String> {
    let promised = |stack: &String| scenario.expect.iter().any(|promise| promise.covers(stack));
    scenario.stacks.iter().map(ToString::to_string).filter(promised).collect()
}

/// How a scenario that shows a claim's limit is marked.
fn limit(test: &Test<'_>, id: &str) -> &'static str {
    if test.scenario.limits.iter().any(|limit| limit == id) { " (*limit*)" } else { "" }
}

/// Ids that scenarios name and that are none of the claims: the user's own.
fn others(scenarios: &[Scenario]) -> BTreeSet<&str> {
    let known = |id: &str| CLAIMS.iter().flat_map(|group| group.claims).any(|claim| claim.id == id);
    scenarios.iter().flat_map(|s| &s.claims).map(String::as_str).filter(|id| !known(id)).collect()
}

/// Prints them as they are asked for.
pub fn print(args: &ListArgs, scenarios: &[Scenario]) {
    if args.json {
        say(&format!("{:#}\n", as_json(scenarios)));
    } else if args.markdown {
        say(&markdown(scenarios));
    } else {
        say(&text(scenarios));
    }
}

fn text(scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    let mut row = |id: &str, what: &str| {
        let _ = writeln!(text, "{id:<4} {what}");
        let tests = tests(id, scenarios);
        if tests.is_empty() {
            text.push_str("       no scenario\n");
        }
        for Test { scenario, stacks } in tests {
            let _ = writeln!(text, "       {:<24} {}", scenario.name, stacks.join(", "));
        }
    };
    for claim in CLAIMS.iter().flat_map(|group| group.claims) {
        row(claim.id, claim.text);
    }
    for id in others(scenarios) {
        row(id, "(none of the lab's own claims)");
    }
    text
}

fn as_json(scenarios: &[Scenario]) -> Value {
    let row = |id: &str, what: Option<&str>| {
        let tests: Vec<Value> = tests(id, scenarios)
            .into_iter()
            .map(|test| json!({ "scenario": test.scenario.name, "stacks": test.stacks }))
            .collect();
        json!({ "claim": id, "text": what, "scenarios": tests })
    };
    let ours = CLAIMS.iter().flat_map(|group| group.claims).map(|claim| row(claim.id, Some(claim.text)));
    Value::Array(ours.chain(others(scenarios).into_iter().map(|id| row(id, None))).collect())
}

/// All of `docs/claims.md`.
fn markdown(scenarios: &[Scenario]) -> String {
    let mut text = String::from(
        "<!-- Made by `lab list --claims --markdown` from the scenario files; edit those, or crates/scenario/src/claims.rs. -->\n\n\
         # The claims that are put to the test\n\n\
         Whoever asks \"should our web tier be stateless, and when?\" is told the following everywhere. The lab exists to turn each \
         sentence into a\nmeasured answer: it holds, it does not hold, or it holds under this condition. A scenario names the claims \
         that it tests by these ids; what each\nasks stands below.\n\n\
         A report's verdict on a claim follows from the promises of the scenarios that ran, by one rule that \
         [results.md](results.md#claims) spells out. A scenario\nmarked *limit* shows where the claim ends: when its promises are \
         kept, the claim holds only outside of what happens there.\n",
    );
    for ClaimGroup { title, claims } in &CLAIMS {
        let _ = write!(text, "\n## {title}\n\n| id | claim | tested by |\n|---|---|---|\n");
        for Claim { id, text: claim, .. } in *claims {
            let told: Vec<String> = tests(id, scenarios)
                .iter()
                .map(|test| format!("`{}`{}", test.scenario.name, limit(test, id)))
                .collect();
            let told = if told.is_empty() { "not yet".to_owned() } else { told.join(", ") };
            let _ = writeln!(text, "| {id} | {claim} | {told} |");
        }
    }
    text.push_str(
        "\n## The scenarios\n\n| scenario | what it asks | of whom it promises something |\n|---|---|---|\n",
    );
    for scenario in scenarios {
        let stacks: Vec<String> = promised(scenario).iter().map(|stack| format!("`{stack}`")).collect();
        let question = scenario.question.replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {question} | {} |", scenario.name, stacks.join(", "));
    }
    text
}
