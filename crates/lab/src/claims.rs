//! `lab list --claims`: which scenarios put which claim to the test, and on which stacks.

use crate::args::ListArgs;
use crate::terminal::say;
use scenario::Scenario;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// A claim, by the id that scenarios name.
struct Claim {
    id: &'static str,
    text: &'static str,
}

/// Claims about one thing.
struct Group {
    title: &'static str,
    claims: &'static [Claim],
}

const fn claim(id: &'static str, text: &'static str) -> Claim {
    Claim { id, text }
}

/// What users are told everywhere.
const GROUPS: [Group; 3] = [
    Group {
        title: "The stateful tier: state in the memory of each server",
        claims: &[
            claim("SF1", "it is simple: fewer parts, and cheap a request"),
            claim("SF2", "state stays on the server, so access to it is tightly controlled"),
            claim(
                "SF3",
                "scaling out is limited: sessions must be pinned, and a new server takes no load from the old ones",
            ),
            claim("SF4", "many sessions burden the servers' memory"),
            claim("SF5", "a crash or a restart loses the sessions in memory"),
        ],
    },
    Group {
        title: "The stateless tier: state in a shared store, or with the client",
        claims: &[
            claim("SL1", "any server can take any request"),
            claim("SL2", "scaling out is easy, and the load spreads at once"),
            claim("SL3", "a dead server is no single point of failure"),
            claim("SL4", "servers need no memory for sessions"),
            claim("SL5", "state held by the client needs protection, and makes clients complex"),
        ],
    },
    Group {
        title: "The signals that it is time to move",
        claims: &[
            claim("T1", "traffic grows, and pinned sessions overload one server"),
            claim("T2", "failures have cost data, or must not"),
            claim("T3", "deployments must not interrupt anyone"),
            claim("T4", "redundancy and disaster recovery"),
            claim("T5", "operation gets costly: debugging across servers"),
        ],
    },
];

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

/// Ids that scenarios name and that are none of the claims: the user's own.
fn others(scenarios: &[Scenario]) -> BTreeSet<&str> {
    let known = |id: &str| GROUPS.iter().flat_map(|group| group.claims).any(|claim| claim.id == id);
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
    for claim in GROUPS.iter().flat_map(|group| group.claims) {
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
    let ours = GROUPS.iter().flat_map(|group| group.claims).map(|claim| row(claim.id, Some(claim.text)));
    Value::Array(ours.chain(others(scenarios).into_iter().map(|id| row(id, None))).collect())
}

/// All of `docs/claims.md`.
fn markdown(scenarios: &[Scenario]) -> String {
    let mut text = String::from(
        "<!-- Made by `lab list --claims --markdown` from the scenario files; edit those, or crates/lab/src/claims.rs. -->\n\n\
         # The claims that are put to the test\n\n\
         Whoever asks \"should our web tier be stateless, and when?\" is told the following everywhere. The lab exists to turn each \
         sentence into a\nmeasured answer: it holds, it does not hold, or it holds under this condition. A scenario names the claims \
         that it tests by these ids; what each\nasks stands below.\n",
    );
    for Group { title, claims } in &GROUPS {
        let _ = write!(text, "\n## {title}\n\n| id | claim | tested by |\n|---|---|---|\n");
        for Claim { id, text: claim } in *claims {
            let told: Vec<String> =
                tests(id, scenarios).iter().map(|test| format!("`{}`", test.scenario.name)).collect();
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
