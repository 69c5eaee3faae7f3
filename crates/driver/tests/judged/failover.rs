//! A store of two processes: the other one takes over when the first is lost, and what that costs.

use crate::harness::{Trial, run_with_faults};
use journal::FailoverStep::{Announced, Detected, Fenced, Promoted, Writable};
use journal::{Outcome, StepEvent};
use scenario::Phase;

const KILL: &str = r#"
    [[faults]]
    at_s = 3.5
    action = "kill"
    target = "store""#;
const PAUSE_AND_RESUME: &str = r#"
    [[faults]]
    at_s = 3
    action = "pause"
    target = "store"
    [[faults]]
    at_s = 7
    action = "resume"
    target = "store""#;
const DELAYED_LINK_THEN_KILL: &str = r#"
    [[faults]]
    at_s = 2.2
    action = "delay"
    target = "primary-replica"
    delay_ms = 5000
    [[faults]]
    at_s = 3.5
    action = "kill"
    target = "store""#;
const DELAYED_STORE_THEN_KILL: &str = r#"
    [[faults]]
    at_s = 2.2
    action = "delay"
    target = "server-store"
    delay_ms = 20
    [[faults]]
    at_s = 3.5
    action = "kill"
    target = "store""#;

/// Nearly everybody is served in the last second and a half under load.
fn it_is_back(trial: &Trial) {
    let requests = &trial.findings.phases[Phase::Recovery as usize].requests;
    assert!(requests.ok > 50 && requests.errors() * 10 < requests.planned, "{requests:?}");
}

/// Every answer in this time has been over the edge to the store and back: each needs it at least once.
fn everything_takes_forty_ms(trial: &Trial, from_us: u64, to_us: u64) {
    let within = |step: &&StepEvent| step.sent_us.is_some_and(|at| at >= from_us) && step.done_us <= to_us;
    let late = trial.steps().filter(within).filter(|step| step.outcome == Outcome::Ok);
    let took: Vec<u64> = late.map(|step| step.done_us - step.sent_us.unwrap()).collect();
    assert!(took.len() > 20 && took.iter().all(|us| *us >= 40_000), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_put_the_replica_in_the_place_of_a_killed_primary() {
    let trial = run_with_faults("stateless-redis-sentinel", 8.0, KILL).await;
    let steps = [(Detected, "redis-1"), (Promoted, "redis-2"), (Writable, "redis-2"), (Announced, "redis-2")];
    assert_eq!(trial.failover(), steps);
    it_is_back(&trial);
    assert_eq!(trial.end_of("redis-1"), (true, "signal 9"));
    let proof = "three Sentinels name redis-2, and redis-1.2 follows it";
    assert!(trial.healthy().contains(proof), "{}", trial.healthy());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_make_a_primary_that_was_silent_follow_when_it_wakes() {
    let trial = run_with_faults("stateless-redis-sentinel", 7.5, PAUSE_AND_RESUME).await;
    assert_eq!(trial.failover().last(), Some(&(Announced, "redis-2")));
    let proof = "three Sentinels name redis-2, and redis-1 follows it";
    assert!(trial.healthy().contains(proof), "{}", trial.healthy());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_and_sentinels_reach_both_redis_through_the_relays_before_them() {
    let trial = run_with_faults("stateless-redis-sentinel", 8.0, DELAYED_STORE_THEN_KILL).await;
    let relays = &trial.findings.faults[0].detail;
    assert!(relays.contains("relay-server-store-1") && relays.contains("relay-server-store-2"), "{relays}");
    it_is_back(&trial);
    everything_takes_forty_ms(&trial, trial.moment(Announced) + 1_000_000, 7_900_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_lose_what_was_still_on_its_way_to_the_replica() {
    let trial = run_with_faults("stateless-redis-sentinel", 8.0, DELAYED_LINK_THEN_KILL).await;
    assert_eq!(trial.failover().last(), Some(&(Announced, "redis-2")));
    assert!(trial.writes_lost() > 0, "{:?}", trial.findings.writes);
    it_is_back(&trial);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_witness_puts_the_standby_in_the_place_of_a_killed_primary() {
    let trial = run_with_faults("stateless-postgres-standby", 6.0, KILL).await;
    let steps = [
        (Detected, "postgres-1"),
        (Fenced, "postgres-1"),
        (Promoted, "postgres-2"),
        (Writable, "postgres-2"),
    ];
    assert_eq!(trial.failover(), steps);
    it_is_back(&trial);
    assert_eq!(trial.end_of("postgres-1"), (true, "signal 9"));
    assert!(
        trial.healthy().contains("postgres-2 takes writes, and postgres-1.2 follows it"),
        "{}",
        trial.healthy()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_witness_kills_a_primary_that_is_silent_before_it_promotes() {
    let trial = run_with_faults("stateless-postgres-standby", 7.5, PAUSE_AND_RESUME).await;
    let fenced = trial.findings.failover.iter().find(|moment| moment.step == Fenced).unwrap();
    assert!(fenced.detail.contains("signal 9"), "{fenced:?}");
    assert_eq!(trial.end_of("postgres-1"), (true, "signal 9"));
    it_is_back(&trial);
    assert!(trial.findings.faults[1].detail.contains("was ended while it was stopped"));
    assert!(
        trial.healthy().contains("postgres-2 takes writes, and postgres-1.2 follows it"),
        "{}",
        trial.healthy()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_standby_lacks_what_was_still_on_its_way() {
    let trial = run_with_faults("stateless-postgres-standby", 6.5, DELAYED_LINK_THEN_KILL).await;
    assert!(trial.writes_lost() > 0, "{:?}", trial.findings.writes);
    it_is_back(&trial);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_lacks_nothing_that_was_acknowledged() {
    let trial = run_with_faults("stateless-postgres-standby-sync", 6.5, DELAYED_LINK_THEN_KILL).await;
    assert_eq!((trial.writes_lost(), trial.findings.sessions.lost), (0, 0), "{:?}", trial.findings.writes);
    assert!(trial.findings.writes.unknown > 0, "commits wait for the standby: {:?}", trial.findings.writes);
    it_is_back(&trial);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_primary_waits_for_its_standby_and_an_asynchronous_one_does_not() {
    let faults = r#"
        [[faults]]
        at_s = 2.5
        action = "kill"
        target = "replica"
        [[faults]]
        at_s = 4
        action = "start"
        target = "replica""#;
    for (stack, waits) in [("stateless-postgres-standby-sync", true), ("stateless-postgres-standby", false)] {
        let trial = run_with_faults(stack, 6.0, faults).await;
        let faults = &trial.findings.faults;
        let (gone, back) = (faults[0].landed_us.unwrap(), faults[1].called_us.unwrap());
        let written = trial.steps().filter(|step| {
            let away = step.sent_us.is_some_and(|at| at >= gone) && step.done_us <= back;
            away && step.op.is_some() && step.outcome == Outcome::Ok
        });
        assert_eq!(written.count() == 0, waits, "{stack}");
        assert!(trial.failover().is_empty());
        assert_eq!((trial.writes_lost(), trial.findings.sessions.lost), (0, 0), "{stack}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_reach_both_postgres_through_the_relays_before_them() {
    let trial = run_with_faults("stateless-postgres-standby", 6.5, DELAYED_STORE_THEN_KILL).await;
    let relays = &trial.findings.faults[0].detail;
    assert!(relays.contains("relay-server-store-1") && relays.contains("relay-server-store-2"), "{relays}");
    it_is_back(&trial);
    everything_takes_forty_ms(&trial, trial.moment(Writable) + 1_000_000, 6_400_000);
}
