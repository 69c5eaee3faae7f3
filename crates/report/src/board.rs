//! The scoreboard as data: stacks as columns, the same rows in every format, so that no two formats can disagree.

use crate::results::ScenarioResults;
mod costs;

use crate::comparisons;
use crate::summary::{Exact, Lookups, PhaseSummary, RecoverySummary, StackSummary};
use crate::words::{below, clip, count, counted, duration, latency, percent, ratio_percent};
use analysis::statistics::{Figure, FigureUnit};
use analysis::{AnomalyKind, ServiceRecovery, Verdict};
use costs::{cpu, cpu_a_session, memory, memory_a_session};

/// Requests that a 99th percentile needs, so that it is not a guess.
const P99_NEEDS: u64 = 299;

pub(crate) struct Board {
    pub(crate) stacks: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    pub(crate) label: &'static str,
    /// The first row of a group bears its name.
    pub(crate) group: Option<&'static str>,
    pub(crate) cells: Vec<Cell>,
}

pub(crate) struct Cell {
    pub(crate) main: String,
    pub(crate) sub: Option<String>,
    pub(crate) tone: Tone,
    /// The exact interval, where there is room for it.
    pub(crate) exact: Option<String>,
    /// What a naive tool would show in its place, for a reader who wants to see that.
    pub(crate) naive: Option<Box<Cell>>,
}

/// How a cell is to be taken. Each has a mark, so that colour is never the only signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
    Doubt,
    Dim,
    Head,
    Label,
}

impl Tone {
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Tone::Good => "\u{2714} ",
            Tone::Bad => "\u{2718} ",
            Tone::Doubt => "? ",
            Tone::Plain | Tone::Dim | Tone::Head | Tone::Label => "",
        }
    }
}

/// What a verdict is called beside a stack. A stack that is expected to lose sessions, and does, is "as expected": "holds" alone
/// would be read as praise.
pub(crate) fn verdict_words(verdict: Verdict) -> (Tone, &'static str) {
    match verdict {
        Verdict::Holds => (Tone::Good, "as expected"),
        Verdict::Broken => (Tone::Bad, "not as expected"),
        Verdict::Inconclusive => (Tone::Doubt, "inconclusive"),
        Verdict::Unpromised => (Tone::Dim, "nothing expected"),
    }
}

/// Measured by scenarios with sleeping sessions alone, and left out elsewhere.
const MEMORY_A_SESSION: &str = "memory a session";
/// Left out where no stack lost any.
const UPDATES_LOST: &str = "updates lost";

type Teller = fn(&StackSummary) -> Cell;

/// Every row of every scoreboard, in its order.
const ROWS: [(Option<&str>, &str, Teller); 21] = [
    (Some("Verdict"), "expectations", expectations),
    (Some("Sessions and writes"), "sessions lost", lost),
    (None, "loud / silent", how),
    (None, "misrouted", misrouted),
    (None, "writes lost", writes_lost),
    (None, UPDATES_LOST, updates_lost),
    (None, "unknown writes", writes_unknown),
    (Some("Recovery"), "service back", |s| spread(s, Figure::ServiceBack, service_back(s))),
    (None, "sessions back", sessions_back),
    (Some("Before the fault"), "errors, baseline", |s| errors(s, &s.baseline)),
    (None, "p50, baseline", |s| spread(s, Figure::BaselineP50, p50(&s.baseline))),
    (None, "p99, baseline", |s| spread(s, Figure::BaselineP99, p99(&s.baseline))),
    (Some("In the fault window"), "errors, fault", |s| errors(s, &s.fault)),
    (None, "p50, fault", |s| spread(s, Figure::FaultP50, p50(&s.fault))),
    (None, "p99, fault", |s| spread(s, Figure::FaultP99, p99(&s.fault))),
    (Some("Cost"), "CPU a request", |s| spread(s, Figure::CpuPerRequest, cpu(s))),
    (None, "CPU a session", cpu_a_session),
    (None, "memory, peak", memory),
    (None, MEMORY_A_SESSION, memory_a_session),
    (Some("Who measured"), "generator lag p99", lag),
    (None, "sent of offered", generator),
];

