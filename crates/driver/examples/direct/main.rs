//! The load path and the journal alone, against one server without a router: what a request costs, and what a stall does.
//! `scripts/bench-driver.sh` and `scripts/bench-stall.sh` run it beside other tools.
#![expect(clippy::print_stdout, reason = "it is for people and scripts to read")]

mod cost;
mod stall;

use driver::{Clock, JOURNAL_FILE, LoadSpec, Recorder, Stage, drive};
use journal::{Event, Header, JournalError, Reader};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use scenario::{Plan, Scenario, Stack};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

const USAGE: &str =
    "usage: direct cost ADDR CONNECTIONS SECONDS | direct stall ADDR PID RATE CONNECTIONS SECONDS STALL_MS";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let folder = std::env::temp_dir().join(format!("lab-direct-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let told = match words[..] {
        ["cost", addr, connections, seconds] => {
            cost::tell(addr.parse()?, connections.parse()?, seconds.parse()?, &folder)
        }
        ["stall", addr, pid, rate, connections, seconds, stall_ms] => {
            let stall = stall::Stall {
                rate: rate.parse()?,
                connections: connections.parse()?,
                seconds: seconds.parse()?,
                stall_ms: stall_ms.parse()?,
            };
            stall.tell(addr.parse()?, pid.parse()?, &folder)
        }
        _ => Err(USAGE.into()),
    };
    std::fs::remove_dir_all(&folder)?;
    told
}

/// User and system time. Microseconds.
struct Spent {
    /// Of the thread that sends.
    sending: i64,
    /// Of the process while it sent, and until the journal was sealed.
    whole: i64,
}

/// Lets a plan's shoppers at a server, without final reads, and leaves the journal in a folder.
fn direct(
    addr: SocketAddr,
    scenario: &Scenario,
    plan: Plan,
    folder: &Path,
    beside: impl FnOnce(Clock, &Recorder) + Send + 'static,
) -> Result<Spent, Box<dyn Error>> {
    let (recorder, journal) = Recorder::begin(&folder.join(JOURNAL_FILE), &header(scenario, &plan))?;
    let before = spent_us(UsageWho::RUSAGE_SELF)?;
    let clock = Clock::starting_at(Instant::now() + Duration::from_millis(100));
    let (running, stage) = watch::channel(Stage::Running);
    let (timetable_done, done) = oneshot::channel();
    let load = LoadSpec {
        plan: Arc::new(plan),
        addr,
        timeout: Duration::from_millis(scenario.load.timeout_ms),
        clock,
        recorder: recorder.clone(),
        stage,
        timetable_done,
    };
    let sending = std::thread::spawn(move || {
        drive(load)?;
        spent_us(UsageWho::RUSAGE_THREAD)
    });
    beside(clock, &recorder);
    done.blocking_recv()?;
    // Whoever waits for the final reads leaves.
    drop(running);
    let sending = sending.join().map_err(|_| "the load panicked")??;
    drop(recorder);
    journal.finish()?;
    Ok(Spent { sending, whole: spent_us(UsageWho::RUSAGE_SELF)? - before })
}

fn spent_us(who: UsageWho) -> std::io::Result<i64> {
    let usage = getrusage(who)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds())
}

fn header(scenario: &Scenario, plan: &Plan) -> Header {
    Header {
        format: journal::FORMAT,
        run: "direct".to_owned(),
        order: 1,
        repeat: 1,
        stack: Stack::stateful(),
        replica: 0,
        router: "none".to_owned(),
        seed: plan.seed,
        plan_sha256: plan.digest(),
        planned_steps: plan.steps() as u64,
        scenario: scenario.clone(),
        store: BTreeMap::new(),
        start_up_ms: None,
        growth: None,
        started_unix_ms: 0,
    }
}

/// What the journal holds, in order. It ends in an error when the journal is not whole.
fn events(folder: &Path) -> Result<impl Iterator<Item = Result<Event, JournalError>>, Box<dyn Error>> {
    let journal = BufReader::new(File::open(folder.join(JOURNAL_FILE))?);
    Ok(Reader::new(journal)?.map(|entry| entry.map(|entry| entry.event)))
}
