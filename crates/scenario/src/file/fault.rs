//! The `[[faults]]` as written.

use super::{ScenarioError, Source};
use crate::fault::{Fault, FaultAction, Keys, Target};
use crate::phase::{Phase, Phases};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

const MOST_ADDED: u32 = 16;
const MOST_CRASHES: u32 = 100;
const LONGEST_DELAY_MS: u64 = 60_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultFile {
    at_s: Spanned<f64>,
    action: Spanned<ActionName>,
    target: Spanned<String>,
    times: Option<Spanned<u32>>,
    count: Option<Spanned<u32>>,
    drain_s: Option<Spanned<f64>>,
    keys: Option<Spanned<Keys>>,
    percent: Option<Spanned<u32>>,
    delay_ms: Option<Spanned<u64>>,
    jitter_ms: Option<Spanned<u64>>,
    kbytes_per_s: Option<Spanned<u64>>,
    one_in: Option<Spanned<u32>>,
}

/// [`FaultAction`] without what belongs to it: a file has that in keys of its own.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ActionName {
    Kill,
    Terminate,
    Pause,
    Resume,
    Start,
    StartEmpty,
    CrashLoop,
    RollingRestart,
    Add,
    Remove,
    Drain,
    Evict,
    Delay,
    Throttle,
    Cut,
    Refuse,
    LoseAnswers,
    Calm,
}

