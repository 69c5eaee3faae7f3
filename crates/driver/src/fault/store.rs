//! What is done to the shared store.

use super::{Injector, TERMINATE_WITHIN, end, not_here};
use crate::error::DriverError;
use crate::process::Process;
use crate::store::{Node, Store, kill_family};
use nix::sys::signal::Signal;
use scenario::{FaultAction, Target};

impl Injector {
    pub(super) async fn hit_store(&self, action: FaultAction, target: Target) -> Result<String, DriverError> {
        let mut cluster = self.cluster.lock().await;
        let store = cluster.store_mut();
        match action {
            FaultAction::Kill => {
                let process = &node(store, target)?.process;
                process.order_exit();
                Ok(named(process, &kill_family(process).await?))
            }
            FaultAction::Terminate => {
                // Postgres takes SIGINT for its fast shutdown; Redis ends on it too, and saves first if it keeps anything.
                let process = &node(store, target)?.process;
                Ok(named(process, &end(process, Signal::SIGINT, TERMINATE_WITHIN).await?))
            }
            FaultAction::Pause => {
                let node = node(store, target)?;
                let proof = node.pause().await?;
                Ok(named(&node.process, &proof))
            }
            FaultAction::Resume => {
                let resumed = store.resume().await?;
                resumed.ok_or_else(|| DriverError::Machine("the store was not paused".to_owned()))
            }
            FaultAction::Start | FaultAction::StartEmpty => {
                let proof = store.start_again(action == FaultAction::StartEmpty).await?;
                self.announce_new(store);
                Ok(proof)
            }
            FaultAction::Evict { percent } => store.evict(percent).await,
            _ => Err(not_here(action, "the store")),
        }
    }

    pub(super) async fn heal_store(&self) -> Result<(), DriverError> {
        let mut cluster = self.cluster.lock().await;
        let store = cluster.store_mut();
        store.heal().await?;
        self.announce_new(store);
        Ok(())
    }

    /// Follows the processes of the store that were started since the last time.
    fn announce_new(&self, store: &mut Store) {
        for node in store.newcomers() {
            self.announce(&node.process, node.took);
            node.followed = true;
        }
    }
}

/// Which of several it was.
fn named(process: &Process, proof: &str) -> String {
    format!("{}: {proof}", process.name())
}

fn node(store: &mut Store, target: Target) -> Result<&mut Node, DriverError> {
    match target {
        Target::Replica => store.replica(),
        _ => store.primary(),
    }
}
