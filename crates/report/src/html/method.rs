//! How it was measured, on what, and what cannot be concluded.

use super::detail::Detail;
use super::{prose, raw, who};
use crate::limits::limits;
use crate::results::{Results, ScenarioResults};
use crate::summary::Exact;
use crate::words::{bytes, clip, count, latency, plain, planned, ratio_percent};
use analysis::{PhaseFindings, Quantiles, TrialFindings};
use maud::{Markup, html};

pub(super) fn section(results: &Results, detail: Detail) -> Markup {
    html! {
        section.scenario #method {
            h2 { "Method and limits" }
            ul.limits { @for limit in limits(results) { li { (prose(&limit, 600)) } } }
            @if !results.run.left_out.is_empty() {
                h3.part { "Left out" }
                ul.limits {
                    @for left_out in &results.run.left_out {
                        li { b { (clip(&left_out.stack, 60)) } ": " (prose(&left_out.why, 400)) }
                    }
                }
            }
            @for scenario in &results.scenarios { (scenario_method(scenario, detail)) }
            (machine(results))
            (raw::section(results, detail))
        }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { dt { (clip(name, 80)) } dd { (clip(value, 500)) } }
}

fn scenario_method(scenario: &ScenarioResults, detail: Detail) -> Markup {
    let setting = &scenario.setting;
    let stacks: Vec<String> =
        scenario.stacks.iter().zip('A'..).map(|(s, letter)| format!("{letter} {}", s.stack)).collect();
    let spans = setting.phases.spans().iter();
    let phases: Vec<String> =
        spans.map(|s| format!("{} {}", s.phase.name(), planned(s.end_us - s.start_us))).collect();
    let faults: Vec<String> = setting
        .faults
        .iter()
        .map(|f| format!("{} {} at {}", f.action.name(), f.target, planned(f.at_us)))
        .collect();
    let steady = &setting.steady_state;
    html! {
        h3.part { (clip(&scenario.name, 80)) }
        dl.facts {
            (fact("Order of trials", &format!("{} ({})", scenario.order(), stacks.join(", "))))
            (fact("Phases", &phases.join(", ")))
            (fact("Faults", &if faults.is_empty() { "none".to_owned() } else { faults.join("; ") }))
            (fact("Shoppers", &format!(
                "{}, one cart each, on average {} ms between two steps; a shopper gives up after {} ms",
                count(u64::from(setting.shoppers)), setting.think_time_ms, setting.timeout_ms)))
            (fact("Servers", &format!(
                "{} a stack, {} ms of work a request, conflicting writes: {}",
                setting.servers, setting.service_time_ms, setting.conflict_policy.name())))
            (fact("Steady state", &format!(
                "{} answered and p99 of at most {} ms over {} s",
                ratio_percent(steady.ok_ratio), plain(steady.p99_ms), plain(steady.sustain_s))))
            @for (stack, facts) in &setting.stores {
                (fact(&format!("Store of {stack}"), &pairs(facts)))
            }
        }
        @if detail.every_phase { (trials(scenario)) }
        @if detail.every_phase { (phase_table(scenario)) }
    }
}

fn pairs(facts: &std::collections::BTreeMap<String, String>) -> String {
    let all: Vec<String> = facts.iter().map(|(k, v)| format!("{} {}", clip(k, 60), clip(v, 120))).collect();
    if all.is_empty() { "nothing is known of it".to_owned() } else { all.join(", ") }
}

fn digests(all: &std::collections::BTreeMap<String, String>) -> String {
    let short = all.iter().take(8).map(|(name, sha256)| format!("{} {}", clip(name, 60), clip(sha256, 16)));
    short.collect::<Vec<_>>().join(", ")
}

/// One line for each trial: what made it, and whether whoever measured can be trusted.
fn trials(scenario: &ScenarioResults) -> Markup {
    html! {
        details {
            summary { "Every trial: plan, router, losses, generator" }
            div.scroll tabindex="0" role="region" aria-label="Trials" {
                table {
                    thead { tr { @for head in ["#", "stack", "repeat", "verdict", "seed", "plan", "router", "sessions lost", "writes lost", "offered", "achieved", "lag p99", "lag max", "unsent", "generator CPU"] { th scope="col" { (head) } } } }
                    tbody { @for trial in &scenario.trials { (trial_row(trial)) } }
                }
            }
        }
    }
}

