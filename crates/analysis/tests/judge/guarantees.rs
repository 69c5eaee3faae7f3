//! Each of the sixteen kinds alone: caught, named right, and nothing else beside it; and the nearest innocent history, in which
//! nothing is found.

use crate::crimes::{alone, nearly_commit};
use crate::history::History;
use analysis::{Anomaly, AnomalyKind};

fn only(kind: AnomalyKind) -> Anomaly {
    let findings = alone(kind).judged();
    let [anomaly] = findings.anomalies.as_slice() else { panic!("{:?}", findings.anomalies) };
    anomaly.clone()
}

#[test]
fn every_crime_is_caught_and_named_and_nothing_else_is_reported() {
    for kind in AnomalyKind::ALL {
        let story = alone(kind);
        assert_eq!(story.kinds(), [kind], "{:#?}", story.judged().anomalies);
        assert_eq!(story.judged().sessions.harmed, 1, "{}", kind.name());
    }
}

#[test]
fn the_nearest_innocent_history_has_no_finding() {
    for kind in AnomalyKind::ALL {
        let story = nearly_commit(kind, History::new(), 1).fault().ends();
        let findings = story.judged();
        assert_eq!(story.kinds(), [], "nearly {}: {:#?}", kind.name(), findings.anomalies);
        assert_eq!(findings.sessions.harmed, 0, "nearly {}", kind.name());
    }
}

#[test]
fn a_broken_guarantee_names_what_was_due_the_look_that_lacked_it_and_the_one_that_had_it_again() {
    let told = only(AnomalyKind::ReadYourWrites);
    assert_eq!((told.op.as_deref(), told.evidence.as_slice()), (Some("b-1"), [4, 5, 6].as_slice()));
    assert_eq!(
        told.text,
        "Shopper 1's b-1 was acknowledged at 0.255 s; the same tab's answer at 0.305 s lacked it, and it was there again at \
         0.355 s."
    );
    assert_eq!(only(AnomalyKind::NonMonotonicRead).evidence, [5, 6, 7]);
    assert_eq!(only(AnomalyKind::StaleRead).evidence, [4, 5, 6]);
}

#[test]
fn a_lost_update_names_the_write_that_began_from_the_same_version() {
    let told = only(AnomalyKind::LostUpdate);
    assert_eq!((told.op.as_deref(), told.evidence.as_slice()), (Some("b-1"), [4, 5, 6, 11].as_slice()));
    assert!(
        told.text.contains("a write that began from the same version, acknowledged at 0.305 s"),
        "{}",
        told.text
    );
    assert_eq!(alone(AnomalyKind::LostUpdate).judged().writes.lost, 0);
}

#[test]
fn a_check_out_that_overwrote_a_line_lost_an_update_and_not_a_write() {
    let story = History::new().logs_in().adds("a").tab(1).checks_out().but_slow(60).but_at_version(2);
    let story = story.tab(0).reads().fault().ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostUpdate]);
}

#[test]
fn two_reads_with_two_orders_are_a_fork() {
    let story = History::new().logs_in().adds("a").adds("b").reads().reads().but_sees(&["b", "a"]).reads();
    assert_eq!(story.fault().ends().kinds(), [AnomalyKind::ForkedSession]);
}

#[test]
fn after_a_check_out_of_unknown_outcome_nothing_is_due_to_anybody() {
    let story = History::new().logs_in().adds("a").reads();
    let story = story.without_an_answer(scenario::Action::CheckOut, Some("c"), crate::history::Effect::Never);
    let story = story.reads().but_sees(&[]).reads().adds("b").reads().but_sees(&["b", "a"]).reads();
    assert_eq!(story.fault().ends().kinds(), []);
}

#[test]
fn a_killed_server_is_told_as_lost_sessions_and_not_as_hundreds_of_broken_promises() {
    let mut story = History::new();
    for shopper in 0..100 {
        story = story.at(1.0).shopper(shopper).logs_in().adds(&format!("x{shopper}")).reads();
    }
    story = story.fault();
    for shopper in 0..100 {
        story =
            story.shopper(shopper).loses_the_session().reads().adds(&format!("y{shopper}")).tab(1).reads();
    }
    assert_eq!(story.ends().kinds(), [AnomalyKind::LostSession; 100]);
}
