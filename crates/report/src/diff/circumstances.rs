//! What differs between two runs besides their figures. Some of it bars a comparison: on another machine or with another load a
//! difference says nothing of the change. Some of it *is* the change, and is noted.

use super::{Given, column, common};
use crate::results::{Results, ScenarioResults};
use crate::words::{bytes, clip};
use journal::Environment;
use scenario::Scenario;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a difference does to the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The figures may not be compared.
    Bars,
    /// A reader should know.
    Noted,
}

/// Something that is not the same in both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it does to the comparison.
    pub weight: Weight,
    /// What differs.
    pub what: String,
    /// Before.
    pub before: String,
    /// After.
    pub after: String,
}

/// What is not there.
const NONE: &str = "none";
/// Facts of a store that do not bear on its speed or its promises.
const HARMLESS_FACTS: [&str; 1] = ["runs as"];

struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, weight: Weight, what: impl Into<String>, before: &str, after: &str) {
        if before != after {
            let (before, after) = (clip(before, 200), clip(after, 200));
            let difference = Difference { weight, what: clip(&what.into(), 200), before, after };
            if !self.0.contains(&difference) {
                self.0.push(difference);
            }
        }
    }

    fn bars(&mut self, what: impl Into<String>, before: impl ToString, after: impl ToString) {
        self.add(Weight::Bars, what, &before.to_string(), &after.to_string());
    }

    fn noted(&mut self, what: impl Into<String>, before: impl ToString, after: impl ToString) {
        self.add(Weight::Noted, what, &before.to_string(), &after.to_string());
    }

    /// Maps key by key. A key that only one side has is noted where the other may do without.
    fn maps(
        &mut self,
        what: &str,
        one: &BTreeMap<String, String>,
        other: &BTreeMap<String, String>,
        strict: bool,
    ) {
        for key in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
            let both = (one.get(key), other.get(key));
            let shown = |value: Option<&String>| value.map_or(NONE, String::as_str).to_owned();
            let harmless =
                HARMLESS_FACTS.contains(&key.as_str()) || (!strict && (both.0.is_none() || both.1.is_none()));
            let weight = if harmless { Weight::Noted } else { Weight::Bars };
            self.add(weight, format!("{what} {key}"), &shown(both.0), &shown(both.1));
        }
    }
}

/// Everything that differs, what bars the comparison first.
pub(super) fn differences(before: Given<'_>, after: Given<'_>) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    machine(&mut found, &before.results.run.environment, &after.results.run.environment);
    build(&mut found, &before.results.run.environment, &after.results.run.environment);
    let (first, second) = (before.results, after.results);
    found.bars("times halved by --quick", first.run.quick, second.run.quick);
    if common(first, second).next().is_none() {
        found.bars("scenarios", names(first), names(second));
    }
    found.noted("scenarios", names(first), names(second));
    for (one, other) in common(first, second) {
        setting(&mut found, one, other);
        trials(&mut found, one, other);
        let texts = (before.scenarios.get(&one.name), after.scenarios.get(&one.name));
        if let (Some(text), Some(other)) = texts {
            load(&mut found, &one.name, text, other);
        }
    }
    let whole = |results: &Results| {
        let broken_off = results.run.interrupted || !results.run.failed.is_empty();
        if broken_off { "interrupted, or with failed trials" } else { "whole" }
    };
    found.noted("run", whole(first), whole(second));
    found.0.sort_by_key(|difference| difference.weight);
    found.0
}

