//! One trial: a fresh cluster, the plan's load and faults side by side on one clock, healing, final reads, and the journal.

use crate::clock::Clock;
use crate::cluster::{Cluster, ClusterSpec, ServerProgram};
use crate::error::DriverError;
use crate::fault::{Injector, follow};
use crate::load::{Account, LoadSpec, Stage, drive};
use crate::lookups::look_up_all;
use crate::probe::{ProbeSpec, Strangers, carry_out};
use crate::recorder::{JournalThread, Recorder};
use crate::scratch::Scratch;
use crate::seat::{RouterKind, Seat};
use crate::site::stand_guard;
use crate::sleepers::let_in;
use crate::store::ExternalStores;
use crate::usage::Usage;
use journal::{Event, GeneratorEvent, Growth, Header, RouterServer};
use protocol::admin::Health;
use scenario::{Load, Phase, Plan, Scenario, Stack};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;

/// Which trial to run, with what.
pub struct TrialSpec<'a> {
    /// The run's id.
    pub run: &'a str,
    /// Place in the run's order of trials, from 1.
    pub order: u32,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// The architecture.
    pub stack: Stack,
    /// Which of several columns of the same stack, from 0.
    pub replica: u32,
    /// Who sits in the router's seat.
    pub router: RouterKind,
    /// Who takes the servers' seats; `None` for the lab's own servers. The journal tells nothing of it.
    pub server: Option<&'a ServerProgram>,
    /// What is asked.
    pub scenario: &'a Scenario,
    /// Every choice made.
    pub plan: Arc<Plan>,
    /// Stores that are there already.
    pub external: &'a ExternalStores,
    /// The run's private folder.
    pub scratch: &'a Scratch,
    /// The trial's folder in the results; it exists.
    pub dir: &'a Path,
    /// Becomes true when the user breaks the run off.
    pub interrupt: watch::Receiver<bool>,
    /// Told what goes on.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// What goes on in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Processes are being started.
    Starting,
    /// The load runs.
    Running {
        /// Where it is. Microseconds on the trial's clock.
        at_us: u64,
        /// Where it ends.
        end_us: u64,
        /// The phase at that moment.
        phase: Phase,
    },
    /// Everything is made whole, and everybody reads once more.
    FinalReads,
    /// Processes are being ended.
    Stopping,
}

/// The file that every trial leaves in its folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// The load begins this long after everything is ready.
const HEAD_START: Duration = Duration::from_millis(100);
const ROUTER_SAMPLE: Duration = Duration::from_millis(100);
const USAGE_SAMPLE: Duration = Duration::from_secs(1);
/// The load may overrun its timetable by this, on top of a request's time-out, before it is stopped.
const OVERRUN: Duration = Duration::from_secs(10);

/// Runs a trial and leaves its journal; says whether it ran to its end.
///
/// # Errors
/// When the processes do not come up, or the journal cannot be written. Whatever was started is ended.
pub async fn run(spec: TrialSpec<'_>) -> Result<bool, DriverError> {
    (spec.progress)(Progress::Starting);
    check_open_files(spec.scenario)?;
    let logs = spec.dir.join("logs");
    std::fs::create_dir_all(&logs).map_err(|e| DriverError::io(&logs, e))?;
    let trial = format!("trial-{}", spec.order);
    let cluster_spec = ClusterSpec {
        run: spec.run,
        trial: &trial,
        stack: spec.stack,
        router: spec.router,
        server: spec.server,
        scenario: spec.scenario,
        edges: &spec.scenario.edges(),
        external: spec.external,
        scratch: spec.scratch,
        logs: &logs,
    };
    let mut interrupt = spec.interrupt.clone();
    let mut cluster = tokio::select! {
        cluster = Cluster::start(&cluster_spec) => cluster?,
        _ = interrupt.wait_for(|stop| *stop) => return Err(DriverError::Interrupted),
    };
    let (recorder, thread, strangers) = match begin(&spec, &mut cluster).await {
        Ok(begun) => begun,
        Err(e) => {
            // Whatever has been written into somebody else's store is removed all the same; why it did not begin says more.
            let _ = cluster.stop().await;
            return Err(e);
        }
    };
    let ended = under_load(&spec, cluster, recorder, strangers).await;
    let written = tokio::task::spawn_blocking(move || thread.finish()).await;
    written.map_err(|e| DriverError::Machine(format!("the journal's thread: {e}")))??;
    ended
}

