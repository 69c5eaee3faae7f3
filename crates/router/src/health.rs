//! Active checks: every server is asked on a connection of its own, at once when it was added and then at an interval.
//!
//! They ask for liveness and not for readiness by default. Readiness includes the shared store: were it asked for, a store
//! that fails would take all servers out at the same moment, and clients would lose the application's own, better answer.

use crate::policy::Serial;
use crate::pool::{self, ConnectError, Outgoing};
use crate::registry::{Registry, Server};
use http::Request;
use http::header::{CONNECTION, HOST};
use http_body_util::{BodyExt, Limited};
use protocol::admin::Health;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// An answer to a check that is longer than this fails it.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// How servers are checked.
#[derive(Clone, Debug)]
pub struct Checks {
    /// What is asked for; 2xx passes.
    pub path: String,
    /// From the start of a check to the start of the next.
    pub interval: Duration,
    /// The longest that a check may take.
    pub timeout: Duration,
    /// Checks passed in a row that bring a server up.
    pub rise: u32,
    /// Checks failed in a row that take it down.
    pub fall: u32,
    /// Idle connections older than this are closed along with the checks.
    pub idle_timeout: Duration,
}

/// The latest checks of a server: how many in a row passed, or failed.
#[derive(Debug, Default)]
pub struct Streak {
    passed: u32,
    failed: u32,
}

impl Streak {
    /// What a server is after one more check.
    pub fn observe(&mut self, now: Health, passed: bool, checks: &Checks) -> Health {
        if passed {
            *self = Streak { passed: self.passed.saturating_add(1), failed: 0 };
            if self.passed >= checks.rise { Health::Up } else { now }
        } else {
            *self = Streak { passed: 0, failed: self.failed.saturating_add(1) };
            if self.failed >= checks.fall { Health::Down } else { now }
        }
    }

    /// What a server is after it refused a connection: down, and it has to rise from the beginning.
    pub fn refused(&mut self) -> Health {
        *self = Streak::default();
        Health::Down
    }
}

/// Checks a server for as long as it exists; the registry aborts it.
pub async fn watch(registry: Arc<Registry>, server: Arc<Server>, serial: Serial, checks: Checks) {
    let mut ticks = tokio::time::interval(checks.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        server.pool.sweep(checks.idle_timeout);
        match tokio::time::timeout(checks.timeout, passes(server.addr, &checks)).await {
            Ok(Err(ConnectError::Refused(_))) => registry.refused(serial),
            Ok(Ok(passed)) => registry.checked(serial, passed),
            Ok(Err(_)) | Err(_) => registry.checked(serial, false),
        }
    }
}

async fn passes(addr: SocketAddr, checks: &Checks) -> Result<bool, ConnectError> {
    let mut sender = pool::connect(addr, checks.timeout).await?;
    let request = Request::get(checks.path.as_str())
        .header(HOST, addr.to_string())
        .header(CONNECTION, "close")
        .body(Outgoing::default());
    let Ok(request) = request else { return Ok(false) };
    let Ok(response) = sender.send_request(request).await else { return Ok(false) };
    let passed = response.status().is_success();
    // To close a connection that still holds bytes would reset it, and disturb the server's log.
    let read = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await;
    Ok(passed && read.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Checks {
        let some_time = Duration::from_millis(1);
        Checks {
            path: "/".into(),
            interval: some_time,
            timeout: some_time,
            rise: 2,
            fall: 3,
            idle_timeout: some_time,
        }
    }

    #[test]
    fn a_server_rises_and_falls_after_as_many_checks_in_a_row_as_configured() {
        let mut streak = Streak::default();
        let mut health = Health::Starting;
        let mut seen = String::new();
        for passed in "+-++--+---++".chars() {
            health = streak.observe(health, passed == '+', &checks());
            seen.push(format!("{health:?}").remove(0));
        }
        assert_eq!(seen, "SSSUUUUUUDDU");
    }

    #[test]
    fn a_server_that_refused_has_to_rise_again_from_the_beginning() {
        let mut streak = Streak::default();
        streak.observe(Health::Starting, true, &checks());
        assert_eq!(streak.observe(Health::Starting, true, &checks()), Health::Up);
        assert_eq!(streak.refused(), Health::Down);
        assert_eq!(streak.observe(Health::Down, true, &checks()), Health::Down);
        assert_eq!(streak.observe(Health::Down, true, &checks()), Health::Up);
    }
}