fn names(results: &Results) -> String {
    results.scenarios.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn machine(found: &mut Found, one: &Environment, other: &Environment) {
    found.bars("CPU model", &one.cpu_model, &other.cpu_model);
    found.bars("CPUs", one.cpus, other.cpus);
    found.maps("limit", &one.cgroup_limits, &other.cgroup_limits, true);
    // The same machine reports a few pages more or less after each boot.
    if one.memory_bytes.abs_diff(other.memory_bytes) > one.memory_bytes / 16 {
        found.bars("memory", bytes(one.memory_bytes), bytes(other.memory_bytes));
    }
    found.bars("kernel", &one.kernel, &other.kernel);
    found.bars("operating system", &one.os, &other.os);
    found.maps("version of", &one.programs, &other.programs, false);
    // What else ran: half a core apart is told.
    if (one.load_before - other.load_before).abs() > 0.5 {
        let shown = |load: f64| format!("{load:.2}");
        found.noted("load average before the run", shown(one.load_before), shown(other.load_before));
    }
}

fn build(found: &mut Found, one: &Environment, other: &Environment) {
    found.bars("build profile", &one.profile, &other.profile);
    found.noted("compiler", &one.rustc, &other.rustc);
    found.noted("lab version", &one.lab_version, &other.lab_version);
    found.noted("commit", &one.git_commit, &other.git_commit);
    let tree = |e: &Environment| if e.git_clean { "clean" } else { "with uncommitted changes" };
    found.noted("working tree", tree(one), tree(other));
    found.noted("Cargo.lock", &one.cargo_lock_sha256, &other.cargo_lock_sha256);
    for name in one.binaries.keys().chain(other.binaries.keys()).collect::<BTreeSet<_>>() {
        let of = |e: &Environment| e.binaries.get(name).map_or(NONE.to_owned(), |sha256| clip(sha256, 16));
        found.noted(format!("program {name}"), of(one), of(other));
    }
}

/// The scenario as it was resolved, key by key.
fn setting(found: &mut Found, one: &ScenarioResults, other: &ScenarioResults) {
    let name = &one.name;
    let plain = |scenario: &ScenarioResults| match serde_json::to_value(&scenario.setting) {
        Ok(Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    };
    let (first, second) = (plain(one), plain(other));
    for (key, value) in first.iter().filter(|(key, _)| *key != "stores") {
        let shown = |value: Option<&Value>| value.map_or(NONE.to_owned(), Value::to_string);
        found.bars(format!("{name}: {key}"), shown(Some(value)), shown(second.get(key)));
    }
    for (stack, facts) in &one.setting.stores {
        if let Some(others) = other.setting.stores.get(stack) {
            found.maps(&format!("{name}: {stack}:"), facts, others, true);
        }
    }
    let stacks =
        |s: &ScenarioResults| s.stacks.iter().map(|s| s.stack.as_str()).collect::<Vec<_>>().join(", ");
    found.noted(format!("{name}: stacks"), stacks(one), stacks(other));
    for stack in &one.stacks {
        let Some(same) = other.stacks.iter().find(|other| other.stack == stack.stack) else { continue };
        let promised = |s: &crate::summary::StackSummary| {
            let all = s.expectations.iter();
            let all = all.map(|e| format!("{} {}", e.metric.name(), crate::promise::bounds(e)));
            all.collect::<Vec<_>>().join("; ")
        };
        found.noted(format!("{name}: promised of {}", stack.stack), promised(stack), promised(same));
    }
}

/// Seeds, routers and plans. An equal seed that made another plan comes from another load.
fn trials(found: &mut Found, one: &ScenarioResults, other: &ScenarioResults) {
    let name = &one.name;
    found.noted(format!("{name}: seeds"), one.seeds(), other.seeds());
    found.noted(format!("{name}: trials a stack"), one.repeats(), other.repeats());
    let routers = |s: &ScenarioResults| {
        let all: BTreeSet<&str> = s.trials.iter().map(|t| t.identity.router.as_str()).collect();
        all.into_iter().collect::<Vec<_>>().join(", ")
    };
    found.bars(format!("{name}: router"), routers(one), routers(other));
    for stack in &one.stacks {
        for trial in column(one, &stack.stack) {
            let same = column(other, &stack.stack);
            let same = same.iter().find(|t| t.identity.seed == trial.identity.seed);
            if let Some(same) = same {
                let short = |plan: &str| clip(plan, 12);
                let (first, second) = (&trial.identity.plan_sha256, &same.identity.plan_sha256);
                let what = format!("{name}: plan of seed {}", trial.identity.seed);
                found.bars(what, short(first), short(second));
            }
        }
    }
}

/// The load as the scenario files have it, for the mix of actions stands nowhere else. What cannot be parsed is no evidence.
fn load(found: &mut Found, name: &str, before: &str, after: &str) {
    let parsed = |text: &str| Scenario::parse(name, text).ok();
    if let (Some(first), Some(second)) = (parsed(before), parsed(after)) {
        let shown = |scenario: &Scenario| serde_json::to_string(&scenario.load).unwrap_or_default();
        found.bars(format!("{name}: load"), shown(&first), shown(&second));
    }
}