/// Lets the sleepers in, has strangers' cookies issued and opens the journal.
async fn begin(
    spec: &TrialSpec<'_>,
    cluster: &mut Cluster,
) -> Result<(Recorder, JournalThread, Option<Strangers>), DriverError> {
    let growth = match spec.scenario.load.sleepers {
        0 => None,
        sleepers => Some(let_in(cluster, sleepers, spec.interrupt.clone()).await?),
    };
    let strangers = match Strangers::are_needed(&spec.plan) {
        false => None,
        true => Some(Strangers::meet(cluster).await?),
    };
    let (recorder, thread) = Recorder::begin(&spec.dir.join(JOURNAL_FILE), &header(spec, cluster, growth))?;
    Ok((recorder, thread, strangers))
}

pub(crate) fn header(spec: &TrialSpec<'_>, cluster: &Cluster, growth: Option<Growth>) -> Header {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Header {
        format: journal::FORMAT,
        run: spec.run.to_owned(),
        order: spec.order,
        repeat: spec.repeat,
        stack: spec.stack,
        replica: spec.replica,
        router: spec.router.name().to_owned(),
        seed: spec.plan.seed,
        plan_sha256: spec.plan.digest(),
        planned_steps: spec.plan.steps() as u64,
        scenario: spec.scenario.clone(),
        store: cluster.store().facts().clone(),
        start_up_ms: u64::try_from(cluster.started_up_in().as_millis()).ok(),
        growth,
        started_unix_ms: u64::try_from((unix + HEAD_START).as_millis()).unwrap_or(u64::MAX),
    }
}

/// Each shopper's tab costs the driver a connection. The router has one end of each, and one more connection to a server for each
/// request in flight; all tabs are in flight at most, and no more than twice what comes due within a time-out.
fn open_files_needed(scenario: &Scenario) -> u64 {
    let load = &scenario.load;
    let tabs = u64::from(load.shoppers) * u64::from(load.tabs);
    let warm_up_us = scenario.phases.span(Phase::WarmUp).map_or(1, |span| span.end_us.max(1));
    let steps = load.shape.highest() / (load.think_time_ms as f64 * 1e3);
    // Shoppers arrive, and log in, in seven eighths of the warm-up.
    let log_ins = 8.0 / 7.0 / warm_up_us as f64;
    let per_us = f64::from(load.shoppers) * (steps + log_ins);
    let within_a_timeout = (2.0 * per_us * load.timeout_ms as f64 * 1e3).ceil() as u64;
    tabs + tabs.min(within_a_timeout) + 256
}

pub(crate) fn check_open_files(scenario: &Scenario) -> Result<(), DriverError> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let needed = open_files_needed(scenario);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    if soft >= needed {
        return Ok(());
    }
    // The soft limit may be raised to the hard one by anybody; children inherit it.
    if hard >= needed && setrlimit(Resource::RLIMIT_NOFILE, needed.max(soft), hard).is_ok() {
        return Ok(());
    }
    Err(DriverError::OpenFiles { needed, limit: hard })
}

