//! What do viewers cost? The same demo with nobody and with many watching, in turn (A B B A). More is asked than the machine can answer:
//! only then is what viewers take missing in the answers a second. The processor time of the demo itself stands beside it.
//! `cargo run --release -p demo --example viewers -- [VIEWERS] [ROUNDS]`

#![allow(clippy::print_stdout, reason = "an example tells what it sees")]

use demo::{Demo, Options, scene};
use driver::{ExternalStores, Scratch};
use scenario::Stack;
use serde_json::Value;
use std::error::Error;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const WINDOW: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(3);
/// On each side; with this pause more than a few processors can serve. Everybody waits for an answer before the next request.
const SHOPPERS: u32 = 400;
const THINK_TIME_MS: u64 = 50;
/// Whoever answers more than this of what is asked is not saturated, and shows nothing.
const SATURATED: f64 = 0.8;

#[derive(Default)]
struct Sum {
    windows: f64,
    ok_per_s: f64,
    p99_ms: f64,
    cpu: f64,
}

async fn snapshot(http: &reqwest::Client, origin: &str) -> Result<Value, Box<dyn Error>> {
    let mut stream = http.get(format!("{origin}/events")).send().await?;
    let mut text = Vec::new();
    while !text.windows(2).any(|pair| pair == b"\n\n") {
        text.extend_from_slice(&stream.chunk().await?.unwrap_or_default());
    }
    let text = String::from_utf8(text)?;
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
    Ok(serde_json::from_str(data)?)
}

fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |n: usize| fields.get(n).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn sum(value: &Value, name: &str) -> f64 {
    ["a", "b"].iter().map(|side| value["tiers"][side]["counters"][name].as_f64().unwrap_or(0.0)).sum()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let viewers: usize = words.next().map_or(Ok(50), |word| word.parse())?;
    let rounds: u32 = words.next().map_or(Ok(2), |word| word.parse())?;
    let dir = std::env::temp_dir().join(format!("lab-demo-viewers-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let (_quiet, interrupt) = tokio::sync::watch::channel(false);
    let demo = Demo::start(Options {
        port: 0,
        stacks: [Stack::stateful(), "stateless-sqlite".parse()?],
        cast: scene::Cast { shoppers: SHOPPERS, think_time_ms: THINK_TIME_MS, minutes: 2 + rounds },
        seed: 1,
        run: format!("demo-viewers-{}", std::process::id()),
        dir: dir.clone(),
        scratch: Scratch::new("demo-viewers")?,
        external: ExternalStores::default(),
        class: None,
        interrupt,
        on_segment: Box::new(|_| {}),
    })
    .await?;
    let (origin, http) = (format!("http://{}", demo.addr()), reqwest::Client::builder().no_proxy().build()?);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut sums = [Sum::default(), Sum::default()];
    for watched in [false, true, true, false].repeat(rounds as usize) {
        let mut watching = JoinSet::new();
        for _ in 0..if watched { viewers } else { 0 } {
            let (http, url) = (http.clone(), format!("{origin}/events"));
            watching.spawn(async move {
                let Ok(mut stream) = http.get(url).send().await else { return };
                while let Ok(Some(_)) = stream.chunk().await {}
            });
        }
        tokio::time::sleep(SETTLE).await;
        let (before, cpu_before, began) = (snapshot(&http, &origin).await?, cpu_s(), Instant::now());
        tokio::time::sleep(WINDOW).await;
        let (after, took) = (snapshot(&http, &origin).await?, began.elapsed().as_secs_f64());
        let answered = |value: &Value| sum(value, "requests") - sum(value, "errors");
        let total = &mut sums[usize::from(watched)];
        total.windows += 1.0;
        total.ok_per_s += (answered(&after) - answered(&before)) / took;
        total.p99_ms += sum(&after, "p99_ms") / 2.0;
        total.cpu += (cpu_s() - cpu_before) / took;
        watching.shutdown().await;
    }
    for (name, sum) in ["nobody watches", "watched"].iter().zip(&sums) {
        let mean = |total: f64| total / sum.windows;
        println!(
            "{name:>15}: {:.1} answers/s, p99 {:.1} ms, {:.3} cores of the demo (viewers' clients are in them)",
            mean(sum.ok_per_s),
            mean(sum.p99_ms),
            mean(sum.cpu)
        );
    }
    let asked = 2.0 * f64::from(SHOPPERS) * 1_000.0 / THINK_TIME_MS as f64;
    let share = sums[0].ok_per_s / sums[0].windows / asked;
    println!("of {asked:.0} requests that were due each second {:.0} % were answered", share * 100.0);
    if share > SATURATED {
        println!("this machine is not saturated, so the throughput shows nothing: look at the cores");
    }
    let change = sums[1].ok_per_s / sums[0].ok_per_s * 100.0 - 100.0;
    println!("{viewers} viewers change the throughput by {change:+.2} %");
    demo.stop().await?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
