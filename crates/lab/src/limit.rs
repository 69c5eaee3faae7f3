//! `lab limit`: the highest rate at which a stack still meets its steady state, by short trials of real processes.
//!
//! The generator goes first: against the cheapest tier that there is (sessions in memory, no service time, the same router and
//! number of servers) its rate is doubled for as long as it keeps up. The search never offers a stack more than that.

mod search;

use crate::args::LimitArgs;
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::terminal::{note, say};
use analysis::{Cause, TrialFindings};
use anyhow::{Context, anyhow};
use driver::{DriverError, ExternalStores, JOURNAL_FILE, RouterKind, Scratch, TrialSpec};
use journal::Reader;
use scenario::{Phase, Plan, Scenario, Stack};
use search::{Answer, Search};
use serde::Serialize;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

/// Where the search begins, and where the generator's own test begins. Requests a second.
const FIRST: f64 = 100.0;
const GENERATOR_FIRST: f64 = 1_000.0;
/// The gap between met and missed at which the search ends, as a share of the rate.
const PRECISION: f64 = 0.05;

/// What the search found.
#[derive(Serialize)]
struct Found {
    stack: String,
    servers: u32,
    service_time_ms: u64,
    p99_ms: f64,
    ok_ratio: f64,
    seconds: f64,
    /// The highest rate that the generator was seen to keep up with.
    generator_keeps_per_s: f64,
    /// The highest rate that was met, twice.
    met_per_s: Option<f64>,
    /// The lowest rate that was missed; without one the generator was the limit.
    missed_per_s: Option<f64>,
    tries: Vec<Try>,
}

/// One trial.
#[derive(Serialize)]
struct Try {
    stack: String,
    rate_per_s: f64,
    met: bool,
    generator_kept_up: bool,
    offered_per_s: f64,
    answered_per_s: f64,
    ok_ratio: f64,
    p99_us: Option<u64>,
    lag_p99_us: u64,
    generator_cores: f64,
}

/// Searches.
///
/// # Errors
/// When nothing can be run, or not even the lowest rate can be sent in time.
pub async fn limit(args: LimitArgs, interrupt: Interrupt) -> Result<Exit, Failure> {
    let scratch = Scratch::new("limit")?;
    interrupt.remove_when_killed(scratch.path());
    let mut bench = Bench { args, interrupt, scratch, tries: Vec::new() };
    let keeps = bench.generator().await?;
    let mut search = Search::new(FIRST, keeps, PRECISION);
    while let Some(rate) = search.next() {
        let stack = bench.args.stack;
        let service_time_ms = bench.args.service_time_ms;
        let tried = bench.run(stack, rate, service_time_ms).await?;
        search.learn(rate, if tried.met { Answer::Met } else { Answer::Missed });
        bench.tries.push(tried);
    }
    let Bench { args, tries, .. } = bench;
    let found = Found {
        stack: args.stack.to_string(),
        servers: args.servers,
        service_time_ms: args.service_time_ms,
        p99_ms: args.p99_ms,
        ok_ratio: args.ok_ratio,
        seconds: args.seconds,
        generator_keeps_per_s: keeps,
        met_per_s: search.met(),
        missed_per_s: search.missed(),
        tries,
    };
    if args.json {
        let json = serde_json::to_string_pretty(&found).context("a result is plain data");
        say(&(json.map_err(Failure::environment)? + "\n"));
    } else {
        say(&sentence(&found));
    }
    Ok(match (found.met_per_s, found.missed_per_s) {
        (Some(_), Some(_)) => Exit::Held,
        (Some(_), None) => Exit::Inconclusive,
        (None, _) => Exit::Broke,
    })
}

fn sentence(found: &Found) -> String {
    let Found { stack, servers, p99_ms, ok_ratio, .. } = found;
    let steady = format!("{:.1} % answered, p99 from the plan at most {p99_ms} ms", ok_ratio * 100.0);
    match (found.met_per_s, found.missed_per_s) {
        (Some(met), Some(missed)) => format!(
            "{stack} on {servers} servers meets its steady state ({steady}) up to {met:.0} requests/s, and misses it at \
             {missed:.0}: {:.0} +- {:.0}. The first was met twice; one machine, trials of {} s.\n",
            f64::midpoint(met, missed),
            (missed - met) / 2.0,
            found.seconds
        ),
        (Some(met), None) => format!(
            "{stack} on {servers} servers meets its steady state ({steady}) at {met:.0} requests/s, the most that the generator \
             keeps up with here: its own limit is higher and not known.\n"
        ),
        (None, _) => format!("{stack} on {servers} servers met its steady state ({steady}) at no rate.\n"),
    }
}

struct Bench {
    args: LimitArgs,
    interrupt: Interrupt,
    scratch: Scratch,
    tries: Vec<Try>,
}

impl Bench {
    /// Doubles the rate against the cheapest tier for as long as the generator and that tier keep up.
    async fn generator(&mut self) -> Result<f64, Failure> {
        note("the generator first, against the stateful stack without service time");
        let (mut keeps, mut rate) = (None, GENERATOR_FIRST.min(self.args.most));
        loop {
            let tried = self.run(Stack::stateful(), rate, 0).await?;
            let kept_up = tried.met && tried.generator_kept_up;
            self.tries.push(tried);
            if !kept_up {
                break;
            }
            keeps = Some(rate);
            if rate >= self.args.most {
                break;
            }
            rate = (rate * 2.0).min(self.args.most);
        }
        keeps.ok_or_else(|| {
            Failure::environment(anyhow!(
                "the generator does not keep up with {rate:.0} requests/s here, so no limit of a stack could be told from its \
                 own; stop what else runs on this machine, build with --release, or allow a higher --p99-ms"
            ))
        })
    }