/// Everything from the trial's zero to the end of its last process.
async fn under_load(
    spec: &TrialSpec<'_>,
    mut cluster: Cluster,
    recorder: Recorder,
    strangers: Option<Strangers>,
) -> Result<bool, DriverError> {
    let clock = Clock::starting_at(Instant::now() + HEAD_START);
    for (process, took) in cluster.start_ups() {
        follow(process, took, &recorder, clock);
    }
    cluster.store_mut().newcomers().for_each(|node| node.followed = true);
    cluster.store_mut().watch(recorder.clone(), clock);
    let (seat, front, addr) = (cluster.seat(), cluster.front(), cluster.addr());
    let roster = cluster.roster();
    let cluster = Arc::new(Mutex::new(cluster));
    let mut guard = stand_guard(&mut *cluster.lock().await, &cluster, &recorder, clock);
    let injector = Injector::new(spec.stack, Arc::clone(&cluster), seat, recorder.clone(), clock);
    let samplers = [
        tokio::spawn(sample_router(front, recorder.clone(), clock)),
        tokio::spawn(sample_usage(Arc::clone(&cluster), recorder.clone(), clock)),
    ];
    let faults = tokio::spawn(inject_and_heal(injector.clone(), Arc::clone(&spec.plan), clock));
    let lookups = tokio::spawn(look_up_all(Arc::clone(&spec.plan), roster, recorder.clone(), clock));
    let (stage, followed) = watch::channel(Stage::Running);
    let (timetable_done, account) = oneshot::channel();
    let probes = probing(ProbeSpec {
        plan: Arc::clone(&spec.plan),
        addr,
        timeout: Duration::from_millis(spec.scenario.load.timeout_ms),
        clock,
        recorder: recorder.clone(),
        stage: followed.clone(),
        strangers,
    });
    let load = LoadSpec {
        plan: Arc::clone(&spec.plan),
        addr,
        timeout: Duration::from_millis(spec.scenario.load.timeout_ms),
        clock,
        recorder: recorder.clone(),
        stage: followed,
        timetable_done,
    };
    let cpu_before_us = own_cpu_us();
    let load = tokio::task::spawn_blocking(move || drive(load));
    let (account, finished) = follow_load(spec, clock, &recorder, &stage, account).await;
    let cpu_us = own_cpu_us().saturating_sub(cpu_before_us);
    let processes = processes(&*cluster.lock().await);
    record_usage(&processes, &recorder, clock);
    // What is not looked up by the end of the load is missing, and whoever relies on it will say so.
    lookups.abort();
    let _ = lookups.await;
    if finished {
        // Each request of a probe has its time-out, and each time of one a deadline.
        let _ = probes.await;
        final_reads(spec, faults, &injector, clock, &stage).await;
    } else {
        faults.abort();
        // They have heard of it, as the load has.
        let _ = probes.await;
    }
    // The load's thread ends by itself: every request has a time-out.
    if let Ok(Err(e)) = load.await {
        let reason = format!("the load could not begin: {e}");
        recorder.record(Event::Void { at_us: clock.now_us(), reason });
    }
    (spec.progress)(Progress::Stopping);
    samplers.iter().for_each(JoinHandle::abort);
    guard.shutdown().await;
    let stopped = cluster.lock().await.stop().await;
    last_words(&recorder, &account, clock, cpu_us, *spec.interrupt.borrow());
    stopped.map(|()| finished)
}

/// Probes have a thread of their own, so that no shopper waits for one.
fn probing(spec: ProbeSpec) -> JoinHandle<()> {
    let (recorder, clock) = (spec.recorder.clone(), spec.clock);
    tokio::task::spawn_blocking(move || {
        if let Err(e) = carry_out(spec) {
            let reason = format!("the probes could not begin: {e}");
            recorder.record(Event::Void { at_us: clock.now_us(), reason });
        }
    })
}

/// Waits for the end of the timetable; stops the load when the user, the clock or the disk demands it.
async fn follow_load(
    spec: &TrialSpec<'_>,
    clock: Clock,
    recorder: &Recorder,
    stage: &watch::Sender<Stage>,
    mut account: oneshot::Receiver<Account>,
) -> (Account, bool) {
    let end_us = spec.plan.phases.end_us();
    let timeout = Duration::from_millis(spec.scenario.load.timeout_ms);
    let deadline = clock.at(end_us) + timeout + OVERRUN;
    let mut interrupt = spec.interrupt.clone();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let reason = loop {
        tokio::select! {
            account = &mut account => return (account.unwrap_or_default(), true),
            _ = interrupt.wait_for(|stop| *stop) => break "interrupted by the user",
            () = tokio::time::sleep_until(deadline.into()) => break "the load did not end in time",
            _ = tick.tick() => {
                let at_us = clock.now_us();
                (spec.progress)(Progress::Running { at_us, end_us, phase: spec.plan.phases.at(at_us) });
                if recorder.has_lost() {
                    break "the journal could not keep up, or could not be written";
                }
            }
        }
    };
    recorder.record(Event::Void { at_us: clock.now_us(), reason: reason.to_owned() });
    stage.send_replace(Stage::Stopped);
    (account.await.unwrap_or_default(), false)
}

