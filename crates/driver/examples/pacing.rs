//! How late the load is sent, and what sending it costs, while router and servers run on the same machine:
//! `cargo build --release --workspace && cargo run --release -p driver --example pacing`.
//!
//! Real trials of the stateful stack, without service time, at 1,000 and 5,000 requests a second, three times each. The lag is
//! taken over the steps of the baseline that had no earlier step of the same shopper to wait for. For comparison the same
//! thread's lag with tokio's own timer is measured first, without any requests.
#![expect(clippy::print_stdout, reason = "it is for people to read")]

use driver::{ExternalStores, JOURNAL_FILE, RouterKind, Scratch, TrialSpec};
use hdrhistogram::Histogram;
use journal::{Event, Reader, StepEvent};
use scenario::{Phase, Plan, Scenario, Stack};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const SECONDS: u64 = 8;

fn scenario(per_s: u64) -> Result<Scenario, Box<dyn Error>> {
    let text = format!(
        r#"
name = "pacing"
question = "How late is the load sent?"
story = "Nothing breaks."
stacks = ["stateful"]
topology = {{ servers = 2, service_time_ms = 0 }}
load = {{ shoppers = {}, think_time_ms = 100, mix = {{ read = 5, add = 4, check-out = 1 }} }}
phases = {{ warm_up_s = 2, baseline_s = {SECONDS}, fault_s = 0, recovery_s = 0, quiet_s = 0 }}
steady_state = {{ ok_ratio = 0.9, p99_ms = 1000, sustain_s = 1 }}
"#,
        per_s / 10
    );
    Ok(Scenario::parse("pacing.toml", &text)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("| | lag p50 us | lag p99 us | lag max us | driver CPU us/request | driver cores |");
    println!("|---|---|---|---|---|---|");
    for per_s in [1_000, 5_000] {
        let lag = tokio_timer(per_s).await?;
        println!("| tokio's timer, {per_s}/s | {} | | |", three(&lag));
    }
    for per_s in [1_000, 5_000] {
        for _ in 0..3 {
            let dir = std::env::temp_dir().join(format!("lab-pacing-{}-{per_s}", std::process::id()));
            std::fs::create_dir_all(&dir)?;
            trial(&scenario(per_s)?, &dir).await?;
            let told = tell(per_s, &dir.join(JOURNAL_FILE));
            std::fs::remove_dir_all(&dir)?;
            told?;
        }
    }
    Ok(())
}

async fn tokio_timer(per_s: u64) -> Result<Histogram<u64>, Box<dyn Error>> {
    let mut lag = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    let begun = Instant::now();
    for n in 1..2 * per_s {
        let due = begun + Duration::from_nanos(n * 1_000_000_000 / per_s);
        tokio::time::sleep_until(due.into()).await;
        lag.record(u64::try_from(due.elapsed().as_micros())?)?;
    }
    Ok(lag)
}

async fn trial(scenario: &Scenario, dir: &Path) -> Result<(), Box<dyn Error>> {
    let scratch = Scratch::new("pacing")?;
    let (_quiet, interrupt) = watch::channel(false);
    driver::run(TrialSpec {
        run: "pacing",
        order: 1,
        repeat: 1,
        replica: 0,
        stack: Stack::stateful(),
        router: RouterKind::Builtin,
        server: None,
        scenario,
        plan: Arc::new(Plan::new(scenario, 1)),
        external: &ExternalStores::default(),
        scratch: &scratch,
        dir,
        interrupt,
        progress: &|_| {},
    })
    .await?;
    Ok(())
}

fn tell(per_s: u64, journal: &Path) -> Result<(), Box<dyn Error>> {
    let mut lag = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)?;
    let mut latest: BTreeMap<u32, StepEvent> = BTreeMap::new();
    let (mut requests, mut cpu_us) = (0_u64, 0);
    for entry in Reader::new(BufReader::new(File::open(journal)?))? {
        match entry?.event {
            Event::Step(step) => {
                requests += u64::from(step.phase != Phase::Final);
                let free = latest.get(&step.shopper).is_some_and(|before| before.done_us < step.planned_us);
                if let (true, Phase::Baseline, Some(sent_us)) = (free, step.phase, step.sent_us) {
                    lag.record(sent_us - step.planned_us)?;
                }
                latest.insert(step.shopper, step);
            }
            Event::Generator(generator) => cpu_us = generator.cpu_us,
            _ => {}
        }
    }
    let (a_request, cores) = (cpu_us as f64 / requests as f64, cpu_us as f64 / 1e6 / (SECONDS + 2) as f64);
    println!("| trial, {per_s}/s | {} | {a_request:.1} | {cores:.2} |", three(&lag));
    Ok(())
}

fn three(lag: &Histogram<u64>) -> String {
    let quantile = |q| lag.value_at_quantile(q);
    format!("{} | {} | {}", quantile(0.5), quantile(0.99), lag.max())
}
