//! What the tier made of those who tried: added up over trials, and as a small table beside the scoreboard.

use crate::board::{Board, Cell, Row, Tone};
use crate::results::ScenarioResults;
use crate::words::{clip, count, counted};
use analysis::{ProbeFindings, TrialFindings};
use scenario::ProbeKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands above the table.
pub(crate) const TITLE: &str = "Who tried what no browser does";

/// The probes of one kind over all trials of a stack. `tries = refused + accepted + unclear + fitted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeSummary {
    /// What was tried.
    pub kind: ProbeKind,
    /// How many times it was to be carried out.
    pub times: u64,
    /// How many times it was, to its end.
    pub carried_out: u64,
    /// Why the first of the others was not.
    pub broken_off: Option<String>,
    /// Requests that should have been refused; of `overgrow` the sessions that were to outgrow their place.
    pub tries: u64,
    /// Of these, refused.
    pub refused: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// Of these, without a complete answer below 500, so that nobody knows.
    pub unclear: u64,
    /// Of these, sessions that had room for everything.
    pub fitted: u64,
    /// Acknowledged lines of overgrown sessions that were gone afterwards.
    pub lines_lost: u64,
    /// Requests, honest ones included, without an answer or with one of 500 and above.
    pub errors: u64,
    /// The first that was accepted, in a sentence, with its repeat and the journal's entries that prove it.
    pub example: Option<ProbeExample>,
}

/// One that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeExample {
    /// What happened.
    pub text: String,
    /// The anomaly that it is, where it has a name.
    pub anomaly: Option<String>,
    /// In which repeat.
    pub repeat: u32,
    /// Numbers of that trial's journal entries.
    pub evidence: Vec<u64>,
}

/// Each kind that was planned, in the order of the documentation.
pub(crate) fn summaries(trials: &[&TrialFindings]) -> Vec<ProbeSummary> {
    ProbeKind::ALL.into_iter().filter_map(|kind| summary(kind, trials)).collect()
}

fn summary(kind: ProbeKind, trials: &[&TrialFindings]) -> Option<ProbeSummary> {
    let all: Vec<(u32, &ProbeFindings)> = trials
        .iter()
        .flat_map(|t| t.probes.iter().map(|probe| (t.identity.repeat, probe)))
        .filter(|(_, probe)| probe.kind == kind)
        .collect();
    if all.is_empty() {
        return None;
    }
    let sum = |of: fn(&ProbeFindings) -> u64| all.iter().map(|(_, probe)| of(probe)).sum();
    let example = all.iter().find_map(|(repeat, probe)| {
        probe.found.first().map(|found| ProbeExample {
            text: found.text.clone(),
            anomaly: found.anomaly.map(|anomaly| anomaly.name().to_owned()),
            repeat: *repeat,
            evidence: found.evidence.clone(),
        })
    });
    Some(ProbeSummary {
        kind,
        times: sum(|p| u64::from(p.times)),
        carried_out: sum(|p| u64::from(p.carried_out)),
        broken_off: all.iter().find_map(|(_, probe)| probe.broken_off.clone()),
        tries: sum(|p| p.tries),
        refused: sum(|p| p.refused),
        accepted: sum(|p| p.accepted),
        unclear: sum(|p| p.unclear),
        fitted: sum(|p| p.fitted),
        lines_lost: sum(|p| p.lines_lost),
        errors: sum(|p| p.errors),
        example,
    })
}

/// What is tried, as people say it.
fn label(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Tamper => "tampered cookie",
        ProbeKind::Fixation => "fixed id",
        ProbeKind::ReplayAfterLogOut => "copy, after log-out",
        ProbeKind::Rollback => "older cookie",
        ProbeKind::Overgrow => "overgrown session",
    }
}

/// Kinds as rows, stacks as columns; `None` where nothing was tried.
pub(crate) fn board(scenario: &ScenarioResults) -> Option<Board> {
    let of = |kind: ProbeKind| move |p: &&ProbeSummary| p.kind == kind;
    let rows: Vec<Row> = ProbeKind::ALL
        .into_iter()
        .filter(|kind| scenario.stacks.iter().any(|stack| stack.probes.iter().any(|p| p.kind == *kind)))
        .map(|kind| Row {
            label: label(kind),
            group: None,
            cells: scenario.stacks.iter().map(|stack| told(stack.probes.iter().find(of(kind)))).collect(),
        })
        .collect();
    let stacks = scenario.stacks.iter().map(|stack| clip(&stack.stack, 60)).collect();
    (!rows.is_empty()).then_some(Board { stacks, rows })
}

fn told(probe: Option<&ProbeSummary>) -> Cell {
    let cell = |main: String, sub: Option<String>, tone| Cell { main, sub, tone, exact: None, naive: None };
    let Some(probe) = probe else { return cell("not tried".to_owned(), None, Tone::Dim) };
    let mut notes = Vec::new();
    if probe.lines_lost > 0 {
        notes.push(format!("{} gone", counted(probe.lines_lost, "acknowledged line", "acknowledged lines")));
    }
    if let Some(anomaly) = probe.example.as_ref().and_then(|example| example.anomaly.as_ref()) {
        notes.push(clip(anomaly, 40));
    }
    if probe.unclear > 0 {
        notes.push(format!("{} without a clear answer", count(probe.unclear)));
    }
    if probe.errors > 0 {
        notes.push(counted(probe.errors, "error", "errors"));
    }
    if probe.carried_out < probe.times {
        let why = probe.broken_off.as_deref().unwrap_or("nobody knows why");
        let missing = count(probe.times - probe.carried_out);
        notes.push(format!("{missing} of {} not carried out: {}", count(probe.times), clip(why, 80)));
    }
    let tries = count(probe.tries);
    let (main, tone) = if probe.accepted > 0 {
        (format!("{} of {tries} accepted", count(probe.accepted)), Tone::Bad)
    } else if probe.tries == 0 || probe.unclear > 0 || probe.carried_out < probe.times {
        (format!("{} of {tries} refused", count(probe.refused)), Tone::Doubt)
    } else if probe.fitted == probe.tries {
        ("room for all".to_owned(), Tone::Plain)
    } else {
        (format!("{} of {tries} refused", count(probe.refused)), Tone::Good)
    };
    cell(main, (!notes.is_empty()).then(|| notes.join("; ")), tone)
}

/// What stands out, for the sentence that a stack is remembered by.
pub(crate) fn sentence(probes: &[ProbeSummary]) -> Option<String> {
    let parts = probes.iter().filter(|probe| probe.accepted > 0).map(|probe| {
        let (n, of) = (count(probe.accepted), count(probe.tries));
        match probe.kind {
            ProbeKind::Tamper => format!("{n} of {of} cookies that it had not made were accepted"),
            ProbeKind::Fixation => format!("{n} of {of} ids that were fixed before the log-in were accepted"),
            ProbeKind::ReplayAfterLogOut => {
                format!("a copied cookie was accepted {n} of {of} times after the log-out")
            }
            ProbeKind::Rollback => format!("an older cookie put the session back {n} of {of} times"),
            ProbeKind::Overgrow => {
                let lines = counted(probe.lines_lost, "acknowledged line", "acknowledged lines");
                format!("{lines} of carts that had outgrown their cookie were gone")
            }
        }
    });
    let parts: Vec<String> = parts.collect();
    match parts.as_slice() {
        [] if probes.is_empty() || probes.iter().any(|p| p.unclear > 0 || p.carried_out < p.times) => None,
        [] => Some("whoever tried what no browser does was refused".to_owned()),
        parts => Some(parts.join("; ")),
    }
}
