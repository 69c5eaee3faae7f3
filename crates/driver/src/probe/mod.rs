//! Probes: at a planned time somebody sends what an honest browser would not, over the shoppers' own entrance.
//!
//! Invariants: a probe has sessions of its own, under owners that no shopper bears, and a thread of its own; every request of it is in
//! the journal, and no cookie is, but for its fingerprint. Nothing is judged here: what the tier made of it is read from the journal.

mod forge;
mod round;
mod tries;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::error::DriverError;
use crate::load::Stage;
use crate::recipe::Stranger;
use crate::recorder::Recorder;
use journal::{Event, ProbeOverEvent};
use round::Round;
use scenario::{Plan, PlannedProbe, ProbeKind};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

/// One time of a probe must be over within this, or it counts as not carried out.
const OVER_WITHIN: Duration = Duration::from_secs(30);

/// Cookies that are real, and of which the tier must know nothing.
pub(crate) struct Strangers {
    other_key: String,
    other_tier: String,
}

impl Strangers {
    /// Has them issued by servers that are none of the tier's and are gone before the load begins.
    ///
    /// # Errors
    /// When such a server does not come up, or lets nobody in.
    pub(crate) async fn meet(cluster: &Cluster) -> Result<Self, DriverError> {
        Ok(Self {
            other_key: cluster.cookie_of(Stranger::OtherKey).await?,
            other_tier: cluster.cookie_of(Stranger::OtherTier).await?,
        })
    }

    /// Whether anybody asks for them.
    pub(crate) fn are_needed(plan: &Plan) -> bool {
        plan.probes.iter().any(|probe| probe.kind == ProbeKind::Tamper)
    }
}

/// What probes need to know.
pub(crate) struct ProbeSpec {
    /// What is tried when.
    pub(crate) plan: Arc<Plan>,
    /// Where the tier is entered.
    pub(crate) addr: SocketAddr,
    /// After this long a request is given up.
    pub(crate) timeout: Duration,
    /// The trial's clock.
    pub(crate) clock: Clock,
    /// Where events go.
    pub(crate) recorder: Recorder,
    /// Followed, so that nobody goes on in a trial that is broken off.
    pub(crate) stage: watch::Receiver<Stage>,
    /// Cookies of strangers, where they are needed.
    pub(crate) strangers: Option<Strangers>,
}

/// Carries out every probe of the plan at its time. Blocks its thread.
///
/// # Errors
/// When the kernel gives no runtime.
pub(crate) fn carry_out(spec: ProbeSpec) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut stage = spec.stage.clone();
    let spec = Rc::new(spec);
    LocalSet::new().block_on(&runtime, async {
        tokio::select! {
            () = all(&spec) => {}
            _ = stage.wait_for(|stage| *stage == Stage::Stopped) => {}
        }
    });
    Ok(())
}

/// One that takes long goes on beside the next.
async fn all(spec: &Rc<ProbeSpec>) {
    let mut probes = JoinSet::new();
    for probe in &spec.plan.probes {
        let (spec, probe) = (Rc::clone(spec), probe.clone());
        probes.spawn_local(async move {
            spec.clock.sleep_until(probe.at_us).await;
            for round in 0..probe.times {
                one(&spec, &probe, round).await;
            }
        });
    }
    while let Some(done) = probes.join_next().await {
        if let Err(panic) = done {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
}

async fn one(spec: &Rc<ProbeSpec>, probe: &PlannedProbe, round: u32) {
    let mut carried_out = Round::new(Rc::clone(spec), probe.clone(), round);
    let over = tokio::time::timeout(OVER_WITHIN, carried_out.play()).await;
    let broken_off = match over {
        Ok(done) => done.err(),
        Err(_) => Some(format!("it was not over within {} s", OVER_WITHIN.as_secs())),
    };
    let at_us = spec.clock.now_us();
    let event = ProbeOverEvent { probe: probe.probe, round, at_us, broken_off };
    spec.recorder.record(Event::ProbeOver(event));
}
