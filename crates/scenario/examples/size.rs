//! How much memory a great plan takes, and how long it is in the making: `cargo run --release -p scenario --example size`.
#![expect(clippy::print_stdout, reason = "it is for people to read")]

use scenario::{Plan, Scenario};
use std::time::Instant;

const SCENARIO: &str = r#"
name = "size"
question = "How great is a plan?"
story = "A hundred thousand shoppers, twenty steps each."
stacks = ["stateful"]
topology = { servers = 1, service_time_ms = 0 }
load = { shoppers = 100000, think_time_ms = 1000, mix = { read = 5, add = 4, check-out = 1 }, skew = 0.5, tabs = 2 }
phases = { warm_up_s = 4, baseline_s = 18, fault_s = 0, recovery_s = 0, quiet_s = 0 }
steady_state = { ok_ratio = 0.9, p99_ms = 100, sustain_s = 1 }
"#;

fn main() {
    let scenario = Scenario::parse("size.toml", SCENARIO).expect("the scenario is right");
    let begun = Instant::now();
    let plan = Plan::new(&scenario, 1);
    let (shoppers, steps, made) = (plan.shoppers.len(), plan.steps(), begun.elapsed());
    let begun = Instant::now();
    let digest = plan.digest();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!(
        "{shoppers} shoppers with {steps} steps made in {made:?}, hashed in {:?}; {peak}",
        begun.elapsed()
    );
    println!("sha256 {digest}");
}