impl Source<'_> {
    pub(super) fn faults(
        &self,
        written: Vec<FaultFile>,
        phases: &Phases,
        servers: u32,
    ) -> Result<Vec<Fault>, ScenarioError> {
        let mut faults: Vec<Fault> = Vec::new();
        for fault in written {
            let at_us = self.fault_time(&fault.at_s, phases)?;
            let target: Target =
                fault.target.get_ref().parse().map_err(|e: String| self.error(fault.target.span(), e))?;
            let (target_span, at_span) = (fault.target.span(), fault.at_s.span());
            let resolved = Fault { at_us, action: self.action(fault)?, target };
            self.check_fault(&resolved, &faults, servers, target_span, at_span)?;
            faults.push(resolved);
        }
        Ok(faults)
    }

    fn fault_time(&self, at_s: &Spanned<f64>, phases: &Phases) -> Result<u64, ScenarioError> {
        let (start_us, end_us) =
            phases.span(Phase::Fault).map_or((0, 0), |span| (span.start_us, span.end_us));
        let at_us = self.seconds("faults.at_s", at_s)?;
        if at_us >= start_us && at_us < end_us {
            return Ok(at_us);
        }
        let (start, end) = (start_us as f64 / 1e6, end_us as f64 / 1e6);
        let message = format!(
            "fault at {} s lies outside the fault window, {start} s to {end} s after the load starts; move it or change the \
             phases",
            at_s.get_ref()
        );
        Err(self.error(at_s.span(), message))
    }

    /// The action with what belongs to it; a key that belongs to another action is an error.
    fn action(&self, mut fault: FaultFile) -> Result<FaultAction, ScenarioError> {
        let name = *fault.action.get_ref();
        let span = fault.action.span();
        let action = match name {
            ActionName::Kill => FaultAction::Kill,
            ActionName::Terminate => FaultAction::Terminate,
            ActionName::Pause => FaultAction::Pause,
            ActionName::Resume => FaultAction::Resume,
            ActionName::Start => FaultAction::Start,
            ActionName::StartEmpty => FaultAction::StartEmpty,
            ActionName::Drain => FaultAction::Drain,
            ActionName::Cut => FaultAction::Cut,
            ActionName::Refuse => FaultAction::Refuse,
            ActionName::Calm => FaultAction::Calm,
            ActionName::CrashLoop => FaultAction::CrashLoop {
                times: self.number("times", fault.times.take(), Some(3), 1, MOST_CRASHES, &span)?,
            },
            ActionName::RollingRestart => FaultAction::RollingRestart {
                drain_ms: self.drain_ms(fault.drain_s.take())?,
                keys: fault.keys.take().map_or(Keys::Kept, Spanned::into_inner),
            },
            ActionName::Add => FaultAction::Add {
                count: self.number("count", fault.count.take(), Some(1), 1, MOST_ADDED, &span)?,
            },
            ActionName::Remove => FaultAction::Remove { drain_ms: self.drain_ms(fault.drain_s.take())? },
            ActionName::Evict => FaultAction::Evict {
                percent: self.number("percent", fault.percent.take(), None, 1, 100, &span)?,
            },
            ActionName::Delay => FaultAction::Delay {
                delay_ms: self.number("delay_ms", fault.delay_ms.take(), None, 1, LONGEST_DELAY_MS, &span)?,
                jitter_ms: self.number(
                    "jitter_ms",
                    fault.jitter_ms.take(),
                    Some(0),
                    0,
                    LONGEST_DELAY_MS,
                    &span,
                )?,
            },
            ActionName::Throttle => FaultAction::Throttle {
                kbytes_per_s: self.number(
                    "kbytes_per_s",
                    fault.kbytes_per_s.take(),
                    None,
                    1,
                    10_000_000,
                    &span,
                )?,
            },
            ActionName::LoseAnswers => FaultAction::LoseAnswers {
                one_in: self.number("one_in", fault.one_in.take(), Some(1), 1, 1_000_000, &span)?,
            },
        };
        match fault.left_over() {
            None => Ok(action),
            Some((key, span)) => {
                Err(self.error(span, format!("{key} does not belong to the action {}", action.name())))
            }
        }
    }

    fn drain_ms(&self, drain_s: Option<Spanned<f64>>) -> Result<u64, ScenarioError> {
        drain_s.map_or(Ok(0), |s| self.seconds("faults.drain_s", &s)).map(|us| us / 1_000)
    }

    fn number<T: PartialOrd + std::fmt::Display>(
        &self,
        key: &str,
        value: Option<Spanned<T>>,
        unnamed: Option<T>,
        least: T,
        most: T,
        action: &Range<usize>,
    ) -> Result<T, ScenarioError> {
        match (value, unnamed) {
            (Some(value), _) => self.range(&format!("faults.{key}"), value, least, most),
            (None, Some(unnamed)) => Ok(unnamed),
            (None, None) => {
                Err(self
                    .error(action.clone(), format!("this action needs the key {key} ({least} to {most})")))
            }
        }
    }

    fn check_fault(
        &self,
        fault: &Fault,
        before: &[Fault],
        servers: u32,
        target: Range<usize>,
        at: Range<usize>,
    ) -> Result<(), ScenarioError> {
        if before.last().is_some_and(|last| last.at_us > fault.at_us) {
            return Err(self.error(at, "faults must stand in order of at_s; move this one up"));
        }
        let name = fault.action.name();
        if !fault.action.may_hit(fault.target) {
            let message = format!(
                "a {name} of {} means nothing; see docs/scenarios.md for what can be hit",
                fault.target
            );
            return Err(self.error(target, message));
        }
        let added: u32 = before
            .iter()
            .map(|fault| if let FaultAction::Add { count } = fault.action { count } else { 0 })
            .sum();
        if let Target::Server(place) = fault.target
            && place > servers + added
        {
            return Err(self.error(
                target,
                format!("target server-{place} does not exist; there are {} servers", servers + added),
            ));
        }
        let hit_a_server = |fault: &Fault| matches!(fault.target, Target::BusiestServer | Target::Server(_));
        if fault.target == Target::SameServer && !before.iter().any(hit_a_server) {
            return Err(self.error(
                target,
                "target same-server needs a fault before it that hit a server; name busiest-server or server-1",
            ));
        }
        if fault.action.mends() && fault.target == Target::BusiestServer {
            let message = format!(
                "a {name} of busiest-server means nothing: it undoes an earlier fault; use same-server or server-1"
            );
            return Err(self.error(target, message));
        }
        Ok(())
    }
}

impl FaultFile {
    /// A key that nobody has asked for.
    fn left_over(&self) -> Option<(&'static str, Range<usize>)> {
        fn of<T>(key: &'static str, value: Option<&Spanned<T>>) -> Option<(&'static str, Range<usize>)> {
            value.map(|value| (key, value.span()))
        }
        [
            of("times", self.times.as_ref()),
            of("count", self.count.as_ref()),
            of("drain_s", self.drain_s.as_ref()),
            of("keys", self.keys.as_ref()),
            of("percent", self.percent.as_ref()),
            of("delay_ms", self.delay_ms.as_ref()),
            of("jitter_ms", self.jitter_ms.as_ref()),
            of("kbytes_per_s", self.kbytes_per_s.as_ref()),
            of("one_in", self.one_in.as_ref()),
        ]
        .into_iter()
        .flatten()
        .next()
    }
}
