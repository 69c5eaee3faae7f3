//! What the tier made of those who tried: refused, accepted, or could not be told.
//!
//! - **tamper**: accepted when an answer shows a session, whosoever it is, or when a write is done.
//! - **fixation**: accepted when a log-in keeps the cookie that came with it, or when such a cookie shows the session of who logged in.
//!   A cookie that still shows what it showed before the log-in is no fixation: that is a rollback.
//! - **replay after a log-out**: accepted when a copy shows the session, or writes, after the log-out was acknowledged
//!   (`resurrected_session`).
//! - **rollback**: accepted when an older cookie shows a state before the newest that was acknowledged (`replayed_cookie`). One that
//!   shows the newest is an id, and no state.
//! - **overgrow**: accepted when an acknowledged line is gone afterwards (`lost_write`); refused when the tier said a clear no and
//!   every acknowledged line is there; it fitted when there was no need to.
//!
//! An answer that shows a session of anybody but the probe's own is a `cross_user_leak`, as is one that shows the victim's to who fixed
//! its cookie. A time that was not carried out to its end, or a try without a complete answer below 500, leaves the promise unmeasured.

use crate::anomaly::AnomalyKind;
use crate::wording::{counted, seconds};
use journal::{Expected, Outcome, ProbeCookie, ProbeEvent, ProbeOverEvent, View};
use scenario::{Action, Probe, ProbeKind, Scenario};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A planned probe and what became of it. `tries = refused + accepted + unclear + fitted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeFindings {
    /// Its number in the plan, from 0.
    pub probe: u32,
    /// What was tried.
    pub kind: ProbeKind,
    /// When it was due.
    pub planned_us: u64,
    /// How many times it was to be carried out.
    pub times: u32,
    /// How many times it was, to its end.
    pub carried_out: u32,
    /// Why the first of the others was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_off: Option<String>,
    /// Requests that should have been refused; of `overgrow` the sessions that were to outgrow their place.
    pub tries: u64,
    /// Of these, refused.
    pub refused: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// Of these, without a complete answer below 500, so that nobody knows.
    pub unclear: u64,
    /// Of these, sessions that had room for everything: nothing was to be refused.
    pub fitted: u64,
    /// Acknowledged lines of overgrown sessions that were gone afterwards.
    pub lines_lost: u64,
    /// Requests, honest ones included, without an answer or with one of 500 and above.
    pub errors: u64,
    /// What was accepted, with the events that prove it.
    pub found: Vec<Acceptance>,
}

/// Something that should have been refused, and was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptance {
    /// Which of the probe's times, from 0.
    pub round: u32,
    /// Which cookie was sent in the place of the session's.
    pub cookie: ProbeCookie,
    /// What was asked for.
    pub action: Action,
    /// The anomaly that it is, where it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anomaly: Option<AnomalyKind>,
    /// When. Microseconds on the trial's clock.
    pub at_us: u64,
    /// Numbers of the journal's entries that prove it, ascending.
    pub evidence: Vec<u64>,
    /// The same for people, in a sentence.
    pub text: String,
}

/// The probes of one trial, from one entry to the next.
#[derive(Debug)]
pub(crate) struct ProbeWatch {
    planned: Vec<Probe>,
    rounds: BTreeMap<(u32, u32), Round>,
}

impl ProbeWatch {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self { planned: scenario.probes.clone(), rounds: BTreeMap::new() }
    }

    pub(crate) fn takes(&mut self, seq: u64, event: &ProbeEvent) {
        self.rounds.entry((event.probe, event.round)).or_default().takes(seq, event);
    }

    pub(crate) fn is_over(&mut self, event: &ProbeOverEvent) {
        let round = self.rounds.entry((event.probe, event.round)).or_default();
        round.over = true;
        if let Some(why) = &event.broken_off {
            round.broken_off.get_or_insert_with(|| why.clone());
        }
    }

    /// Each planned probe, in order. What the plan does not hold is nobody's finding.
    pub(crate) fn finish(self) -> Vec<ProbeFindings> {
        let mut findings: Vec<ProbeFindings> =
            (0..).zip(&self.planned).map(|(number, probe)| untried(number, probe)).collect();
        for ((probe, number), round) in self.rounds {
            if let Some(findings) = findings.get_mut(probe as usize) {
                round.finish(number, findings);
            }
        }
        for probe in &mut findings {
            if probe.carried_out < probe.times && probe.broken_off.is_none() {
                probe.broken_off = Some("it was not over when the trial was".to_owned());
            }
        }
        findings
    }
}

fn untried(number: u32, probe: &Probe) -> ProbeFindings {
    ProbeFindings {
        probe: number,
        kind: probe.kind,
        planned_us: probe.at_us,
        times: probe.times,
        carried_out: 0,
        broken_off: None,
        tries: 0,
        refused: 0,
        accepted: 0,
        unclear: 0,
        fitted: 0,
        lines_lost: 0,
        errors: 0,
        found: Vec::new(),
    }
}

/// What became of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Refused,
    Accepted,
    Unclear,
}

/// One time of a probe.
#[derive(Debug, Default)]
struct Round {
    over: bool,
    broken_off: Option<String>,
    /// Who logged in last, and the entry that says so.
    logged_in: Option<(String, u64)>,
    /// The newest version that was acknowledged.
    newest: Option<(u64, u64)>,
    logged_out: Option<u64>,
    /// Lines that were acknowledged although they might have been refused.
    lines: Vec<(String, u64)>,
    /// Whether the tier said a clear no to one of them, or something that nobody can read.
    said_no: Option<Fate>,
    /// The latest honest look at the cart: nothing of it where the session was absent.
    look: Option<(Vec<String>, u64, u64)>,
    tries: Vec<Fate>,
    errors: u64,
    found: Vec<Acceptance>,
}

/// A complete answer below 500.
fn is_clear(event: &ProbeEvent) -> bool {
    event.status.is_some_and(|status| status < 500) && event.outcome != Outcome::Unknown
}

fn owner(event: &ProbeEvent) -> Option<&String> {
    event.view.as_ref().and_then(|view| view.owner.as_ref())
}

impl Round {
    fn takes(&mut self, seq: u64, event: &ProbeEvent) {
        self.errors += u64::from(event.status.is_none_or(|status| status >= 500));
        let leaked = self.is_leaked(seq, event);
        match event.expected {
            Expected::Done => self.step(seq, event),
            Expected::Either => self.adds(seq, event),
            Expected::Refused => {
                let fate = if leaked { Fate::Accepted } else { self.fate(event) };
                self.tries.push(fate);
                if fate == Fate::Accepted && !leaked {
                    self.accepts(seq, event);
                }
            }
        }
        if event.action == Action::LogIn && event.outcome == Outcome::Ok {
            self.logged_in = owner(event).map(|owner| (owner.clone(), seq));
        }
    }

    /// An honest step on the way to the try.
    fn step(&mut self, seq: u64, event: &ProbeEvent) {
        if event.outcome != Outcome::Ok {
            let what = format!("it could not {}", event.action.name());
            self.broken_off.get_or_insert(what);
            return;
        }
        if let Some(view) = &event.view {
            match event.action {
                Action::LogOut => self.logged_out = Some(seq),
                Action::Read => self.look = Some((view.ops.clone(), seq, event.done_us)),
                Action::LogIn | Action::Add | Action::CheckOut => self.newest = Some((view.version, seq)),
            }
        }
    }

    fn adds(&mut self, seq: u64, event: &ProbeEvent) {
        match (&event.op, event.outcome) {
            (Some(op), Outcome::Ok) => self.lines.push((op.clone(), seq)),
            _ if is_clear(event) => self.said_no = Some(Fate::Refused),
            _ => self.said_no = Some(Fate::Unclear),
        }
    }

    fn fate(&self, event: &ProbeEvent) -> Fate {
        if !is_clear(event) {
            return Fate::Unclear;
        }
        let accepted = event.outcome == Outcome::Ok;
        let shown = owner(event);
        let given = match (event.kind, event.action) {
            (_, Action::LogIn) => {
                let renewed = event.new_sid.is_some() && event.new_sid != event.sid;
                if !accepted || event.dropped_bytes.is_some() {
                    return Fate::Unclear;
                }
                !renewed
            }
            (ProbeKind::Fixation, _) => shown
                .is_some_and(|shown| self.logged_in.as_ref().is_none_or(|(logged_in, _)| logged_in == shown)),
            (ProbeKind::ReplayAfterLogOut, _) if self.logged_out.is_none() => return Fate::Unclear,
            (ProbeKind::Rollback, _) => {
                let older = |view: &View| self.newest.is_some_and(|(newest, _)| view.version < newest);
                shown.is_some() && event.view.as_ref().is_some_and(older)
            }
            (_, action) => shown.is_some() || (accepted && action.is_write()),
        };
        if given { Fate::Accepted } else { Fate::Refused }
    }

    /// Whether an answer shows the session of somebody who is none of the probe's own.
    fn is_leaked(&mut self, seq: u64, event: &ProbeEvent) -> bool {
        let own = format!("probe-{}-{}", event.probe, event.round);
        let expected = |shown: &str| {
            let stranger = match event.cookie {
                ProbeCookie::OtherKey => "probe-other-key",
                ProbeCookie::OtherTier => "probe-other-tier",
                _ => &own,
            };
            shown == stranger || shown == own || shown.strip_prefix(&own).is_some_and(|r| r.starts_with('-'))
        };
        let Some(shown) = owner(event).filter(|shown| !expected(shown)) else { return false };
        let what = format!("was shown the session of {shown}");
        self.files(event, Some(AnomalyKind::CrossUserLeak), [seq].into(), &what);
        true
    }

    fn accepts(&mut self, seq: u64, event: &ProbeEvent) {
        let mut evidence = BTreeSet::from([seq]);
        let (anomaly, since, what) = match (event.kind, event.action) {
            (ProbeKind::Fixation, Action::LogIn) => {
                (None, None, "logged in, and was given no other cookie".to_owned())
            }
            (ProbeKind::Fixation, _) => {
                let whose = self.logged_in.as_ref().map_or("somebody", |(owner, _)| owner);
                let what = format!("was shown the session of {whose}, who had logged in over it");
                (Some(AnomalyKind::CrossUserLeak), self.logged_in.as_ref().map(|(_, seq)| *seq), what)
            }
            (ProbeKind::ReplayAfterLogOut, _) => {
                let what = "was accepted, after the log-out had been acknowledged".to_owned();
                (Some(AnomalyKind::ResurrectedSession), self.logged_out, what)
            }
            (ProbeKind::Rollback, _) => {
                let newest = self.newest.unwrap_or_default();
                let shown = event.view.as_ref().map_or(0, |view| view.version);
                let what =
                    format!("was shown version {shown}, although version {} had been acknowledged", newest.0);
                (Some(AnomalyKind::ReplayedCookie), Some(newest.1), what)
            }
            (ProbeKind::Tamper | ProbeKind::Overgrow, _) => {
                let whose = owner(event).map_or("somebody's", String::as_str);
                (None, None, format!("was accepted as {whose}"))
            }
        };
        evidence.extend(since);
        self.files(event, anomaly, evidence, &what);
    }

    fn files(
        &mut self,
        event: &ProbeEvent,
        anomaly: Option<AnomalyKind>,
        evidence: BTreeSet<u64>,
        what: &str,
    ) {
        let text = format!(
            "At {}, probe {} ({}, time {}) sent {} to {} and {what}.",
            seconds(event.done_us),
            event.probe,
            event.kind.name(),
            event.round + 1,
            event.cookie.in_words(),
            event.action.name(),
        );
        self.found.push(Acceptance {
            round: event.round,
            cookie: event.cookie,
            action: event.action,
            anomaly,
            at_us: event.done_us,
            evidence: evidence.into_iter().collect(),
            text,
        });
    }

    /// What became of a session that was to outgrow its place.
    fn outgrown(&mut self, number: u32, findings: &mut ProbeFindings) -> Option<Fate> {
        let Some((cart, seq, at_us)) = &self.look else { return Some(Fate::Unclear) };
        let gone: Vec<&(String, u64)> = self.lines.iter().filter(|(op, _)| !cart.contains(op)).collect();
        let Some((_, first)) = gone.first() else { return self.said_no };
        let n = gone.len() as u64;
        findings.lines_lost += n;
        let text = format!(
            "At {}, probe {} (overgrow, time {}) looked for {} that had been acknowledged, and {} gone.",
            seconds(*at_us),
            findings.probe,
            number + 1,
            counted(self.lines.len() as u64, "line"),
            if n == 1 { "1 was".to_owned() } else { format!("{n} were") },
        );
        self.found.push(Acceptance {
            round: number,
            cookie: ProbeCookie::Own,
            action: Action::Add,
            anomaly: Some(AnomalyKind::LostWrite),
            at_us: *at_us,
            evidence: vec![*first, *seq],
            text,
        });
        Some(Fate::Accepted)
    }

    fn finish(mut self, number: u32, findings: &mut ProbeFindings) {
        let carried_out = self.over && self.broken_off.is_none();
        if findings.kind == ProbeKind::Overgrow && carried_out {
            match self.outgrown(number, findings) {
                Some(fate) => self.tries.push(fate),
                None => {
                    findings.tries += 1;
                    findings.fitted += 1;
                }
            }
        }
        let of = |fate: Fate| self.tries.iter().filter(|other| **other == fate).count() as u64;
        findings.tries += self.tries.len() as u64;
        findings.refused += of(Fate::Refused);
        findings.accepted += of(Fate::Accepted);
        findings.unclear += of(Fate::Unclear);
        findings.errors += self.errors;
        findings.carried_out += u32::from(carried_out && number < findings.times);
        if findings.broken_off.is_none() {
            findings.broken_off = self.broken_off;
        }
        findings.found.extend(self.found);
    }
}
