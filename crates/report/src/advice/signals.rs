//! The five signals that it is time to move (claims T1 to T5): which of them fire, and why. `advice.js` says the same of T1 to T4,
//! and a test compares the two.

use super::facts::{Away, Facts, Known, Loss};
use super::objectives::{broken_rpo, drilled, harm, missed_drills};
use super::outlook::{Cause, Outlook};
use super::range::{Range, digits, given, ranged};
use super::service::Service;
use crate::words::counted;
use schemars::JsonSchema;
use serde::Serialize;

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is time to move.
    Fires,
    /// It is not, as far as this goes.
    Silent,
    /// The interval holds both.
    Undecided,
    /// What it needs was not measured.
    NotMeasured,
    /// The user said nothing that it depends on.
    NotAsked,
}

impl State {
    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            State::Fires => "fires",
            State::Silent => "does not fire",
            State::Undecided => "undecided",
            State::NotMeasured => "not measured",
            State::NotAsked => "not asked",
        }
    }
}

/// One of T1 to T5.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Signal {
    /// `T1`.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What it says.
    pub state: State,
    /// Why, with its numbers.
    pub why: String,
    /// Where they come from: scenario, stack, metric.
    pub evidence: Vec<String>,
}

/// All five, most important first.
pub(crate) fn signals(facts: &Facts, service: &Service, stateful: Option<&Outlook>) -> Vec<Signal> {
    let (t1, t2, t3) =
        (growth(facts, service), failures(facts, service, stateful), deployments(facts, service, stateful));
    let (t4, t5) = (disasters(facts, service), tracing(facts));
    let titles = [
        ("T1", "traffic grows"),
        ("T2", "failures cost data"),
        ("T3", "deployments must not interrupt"),
        ("T4", "disaster recovery"),
        ("T5", "finding a session"),
    ];
    let made = [t1, t2, t3, t4, t5].into_iter().zip(titles);
    made.map(|(Said { state, why, evidence }, (id, title))| Signal { id, title, state, why, evidence })
        .collect()
}

struct Said {
    state: State,
    why: String,
    evidence: Vec<String>,
}

fn said(state: State, why: impl Into<String>) -> Said {
    Said { state, why: why.into(), evidence: Vec::new() }
}

impl Said {
    fn by(mut self, scenario: &str, stack: &str, metric: &str) -> Self {
        self.evidence.push(format!("{scenario}, {stack}, {metric}"));
        self
    }
}

fn growth(facts: &Facts, service: &Service) -> Said {
    let (now, then) = (service.servers, service.servers_in_a_year());
    if then <= now {
        return said(
            State::Silent,
            format!("A year from now {} of your {} will do.", given(then), servers(now)),
        );
    }
    let need = format!("A year from now you need {}, and have {}.", servers(then), given(now));
    let pinned = facts.stateful.as_ref().and_then(|s| Some((s, s.scale_out.measured()?)));
    let spread = facts.stateless.iter().filter_map(|s| Some((s, s.scale_out.measured()?)));
    let spread = spread.reduce(|best, other| {
        if other.1.new_servers_percent_least > best.1.new_servers_percent_least { other } else { best }
    });
    let (Some((stateful, pinned)), Some((stateless, spread))) = (pinned, spread) else {
        return said(
            State::NotMeasured,
            format!("{need} Whether new servers take their share was not measured."),
        );
    };
    let (few, many) = (pinned.new_servers_percent_most, spread.new_servers_percent_least);
    let until = match service.session_minutes {
        Some(minutes) => format!(
            " Where sessions are pinned a new server has its share after about {} minutes, when today's sessions have ended.",
            given(minutes)
        ),
        None => String::new(),
    };
    let measured = format!(
        "Servers that were added answered {}% of the requests of {} and {}% of those of {}.{until}",
        digits(few),
        stateful.stack,
        digits(many),
        stateless.stack
    );
    // Half of nothing is nothing: where no new server answered anything, scaling out told nothing.
    let state = if many > 0.0 && few * 2.0 <= many { State::Fires } else { State::Silent };
    said(state, format!("{need} {measured}")).by(&pinned.scenario, &stateful.stack, "new-servers-percent").by(
        &spread.scenario,
        &stateless.stack,
        "new-servers-percent",
    )
}

fn servers(n: f64) -> String {
    counted(n as u64, "server", "servers")
}

fn failures(facts: &Facts, service: &Service, stateful: Option<&Outlook>) -> Said {
    if service.server_crashes_per_year == 0.0 {
        return said(State::Silent, "You count no crash of a server.");
    }
    if service.sessions == 0.0 {
        return said(State::Silent, "Nobody is there when a server crashes.");
    }
    losses(Cause::ServerCrash, facts, service, stateful)
}

fn deployments(facts: &Facts, service: &Service, stateful: Option<&Outlook>) -> Said {
    if service.deploys_per_week == 0.0 {
        return said(State::Silent, "You do not deploy.");
    }
    if service.at_deploy() == 0.0 {
        return said(State::Silent, "Nobody is there when you deploy.");
    }
    let mut said = losses(Cause::Deployment, facts, service, stateful);
    let stateful = facts.stateful.as_ref();
    if let Some(drained) = stateful.and_then(|s| s.drained.as_ref())
        && drained.loss.lost > 0
    {
        said.why += &format!(
            " A drain of {} s before each server still lost {} of {}.",
            digits(drained.drain_s),
            given(drained.loss.lost as f64),
            given(drained.loss.verified as f64)
        );
        said = said.by(&drained.loss.scenario, "stateful", "sessions lost");
    }
    if let (Some(minutes), State::Fires | State::Undecided) = (service.session_minutes, said.state) {
        said.why += &format!(
            " A drain that loses nobody waits about {} minutes for each of {}.",
            given(minutes),
            servers(service.servers)
        );
    }
    said
}

