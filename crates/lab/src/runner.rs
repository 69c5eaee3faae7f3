//! Runs one trial with what all trials of a run have in common.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::scenarios::Source;
use driver::{DriverError, ExternalStores, Progress, RouterKind, Scratch, TrialSpec};
use journal::PlannedTrial;
use scenario::{Plan, Scenario};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A scenario as it will be run, and the text that it was read from.
pub struct Subject {
    /// What is asked.
    pub scenario: Scenario,
    /// Its text.
    pub source: Source,
}

/// What the trials of a run have in common.
pub struct Runner {
    /// The run's id.
    pub run: String,
    /// Who sits in the router's seat.
    pub router: RouterKind,
    /// Stores that are there already.
    pub external: ExternalStores,
    /// The run's private folder.
    pub scratch: Scratch,
    /// The user's wish to stop.
    pub interrupt: Interrupt,
}

impl Runner {
    /// Runs a trial and leaves its journal in a folder; the reason when this trial alone has failed.
    ///
    /// # Errors
    /// When no further trial can do better: without a place to write, or files to open.
    pub async fn run(
        &self,
        scenario: &Scenario,
        plan: &Arc<Plan>,
        trial: &PlannedTrial,
        dir: &Path,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Option<String>, Failure> {
        fs::create_dir_all(dir).map_err(|e| DriverError::io(dir, e))?;
        let ran = driver::run(TrialSpec {
            run: &self.run,
            order: trial.order,
            repeat: trial.repeat,
            stack: trial.stack,
            replica: trial.replica,
            router: self.router,
            server: None,
            scenario,
            plan: Arc::clone(plan),
            external: &self.external,
            scratch: &self.scratch,
            dir,
            interrupt: self.interrupt.receiver(),
            progress,
        })
        .await;
        match ran {
            Ok(_) => Ok(None),
            Err(DriverError::Interrupted) => Ok(Some("interrupted before the load began".to_owned())),
            Err(
                e @ (DriverError::Io { .. }
                | DriverError::OpenFiles { .. }
                | DriverError::ExternalStore { .. }
                | DriverError::Machine(_)
                | DriverError::Unsupported(_)),
            ) => Err(e.into()),
            Err(e) => Ok(Some(e.to_string())),
        }
    }
}
