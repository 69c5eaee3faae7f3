//! A segment: two tiers side by side, from their first process to the seals of their journals.

use crate::show::{Mode, Show, Side, Sides};
use driver::live::{Live, prepare};
use driver::{Clock, DriverError, ExternalStores, RouterKind, Scratch, TrialSpec, Wheel};
use journal::{JournalError, Reader, Tail, TrialRef, Whole};
use scenario::{Edge, Plan, Scenario, Stack};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Shoppers come in this long after both tiers are up.
const HEAD_START: Duration = Duration::from_millis(100);
/// The edges that may be disturbed: a relay stands on them from the start.
const EDGES: [Edge; 1] = [Edge::ServerStore];

/// What all segments of a demo have in common.
pub struct Setting {
    /// The run's id.
    pub run: String,
    /// Where journals are kept.
    pub dir: PathBuf,
    /// Private data.
    pub scratch: Scratch,
    /// Stores that are there already.
    pub external: ExternalStores,
    /// What is run.
    pub scenario: Scenario,
    /// The stateful tier and the stateless one.
    pub stacks: [Stack; 2],
    /// Segment `n` has the seed `seed + n - 1`.
    pub seed: u64,
    /// Becomes true when the user breaks the demo off.
    pub interrupt: watch::Receiver<bool>,
}

/// A journal that is being read while it is written.
pub type Following = Reader<BufReader<Tail>>;

/// Two tiers that run.
pub struct Segment {
    /// Which, from 1.
    pub number: u32,
    /// The tiers.
    pub tiers: Sides<Live>,
    /// Their one clock.
    pub clock: Clock,
    /// Steers both loads.
    pub wheel: Wheel,
    /// Where their timetable ends.
    pub timetable_us: u64,
    wholes: [Whole; 2],
}

/// Where a segment's trials are, as a run names them.
pub fn trials(setting: &Setting, number: u32) -> [TrialRef; 2] {
    [0, 1].map(|index: u32| {
        let stack = setting.stacks[index as usize];
        let order = 2 * (number - 1) + index + 1;
        let name = setting.scenario.name.clone();
        let dir = format!("{order:03}-{name}-{}", stack.to_string().replace('+', "-with-"));
        TrialRef { scenario: name, stack, replica: 0, repeat: number, order, dir, failed: None }
    })
}

impl Segment {
    /// Starts both tiers at once and lets the shoppers into both at the same microsecond.
    ///
    /// # Errors
    /// When one does not come up: then neither does.
    pub async fn start(setting: &Setting, number: u32) -> Result<(Self, [Following; 2], Show), DriverError> {
        let seed = setting.seed.wrapping_add(u64::from(number) - 1);
        let plan = Arc::new(Plan::new(&setting.scenario, seed));
        let trials = trials(setting, number);
        let dirs: Vec<PathBuf> = trials.iter().map(|trial| setting.dir.join(&trial.dir)).collect();
        for dir in &dirs {
            std::fs::create_dir_all(dir).map_err(|e| DriverError::io(dir, e))?;
        }
        let spec = |index: usize| TrialSpec {
            run: &setting.run,
            order: trials[index].order,
            repeat: number,
            stack: trials[index].stack,
            replica: 0,
            router: RouterKind::Builtin,
            server: None,
            scenario: &setting.scenario,
            plan: Arc::clone(&plan),
            external: &setting.external,
            scratch: &setting.scratch,
            dir: &dirs[index],
            interrupt: setting.interrupt.clone(),
            progress: &|_| {},
        };
        let (a, b) = match tokio::join!(prepare(spec(0), &EDGES), prepare(spec(1), &EDGES)) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(e), Ok(other)) | (Ok(other), Err(e)) => {
                other.give_up().await;
                return Err(e);
            }
            (Err(e), Err(_)) => return Err(e),
        };
        let clock = Clock::starting_at(Instant::now() + HEAD_START);
        let wheel = Wheel::default();
        let tiers = Sides { a: a.begin(clock, &wheel), b: b.begin(clock, &wheel) };
        let wholes = [Whole::default(), Whole::default()];
        let follow = |live: &Live, whole: &Whole| follow(live.journal(), whole.clone());
        let readers = (follow(&tiers.a, &wholes[0]), follow(&tiers.b, &wholes[1]));
        let timetable_us = plan.phases.end_us();
        let segment = Self { number, tiers, clock, wheel, timetable_us, wholes };
        match readers {
            (Ok(a), Ok(b)) => {
                let show = Show::new(Mode::Live, number, [a.header(), b.header()]);
                Ok((segment, [a, b], show))
            }
            (Err(e), _) | (_, Err(e)) => {
                let _ = segment.finish().await;
                Err(e)
            }
        }
    }

    /// One tier.
    pub fn tier(&self, side: Side) -> &Live {
        self.tiers.of(side)
    }

    /// Sets how fast both timetables run, from one moment on.
    pub fn set_tempo(&self, factor: f64) {
        let at_us = self.wheel.set_tempo(factor, self.clock);
        Side::BOTH.iter().for_each(|side| self.tier(*side).tell_tempo(at_us, factor));
    }

    /// Whether the timetable is over, or the time that was planned for it at most.
    pub fn is_over(&self) -> bool {
        self.wheel.place_us(self.clock) >= self.timetable_us || self.clock.now_us() >= self.timetable_us
    }

    /// Ends both loads at the same moment, heals, reads, ends every process, and seals both journals.
    ///
    /// # Errors
    /// When a journal could not be written; both tiers are ended all the same.
    pub async fn finish(self) -> Result<(), DriverError> {
        let end_us = self.wheel.end(self.clock);
        Side::BOTH.iter().for_each(|side| self.tier(*side).tell_tempo(end_us, 0.0));
        let Sides { a, b } = self.tiers;
        let ended = tokio::join!(a.finish(), b.finish());
        self.wholes.iter().for_each(Whole::tell);
        ended.0.and(ended.1)
    }
}

fn follow(path: &Path, whole: Whole) -> Result<Following, DriverError> {
    let unreadable = |e: JournalError| DriverError::Machine(format!("{}: {e}", path.display()));
    let file = File::open(path).map_err(|e| DriverError::io(path, e))?;
    Reader::new(BufReader::new(Tail::new(file, whole))).map_err(unreadable)
}
