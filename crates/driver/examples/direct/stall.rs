//! A server that stands still for a while, under a load that follows its timetable.

use crate::{direct, events};
use driver::{Clock, Recorder};
use hdrhistogram::Histogram;
use journal::{Event, FaultEvent, FaultStage, Outcome};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scenario::{FaultAction, Phase, Plan, PlannedFault, Scenario};
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

/// What is asked for.
pub struct Stall {
    /// Requests a second.
    pub rate: u32,
    /// Shoppers, with a connection each.
    pub connections: u32,
    /// How long the rate is kept up, after a warm-up.
    pub seconds: u32,
    /// How long the server stands still.
    pub stall_ms: u32,
}

/// What the journal told.
struct Told {
    latency: Histogram<u64>,
    service: Histogram<u64>,
    /// From the call that stopped the server to the call that let it go on.
    stopped_us: u64,
    /// From then until the last answer to a request that was planned before it.
    drained_us: u64,
}

impl Stall {
    /// Prints rows of a Markdown table: p50, p99, p99.9 and the greatest, in milliseconds.
    pub fn tell(&self, addr: SocketAddr, pid: i32, folder: &Path) -> Result<(), Box<dyn Error>> {
        let scenario = self.scenario()?;
        let plan = Plan::new(&scenario, 1);
        let faults = plan.faults.clone();
        direct(addr, &scenario, plan, folder, move |clock, recorder| {
            for fault in faults {
                std::thread::sleep(clock.at(fault.at_us).saturating_duration_since(Instant::now()));
                carry_out(&fault, pid, clock, recorder);
            }
        })?;
        let told = read(folder)?;
        println!("| the lab, from the plan | {} |", four(&told.latency));
        println!(
            "| arithmetic | | {} |",
            self.expected(told.stopped_us).map(|ms| format!("{ms:.0}")).join(" | ")
        );
        println!("| deviation | | {} |", self.deviations(&told).join(" | "));
        println!("| the lab, service time | {} |", four(&told.service));
        println!();
        println!(
            "{} requests; the server stood still for {:.0} ms; the backlog was gone {:.0} ms later.",
            told.latency.len(),
            told.stopped_us as f64 / 1e3,
            told.drained_us as f64 / 1e3
        );
        Ok(())
    }

    fn scenario(&self) -> Result<Scenario, Box<dyn Error>> {
        let Self { rate, connections, seconds, stall_ms } = self;
        let third = f64::from(*seconds) / 3.0;
        let (stop, go_on) = (2.0 + third, 2.0 + third + f64::from(*stall_ms) / 1e3);
        let text = format!(
            r#"
name = "stall"
question = "A server stands still for {stall_ms} ms. Who says so?"
story = "A garbage collection, a disk, a neighbour: nothing is lost, and everybody waits."
stacks = ["stateful"]
topology = {{ servers = 1, service_time_ms = 0 }}
phases = {{ warm_up_s = 2, baseline_s = {third}, fault_s = {third}, recovery_s = {third}, quiet_s = 0 }}
steady_state = {{ ok_ratio = 0.9, p99_ms = 1000, sustain_s = 1 }}

[load]
shoppers = {connections}
think_time_ms = {think_ms}
timeout_ms = 20000
mix = {{ read = 8, add = 1, check-out = 1 }}

[[faults]]
at_s = {stop}
action = "pause"
target = "server-1"

[[faults]]
at_s = {go_on}
action = "resume"
target = "server-1"
"#,
            think_ms = connections * 1_000 / rate
        );
        Ok(Scenario::parse("stall.toml", &text)?)
    }

    /// p99, p99.9 and the greatest, in milliseconds. Requests come evenly, so that latencies above some value belong to the first of
    /// those that came while the server stood still: `r` of `n` waited for all but `r / rate` seconds of it, and `1 / rate` is
    /// `seconds / n`. The draining of the backlog is left out.
    fn expected(&self, stopped_us: u64) -> [f64; 3] {
        let (stopped_ms, all_ms) = (stopped_us as f64 / 1e3, f64::from(self.seconds) * 1e3);
        [0.99, 0.999, 1.0].map(|quantile| (stopped_ms - (1.0 - quantile) * all_ms).max(0.0))
    }

    fn deviations(&self, told: &Told) -> [String; 3] {
        let found = [0.99, 0.999, 1.0].map(|q| told.latency.value_at_quantile(q) as f64 / 1e3);
        let expected = self.expected(told.stopped_us);
        std::array::from_fn(|i| format!("{:+.1}%", (found[i] / expected[i] - 1.0) * 100.0))
    }
}

fn carry_out(fault: &PlannedFault, pid: i32, clock: Clock, recorder: &Recorder) {
    let signal = if fault.action == FaultAction::Pause { Signal::SIGSTOP } else { Signal::SIGCONT };
    let tell = |stage, detail: String| {
        let (at_us, process) = (clock.now_us(), "server-1.1".to_owned());
        recorder.record(Event::Fault(FaultEvent { fault: fault.fault, at_us, stage, process, detail }));
    };
    tell(FaultStage::Called, format!("{signal}"));
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) => tell(FaultStage::Landed, "the kernel took the signal".to_owned()),
        Err(e) => tell(FaultStage::Failed, format!("{signal} to process {pid}: {e}")),
    }
}

fn read(folder: &Path) -> Result<Told, Box<dyn Error>> {
    let empty = || Histogram::<u64>::new_with_bounds(1, 60_000_000, 3);
    let (mut latency, mut service) = (empty()?, empty()?);
    let (mut called, mut drained) = (Vec::new(), 0);
    for event in events(folder)? {
        match event? {
            Event::Fault(FaultEvent { stage: FaultStage::Called, at_us, .. }) => called.push(at_us),
            Event::Fault(FaultEvent { stage: FaultStage::Failed, detail, .. }) => return Err(detail.into()),
            Event::Step(step) if step.outcome != Outcome::Ok => {
                return Err(format!("not answered: {step:?}").into());
            }
            Event::Step(step) => {
                if called.get(1).is_some_and(|went_on| step.planned_us < *went_on) {
                    drained = step.done_us;
                }
                if let (true, Some(sent_us)) = (step.phase != Phase::WarmUp, step.sent_us) {
                    latency.record(step.done_us - step.planned_us)?;
                    service.record(step.done_us - sent_us)?;
                }
            }
            Event::Unsent { .. } => return Err("a request was not sent".into()),
            _ => {}
        }
    }
    let [stopped, went_on] = called[..] else {
        return Err("the server was not stopped and let go on".into());
    };
    let drained_us = drained.checked_sub(went_on).ok_or("nobody waited for the server")?;
    Ok(Told { latency, service, stopped_us: went_on - stopped, drained_us })
}

fn four(histogram: &Histogram<u64>) -> String {
    let ms = |us: u64| format!("{:.1}", us as f64 / 1e3);
    let quantiles = [0.5, 0.99, 0.999].map(|q| ms(histogram.value_at_quantile(q)));
    format!("{} | {}", quantiles.join(" | "), ms(histogram.max()))
}
