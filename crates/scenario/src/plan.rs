//! Every choice made. A plan is pure data: arrivals, each shopper's steps, the faults; it depends on nothing that a stack
//! answers, so that every stack is given the same load at the same microseconds.

use crate::phase::{Phase, Phases};
use crate::scenario::{Fault, FaultAction, Mix, Scenario, Target};
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
    /// What is broken and when.
    pub faults: Vec<PlannedFault>,
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

/// One shopper's timetable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopperPlan {
    /// Counts from 0 in order of arrival.
    pub shopper: u32,
    /// The name under which it logs in; unique in the plan.
    pub owner: String,
    /// What it does, in order of time. A step is never sent before the one before it has an outcome.
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
        let shoppers = (0..).zip(arrivals).map(|(shopper, at_us)| {
            let mut rng = stream(seed, u64::from(shopper) + 1);
            let mean_us = scenario.load.think_time_ms as f64 * 1e3;
            let steps = timetable(at_us, end_us, mean_us, scenario.load.mix, &mut rng);
            ShopperPlan { shopper, owner: format!("shopper-{shopper}"), steps }
        });
        let faults = (0..).zip(&scenario.faults).map(|(fault, f): (u32, &Fault)| PlannedFault {
            fault,
            at_us: f.at_us,
            action: f.action,
            target: f.target,
        });
        Self {
            scenario: scenario.name.clone(),
            seed,
            phases: scenario.phases.clone(),
            faults: faults.collect(),
            shoppers: shoppers.collect(),
        }
    }

    /// How many requests the plan holds, the final reads left out.
    pub fn steps(&self) -> usize {
        self.shoppers.iter().map(|shopper| shopper.steps.len()).sum()
    }

    /// SHA-256 of the plan's JSON, in hexadecimal: two stacks were given the same load and faults when theirs are equal.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).expect("a plan is plain data");
        Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
    }
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

/// Log in, then steps with exponential pauses until the load ends. After a logout the next step is a login.
fn timetable(arrival_us: u64, end_us: u64, mean_us: f64, mix: Mix, rng: &mut ChaCha8Rng) -> Vec<Step> {
    let mut steps = vec![Step { at_us: arrival_us, action: Action::LogIn }];
    let mut at_us = arrival_us;
    let mut logged_in = true;
    loop {
        let uniform: f64 = 1.0 - rng.random::<f64>();
        at_us += (-uniform.ln() * mean_us).round() as u64 + 1;
        let action = draw(mix, rng);
        if at_us >= end_us {
            return steps;
        }
        let action = if logged_in { action } else { Action::LogIn };
        logged_in = action != Action::LogOut;
        steps.push(Step { at_us, action });
    }
}

fn draw(mix: Mix, rng: &mut ChaCha8Rng) -> Action {
    let [read, add, check_out] = [mix.read, mix.add, mix.check_out].map(u64::from);
    let ticket = rng.random_range(0..mix.total().max(1));
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
