//! The figures: phases, time series, recovery.

use crate::history::{FAULT_US, History};
use analysis::{ServiceRecovery, judge_with_histograms};
use journal::{Growth, Outcome, Size};
use scenario::{Action, Expectation, Metric, Phase};

#[test]
fn each_phase_counts_what_was_planned_in_it() {
    let story = History::with_a_busy_shop().ends();
    let findings = story.judged();
    let planned: Vec<u64> = findings.phases.iter().map(|phase| phase.requests.planned).collect();
    assert_eq!(planned, [40, 200, 200, 200, 200, 20]);
    let baseline = &findings.phases[Phase::Baseline as usize];
    assert_eq!((baseline.start_us, baseline.end_us), (Some(2_000_000), Some(6_000_000)));
    assert_eq!(baseline.answered_per_s, Some(50.0));
    assert_eq!(baseline.latency.samples, 200);
    assert_eq!(baseline.latency.p50_us, Some(5_003)); // three significant digits
    assert_eq!((baseline.latency.p99_us, baseline.latency.max_us), (None, Some(5_003)));
    assert_eq!(baseline.service_time.p50_us, Some(4_903));
    assert_eq!(baseline.servers["server-1.1"].share, 1.0);
    assert_eq!(findings.phases[Phase::Final as usize].answered_per_s, None);
}

#[test]
fn outcomes_are_told_apart() {
    let story = History::new().logs_in().at(3.0).reads().reads().but_gets_503().adds("a").but_gets_503();
    let story = story.loses_the_session().adds("b").fault().ends();
    let requests = story.judged().phases[Phase::Baseline as usize].requests;
    assert_eq!((requests.ok, requests.refused, requests.failed, requests.unknown), (1, 1, 1, 1));
    assert_eq!((requests.planned, requests.sent, requests.answered(), requests.errors()), (4, 4, 2, 2));
}

#[test]
fn histograms_are_handed_out_for_each_phase() {
    let story = History::with_a_busy_shop().ends();
    let histograms = judge_with_histograms(&story.header, story.entries()).histograms;
    let samples: Vec<u64> = histograms.iter().map(|phase| phase.latency.len()).collect();
    assert_eq!(samples, [40, 200, 200, 200, 200, 20]);
    assert!(histograms.iter().zip(Phase::ALL).all(|(histogram, phase)| histogram.phase == phase));
}

#[test]
fn latency_is_taken_from_the_plan_and_service_time_from_the_sending() {
    let story = History::new().logs_in().at(3.0).reads();
    let story = story.but(|step| (step.sent_us, step.done_us) = (Some(3_900_000), 4_000_000)).fault().ends();
    let baseline = story.judged().phases[Phase::Baseline as usize].clone();
    assert_eq!(baseline.latency.max_us, Some(1_000_447));
    assert_eq!(baseline.service_time.max_us, Some(100_031));
}

#[test]
fn the_time_series_counts_sessions_that_live_and_that_were_lost() {
    let story = History::new().shopper(1).logs_in().shopper(2).logs_in().shopper(3).logs_in();
    let story =
        story.at(3.0).shopper(3).logs_out().fault().shopper(1).loses_the_session().at(7.0).reads().ends();
    let timeline = story.judged().timeline;
    assert_eq!((timeline.bucket_us, timeline.buckets.len()), (250_000, 72));
    let at = |s: f64| timeline.buckets[(s / 0.25) as usize];
    assert_eq!((at(0.25).sessions_alive, at(0.25).sessions_lost), (3, 0));
    assert_eq!((at(3.0).sessions_alive, at(6.75).sessions_lost), (2, 0));
    assert_eq!((at(7.0).sessions_alive, at(7.0).sessions_lost), (1, 1));
    assert_eq!((at(17.75).sessions_alive, at(17.75).sessions_lost), (1, 1));
    assert_eq!((at(7.0).requests, at(7.0).ok, at(7.0).p50_us, at(7.0).max_us), (1, 1, None, Some(5_003)));
}

#[test]
fn an_undisturbed_service_was_not_interrupted() {
    let recovery = History::with_a_busy_shop().ends().judged().recovery.unwrap();
    assert_eq!((recovery.t0_us, recovery.service), (FAULT_US, ServiceRecovery::NotInterrupted));
    assert_eq!(
        (recovery.service_back_us, recovery.unsteady_us, recovery.resolution_us),
        (Some(0), 0, 100_000)
    );
    assert_eq!((recovery.sessions.not_affected, recovery.sessions.recovered), (20, 0));
    assert_eq!(recovery.point.oldest_age_us, None);
}

#[test]
fn an_outage_ends_where_the_steady_state_begins() {
    let mut story =
        History::promising(&[("service-back-s", 1.0), ("fault-errors-percent", 50.0)]).busy_shop();
    for event in &mut story.events {
        if let journal::Event::Step(step) = event
            && (FAULT_US..FAULT_US + 1_150_000).contains(&step.planned_us)
        {
            (step.outcome, step.status, step.view) = (journal::Outcome::Failed, Some(502), None);
        }
    }
    let findings = story.ends().judged();
    let recovery = findings.recovery.unwrap();
    assert_eq!((recovery.service, recovery.service_back_us), (ServiceRecovery::Back, Some(1_200_000)));
    assert_eq!(recovery.unsteady_us, 1_200_000);
    assert_eq!((recovery.sessions.recovered, recovery.sessions.never), (20, 0));
    let measured: Vec<Option<f64>> = findings.expectations.iter().map(|promise| promise.measured).collect();
    assert_eq!(measured[0], Some(1.2));
    assert!((9.0..11.0).contains(&measured[1].unwrap()), "{measured:?}");
}

