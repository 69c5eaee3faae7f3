//! What was not measured and would be needed, and which command measures it.

use super::facts::{Architecture, Away, Facts, Known, Loss};
use super::objectives::{can_be_drilled, contested, is_undrilled, missed_event};
use super::outlook::Cause;
use super::service::Service;
use super::signals::{Signal, State};
use scenario::{Stack, StoreKind};
use schemars::JsonSchema;
use serde::Serialize;

/// The scenarios in which a site is lost and a second one stands by.
const DRILLS: &str = "dr-cold dr-pilot-light dr-warm dr-hot";

/// Something that was not measured.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Gap {
    /// Of which stack.
    pub stack: String,
    /// What, in a few words, with the reason.
    pub what: String,
    /// The command that measures it, and what else the advice needs of this stack, in one run.
    pub run: String,
}

/// What is missing of the stateful stack, and of each stateless one that the run has.
pub(crate) fn gaps(facts: &Facts, service: &Service, signals: &[Signal]) -> Vec<Gap> {
    let grows = service.servers_in_a_year() > service.servers;
    let mut out = Vec::new();
    let (repeat, contested) = (repeats(facts), contested(facts, service));
    if facts.stateful.is_none() {
        let run = command(service, grows, &[], repeat);
        out.push(Gap {
            stack: Stack::stateful().to_string(),
            what: "nothing was measured of it".to_owned(),
            run,
        });
    }
    if facts.stateless.is_empty() {
        let run = command(service, grows, &[], repeat);
        out.push(Gap {
            stack: "stateless-*".to_owned(),
            what: "no stateless stack was measured".to_owned(),
            run,
        });
    }
    for architecture in facts.all() {
        let mut what = missing(architecture, service, grows);
        let undrilled = !architecture.in_servers
            && is_undrilled(architecture, &contested)
            && can_be_drilled(architecture)
            && missed_event(architecture, service).is_none();
        if undrilled {
            what.push("the loss of a whole site was not drilled (T4)".to_owned());
        }
        if what.is_empty() {
            continue;
        }
        let stacks = [Stack::stateful().to_string(), architecture.stack.clone()];
        let stacks = if architecture.in_servers { &[][..] } else { &stacks[..] };
        let mut run = command(service, grows, stacks, repeat);
        if undrilled {
            run = format!("{run} {}", contested.join(" "));
        }
        out.push(Gap { stack: architecture.stack.clone(), what: what.join("; "), run });
    }
    if signals.iter().any(|s| s.id == "T4" && s.state == State::NotMeasured) {
        let what = "the loss of a whole site was not drilled (your recovery objectives)".to_owned();
        let run = format!("{} {DRILLS}", command(service, grows, &[], repeat));
        out.push(Gap { stack: Stack::stateful().to_string(), what, run });
    }
    out
}

fn missing(architecture: &Architecture, service: &Service, grows: bool) -> Vec<String> {
    let mut out = Vec::new();
    let untold =
        |loss: &Loss| !architecture.in_servers && service.rto_s.is_some() && loss.away == Away::NotMeasured;
    for (cause, name) in
        Cause::ALL.into_iter().zip(["the crash of a server", "a deployment", "the crash of the store"])
    {
        if cause.comes(service) {
            let known = cause.of(architecture);
            out.extend(doubt(known, name));
            if let Some(loss) = known.measured().filter(|loss| untold(loss)) {
                out.push(format!("how long the service was away was not measured in {}", loss.scenario));
            }
        }
    }
    if grows {
        out.extend(doubt(&architecture.scale_out, "a tier that grows"));
    }
    out
}

fn doubt<T>(known: &Known<T>, name: &str) -> Option<String> {
    match known {
        Known::Measured(_) | Known::DoesNotApply => None,
        Known::NotMeasured => Some(format!("{name} was not measured")),
        Known::Inconclusive { scenario, why } => {
            Some(format!("{name} is inconclusive in {scenario}: {}", why.trim_end_matches('.')))
        }
    }
}

/// One run that measures everything, for runs are not joined: another hour is another machine.
fn command(service: &Service, grows: bool, stacks: &[String], repeat: u64) -> String {
    let mut words = vec!["lab compare".to_owned()];
    if service.server_crashes_per_year > 0.0 {
        words.push("server-kill".to_owned());
    }
    if service.deploys_per_week > 0.0 && service.at_deploy() > 0.0 {
        words.push("rolling-deploy".to_owned());
    }
    if grows {
        words.push("scale-out".to_owned());
    }
    if service.store_crashes() > 0.0 {
        words.push(store_scenario(stacks).to_owned());
    }
    if words.len() == 1 {
        words.push("server-kill".to_owned());
    }
    // Options last: names of scenarios may follow.
    words.extend(stacks.iter().map(|stack| format!("--stack {stack}")));
    if repeat > 1 {
        words.push(format!("--repeat {repeat}"));
    }
    words.join(" ")
}

/// The scenario in which a store of this kind is killed and does what it was built for.
fn store_scenario(stacks: &[String]) -> &'static str {
    let kind =
        stacks.iter().filter_map(|s| s.parse::<Stack>().ok()).map(|s| s.store).find(|s| s.is_a_process());
    match kind {
        Some(StoreKind::RedisSentinel) => "store-failover-redis",
        Some(StoreKind::PostgresStandby | StoreKind::PostgresStandbySync) => "store-failover-postgres",
        None | Some(StoreKind::RedisAofEverysec | StoreKind::Postgres) => "store-outage",
        Some(_) => "store-restart",
    }
}

fn repeats(facts: &Facts) -> u64 {
    let trials =
        facts.all().flat_map(|a| Cause::ALL.map(|cause| cause.of(a).measured().map(|loss| loss.trials)));
    trials.flatten().max().unwrap_or(1)
}
