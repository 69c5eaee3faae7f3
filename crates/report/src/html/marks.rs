//! What happened when: numbered flags above a lane, lines through it, and the same in words below it.

use super::svg::{Clock, HIGH, short};
use crate::words::{clip, duration, moment};
use analysis::{RouterChangeKind, ServiceRecovery, TrialFindings};
use journal::FailoverStep;
use maud::{Markup, html};
use scenario::FaultAction;

/// A lane with more flags than this could not be read; the rest stands in the JSON.
const MOST: usize = 12;
/// Flags nearer to one another than this go into the next row, so that a phone can tell them apart.
const APART_PERCENT: f64 = 5.5;

pub(super) struct Mark {
    at_us: u64,
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fault,
    Mend,
    Seen,
    Back,
}

/// Faults, what the router noticed after the first of them, and the service's return; in order of time.
pub(super) fn of(trial: &TrialFindings) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for fault in &trial.faults {
        let Some(at_us) = fault.called_us else { continue };
        let process = clip(fault.process.as_deref().unwrap_or(&fault.target), 60);
        let t0 = if marks.is_empty() { " (t0)" } else { "" };
        let outcome = match (fault.landed_us, fault.spared_us) {
            (Some(_), _) => "",
            (None, Some(_)) => "; this stack has none, and is spared",
            (None, None) => "; not proved to have landed",
        };
        let text = format!("{process} {} at {}{t0}{outcome}", done(fault.action), moment(at_us));
        let kind = if fault.action.mends() { Kind::Mend } else { Kind::Fault };
        marks.push(Mark { at_us, kind, text });
    }
    let Some(t0_us) = marks.first().map(|mark| mark.at_us) else { return marks };
    for change in trial.router.iter().filter(|change| change.at_us >= t0_us) {
        let seen = match change.change {
            RouterChangeKind::Down => "down",
            RouterChangeKind::Up => "up",
            RouterChangeKind::Draining => "draining",
            RouterChangeKind::Gone => "gone",
            RouterChangeKind::New => continue,
        };
        let text = format!("router saw {} {seen} at {}", clip(&change.server, 60), moment(change.at_us));
        marks.push(Mark { at_us: change.at_us, kind: Kind::Seen, text });
    }
    for step in &trial.failover {
        let text = format!("{} {} at {}", clip(&step.process, 60), failover(step.step), moment(step.at_us));
        marks.push(Mark { at_us: step.at_us, kind: Kind::Seen, text });
    }
    if let Some(recovery) = trial.recovery.as_ref().filter(|r| r.service == ServiceRecovery::Back)
        && let Some(back_us) = recovery.service_back_us
    {
        let text = format!("service back {} after t0", duration(back_us, recovery.resolution_us));
        marks.push(Mark { at_us: recovery.t0_us + back_us, kind: Kind::Back, text });
    }
    marks.sort_by_key(|mark| mark.at_us);
    marks.truncate(MOST);
    marks
}

/// A step of a failover.
fn failover(step: FailoverStep) -> &'static str {
    match step {
        FailoverStep::Detected => "held for lost",
        FailoverStep::Fenced => "fenced off",
        FailoverStep::Promoted => "promoted",
        FailoverStep::Writable => "takes writes",
        FailoverStep::Announced => "announced as the new primary",
    }
}

/// What was done.
pub(super) fn done(action: FaultAction) -> String {
    match action {
        FaultAction::Kill => "killed".to_owned(),
        FaultAction::Terminate => "told to stop".to_owned(),
        FaultAction::Pause => "paused".to_owned(),
        FaultAction::Resume => "resumed".to_owned(),
        FaultAction::Start => "started".to_owned(),
        FaultAction::StartEmpty => "started with nothing in it".to_owned(),
        FaultAction::CrashLoop { times, .. } => format!("crashes {times} times"),
        FaultAction::RollingRestart { drain_ms: 0, .. } => "replaced one by one".to_owned(),
        FaultAction::RollingRestart { drain_ms, .. } => {
            format!("replaced one by one, each drained for {} s", drain_ms as f64 / 1e3)
        }
        FaultAction::Add { count } => format!("joined by {count} more"),
        FaultAction::Remove { .. } => "taken out of the tier".to_owned(),
        FaultAction::Drain => "drained".to_owned(),
        FaultAction::Undrain => "given new sessions again".to_owned(),
        FaultAction::Route { policy } => format!("routed by {policy}"),
        FaultAction::Evict { percent } => format!("made to forget {percent} % of its sessions"),
        FaultAction::Delay { delay_ms, .. } => format!("slowed down by {delay_ms} ms"),
        FaultAction::Throttle { kbytes_per_s } => format!("throttled to {kbytes_per_s} kB/s"),
        FaultAction::Cut => "cut".to_owned(),
        FaultAction::Refuse => "reset and refused".to_owned(),
        FaultAction::LoseAnswers { one_in: 1 } => "made to lose its answers".to_owned(),
        FaultAction::LoseAnswers { one_in } => format!("made to lose one answer in {one_in}"),
        FaultAction::Calm => "as before again".to_owned(),
        FaultAction::Disaster => "lost, with every process of it".to_owned(),
    }
}

impl Kind {
    fn flag(self) -> &'static str {
        match self {
            Kind::Fault => "m fault",
            Kind::Mend => "m mend",
            Kind::Seen => "m",
            Kind::Back => "m back",
        }
    }

    fn line(self) -> &'static str {
        match self {
            Kind::Fault => "t0",
            Kind::Mend | Kind::Seen => "seen",
            Kind::Back => "healed",
        }
    }
}

/// The numbers above a lane.
pub(super) fn flags(marks: &[Mark], clock: Clock) -> Markup {
    let mut last: Vec<f64> = Vec::new();
    let mut rows = Vec::new();
    for mark in marks {
        let x = clock.x(mark.at_us) / 10.0;
        let row = last.iter().position(|end| x - end >= APART_PERCENT).unwrap_or(last.len());
        if row == last.len() {
            last.push(x);
        } else {
            last[row] = x;
        }
        rows.push(row);
    }
    let height = last.len() as f64 * 1.2 + 0.15;
    html! {
        div.flags aria-hidden="true" style={"height:" (format!("{height:.2}")) "rem"} {
            @for (n, (mark, row)) in marks.iter().zip(rows).enumerate() {
                i class=(mark.kind.flag())
                    style={"left:" (clock.percent(mark.at_us)) ";top:" (format!("{:.1}", row as f64 * 1.2)) "rem"} { (n + 1) }
            }
        }
    }
}

/// The lines through a lane.
pub(super) fn lines(marks: &[Mark], clock: Clock) -> Markup {
    html! {
        @for mark in marks {
            path class=(mark.kind.line()) d={"M" (short(clock.x(mark.at_us))) " 0V" (HIGH)} {}
        }
    }
}

/// The same in words.
pub(super) fn legend(marks: &[Mark]) -> Markup {
    html! {
        @if !marks.is_empty() {
            ol.marks {
                @for (n, mark) in marks.iter().enumerate() { li { i class=(mark.kind.flag()) { (n + 1) } (mark.text) } }
            }
        }
    }
}
