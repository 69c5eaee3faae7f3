//! The witness of a PostgreSQL pair: it asks the primary again and again, and when that is lost it fences it and promotes the
//! standby. What Patroni or `pg_auto_failover` do on many machines, on one.
//!
//! Invariant: the standby is promoted only when no process of the old primary is left. A primary that was merely silent would
//! wake as a second one and go on acknowledging; so it is killed first, whatever state it is in.

use super::super::installation::{promote, url};
use super::super::node::kill_family;
use super::super::pair::{Chronicle, Pair, Roles, is_stopped};
use crate::error::DriverError;
use crate::process::Process;
use journal::FailoverStep;
use sqlx::{Connection as _, PgConnection};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often the primary is asked.
const EVERY: Duration = Duration::from_millis(200);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// How many times in a row it must fail to.
const MISSES: u32 = 3;
/// What it does, for people.
pub(super) fn rule() -> String {
    format!(
        "asks the primary every {} ms; after {MISSES} refusals or silences of {} ms in a row it kills what is left of it and \
         promotes the standby",
        EVERY.as_millis(),
        PATIENCE.as_millis()
    )
}

/// Goes on until it is ended.
pub(super) async fn watch_over(pair: Pair, ports: [u16; 2], chronicle: Chronicle) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut line: Option<(u16, PgConnection)> = None;
    let mut misses = 0;
    loop {
        tick.tick().await;
        let roles = pair.get();
        let port = ports[roles.primary];
        let Err(what) = ask(&mut line, port).await else {
            misses = 0;
            continue;
        };
        misses += 1;
        let standby = &roles.processes[roles.replica()];
        if misses < MISSES || !roles.followed || !standby.is_running() {
            continue;
        }
        let detail = format!("{misses} times in a row: {what}");
        chronicle.tell(FailoverStep::Detected, &roles.processes[roles.primary], detail);
        if let Err(e) = fail_over(&roles, ports[roles.replica()], &chronicle).await {
            chronicle.void(format!("the witness could not put the standby in the primary's place: {e}"));
            return;
        }
        pair.change(|roles| {
            roles.primary = roles.replica();
            roles.followed = false;
        });
        (line, misses) = (None, 0);
    }
}

/// Asks on the connection that there is, or on a new one.
async fn ask(line: &mut Option<(u16, PgConnection)>, port: u16) -> Result<(), String> {
    let asked = async {
        let mut connection = match line.take().filter(|(of, _)| *of == port) {
            Some((_, connection)) => connection,
            None => PgConnection::connect(&url(port)).await?,
        };
        connection.ping().await?;
        Ok::<_, sqlx::Error>(connection)
    };
    match timeout(PATIENCE, asked).await {
        Ok(Ok(connection)) => {
            *line = Some((port, connection));
            Ok(())
        }
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err(format!("no answer within {} ms", PATIENCE.as_millis())),
    }
}

async fn fail_over(roles: &Roles, standby_port: u16, chronicle: &Chronicle) -> Result<(), DriverError> {
    let (primary, standby) = (&roles.processes[roles.primary], &roles.processes[roles.replica()]);
    chronicle.tell(FailoverStep::Fenced, primary, fence(primary).await?);
    promote(standby, standby_port, || {
        chronicle.tell(FailoverStep::Promoted, standby, "told to take over: pg_promote()");
    })
    .await?;
    chronicle.tell(FailoverStep::Writable, standby, "it is not read-only any more");
    Ok(())
}

/// Makes sure that nothing of it is left.
async fn fence(primary: &Process) -> Result<String, DriverError> {
    if primary.is_running() {
        // One that nobody has hurt was only slow: its end is told as one that nobody ordered, and nothing is concluded from the trial.
        if is_stopped(primary) {
            primary.order_exit();
        }
        match kill_family(primary).await {
            Ok(proof) => return Ok(proof),
            // It ended by itself in the same moment.
            Err(_) if !primary.is_running() => {}
            Err(e) => return Err(e),
        }
    }
    Ok(format!("process {} is gone already", primary.pid()))
}
