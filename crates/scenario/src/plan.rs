//! Every choice made. A plan is pure data: arrivals, each shopper's steps, the faults; it depends on nothing that a stack
//! answers, so that every stack is given the same load at the same microseconds.

use crate::fault::{Fault, FaultAction, Target};
use crate::load::{Load, Mode, Retries, is_default};
use crate::lookup::PlannedLookup;
use crate::phase::{Phase, Phases};
use crate::probe::{Probe, ProbeKind};
use crate::scenario::Scenario;
use crate::shape::Pace;
use crate::site::StandbySite;
use crate::skew::busyness;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A scenario with every choice made from the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// The seed that made the choices.
    pub seed: u64,
    /// The phases under load.
    pub phases: Phases,
    /// What a pause is counted from. When closed, the time of a step tells its pause alone, and no step begins after the load.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// What is done about a write with an unknown outcome.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: Option<Retries>,
    /// How a second site stands by, and when somebody decides that it takes over.
    #[serde(default, skip_serializing_if = "is_default")]
    pub standby_site: Option<StandbySite>,
    /// What is broken and when.
    pub faults: Vec<PlannedFault>,
    /// What is tried beside the load and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<PlannedProbe>,
    /// When an operator asks whose session is where.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<PlannedLookup>,
    /// Who does what and when, in order of arrival.
    pub shoppers: Vec<ShopperPlan>,
}

/// A fault with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// Counts from 0 in order of time; the journal names faults by it.
    pub fault: u32,
    /// When. Microseconds on the trial's clock.
    pub at_us: u64,
    /// What is done.
    pub action: FaultAction,
    /// To which process.
    pub target: Target,
}

/// A probe with its number, and everything that it chooses at random.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedProbe {
    /// Counts from 0 in order of time; the journal names probes by it.
    pub probe: u32,
    /// When. Microseconds on the trial's clock.
    pub at_us: u64,
    /// What is tried.
    pub kind: ProbeKind,
    /// How many times.
    pub times: u32,
    /// What every choice of it is drawn from: which bits are flipped, what a forged cookie says.
    pub dice: u64,
}

/// One shopper's timetable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopperPlan {
    /// Counts from 0 in order of arrival.
    pub shopper: u32,
    /// The name under which it logs in; unique in the plan.
    pub owner: String,
    /// What it does, in order of time. A step is never sent before the one before it in the same tab has an outcome, a log-in
    /// not before all before it have one, and nothing that comes after a log-in before that has one.
    pub steps: Vec<Step>,
}

/// One step of a shopper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it is due. Microseconds on the trial's clock.
    pub at_us: u64,
    /// What is done.
    pub action: Action,
    /// In which of the shopper's tabs, from 0. A log-in is always in the first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tab: u8,
}

/// What a shopper can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Log in.
    LogIn,
    /// Read the cart.
    Read,
    /// Append a line; the operation's id is [`ShopperPlan::op`].
    Add,
    /// Check out, which clears the cart.
    CheckOut,
    /// Log out.
    LogOut,
}

impl Action {
    /// Whether it changes the session.
    pub fn is_write(self) -> bool {
        self != Action::Read
    }

    /// The name that people read.
    pub fn name(self) -> &'static str {
        match self {
            Action::LogIn => "log in",
            Action::Read => "read",
            Action::Add => "add",
            Action::CheckOut => "check out",
            Action::LogOut => "log out",
        }
    }
}

impl ShopperPlan {
    /// The unique id of a write's operation: `s<shopper>-<step>`.
    pub fn op(&self, step: usize) -> String {
        format!("s{}-{step}", self.shopper)
    }
}

