//! A demo for a long time, with a fault every few seconds: is its memory flat, is nothing left running, and do the counters still say
//! what the judge finds? `cargo run --release -p demo --example demo_soak -- [MINUTES] [SECONDS_BETWEEN] [STACK]`

#![allow(clippy::print_stdout, reason = "an example tells what it sees")]

use demo::control::{Control, Which, Whom};
use demo::{Demo, Options, scene};
use driver::{ExternalStores, Scratch};
use scenario::Stack;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How much more memory than after the first tenth is no leak: the judge keeps what each shopper is owed, two bits of each
/// operation, and the histograms of each quarter of a second.
const MOST_GROWTH: f64 = 1.5;

/// What is broken, in turn; each is mended before the next.
fn fault(n: u64) -> Control {
    let (tier, server) = (Which::Both, Whom::Busiest);
    match n % 9 {
        0 => Control::Kill { tier, server },
        1 => Control::Terminate { tier, server },
        2 => Control::Pause { tier, server },
        3 => Control::Drain { tier, server },
        4 => Control::Roll { tier, drain_ms: 0 },
        5 => Control::SlowStore { tier: Which::B },
        6 => Control::PauseStore { tier: Which::B },
        7 => Control::KillStore { tier: Which::B },
        _ => Control::Load { factor: if n.is_multiple_of(2) { 2.0 } else { 1.0 } },
    }
}

fn memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}

/// Processes below this one, theirs included.
fn children() -> usize {
    let own = std::process::id().to_string();
    let of =
        |stat: String| stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1).map(str::to_owned));
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats.filter_map(of).filter(|parent| *parent == own).count()
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let minutes: u64 = words.next().map_or(Ok(30), |word| word.parse())?;
    let every: u64 = words.next().map_or(Ok(10), |word| word.parse())?;
    let stack: Stack = words.next().as_deref().unwrap_or("stateless-redis").parse()?;
    let dir = std::env::temp_dir().join(format!("lab-demo-soak-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let (_quiet, interrupt) = tokio::sync::watch::channel(false);
    let demo = Demo::start(Options {
        port: 0,
        stacks: [Stack::stateful(), stack],
        cast: scene::Cast { minutes: u32::try_from(minutes * 2 + 5)?, ..scene::Cast::default() },
        seed: 1,
        run: format!("demo-soak-{}", std::process::id()),
        dir: dir.clone(),
        scratch: Scratch::new("demo-soak")?,
        external: ExternalStores::default(),
        class: None,
        interrupt,
        on_segment: Box::new(|_| {}),
    })
    .await?;
    println!("{} with {stack}; {minutes} minutes, a fault every {every} s", demo.addr());
    let began = Instant::now();
    let (mut faults, mut early_mb) = (0, None);
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        let said = match demo.order(fault(faults)).await {
            Ok(said) => said,
            Err(e) => format!("refused: {e:?}"),
        };
        faults += 1;
        tokio::time::sleep(Duration::from_secs(every) / 2).await;
        let _ = demo.order(Control::Heal { tier: Which::Both }).await;
        tokio::time::sleep(Duration::from_secs(every) / 2).await;
        if began.elapsed() > Duration::from_secs(minutes * 6) {
            early_mb.get_or_insert(memory_mb());
        }
        println!("{:>5} s  {:>6.1} MB  {said}", began.elapsed().as_secs(), memory_mb());
    }
    let (early, late) = (early_mb.unwrap_or(0.0), memory_mb());
    let ended = demo.stop().await?;
    let mut well = late <= early * MOST_GROWTH;
    println!("memory: {early:.1} MB after a tenth, {late:.1} MB at the end");
    for sides in &ended {
        for (name, found) in [("stateful", &sides.a), ("stateless", &sides.b)] {
            let Some(found) = found else { continue };
            well &= found.agrees;
            println!("{name}: {found:?}");
        }
    }
    println!("{faults} faults; children left: {}", children());
    well &= children() == 0;
    std::fs::remove_dir_all(&dir)?;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