/// The rows of a scenario in which an operator looked for sessions.
const LOOKUP_ROWS: [(Option<&str>, &str, Teller); 4] = [
    (Some("Whose session is where"), "places to ask", places),
    (None, "found before the fault", |s| looked_up(s.lookups.map(|l| l.before))),
    (None, "found after the fault", |s| looked_up(s.lookups.map(|l| l.after))),
    (None, "time to find out", time_to_find_out),
];

impl Board {
    pub(crate) fn new(scenario: &ScenarioResults) -> Self {
        let looks = scenario.stacks.iter().any(|stack| stack.lookups.is_some());
        let more = LOOKUP_ROWS.iter().filter(|_| looks);
        let rows = ROWS.iter().chain(more).map(|(group, label, tell)| {
            let cells = scenario.stacks.iter().map(|stack| claimed(stack, tell(stack)));
            // In a closed load there is no plan to count from, and so nothing beside it.
            let cells = cells.map(|cell| match scenario.closed() {
                Some(_) => Cell { naive: None, ..cell },
                None => cell,
            });
            Row { label, group: *group, cells: cells.collect() }
        });
        let rare = |row: &Row| [MEMORY_A_SESSION, UPDATES_LOST].contains(&row.label);
        let rows = rows.filter(|row| !rare(row) || row.cells.iter().any(|c| c.tone != Tone::Dim));
        Self { stacks: scenario.stacks.iter().map(|s| clip(&s.stack, 60)).collect(), rows: rows.collect() }
    }
}

/// Nothing in an inconclusive stack's column is praise or blame.
pub(crate) fn claimed(stack: &StackSummary, mut cell: Cell) -> Cell {
    if stack.is_inconclusive() && matches!(cell.tone, Tone::Good | Tone::Bad | Tone::Plain) {
        cell.tone = Tone::Dim;
    }
    cell
}

/// A plain one.
pub(crate) fn cell(main: impl Into<String>) -> Cell {
    Cell { main: main.into(), sub: None, tone: Tone::Plain, exact: None, naive: None }
}

/// In every trial the exact interval; it takes each for lost on its own, which the page says beside it.
fn exact(share: Option<Exact>) -> Option<String> {
    share.map(|Exact { low, high }| format!("exact 95%: {} to {}", ratio_percent(low), ratio_percent(high)))
}

impl Cell {
    pub(crate) fn sub(mut self, sub: impl Into<String>) -> Self {
        self.sub = Some(sub.into());
        self
    }

    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    pub(crate) fn not_measured(why: &str) -> Self {
        cell(format!("n/a ({why})")).tone(Tone::Dim)
    }
}

fn expectations(stack: &StackSummary) -> Cell {
    let (tone, words) = verdict_words(stack.verdict);
    let all = stack.expectations.len();
    let holding = stack.expectations.iter().filter(|e| e.verdict == Verdict::Holds).count();
    let cell = cell(words).tone(tone);
    match all {
        0 => cell,
        _ if stack.is_inconclusive() => cell.sub("nothing is claimed"),
        _ => cell.sub(format!("{holding} of {all} hold")),
    }
}

fn lost(stack: &StackSummary) -> Cell {
    let s = &stack.sessions;
    if s.verified == 0 {
        return Cell::not_measured("none verified");
    }
    let main =
        Cell { exact: exact(s.loss_exact), ..cell(format!("{} of {}", count(s.lost), count(s.verified))) };
    let unseen = match s.unverified {
        0 => String::new(),
        n => format!("; {} unverified", count(n)),
    };
    if s.lost == 0 {
        return main.tone(Tone::Good).sub(format!("below {}{unseen}", below(s.verified)));
    }
    let spread = match (stack.trials, s.lost_least == s.lost_most) {
        (1, _) => String::new(),
        (_, true) => format!("; {} a trial", count(s.lost_most)),
        (_, false) => format!("; {} to {} a trial", count(s.lost_least), count(s.lost_most)),
    };
    let interval = s.loss_a_trial.and_then(|share| Some((share.low?, share.high?))).map_or_else(
        || percent(s.lost, s.verified),
        |(low, high)| {
            let (low, high) = (ratio_percent(low), ratio_percent(high));
            format!("{} ({low} to {high} over trials)", percent(s.lost, s.verified))
        },
    );
    main.tone(Tone::Bad).sub(format!("{interval}{spread}{unseen}"))
}

