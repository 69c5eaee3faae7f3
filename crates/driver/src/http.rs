//! The client with which the lab speaks to its own processes.

use crate::error::DriverError;
use std::time::Duration;

/// Each question comes over a connection of its own: one that has been kept is closed by the other side after a while, and a question
/// that meets that moment would be taken for a failed fault.
///
/// # Errors
/// When no client can be made.
pub(crate) fn client(timeout: Duration) -> Result<reqwest::Client, DriverError> {
    let client = reqwest::Client::builder().timeout(timeout).no_proxy().pool_max_idle_per_host(0).build();
    client.map_err(|e| DriverError::Machine(format!("no HTTP client: {e}")))
}
