//! The load: every shopper of the plan on one thread, each request timed from the moment at which it was due.

use crate::clock::Clock;
use crate::pacer::Pacer;
use crate::recorder::Recorder;
use crate::shopper::{Floor, tabs};
use crate::steering::{Steering, Visit};
use hdrhistogram::Histogram;
use scenario::Plan;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

/// How far the load has come; the trial sets it, the shoppers follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The timetable is being followed.
    Running,
    /// Everything is whole again: shopper `n` reads `n` times `spacing_us` after `from_us`.
    FinalReads {
        /// When the first one reads.
        from_us: u64,
        /// Between one shopper and the next.
        spacing_us: u64,
    },
    /// Stop at once: what was not sent stays unsent.
    Stopped,
}

/// What the load says of itself once the timetable is done.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Steps sent.
    pub sent: u64,
    /// Steps never sent.
    pub unsent: u64,
    /// 99th percentile of the send lag. Microseconds.
    pub lag_p99_us: u64,
    /// The greatest send lag. Microseconds.
    pub lag_max_us: u64,
}

/// What the load needs to know.
pub struct LoadSpec {
    /// The timetable.
    pub plan: Arc<Plan>,
    /// Where the router listens.
    pub addr: SocketAddr,
    /// After this long a shopper gives up on a request.
    pub timeout: Duration,
    /// The trial's clock.
    pub clock: Clock,
    /// Where events go.
    pub recorder: Recorder,
    /// Followed by every shopper.
    pub stage: watch::Receiver<Stage>,
    /// Told once, when the timetable is done.
    pub timetable_done: tokio::sync::oneshot::Sender<Account>,
}

/// How often the runtime looks at its sockets and its timer while it has work: after so many tasks. tokio's default is 61, which
/// at 20 us a task is a millisecond of lag for whoever comes due meanwhile.
const TASKS_BETWEEN_LOOKS: u32 = 16;

/// What is counted while the timetable runs.
pub(crate) struct Tally {
    pub(crate) lag: Histogram<u64>,
    pub(crate) sent: u64,
    pub(crate) unsent: u64,
    busy: usize,
    timetable_done: Option<tokio::sync::oneshot::Sender<Account>>,
}

impl Tally {
    /// A tab has come to the end of its timetable.
    pub(crate) fn one_is_done(&mut self) {
        self.busy -= 1;
        if self.busy > 0 {
            return;
        }
        let account = Account {
            sent: self.sent,
            unsent: self.unsent,
            lag_p99_us: self.lag.value_at_quantile(0.99),
            lag_max_us: self.lag.max(),
        };
        if let Some(tell) = self.timetable_done.take() {
            // Nobody listens when the trial was broken off.
            let _ = tell.send(account);
        }
    }
}

/// Drives every shopper to the end of its final read. Blocks its thread, which has no other work.
///
/// # Errors
/// When the kernel gives no runtime or no timer.
pub fn drive(spec: LoadSpec) -> io::Result<()> {
    drive_steered(spec, None)
}

/// The same, steered while it runs.
pub(crate) fn drive_steered(spec: LoadSpec, steering: Option<Steering>) -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().event_interval(TASKS_BETWEEN_LOOKS).build()?;
    let _entered = runtime.enter();
    let LoadSpec { plan, addr, timeout, clock, recorder, stage, timetable_done } = spec;
    let pacer = Rc::new(Pacer::new(clock)?);
    let tally = Tally {
        lag: Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are valid"),
        sent: 0,
        unsent: 0,
        busy: plan.shoppers.iter().map(tabs).sum(),
        timetable_done: Some(timetable_done),
    };
    let tally = Rc::new(RefCell::new(tally));
    let (course, visits) = steering.map(|steering| (steering.course, steering.visits)).unzip();
    let floor = Floor { plan, addr, timeout, clock, recorder, pacer, tally, stage, course };
    runtime.block_on(all(floor, visits));
    Ok(())
}

async fn all(floor: Floor, visits: Option<mpsc::Receiver<Visit>>) {
    let clockwork = LocalSet::new();
    let pacer = Rc::clone(&floor.pacer);
    clockwork.spawn_local(async move { pacer.run().await });
    let (pacer, mut stage) = (Rc::clone(&floor.pacer), floor.stage.clone());
    clockwork.spawn_local(async move {
        if stage.wait_for(|stage| *stage == Stage::Stopped).await.is_ok() {
            pacer.stop();
        }
    });
    let shoppers = floor.open(visits);
    clockwork.run_until(shoppers).await;
}
