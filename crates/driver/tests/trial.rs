//! Whole trials with real processes: what the journal tells must be what was done.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use driver::{ExternalStores, JOURNAL_FILE, Progress, RouterKind, Scratch, TrialSpec};
use journal::{Event, FaultStage, Outcome, ProcessChange, Reader, StepEvent};
use scenario::{Action, Fault, FaultAction, Phase, Plan, Scenario, Stack, Target};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// A short scenario; `faults` is TOML.
fn scenario(faults: &str) -> Scenario {
    with_load("think_time_ms = 150, mix = { read = 5, add = 5 }", faults)
}

/// The same with a load of one's own.
fn with_load(load: &str, faults: &str) -> Scenario {
    let text = format!(
        r#"
name = "short"
question = "?"
story = "."
stacks = ["stateful"]
topology = {{ servers = 3 }}
load = {{ shoppers = 30, {load} }}
phases = {{ warm_up_s = 1, baseline_s = 1, fault_s = 2, recovery_s = 0.5, quiet_s = 0.5 }}
steady_state = {{ ok_ratio = 0.9, p99_ms = 500, sustain_s = 0.5 }}
{faults}"#
    );
    Scenario::parse("short.toml", &text).unwrap()
}

/// Runs a trial and reads its journal, which must be whole.
async fn run(scenario: &Scenario, stack: &str, router: RouterKind, dir: &Path) -> Vec<Event> {
    let (_quiet, interrupt) = watch::channel(false);
    let ended = run_until(scenario, stack, router, dir, interrupt).await;
    assert!(ended, "the trial ran to its end");
    events(dir)
}

async fn run_until(
    scenario: &Scenario,
    stack: &str,
    router: RouterKind,
    dir: &Path,
    interrupt: watch::Receiver<bool>,
) -> bool {
    let stack: Stack = stack.parse().unwrap();
    let name = format!("test-{}", dir.file_name().unwrap().to_str().unwrap().replace('.', ""));
    let scratch = Scratch::new(&name).unwrap();
    let spec = TrialSpec {
        run: &name,
        order: 1,
        repeat: 1,
        stack,
        replica: 0,
        router,
        server: None,
        scenario,
        plan: Arc::new(Plan::new(scenario, 1)),
        external: &ExternalStores::default(),
        scratch: &scratch,
        dir,
        interrupt,
        progress: &|_: Progress| {},
    };
    driver::run(spec).await.unwrap()
}

fn events(dir: &Path) -> Vec<Event> {
    let file = File::open(dir.join(JOURNAL_FILE)).unwrap();
    let reader = Reader::new(BufReader::new(file)).unwrap();
    reader.map(|entry| entry.unwrap().event).collect()
}

fn stages(events: &[Event]) -> Vec<(u32, FaultStage, &str)> {
    let faults = events.iter().filter_map(|event| match event {
        Event::Fault(fault) => Some((fault.fault, fault.stage, fault.process.as_str())),
        _ => None,
    });
    faults.collect()
}