fn how(stack: &StackSummary) -> Cell {
    let s = &stack.sessions;
    if s.lost == 0 {
        return cell("\u{2013}").tone(Tone::Dim);
    }
    let main = cell(format!("{} / {}", count(s.lost_loud), count(s.lost_silent)));
    if s.lost_silent == 0 {
        main.sub("each told by a 401")
    } else {
        main.sub("silent: a 200 with an empty cart")
    }
}

fn misrouted(stack: &StackSummary) -> Cell {
    let s = &stack.sessions;
    match s.misrouted {
        0 => cell(format!("0 of {}", count(s.verified))).tone(Tone::Plain),
        n => {
            cell(format!("{} of {}", count(n), count(s.verified))).tone(Tone::Bad).sub("gone, and back later")
        }
    }
}

fn writes_lost(stack: &StackSummary) -> Cell {
    let w = &stack.writes;
    let main = cell(format!("{} of {}", count(w.lost), count(w.verified)));
    let main = Cell { exact: exact(stack.writes_loss_exact), ..main };
    let main = if w.lost > 0 { main.tone(Tone::Bad) } else { main };
    match w.in_lost_sessions {
        0 => main,
        n => main.sub(format!("and {} inside lost sessions", count(n))),
    }
}

/// Two writes from one version of which one has no effect, though both were acknowledged.
fn updates_lost(stack: &StackSummary) -> Cell {
    match stack.found(AnomalyKind::LostUpdate) {
        None => cell("n/a").tone(Tone::Dim),
        Some(0) => cell("0").tone(Tone::Dim),
        Some(n) => {
            let million = (n as f64 * 1e6 / stack.writes.acknowledged.max(1) as f64).round() as u64;
            cell(count(n)).tone(Tone::Bad).sub(format!("{} a million writes", count(million)))
        }
    }
}

fn writes_unknown(stack: &StackSummary) -> Cell {
    let w = &stack.writes;
    match w.unknown {
        0 => cell("0"),
        n => cell(count(n)).sub(format!("{} seen later", count(w.recovered))),
    }
}

/// When the service was back, as a cell.
pub(crate) fn service_back(stack: &StackSummary) -> Cell {
    let Some(recovery) = &stack.recovery else { return cell("no fault").tone(Tone::Dim) };
    match (recovery.service, recovery.service_back_us) {
        (ServiceRecovery::NotInterrupted, _) => cell("never away").tone(Tone::Good),
        (ServiceRecovery::LeftLater, _) => cell("unsteady later").tone(Tone::Bad),
        (ServiceRecovery::NotMeasured, _) => Cell::not_measured("load too short"),
        (ServiceRecovery::NotBack, _) | (ServiceRecovery::Back, None) => {
            cell("not back").tone(Tone::Bad).sub("before the load ended")
        }
        (ServiceRecovery::Back, Some(us)) => after(us, recovery, stack.trials),
    }
}

fn after(us: u64, recovery: &RecoverySummary, trials: u64) -> Cell {
    let main = cell(duration(us, recovery.resolution_us));
    if trials > 1 { main.sub(format!("median of {trials}")) } else { main }
}

fn sessions_back(stack: &StackSummary) -> Cell {
    let Some(recovery) = &stack.recovery else { return cell("no fault").tone(Tone::Dim) };
    let unresolved = match recovery.unresolved {
        0 => String::new(),
        n => format!("; {} unknown", count(n)),
    };
    let never = recovery.never;
    let back = recovery.sessions_back_us.map(|us| {
        let of = counted(recovery.recovered, "session", "sessions");
        (duration(us, recovery.resolution_us), of)
    });
    match (back, never) {
        (None, 0) if recovery.unresolved == 0 => cell("none was away").tone(Tone::Good),
        (None, 0) => cell("n/a").tone(Tone::Dim).sub(format!("{} unknown", count(recovery.unresolved))),
        (Some((after, of)), 0) => cell(after).sub(format!("median of {of}{unresolved}")),
        (None, n) => cell(format!("{} never", count(n))).tone(Tone::Bad),
        (Some((after, of)), n) => cell(format!("{} never", count(n)))
            .tone(Tone::Bad)
            .sub(format!("{after}, median of {of}{unresolved}")),
    }
}

