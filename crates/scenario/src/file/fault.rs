//! The `[[faults]]` as written.

use super::{LONGEST_S, ScenarioError, Source, schema, standing};
use crate::fault::{Fault, FaultAction, Keys, Target};
use crate::phase::{Phase, Phases};
use schemars::JsonSchema;
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

const MOST_ADDED: u32 = 16;
const MOST_CRASHES: u32 = 100;
/// How many times a server of a crash loop is killed when nothing is said.
const CRASHES: u32 = 3;
const LONGEST_DELAY_MS: u64 = 60_000;
const MOST_KBYTES_PER_S: u64 = 10_000_000;
const MOST_ANSWERS: u32 = 1_000_000;

/// Something that is done to the tier at a moment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub(super) struct FaultFile {
    /// When, after the load starts. It must lie in the fault phase. Seconds.
    #[schemars(with = "f64", range(min = 0.0, max = LONGEST_S))]
    at_s: Spanned<f64>,
    /// What is done.
    #[schemars(with = "ActionName")]
    action: Spanned<ActionName>,
    /// To whom.
    #[schemars(schema_with = "schema::target")]
    target: Spanned<String>,
    /// Of `crash-loop`: how many times the server is killed.
    #[schemars(with = "Option<u32>", range(min = 1, max = MOST_CRASHES), extend("default" = CRASHES))]
    times: Option<Spanned<u32>>,
    /// Of `crash-loop`: how long the server is up between two crashes. Seconds.
    #[schemars(with = "Option<f64>", range(min = 0.0, max = LONGEST_S), extend("default" = 0))]
    up_s: Option<Spanned<f64>>,
    /// Of `add`: how many servers join.
    #[schemars(with = "Option<u32>", range(min = 1, max = MOST_ADDED), extend("default" = 1))]
    count: Option<Spanned<u32>>,
    /// Of `rolling-restart` and `remove`: how long a server is drained at most before it is told to stop. Seconds.
    #[schemars(with = "Option<f64>", range(min = 0.0, max = LONGEST_S), extend("default" = 0))]
    drain_s: Option<Spanned<f64>>,
    /// Of `rolling-restart`: what becomes of the keys that seal cookies.
    #[schemars(with = "Option<Keys>", extend("default" = "kept"))]
    keys: Option<Spanned<Keys>>,
    /// Of `evict`, and needed there: how many of every hundred sessions are forgotten.
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    percent: Option<Spanned<u32>>,
    /// Of `delay`, and needed there: how much longer every byte takes in each direction. Milliseconds.
    #[schemars(with = "Option<u64>", range(min = 1, max = LONGEST_DELAY_MS))]
    delay_ms: Option<Spanned<u64>>,
    /// Of `delay`: at most this much more, differently for each piece. Milliseconds.
    #[schemars(with = "Option<u64>", range(min = 0, max = LONGEST_DELAY_MS), extend("default" = 0))]
    jitter_ms: Option<Spanned<u64>>,
    /// Of `throttle`, and needed there: thousands of bytes a second for each connection and direction.
    #[schemars(with = "Option<u64>", range(min = 1, max = MOST_KBYTES_PER_S))]
    kbytes_per_s: Option<Spanned<u64>>,
    /// Of `lose-answers`: one answer of so many is lost.
    #[schemars(with = "Option<u32>", range(min = 1, max = MOST_ANSWERS), extend("default" = 1))]
    one_in: Option<Spanned<u32>>,
}

/// What is done: [`FaultAction`] without what belongs to it, for a file has that in keys of its own.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Action", description = "What is done.")]
enum ActionName {
    /// SIGKILL: gone at once.
    Kill,
    /// SIGTERM (a store: its own clean shutdown): it finishes what is in flight and exits.
    Terminate,
    /// SIGSTOP: alive and silent.
    Pause,
    /// SIGCONT.
    Resume,
    /// A new process in the place of one that has ended; a store finds what its durability has kept.
    Start,
    /// A store is started again with nothing in it.
    StartEmpty,
    /// A server is killed, started, and killed again as soon as the router has it up.
    CrashLoop,
    /// One server after the other is replaced by a new process: a deployment.
    RollingRestart,
    /// New servers join the tier.
    Add,
    /// A server leaves the tier for good.
    Remove,
    /// The router gives a server no new sessions.
    Drain,
    /// The store forgets some of its sessions.
    Evict,
    /// Every byte on an edge takes longer.
    Delay,
    /// An edge carries no more than so much.
    Throttle,
    /// Nothing passes an edge, and nobody is told.
    Cut,
    /// Connections over an edge are reset, and new ones refused.
    Refuse,
    /// Requests pass an edge and answers do not.
    LoseAnswers,
    /// The edge is as it was before.
    Calm,
    /// The link between two sites is cut, every process of the first is killed, and the second takes over.
    Disaster,
}

