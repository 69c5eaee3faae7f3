//! How the lab ends: its exit codes, and which error leads to which.

use driver::DriverError;
use std::process::ExitCode;

/// What the process says to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every expectation held.
    Held = 0,
    /// An expectation broke.
    Broke = 1,
    /// Wrong use, or a bad scenario.
    Usage = 2,
    /// Nothing can be said.
    Inconclusive = 3,
    /// The machine lacks something.
    Environment = 4,
    /// The user broke it off.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error with the exit code that it leads to.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What to tell.
    pub error: anyhow::Error,
}

impl Failure {
    /// The user's mistake.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into() }
    }

    /// The machine's lack.
    pub fn environment(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Environment, error: error.into() }
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        let exit = match error {
            DriverError::Interrupted => Exit::Interrupted,
            DriverError::Unsupported(_) => Exit::Usage,
            _ => Exit::Environment,
        };
        Self { exit, error: error.into() }
    }
}