fn voids(events: &[Event]) -> Vec<&str> {
    let reasons = events.iter().filter_map(|event| match event {
        Event::Void { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    reasons.collect()
}

fn steps(events: &[Event]) -> Vec<&StepEvent> {
    events.iter().filter_map(|event| if let Event::Step(step) = event { Some(step) } else { None }).collect()
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("trial").tempdir().unwrap()
}

#[tokio::test]
async fn without_a_fault_every_planned_step_is_sent_and_answered() {
    let (scenario, dir) = (scenario(""), folder());
    let events = run(&scenario, "stateful", RouterKind::Builtin, dir.path()).await;
    let planned = Plan::new(&scenario, 1).steps();
    let steps: Vec<_> =
        events.iter().filter_map(|e| if let Event::Step(s) = e { Some(s) } else { None }).collect();
    assert_eq!(steps.iter().filter(|step| step.phase != Phase::Final).count(), planned);
    assert_eq!(steps.iter().filter(|step| step.phase == Phase::Final).count(), 30);
    assert!(
        steps.iter().all(|step| step.outcome == Outcome::Ok),
        "{:?}",
        steps.iter().find(|s| s.outcome != Outcome::Ok)
    );
    assert!(steps.iter().all(|step| step.sent_us.unwrap() >= step.planned_us));
    assert!(steps.iter().all(|step| step.first_byte_us.unwrap() <= step.done_us));
    assert_eq!(voids(&events), Vec::<&str>::new());
}

#[tokio::test]
async fn a_killed_server_is_proved_dead_and_replaced_before_the_final_reads() {
    let (scenario, dir) =
        (scenario("[[faults]]\nat_s = 2.5\naction = \"kill\"\ntarget = \"busiest-server\""), folder());
    let events = run(&scenario, "stateful", RouterKind::Builtin, dir.path()).await;
    let stages = stages(&events);
    assert_eq!(stages.iter().map(|s| s.1).collect::<Vec<_>>(), [FaultStage::Called, FaultStage::Landed]);
    let victim = stages[0].2;
    let ended = events.iter().any(|event| {
        matches!(event, Event::Process(p) if p.process == victim
            && p.change == ProcessChange::Exited { ordered: true, status: "signal 9".to_owned() })
    });
    assert!(ended, "{victim} was seen to end by signal 9");
    let heir = victim.replace(".1", ".2");
    let replaced = events.iter().position(
        |e| matches!(e, Event::Process(p) if p.process == heir && matches!(p.change, ProcessChange::Ready { .. })),
    );
    let healthy = events.iter().position(|e| matches!(e, Event::Healthy { .. }));
    assert!(replaced.unwrap() < healthy.unwrap());
    assert_eq!(voids(&events), Vec::<&str>::new());
}

#[tokio::test]
async fn a_paused_server_is_silent_until_it_is_resumed() {
    let faults = r#"
        [[faults]]
        at_s = 2.2
        action = "pause"
        target = "server-2"
        [[faults]]
        at_s = 3
        action = "resume"
        target = "same-server""#;
    let (scenario, dir) = (scenario(faults), folder());
    let events = run(&scenario, "stateful", RouterKind::Builtin, dir.path()).await;
    let landed =
        [(0, FaultStage::Called), (0, FaultStage::Landed), (1, FaultStage::Called), (1, FaultStage::Landed)];
    assert_eq!(stages(&events).iter().map(|s| (s.0, s.1)).collect::<Vec<_>>(), landed);
    let answered_while_paused = events.iter().any(|event| {
        matches!(event, Event::Step(step) if step.server.as_deref() == Some("server-2.1")
            && step.sent_us.is_some_and(|at| at > 2_250_000) && step.done_us < 2_950_000)
    });
    assert!(!answered_while_paused);
    assert_eq!(voids(&events), Vec::<&str>::new());
}

#[tokio::test]
async fn a_terminated_server_is_started_again_as_a_stranger() {
    let faults = r#"
        [[faults]]
        at_s = 2.2
        action = "terminate"
        target = "server-1"
        [[faults]]
        at_s = 3.2
        action = "start"
        target = "same-server""#;
    let (scenario, dir) = (scenario(faults), folder());
    let events = run(&scenario, "stateless-sqlite", RouterKind::Builtin, dir.path()).await;
    assert!(stages(&events).iter().all(|s| s.1 != FaultStage::Failed), "{:?}", stages(&events));
    let polite = events.iter().any(|event| {
        matches!(event, Event::Process(p) if p.process == "server-1.1"
            && p.change == ProcessChange::Exited { ordered: true, status: "code 0".to_owned() })
    });
    assert!(polite, "SIGTERM ends a server with code 0");
    let served =
        |id: &str| events.iter().any(|e| matches!(e, Event::Step(s) if s.server.as_deref() == Some(id)));
    assert!(served("server-1.1") && served("server-1.2"));
}

#[tokio::test]
async fn starting_a_server_that_runs_is_a_fault_that_failed() {
    let (mut scenario, dir) = (scenario(""), folder());
    // A scenario file would be refused.
    scenario.faults = vec![Fault { at_us: 2_500_000, action: FaultAction::Start, target: Target::Server(1) }];
    let events = run(&scenario, "stateful", RouterKind::Builtin, dir.path()).await;
    assert_eq!(stages(&events).last().map(|s| s.1), Some(FaultStage::Failed));
}

#[tokio::test]
async fn a_server_that_joins_a_slow_edge_is_as_slow_as_the_others() {
    let faults = r#"
[[faults]]
at_s = 2.2
action = "delay"
target = "router-server"
delay_ms = 40
[[faults]]
at_s = 2.4
action = "add"
target = "servers""#;
    let (scenario, dir) = (scenario(faults), folder());
    let events = run(&scenario, "stateless-sqlite", RouterKind::Builtin, dir.path()).await;
    let steps = steps(&events);
    // What is sent last in the recovery is answered when all is healed.
    let faulty = steps.iter().filter(|step| step.phase == Phase::Fault);
    let new = faulty.filter(|step| step.server.as_deref() == Some("server-4.1"));
    let took: Vec<u64> = new.map(|step| step.done_us - step.sent_us.unwrap()).collect();
    assert!(took.len() > 5 && took.iter().all(|us| *us >= 80_000), "{took:?}");
}

#[tokio::test]
async fn every_store_serves_a_trial_without_an_error() {
    for stack in ["stateless-redis", "stateless-postgres", "stateless-redis-actix"] {
        let (scenario, dir) = (scenario(""), folder());
        let events = run(&scenario, stack, RouterKind::Builtin, dir.path()).await;
        let bad = events.iter().find(|e| matches!(e, Event::Step(s) if s.outcome != Outcome::Ok));
        assert!(bad.is_none(), "{stack}: {bad:?}");
    }
}

#[tokio::test]
async fn an_interrupted_trial_leaves_a_whole_journal_that_says_so() {
    let (scenario, dir) = (scenario(""), folder());
    let (raise, interrupt) = watch::channel(false);
    let path = dir.path().join(JOURNAL_FILE);
    let once_it_has_begun = tokio::spawn(async move {
        while !path.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        raise.send_replace(true);
        raise
    });
    let ended = run_until(&scenario, "stateful", RouterKind::Builtin, dir.path(), interrupt).await;
    once_it_has_begun.await.unwrap();
    assert!(!ended);
    let events = events(dir.path());
    assert!(voids(&events).iter().any(|reason| reason.contains("interrupted")));
    let planned = Plan::new(&scenario, 1).steps();
    let accounted = events.iter().filter(|e| matches!(e, Event::Unsent { .. } | Event::Step(_))).count();
    assert_eq!(accounted, planned, "every planned step was sent or is told as unsent");
    assert!(events.iter().any(|e| matches!(e, Event::Generator(g) if g.interrupted)));
    assert!(
        events
            .iter()
            .all(|e| !matches!(e, Event::Step(s) if s.action != Action::LogIn && s.phase == Phase::Final))
    );
}

#[tokio::test]
async fn tabs_share_a_session_and_a_log_in_waits_for_all_of_them() {
    let load = "think_time_ms = 20, tabs = 3, mix = { read = 4, add = 4, log-out = 1 }";
    let (scenario, dir) = (with_load(load, ""), folder());
    let events = run(&scenario, "stateful", RouterKind::Builtin, dir.path()).await;
    let steps = steps(&events);
    let planned = Plan::new(&scenario, 1).steps();
    assert_eq!(steps.iter().filter(|step| step.phase != Phase::Final).count(), planned);
    let mut raced = 0;
    for shopper in 0..30 {
        let mut mine: Vec<_> = steps.iter().filter(|step| step.shopper == shopper).collect();
        mine.sort_by_key(|step| step.step);
        for (index, step) in mine.iter().enumerate() {
            let sent = |step: &StepEvent| step.sent_us.unwrap_or(step.done_us);
            let before = || mine[..index].iter();
            let before_in_tab = before().rfind(|other| other.tab == step.tab);
            assert!(before_in_tab.is_none_or(|other| other.done_us <= sent(step)));
            if step.action == Action::LogIn {
                assert!(before().all(|other| other.done_us <= sent(step)), "{step:?}");
            }
            let log_in = before().rfind(|other| other.action == Action::LogIn);
            assert!(log_in.is_none_or(|log_in| log_in.done_us <= sent(step)), "{step:?}");
            raced += usize::from(before().any(|other| other.done_us > sent(step)));
        }
    }
    assert!(raced > 0, "no tab ever overtook another");
    let (tabs, cookies) = (steps.iter().filter(|s| s.tab == 2), steps.iter().filter(|s| s.sid.is_some()));
    assert!(tabs.count() > 0 && cookies.count() > 0);
    assert!(steps.iter().filter(|s| s.phase == Phase::Final).all(|s| s.tab == 0 && s.step > 0));
}

#[tokio::test]
async fn an_unknown_write_is_sent_again_with_its_key_and_is_in_the_cart_once() {
    let load = "think_time_ms = 150, timeout_ms = 300, mix = { read = 5, add = 5 }, \
                retries = { max = 5, after_ms = 200, idempotency_key = true }";
    let faults = r#"
        [[faults]]
        at_s = 2.2
        action = "pause"
        target = "server-1"
        [[faults]]
        at_s = 3
        action = "resume"
        target = "same-server""#;
    let (scenario, dir) = (with_load(load, faults), folder());
    let events = run(&scenario, "stateful", RouterKind::Builtin, dir.path()).await;
    let steps = steps(&events);
    let retries: Vec<_> = steps.iter().filter(|step| step.retry_of.is_some()).collect();
    assert!(!retries.is_empty(), "nothing was sent again");
    for retry in &retries {
        let tries: Vec<_> =
            steps.iter().filter(|s| (s.shopper, s.step) == (retry.shopper, retry.step)).collect();
        assert!(tries.iter().all(|s| s.op == retry.op && s.idempotent));
        let before = tries.iter().rfind(|s| s.done_us < retry.done_us).unwrap();
        assert_eq!((before.outcome, before.done_us + 200_000), (Outcome::Unknown, retry.planned_us));
    }
    assert!(retries.iter().any(|retry| retry.outcome == Outcome::Ok));
    for view in steps.iter().filter_map(|step| step.view.as_ref()) {
        let mut ops = view.ops.clone();
        ops.sort();
        ops.dedup();
        assert_eq!(ops.len(), view.ops.len(), "{view:?}");
    }
    let first = steps.iter().filter(|s| s.retry_of.is_none() && s.phase != Phase::Final).count();
    assert_eq!(first, Plan::new(&scenario, 1).steps());
}

#[tokio::test]
async fn in_the_closed_mode_a_pause_begins_with_the_answer() {
    let load = "think_time_ms = 150, mode = \"closed\", mix = { read = 5, add = 5 }";
    let (scenario, dir) = (with_load(load, ""), folder());
    let events = run(&scenario, "stateful", RouterKind::Builtin, dir.path()).await;
    let (steps, plan) = (steps(&events), Plan::new(&scenario, 1));
    assert!(steps.iter().filter(|step| step.phase != Phase::Final).count() < plan.steps());
    assert!(events.iter().all(|event| !matches!(event, Event::Unsent { .. })));
    for pair in steps.iter().filter(|step| step.step > 0 && step.phase != Phase::Final) {
        let before =
            steps.iter().find(|s| (s.shopper, s.step + 1) == (pair.shopper, pair.step)).unwrap().done_us;
        let timetable = &plan.shoppers[pair.shopper as usize].steps;
        let pause = timetable[pair.step as usize].at_us - timetable[pair.step as usize - 1].at_us;
        assert_eq!(pair.planned_us, before + pause);
    }
}

/// The look-ups of a round: whom they were for, how many places there were, how many answered, and whether a session was found.
fn looked_up(events: &[Event], round: u32) -> Vec<(u32, u32, u32, bool)> {
    let of_round = |event: &Event| match event {
        Event::Lookup(l) if l.lookup == round => Some((l.shopper, l.places, l.answered, !l.found.is_empty())),
        _ => None,
    };
    events.iter().filter_map(of_round).collect()
}

fn looks() -> Scenario {
    scenario(
        "[[faults]]\nat_s = 2.5\naction = \"kill\"\ntarget = \"busiest-server\"\n\
         [[lookups]]\nat_s = 1.2\nshoppers = 30\n[[lookups]]\nat_s = 3\nshoppers = 30",
    )
}

#[tokio::test]
async fn a_dead_server_takes_the_answer_with_it_where_sessions_are_in_memory() {
    let (scenario, dir) = (looks(), folder());
    let events = run(&scenario, "stateful", RouterKind::Builtin, dir.path()).await;
    assert_eq!(voids(&events), Vec::<&str>::new());
    let before = looked_up(&events, 0);
    assert_eq!(before.len(), 30);
    assert!(
        before.iter().all(|&(_, places, answered, found)| (places, answered, found) == (3, 3, true)),
        "{before:?}"
    );
    let asked: Vec<u32> = Plan::new(&scenario, 1).lookups[0].shoppers.clone();
    assert_eq!(before.iter().map(|l| l.0).collect::<Vec<_>>(), asked);

    let after = looked_up(&events, 1);
    assert_eq!(after.len(), 30);
    assert!(after.iter().all(|&(_, places, answered, _)| (places, answered) == (3, 2)), "{after:?}");
    let lost = after.iter().filter(|l| !l.3).count();
    assert!((5..=15).contains(&lost), "about a third lived there: {after:?}");
    let victim = stages(&events)[0].2;
    let silent = events.iter().find_map(|event| match event {
        Event::Lookup(l) if l.lookup == 1 => Some(l.silent.clone()),
        _ => None,
    });
    assert_eq!(silent.unwrap(), [victim]);
}

#[tokio::test]
async fn one_answer_is_enough_where_servers_share_a_store_and_none_where_the_client_has_it_all() {
    for (stack, places, found) in [("stateless-sqlite", 1, true), ("stateless-cookie", 0, false)] {
        let (scenario, dir) = (looks(), folder());
        let events = run(&scenario, stack, RouterKind::Builtin, dir.path()).await;
        for round in [0, 1] {
            let looked_up = looked_up(&events, round);
            assert_eq!(looked_up.len(), 30, "{stack}");
            let as_told =
                |&(_, p, answered, f): &(u32, u32, u32, bool)| (p, answered, f) == (places, places, found);
            assert!(looked_up.iter().all(as_told), "{stack}: {looked_up:?}");
        }
    }
}