/// What a cause loses, against what may be lost and what it would cost to prevent.
fn losses(cause: Cause, facts: &Facts, service: &Service, stateful: Option<&Outlook>) -> Said {
    let event = if cause == Cause::Deployment { "deployment" } else { "crash" };
    let not_measured = || said(State::NotMeasured, format!("What a {event} loses was not measured."));
    let known = facts.stateful.as_ref().and_then(|s| cause.of(s).measured());
    let (Some(loss), Some(Known::Measured(lost))) = (known, stateful.map(|s| s.of(cause))) else {
        return not_measured();
    };
    let by = |said: Said| said.by(&loss.scenario, "stateful", "sessions lost");
    if let Some(rpo_s) = broken_rpo(loss, service) {
        let whole = if loss.lost > 0 { ", each from its first line on" } else { "" };
        let allowed = format!("your recovery point objective allows {} s", given(rpo_s));
        return by(said(State::Fires, format!("A {event} lost {}{whole}; {allowed}.", harm(loss))));
    }
    if loss.lost == 0 {
        let all = given(loss.verified as f64);
        return by(said(
            State::Silent,
            format!("The {event} that was measured lost none of {all} sessions."),
        ));
    }
    by(money(event, *lost, service))
}

fn money(event: &str, lost: Range, service: &Service) -> Said {
    let cost = lost.times(Range::exactly(service.session_cost));
    let store = service.store_cost();
    let words = format!(
        "Sessions lost by {event} cost {} a year; the store that would keep them costs {}.",
        ranged(cost),
        digits(store)
    );
    if cost.low > store {
        said(State::Fires, words)
    } else if cost.high <= store {
        said(State::Silent, words)
    } else {
        said(State::Undecided, words)
    }
}

fn disasters(facts: &Facts, service: &Service) -> Said {
    if service.rto_s.is_none() && service.rpo_s.is_none() {
        return said(State::NotAsked, "You gave no recovery objectives.");
    }
    let Some(stateful) = facts.stateful.as_ref().filter(|stateful| !stateful.drills.is_empty()) else {
        return said(State::NotMeasured, "No drill of the loss of a whole site was measured.");
    };
    let missed = missed_drills(facts, service);
    if missed.is_empty() {
        let drills = counted(stateful.drills.len() as u64, "drill", "drills");
        let why = format!("The stateful tier met your objectives in {drills}.");
        return said(State::Silent, why).by(&stateful.drills[0].scenario, "stateful", "recovery");
    }
    // One drill that a stateless stack met is enough; where none of them was put through any, nobody knows.
    let mut told = said(State::NotMeasured, "");
    for drill in missed {
        let others = drilled(facts, &drill.scenario, service);
        let met: Vec<&str> = others.iter().filter(|(_, met)| *met).map(|(stack, _)| *stack).collect();
        let (state, who) = match (met.as_slice(), others.as_slice()) {
            ([], []) => (State::NotMeasured, "no stateless stack was put through it".to_owned()),
            ([], _) => {
                (State::Silent, "no stateless stack that was drilled met your objectives either".to_owned())
            }
            _ => (State::Fires, format!("{} met your objectives", met.join(", "))),
        };
        if told.state != State::Fires && state != State::NotMeasured {
            told.state = state;
        }
        let space = if told.why.is_empty() { "" } else { " " };
        told.why +=
            &format!("{space}In {} the stateful tier {}; {who}.", drill.scenario, drilled_words(drill));
        told = told.by(&drill.scenario, "stateful", "recovery");
        for stack in met {
            told = told.by(&drill.scenario, stack, "recovery");
        }
    }
    told
}

fn drilled_words(drill: &Loss) -> String {
    let away = match drill.away {
        Away::Back { away_s } => format!("was away for {} s", digits(away_s)),
        Away::NotBack => "did not come back".to_owned(),
        Away::NotMeasured => "was away for a time that was not measured".to_owned(),
    };
    format!("{away} and lost {}", harm(drill))
}

/// Costs of operation are told by a scenario of their own, and no number of it enters a year's losses.
fn tracing(facts: &Facts) -> Said {
    let mut told =
        said(State::NotAsked, "What finding a session costs is a question of tools; it enters no sum here.");
    for (architecture, search) in facts.all().filter_map(|a| Some((a, a.search.as_ref()?))) {
        let places = match search.places {
            0 => "nobody could be asked".to_owned(),
            1 => "1 place had to be asked".to_owned(),
            many => format!("{many} places had to be asked"),
        };
        told.why += &format!(
            " In {}, {places} on {}, and {} of {} sessions were found once something was broken.",
            search.scenario,
            architecture.stack,
            given(search.found as f64),
            given(search.looked_up as f64)
        );
        told = told.by(&search.scenario, &architecture.stack, "look-ups");
    }
    told
}