impl Plan {
    /// Makes every choice. Shopper `n` draws from stream `n + 1` of the seed's generator, so that a change to one shopper
    /// changes no other.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let warm_up_us = scenario.phases.span(Phase::WarmUp).map_or(0, |span| span.end_us);
        let end_us = scenario.phases.end_us();
        let arrivals = arrivals(scenario.load.shoppers, warm_up_us, &mut stream(seed, 0));
        let pace = Pace::new(scenario.load.shape, &scenario.phases);
        // A stream that no shopper has, so that who is busy changes nobody's draws.
        let busyness = busyness(scenario.load.shoppers, scenario.load.skew, &mut stream(seed, u64::MAX));
        let shoppers = (0..).zip(arrivals).zip(busyness).map(|((shopper, at_us), busy)| {
            let mean_us = scenario.load.think_time_ms as f64 * 1e3 / busy;
            let mut dice = Dice { rng: stream(seed, u64::from(shopper) + 1), load: &scenario.load, mean_us };
            let steps = timetable(at_us, end_us, &pace, &mut dice);
            ShopperPlan { shopper, owner: format!("shopper-{shopper}"), steps }
        });
        let faults = (0..).zip(&scenario.faults).map(|(fault, f): (u32, &Fault)| PlannedFault {
            fault,
            at_us: f.at_us,
            action: f.action,
            target: f.target,
        });
        // A stream of their own too, so that probes change no shopper.
        let mut dice = stream(seed, u64::MAX - 1);
        let probes = (0..).zip(&scenario.probes).map(|(probe, p): (u32, &Probe)| PlannedProbe {
            probe,
            at_us: p.at_us,
            kind: p.kind,
            times: p.times,
            dice: dice.random(),
        });
        Self {
            scenario: scenario.name.clone(),
            seed,
            phases: scenario.phases.clone(),
            mode: scenario.load.mode,
            retries: scenario.load.retries,
            standby_site: scenario.standby_site,
            faults: faults.collect(),
            probes: probes.collect(),
            lookups: lookups(scenario, seed),
            shoppers: shoppers.collect(),
        }
    }

    /// How many requests the plan holds, the final reads left out.
    pub fn steps(&self) -> usize {
        self.shoppers.iter().map(|shopper| shopper.steps.len()).sum()
    }

    /// SHA-256 of the plan's JSON, in hexadecimal: two stacks were given the same load and faults when theirs are equal.
    pub fn digest(&self) -> String {
        // Straight into the hash: the JSON of a great plan is several times its size.
        let mut hash = std::io::BufWriter::with_capacity(1 << 16, HashSink(Sha256::new()));
        serde_json::to_writer(&mut hash, self).expect("a plan is plain data");
        let hash = hash.into_inner().expect("a hash takes everything");
        hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[derive(Debug)]
struct HashSink(Sha256);

impl std::io::Write for HashSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every round looks for the first of one shuffled row, so that rounds can be compared.
fn lookups(scenario: &Scenario, seed: u64) -> Vec<PlannedLookup> {
    let most = scenario.lookups.iter().map(|lookup| lookup.shoppers).max().unwrap_or(0);
    // A stream that no shopper has, and no other choice.
    let mut rng = stream(seed, u64::MAX - 1);
    let chosen = rand::seq::index::sample(&mut rng, scenario.load.shoppers as usize, most as usize);
    let chosen: Vec<u32> = chosen.into_iter().filter_map(|index| u32::try_from(index).ok()).collect();
    (0..)
        .zip(&scenario.lookups)
        .map(|(lookup, round)| PlannedLookup {
            lookup,
            at_us: round.at_us,
            shoppers: chosen.iter().copied().take(round.shoppers as usize).collect(),
        })
        .collect()
}

fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Arrival times of a Poisson process, given how many arrive: sorted uniform draws. The last eighth of the warm-up is left
/// free, so that everybody's login is over when the baseline begins.
fn arrivals(shoppers: u32, warm_up_us: u64, rng: &mut ChaCha8Rng) -> Vec<u64> {
    let until_us = (warm_up_us - warm_up_us / 8).max(1);
    let mut times: Vec<u64> = (0..shoppers).map(|_| rng.random_range(0..until_us)).collect();
    times.sort_unstable();
    times
}

/// What a shopper draws from.
struct Dice<'a> {
    rng: ChaCha8Rng,
    load: &'a Load,
    mean_us: f64,
}

impl Dice<'_> {
    /// An exponential pause, in whole microseconds and never 0.
    fn pause_us(&mut self) -> f64 {
        let uniform: f64 = 1.0 - self.rng.random::<f64>();
        (-uniform.ln() * self.mean_us).round() + 1.0
    }

    fn action(&mut self) -> Action {
        let mix = self.load.mix;
        let [read, add, check_out] = [mix.read, mix.add, mix.check_out].map(u64::from);
        let ticket = self.rng.random_range(0..mix.total().max(1));
        if ticket < read {
            Action::Read
        } else if ticket < read + add {
            Action::Add
        } else if ticket < read + add + check_out {
            Action::CheckOut
        } else {
            Action::LogOut
        }
    }

    /// Any tab alike, so that each tab's steps are a Poisson process of their own. One tab costs no draw.
    fn tab(&mut self) -> u8 {
        if self.load.tabs > 1 { self.rng.random_range(0..self.load.tabs) } else { 0 }
    }
}

/// Log in, then steps with exponential pauses, laid along the shape, until the load ends. After a log-out the next step is a
/// log-in, in the first tab; or, where the load says so, a look, and then a log-in.
fn timetable(arrival_us: u64, end_us: u64, pace: &Pace, dice: &mut Dice<'_>) -> Vec<Step> {
    let mut steps = vec![Step { at_us: arrival_us, action: Action::LogIn, tab: 0 }];
    let mut at_us = arrival_us;
    let mut looks = false;
    let mut logged_in = true;
    loop {
        let due_us = pace.after(at_us, dice.pause_us());
        at_us = (due_us.round() as u64).max(at_us + 1);
        let (action, tab) = (dice.action(), dice.tab());
        if at_us >= end_us {
            steps.shrink_to_fit();
            return steps;
        }
        let (action, tab) = match (logged_in, looks) {
            (true, _) => (action, tab),
            (false, true) => (Action::Read, 0),
            (false, false) => (Action::LogIn, 0),
        };
        looks = action == Action::LogOut && dice.load.look_after_log_out;
        logged_in = if logged_in { action != Action::LogOut } else { action == Action::LogIn };
        steps.push(Step { at_us, action, tab });
    }
}