fn errors(_: &StackSummary, phase: &PhaseSummary) -> Cell {
    if phase.planned == 0 {
        return Cell::not_measured("no requests");
    }
    let main = cell(format!("{} of {}", count(phase.errors), count(phase.planned)));
    if phase.errors == 0 { main } else { main.sub(percent(phase.errors, phase.planned)) }
}

fn p50(phase: &PhaseSummary) -> Cell {
    let of =
        |us: Option<u64>| us.map_or_else(|| Cell::not_measured("too few samples"), |us| cell(latency(us)));
    Cell { naive: Some(Box::new(of(phase.service_p50_us))), ..of(phase.p50_us) }
}

fn p99(phase: &PhaseSummary) -> Cell {
    let of = |us: Option<u64>| match us {
        None if phase.samples_least < P99_NEEDS => Cell::not_measured(&format!("needs {P99_NEEDS} samples")),
        None => Cell::not_measured("too few samples"),
        Some(us) => cell(latency(us)),
    };
    let (plan, naive) = (of(phase.p99_us), of(phase.service_p99_us));
    let (plan, naive) = match (phase.p99_us, phase.service_p99_us) {
        (Some(us), Some(hides)) if hides < us / 2 => (
            plan.sub(format!("naive tool: {}", latency(hides))),
            naive.sub(format!("from the plan: {}", latency(us))),
        ),
        _ => (plan, naive),
    };
    Cell { naive: Some(Box::new(naive)), ..plan }
}

/// How far the trials lie apart: from six of them on the interval of their mean, and with two to five the range, which is none.
fn spread(stack: &StackSummary, figure: Figure, cell: Cell) -> Cell {
    let Some(f) = stack.figures.iter().find(|f| f.figure == figure).filter(|_| stack.trials > 1) else {
        return cell;
    };
    let ends = f.mean.and_then(|mean| Some((mean.low?, mean.high?)));
    let told = match ends {
        Some((low, high)) => format!("95%: {}", between(figure.unit(), low, high)),
        None => format!("range {}", between(figure.unit(), f.least, f.most)),
    };
    Cell { exact: Some(told), ..cell }
}

fn between(unit: FigureUnit, low: f64, high: f64) -> String {
    let (low, high) = (comparisons::amount(unit, low), comparisons::amount(unit, high));
    if low == high { format!("always {low}") } else { format!("{low} to {high}") }
}

fn places(stack: &StackSummary) -> Cell {
    match stack.lookups {
        None => Cell::not_measured("nobody looked"),
        Some(lookups) if lookups.places_most == 0 => cell("none").sub("only clients know"),
        Some(lookups) => cell(count(u64::from(lookups.places_most))),
    }
}

fn looked_up(lookups: Option<Lookups>) -> Cell {
    let Some(Lookups { looked_up, found, nowhere, untold }) = lookups.filter(|l| l.looked_up > 0) else {
        return Cell::not_measured("nobody looked");
    };
    let main = cell(format!("{} of {}", count(found), count(looked_up)));
    let rest = [(nowhere, "nowhere"), (untold, "nobody can tell")];
    let rest: Vec<String> =
        rest.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(n))).collect();
    if rest.is_empty() { main } else { main.sub(rest.join(", ")) }
}

fn time_to_find_out(stack: &StackSummary) -> Cell {
    let Some((p50, max)) = stack.lookups.and_then(|l| l.took_p50_us.zip(l.took_max_us)) else {
        return Cell::not_measured("nobody looked");
    };
    cell(latency(p50)).sub(format!("at most {}", latency(max)))
}

fn lag(stack: &StackSummary) -> Cell {
    match stack.lag_p99_us {
        Some(us) => cell(latency(us)),
        None => Cell::not_measured("no account given").tone(Tone::Dim),
    }
}

fn generator(stack: &StackSummary) -> Cell {
    let Some(g) = &stack.generator else { return Cell::not_measured("no account given") };
    cell(format!("{:.0} of {:.0}/s", g.achieved_per_s, g.offered_per_s))
        .sub(format!("generator: {:.2} cores", g.cpu_cores_most))
}