#[test]
fn sessions_come_back_each_in_its_own_time_and_lost_ones_never() {
    let mut story = History::new();
    for shopper in 1..=4 {
        story = story.shopper(shopper).logs_in().adds(&format!("line-{shopper}"));
    }
    story = story.fault();
    story = story.at(6.1).shopper(1).reads().but_gets_503().at(7.0).reads();
    story = story.at(6.1).shopper(2).elsewhere().reads().at(9.0).reads();
    story = story.at(6.1).shopper(3).loses_the_session().reads();
    story = story.at(6.1).shopper(4).reads();
    let sessions = story.ends().judged().recovery.unwrap().sessions;
    assert_eq!(
        (sessions.recovered, sessions.never, sessions.unresolved, sessions.not_affected),
        (2, 1, 0, 1)
    );
    let (first, last) = (1_005_000, 3_005_000);
    assert_eq!((sessions.min_us, sessions.p50_us, sessions.max_us), (Some(first), Some(first), Some(last)));
}

#[test]
fn a_session_that_logs_out_before_it_is_seen_again_is_unresolved() {
    let story = History::new().logs_in().fault().reads().but_gets_503();
    let story = story.without_an_answer(Action::LogOut, None, crate::history::Effect::Happens);
    let sessions = story.ends().judged().recovery.unwrap().sessions;
    assert_eq!((sessions.recovered, sessions.unresolved), (0, 1));
}

#[test]
fn the_recovery_point_is_the_age_of_the_oldest_lost_write() {
    let story = History::new().logs_in().at(1.0).adds("old").at(5.0).adds("new").fault();
    let story = story.loses_the_line("new").reads().ends();
    let point = story.judged().recovery.unwrap().point;
    assert_eq!((point.writes_lost, point.oldest_age_us), (1, Some(995_000)));
}

#[test]
fn without_a_fault_there_is_nothing_to_recover_from() {
    assert_eq!(History::without_a_fault().logs_in().ends().judged().recovery, None);
}

#[test]
fn the_same_journal_gives_the_same_bytes_and_they_can_be_read_back() {
    let story =
        History::promising(&[("sessions-lost", 0.0)]).busy_shop().shopper(104).loses_the_session().ends();
    let bytes = |story: &History| serde_json::to_vec(&story.judged()).unwrap();
    assert_eq!(bytes(&story), bytes(&story));
    let read: analysis::TrialFindings = serde_json::from_slice(&bytes(&story)).unwrap();
    assert_eq!(serde_json::to_vec(&read).unwrap(), bytes(&story));
}

#[test]
fn the_findings_have_a_schema() {
    let schema = serde_json::to_value(schemars::schema_for!(analysis::TrialFindings)).unwrap();
    assert_eq!(schema["properties"]["identity"]["$ref"], "#/$defs/Identity");
    assert_eq!(schema["$defs"]["Identity"]["properties"]["stack"]["type"], "string");
}

#[test]
fn what_was_in_flight_at_the_fault_belongs_to_the_fault_and_not_to_the_baseline() {
    let story = History::new().logs_in().at(3.0).reads().fault().at(5.995).adds("a").but(|step| {
        (step.done_us, step.outcome, step.status) = (FAULT_US + 2_000, Outcome::Unknown, Some(502));
    });
    let findings = story.at(7.0).reads().ends().judged();
    let errors = |phase: Phase| findings.phases[phase as usize].requests.errors();
    assert_eq!((errors(Phase::Baseline), errors(Phase::Fault)), (0, 1));
    assert_ne!(findings.recovery.unwrap().service, ServiceRecovery::NotInterrupted);
}

/// 1,000 sleepers, of which 900 came between two weighings; each thing went from its first weight to its second.
fn grown(stack: &str, sizes: &[(&str, u64, u64)]) -> Vec<Option<f64>> {
    let mut story = History::with_a_busy_shop();
    story.header.stack = stack.parse().unwrap();
    let size = |before_bytes, after_bytes| Size { before_bytes, after_bytes };
    let sizes = sizes.iter().map(|(name, before, after)| ((*name).to_owned(), size(*before, *after)));
    story.header.growth =
        Some(Growth { sleepers: 1_000, weighed: Some(900), took_ms: 1, sizes: sizes.collect() });
    for metric in [Metric::ServerBytesPerSession, Metric::StoreBytesPerSession] {
        let stacks = vec!["*".to_owned()];
        let promise = Expectation { stacks, metric, min: Some(100.0), max: None, because: "so".to_owned() };
        story.header.scenario.expect.push(promise);
    }
    story.ends().judged().expectations.iter().map(|promise| promise.measured).collect()
}

#[test]
fn a_session_weighs_what_servers_and_store_have_grown_by() {
    let servers = [("server-1.1", 1_000_000, 1_090_000), ("server-2.1", 1_000_000, 1_180_000)];
    let driver = ("driver", 5_000_000, 9_000_000);
    // A store that nobody could weigh is not one that weighs nothing.
    let unweighed = [servers[0], servers[1], ("redis-1.1", 0, 90_000), driver];
    assert_eq!(grown("stateless-redis", &unweighed), [Some(300.0), None]);
    let weighed = [servers[0], servers[1], ("redis-1.1", 0, 90_000), driver, (Growth::STORED, 0, 360_000)];
    assert_eq!(grown("stateless-redis", &weighed), [Some(300.0), Some(400.0)]);
    for without_a_store in ["stateful", "stateless-cookie"] {
        let measured = grown(without_a_store, &[servers[0], servers[1], driver]);
        assert_eq!(measured, [Some(300.0), Some(0.0)], "{without_a_store}");
    }
}
