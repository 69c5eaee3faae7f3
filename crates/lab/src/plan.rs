//! `lab plan`: what would happen, without starting anything.

use crate::args::PlanArgs;
use crate::effect;
use crate::failure::{Exit, Failure};
use crate::scenarios;
use crate::terminal::say;
use anyhow::anyhow;
use scenario::{Action, Plan, Scenario, ShopperPlan};
use std::fmt::Write;

/// Prints a plan: the same scenario and seed give the same bytes.
///
/// # Errors
/// When the scenario is unknown or has a mistake, or there is no such shopper.
pub fn plan(args: &PlanArgs) -> Result<Exit, Failure> {
    let (mut scenario, _) = scenarios::load(&args.scenario)?;
    if args.quick {
        scenario = scenario.quick();
    }
    let plan = Plan::new(&scenario, args.seed);
    let shopper = match args.shopper {
        None => None,
        Some(number) => Some(plan.shoppers.get(number as usize).ok_or_else(|| {
            let last = plan.shoppers.len() - 1;
            Failure::usage(anyhow!("there is no shopper {number}; they are counted from 0 to {last}"))
        })?),
    };
    if args.json {
        let json = match shopper {
            Some(shopper) => serde_json::to_string_pretty(shopper),
            None => serde_json::to_string_pretty(&plan),
        };
        say(&(json.map_err(Failure::environment)? + "\n"));
    } else {
        say(&shopper.map_or_else(|| overview(&scenario, &plan), timetable));
    }
    Ok(Exit::Held)
}

fn overview(scenario: &Scenario, plan: &Plan) -> String {
    let mut text = format!("{}: {}\n\n", scenario.name, scenario.question);
    let stacks: Vec<String> = scenario.stacks.iter().map(ToString::to_string).collect();
    let _ = writeln!(text, "stacks     {}", stacks.join(", "));
    let topology = &scenario.topology;
    let _ = writeln!(
        text,
        "servers    {} each, {} ms of work a request, {}",
        topology.servers,
        topology.service_time_ms,
        topology.conflict_policy.name()
    );
    if let Some(site) = &scenario.standby_site {
        let _ = writeln!(
            text,
            "site B     {}: {} probes in a row, one every {} ms, then {} s for the decision",
            site.strategy.name(),
            site.misses,
            site.probe_every_ms,
            site.declare_ms as f64 / 1e3
        );
    }
    let seconds = plan.phases.end_us() as f64 / 1e6;
    let rate = plan.steps() as f64 / seconds;
    let _ = writeln!(
        text,
        "load       {} shoppers, {} steps in {seconds} s, {rate:.0} a second",
        plan.shoppers.len(),
        plan.steps()
    );
    let count =
        |action| plan.shoppers.iter().flat_map(|s| &s.steps).filter(|step| step.action == action).count();
    for action in [Action::LogIn, Action::Read, Action::Add, Action::CheckOut, Action::LogOut] {
        let _ = writeln!(text, "           {:>7} x {}", count(action), action.name());
    }
    text.push_str("phases\n");
    for span in plan.phases.spans() {
        let _ = writeln!(
            text,
            "  {:>7.1} s to {:>5.1} s  {}",
            span.start_us as f64 / 1e6,
            span.end_us as f64 / 1e6,
            span.phase.name()
        );
    }
    text.push_str("  then everything is made whole, and every shopper reads once more\n");
    happenings(&mut text, plan);
    text.push_str("promises\n");
    for promise in &scenario.expect {
        let _ = writeln!(text, "  {}: {}", promise.stacks.join(", "), effect::promise(promise));
    }
    let _ = writeln!(text, "seed       {}", plan.seed);
    let _ = writeln!(text, "plan       sha256 {}", plan.digest());
    text
}

/// What is broken, tried and looked for beside the load.
fn happenings(text: &mut String, plan: &Plan) {
    text.push_str(if plan.faults.is_empty() { "faults     none\n" } else { "faults\n" });
    for fault in &plan.faults {
        let at_s = fault.at_us as f64 / 1e6;
        let _ = writeln!(text, "  {at_s:>7.1} s  {} {}", fault.action.name(), fault.target);
    }
    if !plan.probes.is_empty() {
        text.push_str("probes\n");
    }
    for probe in &plan.probes {
        let at_s = probe.at_us as f64 / 1e6;
        let _ = writeln!(text, "  {at_s:>7.1} s  {} x {}", probe.times, probe.kind.name());
    }
    if !plan.lookups.is_empty() {
        text.push_str("look-ups\n");
    }
    for lookup in &plan.lookups {
        let owners: Vec<&str> = lookup
            .shoppers
            .iter()
            .filter_map(|number| plan.shoppers.get(*number as usize).map(|shopper| shopper.owner.as_str()))
            .collect();
        let _ = writeln!(
            text,
            "  {:>7.1} s  where are the sessions of {}",
            lookup.at_us as f64 / 1e6,
            owners.join(", ")
        );
    }
}

fn timetable(shopper: &ShopperPlan) -> String {
    let mut text = format!("{} (number {})\n", shopper.owner, shopper.shopper);
    for (index, step) in shopper.steps.iter().enumerate() {
        let op = match step.action {
            Action::Add | Action::CheckOut => format!("  {}", shopper.op(index)),
            _ => String::new(),
        };
        let _ = writeln!(text, "  {:>9.3} s  {}{op}", step.at_us as f64 / 1e6, step.action.name());
    }
    text
}