impl Source<'_> {
    pub(super) fn faults(
        &self,
        written: Vec<FaultFile>,
        phases: &Phases,
        servers: u32,
        two_sites: bool,
    ) -> Result<Vec<Fault>, ScenarioError> {
        let mut faults: Vec<Fault> = Vec::new();
        let spans: Vec<Range<usize>> = written.iter().map(|fault| fault.target.span()).collect();
        for fault in written {
            let at_us = self.fault_time(&fault.at_s, phases)?;
            let target: Target =
                fault.target.get_ref().parse().map_err(|e: String| self.error(fault.target.span(), e))?;
            let (target_span, at_span) = (fault.target.span(), fault.at_s.span());
            let resolved = Fault { at_us, action: self.action(fault)?, target };
            self.check_sites(&resolved, &faults, two_sites, &target_span)?;
            self.check_fault(&resolved, &faults, servers, target_span, at_span)?;
            faults.push(resolved);
        }
        if let Some((index, why)) = standing::impossible(&faults, servers) {
            return Err(self.error(spans[index].clone(), why));
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
            ActionName::Disaster => FaultAction::Disaster,
            ActionName::CrashLoop => FaultAction::CrashLoop {
                times: self.number("times", fault.times.take(), Some(CRASHES), 1, MOST_CRASHES, &span)?,
                up_ms: self.milliseconds("faults.up_s", fault.up_s.take())?,
            },
            ActionName::RollingRestart => FaultAction::RollingRestart {
                drain_ms: self.milliseconds("faults.drain_s", fault.drain_s.take())?,
                keys: fault.keys.take().map_or(Keys::Kept, Spanned::into_inner),
            },
            ActionName::Add => FaultAction::Add {
                count: self.number("count", fault.count.take(), Some(1), 1, MOST_ADDED, &span)?,
            },
            ActionName::Remove => {
                FaultAction::Remove { drain_ms: self.milliseconds("faults.drain_s", fault.drain_s.take())? }
            }
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
                    MOST_KBYTES_PER_S,
                    &span,
                )?,
            },
            ActionName::LoseAnswers => FaultAction::LoseAnswers {
                one_in: self.number("one_in", fault.one_in.take(), Some(1), 1, MOST_ANSWERS, &span)?,
            },
        };
        match fault.left_over() {
            None => Ok(action),
            Some((key, span)) => {
                let message = format!(
                    "{key} does not belong to the action {}, but to {}; take it out",
                    action.name(),
                    owners(key)
                );
                Err(self.error(span, message))
            }
        }
    }

    fn milliseconds(&self, key: &str, written: Option<Spanned<f64>>) -> Result<u64, ScenarioError> {
        written.map_or(Ok(0), |s| self.seconds(key, &s)).map(|us| us / 1_000)
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
            let possible: Vec<String> = Target::fixed()
                .chain([Target::Server(1)])
                .filter(|target| fault.action.may_hit(*target))
                .map(|target| target.to_string())
                .collect();
            let message =
                format!("a {name} of {} means nothing; it can hit: {}", fault.target, possible.join(", "));
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

/// Whose a key is.
fn owners(key: &str) -> &'static str {
    match key {
        "times" | "up_s" => "crash-loop",
        "count" => "add",
        "drain_s" => "rolling-restart and remove",
        "keys" => "rolling-restart",
        "percent" => "evict",
        "delay_ms" | "jitter_ms" => "delay",
        "kbytes_per_s" => "throttle",
        _ => "lose-answers",
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
            of("up_s", self.up_s.as_ref()),
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
