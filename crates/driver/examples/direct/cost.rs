//! The closed loop without pauses, as other tools run it: what a request costs the client.

use crate::{direct, events};
use journal::{Event, Outcome};
use scenario::{Action, Mode, Phases, Plan, Scenario, ShopperPlan, Step};
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;

/// More than any server answers. A second.
const STEPS_A_SECOND: usize = 500_000;

/// Prints requests, and the microseconds of processor time that each cost: all threads, the sending one, all others.
pub fn tell(addr: SocketAddr, connections: u32, seconds: usize, folder: &Path) -> Result<(), Box<dyn Error>> {
    let scenario = Scenario::parse(
        "cost.toml",
        &format!(
            r#"
name = "cost"
question = "What does a request cost the client?"
story = "Nothing breaks."
stacks = ["stateful"]
topology = {{ servers = 1, service_time_ms = 0 }}
load = {{ shoppers = {connections}, think_time_ms = 1, mode = "closed", mix = {{ read = 1, add = 1 }} }}
phases = {{ warm_up_s = 0.5, baseline_s = {seconds}, fault_s = 0, recovery_s = 0, quiet_s = 0 }}
steady_state = {{ ok_ratio = 0.9, p99_ms = 1000, sustain_s = 1 }}
"#
        ),
    )?;
    let steps = STEPS_A_SECOND * seconds / usize::try_from(connections)?;
    let plan = Plan {
        scenario: scenario.name.clone(),
        seed: 0,
        phases: Phases::from_lengths([0, seconds as u64 * 1_000_000, 0, 0, 0]),
        mode: Mode::Closed,
        retries: None,
        standby_site: None,
        faults: Vec::new(),
        probes: Vec::new(),
        lookups: Vec::new(),
        shoppers: (0..connections).map(|shopper| reader(shopper, steps)).collect(),
    };
    let spent = direct(addr, &scenario, plan, folder, |_, _| {})?;
    let (mut requests, mut lines) = (0_u32, 0);
    for event in events(folder)? {
        if let Event::Step(step) = event? {
            if step.outcome != Outcome::Ok {
                return Err(format!("not answered: {step:?}").into());
            }
            requests += 1;
            lines += step.view.map_or(0, |view| view.ops.len());
        }
    }
    if lines == 0 {
        return Err("no cart was read".into());
    }
    let a_request = |us: i64| us as f64 / f64::from(requests);
    let (whole, sending) = (a_request(spent.whole), a_request(spent.sending));
    println!("{requests} {whole:.2} {sending:.2} {:.2}", whole - sending);
    Ok(())
}

/// Logs in, puts three lines into the cart, and reads it from then on, without a pause.
fn reader(shopper: u32, steps: usize) -> ShopperPlan {
    let step = |action| Step { at_us: 0, action, tab: 0 };
    let mut steps = vec![step(Action::Read); steps];
    steps[0] = step(Action::LogIn);
    steps[1..4].fill(step(Action::Add));
    ShopperPlan { shopper, owner: format!("shopper-{shopper}"), steps }
}