    async fn run(&mut self, stack: Stack, rate: f64, service_time_ms: u64) -> Result<Try, Failure> {
        let number = u32::try_from(self.tries.len() + 1).unwrap_or(u32::MAX);
        let scenario = self.scenario(stack, rate, service_time_ms)?;
        let dir = self.scratch.folder(&format!("limit-{number}"))?;
        let external =
            ExternalStores { redis: self.args.redis_url.clone(), postgres: self.args.postgres_url.clone() };
        let whole = driver::run(TrialSpec {
            run: "limit",
            order: number,
            repeat: 1,
            replica: 0,
            stack,
            router: RouterKind::Builtin,
            server: None,
            scenario: &scenario,
            plan: Arc::new(Plan::new(&scenario, self.args.seed.wrapping_add(u64::from(number)))),
            external: &external,
            scratch: &self.scratch,
            dir: &dir,
            interrupt: self.interrupt.receiver(),
            progress: &|_| {},
        })
        .await?;
        if !whole && self.interrupt.is_raised() {
            return Err(DriverError::Interrupted.into());
        }
        let findings = judge(&dir.join(JOURNAL_FILE))?;
        fs::remove_dir_all(&dir).map_err(|e| DriverError::io(&dir, e))?;
        let tried = weigh(stack, rate, &findings)?;
        note(&told(&tried));
        Ok(tried)
    }

    /// Enough shoppers that none queues on itself, few enough for their connections.
    fn scenario(&self, stack: Stack, rate: f64, service_time_ms: u64) -> Result<Scenario, Failure> {
        let LimitArgs { servers, p99_ms, ok_ratio, seconds, .. } = &self.args;
        let shoppers = (rate / 2.0).clamp(20.0, 2_000.0).round();
        let think_time_ms = (shoppers / rate * 1e3).round().max(1.0);
        let text = format!(
            r#"
name = "limit"
question = "How much does it hold?"
story = "Nothing breaks."
stacks = ["{stack}"]
topology = {{ servers = {servers}, service_time_ms = {service_time_ms} }}
load = {{ shoppers = {shoppers}, think_time_ms = {think_time_ms}, mix = {{ read = 5, add = 4, check-out = 1 }} }}
phases = {{ warm_up_s = 2, baseline_s = {seconds}, fault_s = 0, recovery_s = 0, quiet_s = 0 }}
steady_state = {{ ok_ratio = {ok_ratio}, p99_ms = {p99_ms}, sustain_s = 1 }}
"#
        );
        Scenario::parse("lab limit", &text).map_err(Failure::usage)
    }
}

fn judge(journal: &Path) -> Result<TrialFindings, Failure> {
    let unreadable = |what: String| Failure::environment(anyhow!("{}: {what}", journal.display()));
    let file = File::open(journal).map_err(|e| unreadable(e.to_string()))?;
    let reader = Reader::new(BufReader::new(file)).map_err(|e| unreadable(e.to_string()))?;
    let header = reader.header().clone();
    Ok(analysis::judge(&header, reader))
}

/// Whether a trial met the steady state. What else can make one inconclusive is no answer to this question, but an error: except
/// where it comes of too much load, which is a miss.
fn weigh(stack: Stack, rate: f64, findings: &TrialFindings) -> Result<Try, Failure> {
    let has = |cause: Cause| findings.reasons.iter().any(|reason| reason.cause == cause);
    let overloaded = has(Cause::BaselineUnsteady) || has(Cause::Generator);
    if let (false, Some(reason)) = (overloaded, findings.reasons.first()) {
        return Err(Failure::environment(anyhow!("a trial at {rate:.0} requests/s: {}", reason.text)));
    }
    let baseline = &findings.phases[Phase::Baseline as usize];
    let length_s = findings.generator.map_or(0.0, |_| seconds(baseline.start_us, baseline.end_us));
    let requests = baseline.requests;
    Ok(Try {
        stack: stack.to_string(),
        rate_per_s: rate,
        met: !overloaded,
        generator_kept_up: !has(Cause::Generator),
        offered_per_s: requests.planned as f64 / length_s,
        answered_per_s: baseline.answered_per_s.unwrap_or(0.0),
        ok_ratio: requests.answered() as f64 / requests.planned.max(1) as f64,
        p99_us: baseline.latency.p99_us,
        lag_p99_us: findings.generator.map_or(0, |generator| generator.lag_p99_us),
        generator_cores: findings.generator.map_or(0.0, |generator| generator.cpu_cores),
    })
}

fn seconds(start_us: Option<u64>, end_us: Option<u64>) -> f64 {
    let us = end_us.zip(start_us).map_or(0, |(end, start)| end.saturating_sub(start));
    us as f64 / 1e6
}

fn told(tried: &Try) -> String {
    let p99 = tried.p99_us.map_or("not known".to_owned(), |us| format!("{:.1} ms", us as f64 / 1e3));
    let verdict = match (tried.met, tried.generator_kept_up) {
        (true, _) => "met",
        (false, true) => "missed",
        (false, false) => "missed, and the generator did not keep up",
    };
    format!(
        "{:<20} {:>8.0}/s  p99 {p99:>10}  answered {:>6.2} %  lag p99 {:>6.1} ms  generator {:.2} cores  {verdict}",
        tried.stack,
        tried.rate_per_s,
        tried.ok_ratio * 100.0,
        tried.lag_p99_us as f64 / 1e3,
        tried.generator_cores
    )
}
