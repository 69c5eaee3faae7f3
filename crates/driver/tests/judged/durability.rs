//! What a store of one process still has when it is killed with SIGKILL under load and started again.
//!
//! A killed process loses what it held itself, and nothing that it had handed to the kernel: only a machine that loses its
//! power tells a forced write from one that was not.

use crate::harness::{Trial, run_with_faults};

async fn killed_and_started_again(stack: &str) -> Trial {
    let faults = r#"
        [[faults]]
        at_s = 3.5
        action = "kill"
        target = "store"
        [[faults]]
        at_s = 3.8
        action = "start"
        target = "store""#;
    run_with_faults(stack, 4.5, faults).await
}

fn every_session_is_lost(trial: &Trial) {
    let sessions = &trial.findings.sessions;
    assert!(sessions.verified >= 30 && sessions.lost >= 30, "{sessions:?}");
}

fn nothing_is_lost(trial: &Trial) {
    let sessions = &trial.findings.sessions;
    assert_eq!((sessions.lost, trial.writes_lost()), (0, 0));
    assert!(sessions.verified >= 30, "{sessions:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_keeps_nothing_loses_all() {
    every_session_is_lost(&killed_and_started_again("stateless-redis").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_with_snapshots_loses_what_came_after_the_last() {
    // A snapshot that ends just before the kill holds everything: it came about, with its child found beside the killed process.
    for _ in 0..3 {
        let trial = killed_and_started_again("stateless-redis-rdb").await;
        assert_eq!(trial.findings.sessions.lost, 0, "everybody had logged in long before the last snapshot");
        if trial.writes_lost() > 0 {
            return;
        }
    }
    panic!("no snapshot every second can have held the last writes of three trials");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_with_an_append_only_file_loses_nothing_whenever_it_is_forced_to_disk() {
    for stack in ["stateless-redis-aof-everysec", "stateless-redis-aof-always"] {
        nothing_is_lost(&killed_and_started_again(stack).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_loses_nothing() {
    nothing_is_lost(&killed_and_started_again("stateless-postgres").await);
}

/// Its log of the last fifth of a second is in its own memory, so here a mere kill is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_acknowledges_early_loses_the_last_moment_and_no_session() {
    let trial = killed_and_started_again("stateless-postgres-async-commit").await;
    assert_eq!(trial.findings.sessions.lost, 0, "everybody had logged in long before");
    let oldest = trial.oldest_loss_us();
    assert!(oldest < 1_000_000, "no more than three times wal_writer_delay, which is 200 ms: {oldest} us");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_not_logged_loses_all() {
    every_session_is_lost(&killed_and_started_again("stateless-postgres-unlogged").await);
}

/// Postgres serves each connection with a process of its own: all of them must stand still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_store_answers_nobody_until_it_is_resumed() {
    let faults = r#"
        [[faults]]
        at_s = 2.5
        action = "pause"
        target = "store"
        [[faults]]
        at_s = 4
        action = "resume"
        target = "store""#;
    for stack in ["stateless-postgres", "stateless-redis-rdb"] {
        let trial = run_with_faults(stack, 5.0, faults).await;
        let faults = &trial.findings.faults;
        let (paused, resumed) = (faults[0].landed_us.unwrap(), faults[1].called_us.unwrap());
        assert_eq!(trial.ok_between(paused, resumed), 0, "{stack} answered while it was paused");
        assert!(trial.ok_between(faults[1].landed_us.unwrap(), 7_000_000) > 0);
        nothing_is_lost(&trial);
    }
}