fn trial_row(trial: &TrialFindings) -> Markup {
    let i = &trial.identity;
    html! {
        tr {
            td { (i.order) } td { (i.column()) } td { (i.repeat) } td { (super::badge(trial.verdict)) } td { (i.seed) }
            td { code { (clip(&i.plan_sha256, 12)) } } td { (clip(&i.router, 40)) }
            (lost(trial.sessions.lost, trial.sessions.verified)) (lost(trial.writes.lost, trial.writes.verified))
            @match &trial.generator {
                Some(g) => {
                    td.num { (format!("{:.0}/s", g.offered_per_s)) } td.num { (format!("{:.0}/s", g.achieved_per_s)) }
                    td.num { (latency(g.lag_p99_us)) } td.num { (latency(g.lag_max_us)) } td.num { (count(g.unsent)) }
                    td.num { (format!("{:.2} cores", g.cpu_cores)) }
                },
                None => { td colspan="6" { "gave no account of itself" } },
            }
        }
    }
}

/// How many of how many, with the exact interval.
fn lost(lost: u64, verified: u64) -> Markup {
    html! {
        td {
            (count(lost)) " of " (count(verified))
            @if let Some(Exact { low, high }) = Exact::of(lost, verified) {
                span.sub { (ratio_percent(low)) " to " (ratio_percent(high)) }
            }
        }
    }
}

/// Latency from the plan beside service time: the difference is what a naive tool hides.
fn phase_table(scenario: &ScenarioResults) -> Markup {
    let (title, since) = match scenario.closed() {
        None => ("Every phase: latency from the plan, and what a naive tool would show", "from the plan"),
        Some(_) => {
            ("Every phase: latency of a closed load, and service time", "from when the shopper was ready")
        }
    };
    html! {
        details {
            summary { (title) }
            div.scroll tabindex="0" role="region" aria-label="Phases" {
                table {
                    thead {
                        tr { td {} td {} td {} th scope="colgroup" colspan="3" { (since) } th scope="colgroup" colspan="3" { "from the sending" } td {} }
                        tr { @for head in ["stack", "repeat", "phase", "p50", "p99", "max", "p50", "p99", "max", "answers by server"] { th scope="col" { (head) } } }
                    }
                    tbody {
                        @for stack in &scenario.stacks {
                            @for trial in scenario.trials.iter().filter(|t| t.identity.column() == stack.stack) {
                                @for phase in &trial.phases { (phase_row(trial, phase)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn phase_row(trial: &TrialFindings, phase: &PhaseFindings) -> Markup {
    let shares =
        phase.servers.iter().map(|(name, s)| format!("{} {}", clip(name, 40), ratio_percent(s.share)));
    let shares: Vec<String> = shares.take(16).collect();
    html! {
        tr {
            td { (who(&trial.identity.column())) } td { (trial.identity.repeat) } td { (phase.phase.name()) }
            (quantiles(&phase.latency)) (quantiles(&phase.service_time))
            td { (shares.join(", ")) }
        }
    }
}

fn quantiles(q: &Quantiles) -> Markup {
    let text = |us: Option<u64>| us.map_or_else(|| "n/a".to_owned(), latency);
    let p99 = match q.p99_us {
        None if q.samples < 299 => "n/a (needs 299 samples)".to_owned(),
        other => text(other),
    };
    html! { td.num { (text(q.p50_us)) } td.num { (p99) } td.num { (text(q.max_us)) } }
}

fn machine(results: &Results) -> Markup {
    let run = &results.run;
    let e = &run.environment;
    let tree = if e.git_clean { "" } else { ", with uncommitted changes" };
    html! {
        h3.part { "Machine and build" }
        dl.facts {
            dt { "Command" } dd { code { (clip(&run.command, 500)) } }
            (fact("Processor", &format!("{}, {} usable", e.cpu_model, e.cpus)))
            (fact("Memory", &bytes(e.memory_bytes)))
            @if !e.cgroup_limits.is_empty() { (fact("Control group", &pairs(&e.cgroup_limits))) }
            (fact("System", &format!("{}, {}, {} open files", e.os, e.kernel, count(e.open_files))))
            (fact("Load before the run", &plain(e.load_before)))
            (fact("Build", &format!("lab {}, {}, {}", e.lab_version, e.profile, e.rustc)))
            (fact("Commit", &format!("{}{tree}", e.git_commit)))
            (fact("Cargo.lock", &clip(&e.cargo_lock_sha256, 16)))
            @if !e.binaries.is_empty() { (fact("Programs under test, SHA-256", &digests(&e.binaries))) }
            @if !e.programs.is_empty() { (fact("Programs", &pairs(&e.programs))) }
        }
    }
}