/// Faults at their times; then, when the quiet phase begins, everything is made whole.
async fn inject_and_heal(injector: Injector, plan: Arc<Plan>, clock: Clock) {
    injector.inject_all(&plan.faults).await;
    let quiet_us = plan.phases.span(Phase::Quiet).map_or(plan.phases.end_us(), |span| span.start_us);
    clock.sleep_until(quiet_us).await;
    injector.heal().await;
}

/// Once everything is whole, every shopper reads once, spread at about the rate of the load.
async fn final_reads(
    spec: &TrialSpec<'_>,
    faults: JoinHandle<()>,
    injector: &Injector,
    clock: Clock,
    stage: &watch::Sender<Stage>,
) {
    (spec.progress)(Progress::FinalReads);
    // Each fault and each healing has its own deadlines.
    let _ = faults.await;
    injector.prove_healthy().await;
    let spacing_us = spacing_us(&spec.scenario.load);
    stage.send_replace(Stage::FinalReads { from_us: clock.now_us() + 50_000, spacing_us });
}

/// Between one shopper's final read and the next one's.
pub(crate) fn spacing_us(load: &Load) -> u64 {
    (load.think_time_ms * 1_000 / u64::from(load.shoppers)).clamp(200, 20_000)
}

/// What the generator says of itself, after everything else.
pub(crate) fn last_words(
    recorder: &Recorder,
    account: &Account,
    clock: Clock,
    cpu_us: u64,
    interrupted: bool,
) {
    if recorder.has_lost() {
        let reason = "events were lost because the journal could not keep up".to_owned();
        recorder.record_last(Event::Void { at_us: clock.now_us(), reason });
    }
    recorder.record_last(Event::Generator(GeneratorEvent {
        at_us: clock.now_us(),
        sent: account.sent,
        unsent: account.unsent,
        lag_p99_us: account.lag_p99_us,
        lag_max_us: account.lag_max_us,
        cpu_us,
        journal_backlog: recorder.most_waiting(),
        interrupted,
    }));
}

pub(crate) async fn sample_router(front: watch::Receiver<Arc<Seat>>, recorder: Recorder, clock: Clock) {
    let mut tick = tokio::time::interval(ROUTER_SAMPLE);
    loop {
        tick.tick().await;
        let at_us = clock.now_us();
        let seat = Arc::clone(&front.borrow());
        // A router that does not answer is seen by its silence here, and by the shoppers.
        let Ok(snapshot) = seat.snapshot().await else { continue };
        let servers = snapshot.servers.into_iter().map(|server| RouterServer {
            id: server.id,
            health: match server.health {
                Health::Starting => "starting",
                Health::Up => "up",
                Health::Down => "down",
            }
            .to_owned(),
            draining: server.draining,
            requests: server.requests,
            bound: server.bound,
        });
        recorder.record(Event::Router { at_us, servers: servers.collect() });
    }
}

pub(crate) async fn sample_usage(cluster: Arc<Mutex<Cluster>>, recorder: Recorder, clock: Clock) {
    let mut tick = tokio::time::interval(USAGE_SAMPLE);
    loop {
        tick.tick().await;
        // While a fault holds the cluster, a sample is left out rather than late; and no fault waits for a sample.
        let processes = cluster.try_lock().map(|cluster| processes(&cluster));
        if let Ok(processes) = processes {
            record_usage(&processes, &recorder, clock);
        }
    }
}

/// Names and ids.
fn processes(cluster: &Cluster) -> Vec<(String, u32)> {
    cluster.processes().into_iter().map(|process| (process.name().to_owned(), process.pid())).collect()
}

fn record_usage(processes: &[(String, u32)], recorder: &Recorder, clock: Clock) {
    let at_us = clock.now_us();
    let record = |process: &str, usage: Usage| {
        let Usage { cpu_us, rss_bytes } = usage;
        recorder.record(Event::Usage { at_us, process: process.to_owned(), cpu_us, rss_bytes });
    };
    for (name, pid) in processes {
        if let Some(usage) = Usage::of_family(*pid) {
            record(name, usage);
        }
    }
    if let Some(usage) = Usage::of_one(std::process::id()) {
        record("driver", usage);
    }
}

pub(crate) fn own_cpu_us() -> u64 {
    Usage::of_one(std::process::id()).map_or(0, |usage| usage.cpu_us)
}
