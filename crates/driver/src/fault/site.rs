//! A disaster: the link between the sites is cut, and every process of the one that serves is killed.

use super::{Injector, KILL_WITHIN};
use crate::error::DriverError;
use crate::process::Process;
use crate::site::Footing;
use crate::store::kill_family;
use journal::Event;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// A second site has this long to take over, counted from when all is to be whole.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

impl Injector {
    /// Cuts, then kills; proves both.
    pub(super) async fn strike(&self) -> Result<String, DriverError> {
        let mut cluster = self.cluster.lock().await;
        cluster.set_footing(Footing::Fallen);
        let standby = cluster.standby_mut();
        let standby = standby.ok_or_else(|| DriverError::Machine("no second site stands by".to_owned()))?;
        let mut proofs = vec![standby.cut().await?];
        let tier = cluster.tier();
        tier.iter().for_each(|process| process.order_exit());
        let stored: Vec<&str> = cluster.store().nodes().iter().map(|node| node.process.name()).collect();
        let (store, others): (Vec<&Process>, Vec<&Process>) =
            tier.into_iter().partition(|process| stored.contains(&process.name()));
        for process in &others {
            process.signal(Signal::SIGKILL)?;
        }
        for process in store {
            proofs.push(format!("{}: {}", process.name(), kill_family(process).await?));
        }
        for process in others {
            let status = process.wait(KILL_WITHIN).await.ok_or_else(|| {
                let what = format!("still alive {KILL_WITHIN:?} after SIGKILL");
                DriverError::child(process.name(), what, process.log())
            })?;
            proofs.push(format!("{}: process {} ended: {status}", process.name(), process.pid()));
        }
        Ok(proofs.join("; "))
    }

    /// Whether nothing of what serves was struck by a disaster that nobody has answered yet. Where one was, the answer is waited for.
    pub(super) async fn stands_firm(&self) -> bool {
        let mut waited_since = None;
        loop {
            let footing = self.cluster.lock().await.footing();
            match footing {
                Footing::Firm => return true,
                Footing::Hopeless => return false,
                Footing::Fallen => {}
            }
            if waited_since.get_or_insert_with(Instant::now).elapsed() > TAKEN_OVER_WITHIN {
                let reason = format!("no second site took over within {TAKEN_OVER_WITHIN:?}");
                self.recorder.record(Event::Void { at_us: self.clock.now_us(), reason });
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
