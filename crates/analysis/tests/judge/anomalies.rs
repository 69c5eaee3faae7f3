//! What is lost, leaked or made up is caught and named, and nothing else is reported beside it.

use crate::history::{Effect, History};
use analysis::{Absence, AnomalyKind, MOST_KEPT_PER_KIND};
use scenario::Action;

#[test]
fn a_session_that_is_empty_to_the_end_is_lost_in_silence() {
    let story =
        History::new().logs_in().adds("a").adds("b").fault().loses_the_session().reads().reads().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::LostSession]);
    assert_eq!(
        (findings.sessions.lost, findings.sessions.lost_silent, findings.sessions.lost_loud),
        (1, 1, 0)
    );
    let lost = &findings.anomalies[0];
    assert_eq!((lost.shopper, lost.session, lost.absence), (1, 1, Some(Absence::Silent)));
    // log-in, last answer that showed it, first that did not, the final read
    assert_eq!(lost.evidence, [1, 3, 6, 9]);
    assert_eq!(
        lost.text,
        "Shopper 1's session 1 was last there at 0.205 s; from 6.005 s on it was gone (200 with an empty session), in 3 \
         answers to the last one, the final read. 2 acknowledged lines went with it."
    );
}

#[test]
fn a_session_whose_loss_shows_as_a_401_first_is_lost_loudly() {
    let story = History::new().logs_in().fault().loses_the_session().adds("a").reads().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::LostSession]);
    assert_eq!((findings.sessions.lost_silent, findings.sessions.lost_loud), (0, 1));
    assert_eq!(findings.anomalies[0].absence, Some(Absence::Loud));
}

#[test]
fn a_session_that_was_lost_before_its_log_out_is_lost() {
    let story = History::new().logs_in().fault().loses_the_session().reads().logs_out().logs_in().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::LostSession]);
    assert_eq!(findings.anomalies[0].session, 1);
    assert_eq!(
        (findings.sessions.acknowledged, findings.sessions.verified, findings.sessions.lost),
        (2, 2, 1)
    );
    assert!(findings.anomalies[0].text.contains("to the last one before its end"));
}

#[test]
fn a_log_out_that_is_told_of_no_session_proves_the_loss_by_itself() {
    let story = History::new().logs_in().fault().loses_the_session().logs_out().logs_in().ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostSession]);
}

#[test]
fn a_session_that_is_back_was_misrouted() {
    let story =
        History::new().logs_in().adds("a").elsewhere().reads().reads().elsewhere().adds("b").reads().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::MisroutedSession]);
    assert_eq!((findings.sessions.misrouted, findings.sessions.lost, findings.sessions.harmed), (1, 0, 1));
    assert_eq!(findings.anomalies[0].evidence, [1, 3, 4]);
    assert!(findings.anomalies[0].text.ends_with("this happened 2 times."), "{}", findings.anomalies[0].text);
}

#[test]
fn a_session_that_strayed_and_was_then_lost_is_lost_and_no_more() {
    let story =
        History::new().logs_in().elsewhere().reads().reads().fault().loses_the_session().reads().ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostSession]);
    assert_eq!(story.judged().sessions.misrouted, 0);
}

#[test]
fn an_acknowledged_log_out_shows_that_the_session_was_there() {
    let story = History::new().logs_in().elsewhere().reads().logs_out().ends();
    assert_eq!(story.kinds(), [AnomalyKind::MisroutedSession]);
}

#[test]
fn an_acknowledged_line_that_is_missing_in_the_final_read_is_a_lost_write() {
    let story =
        History::new().logs_in().adds("a").adds("b").fault().loses_the_line("a").reads().reads().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::LostWrite]);
    let lost = &findings.anomalies[0];
    assert_eq!((lost.op.as_deref(), lost.evidence.as_slice()), (Some("a"), [2, 6, 9].as_slice()));
    let writes = findings.writes;
    assert_eq!((writes.acknowledged, writes.verified, writes.lost, writes.in_lost_sessions), (2, 2, 1, 0));
    assert_eq!((findings.sessions.lost, findings.sessions.harmed), (0, 1));
}

#[test]
fn a_line_that_was_missing_in_the_last_look_before_the_check_out_is_lost() {
    let story = History::new().logs_in().adds("a").fault().loses_the_line("a").reads().checks_out().ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostWrite]);
}

#[test]
fn a_line_that_was_missing_in_the_last_look_before_the_log_out_is_lost() {
    let story = History::new().logs_in().adds("a").fault().loses_the_line("a").reads().logs_out().ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostWrite]);
}

#[test]
fn a_write_that_is_answered_yes_and_dropped_is_lost() {
    let story = History::new().logs_in().adds("a").loses_the_line("a").but_sees(&[]).fault().reads().ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostWrite]);
}

#[test]
fn the_lines_of_a_lost_session_are_part_of_its_loss() {
    let story =
        History::new().logs_in().adds("a").adds("b").adds("c").fault().loses_the_session().reads().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::LostSession]);
    assert_eq!((findings.writes.lost, findings.writes.in_lost_sessions, findings.writes.verified), (0, 3, 0));
    let point = findings.recovery.unwrap().point;
    assert_eq!((point.writes_lost, point.oldest_age_us), (3, Some(6_000_000 - 155_000)));
}

#[test]
fn somebody_else_s_session_is_a_leak_once_a_session() {
    let story = History::new().shopper(2).logs_in().shopper(1).logs_in().adds("a").fault().reads();
    let as_somebody_else = |story: History| {
        story.reads().but(|step| step.view.as_mut().unwrap().owner = Some("shopper-2".to_owned()))
    };
    let story = as_somebody_else(as_somebody_else(story)).ends();
    assert_eq!(story.kinds(), [AnomalyKind::CrossUserLeak]);
    assert_eq!(
        story.judged().anomalies[0].text,
        "At 6.055 s, shopper 1 was given an answer that was shopper-2's."
    );
}

#[test]
fn a_leak_is_more_specific_than_the_loss_of_the_same_session() {
    let story = History::new().logs_in().fault().reads();
    let story = story.but(|step| step.view.as_mut().unwrap().owner = Some("shopper-11".to_owned()));
    let story = story.loses_the_session().reads().ends();
    assert_eq!(story.kinds(), [AnomalyKind::CrossUserLeak]);
}

#[test]
fn somebody_else_s_line_is_a_leak_even_when_its_outcome_comes_later() {
    let story = History::new().shopper(2).logs_in().shopper(1).logs_in().adds("mine").reads();
    let story = story.but_sees(&["mine", "theirs"]).reads().but_sees(&["mine", "theirs"]);
    let story = story.shopper(2).adds("theirs").fault().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::CrossUserLeak]);
    assert_eq!((findings.anomalies[0].shopper, findings.anomalies[0].op.as_deref()), (1, Some("theirs")));
}

#[test]
fn a_session_id_that_was_issued_to_somebody_else_is_a_leak() {
    let story = History::new().shopper(2).logs_in().shopper(1).logs_in();
    let story = story.but(|step| step.new_sid = Some("sid-1".to_owned())).fault().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::CrossUserLeak]);
    assert_eq!(
        (findings.anomalies[0].shopper, findings.anomalies[0].evidence.as_slice()),
        (1, [1, 2].as_slice())
    );
}

#[test]
fn an_operation_that_nobody_attempted_is_a_phantom_once() {
    let story = History::new().logs_in().adds("a").reads().but_sees(&["a", "ghost"]);
    let story = story.fault().reads().but_sees(&["a", "ghost", "ghost"]).ends();
    assert_eq!(story.kinds(), [AnomalyKind::Phantom]);
}

#[test]
fn an_operation_that_is_seen_before_it_was_attempted_is_a_phantom() {
    let story = History::new().logs_in().reads().but_sees(&["soon"]).adds("soon").fault().ends();
    assert_eq!(story.kinds(), [AnomalyKind::Phantom]);
}

#[test]
fn an_operation_that_is_held_twice_is_a_duplicate_effect_once() {
    let story = History::new().logs_in().adds("a").adds("b").reads().but_sees(&["a", "b", "a"]);
    let story = story.fault().reads().but_sees(&["a", "a", "a", "b"]).ends();
    assert_eq!(story.kinds(), [AnomalyKind::DuplicateEffect]);
    assert_eq!(story.judged().anomalies[0].op.as_deref(), Some("a"));
}

#[test]
fn a_duplicate_is_more_specific_than_the_loss_of_the_same_line() {
    let story =
        History::new().logs_in().adds("a").reads().but_sees(&["a", "a"]).fault().loses_the_line("a").ends();
    assert_eq!(story.kinds(), [AnomalyKind::DuplicateEffect]);
    assert_eq!(story.judged().writes.lost, 0);
}

#[test]
fn a_line_of_unknown_outcome_can_be_held_twice_too() {
    let story = History::new().logs_in().adds_without_an_answer("a", Effect::Happens);
    let story = story.fault().reads().but_sees(&["a", "a"]).ends();
    assert_eq!(story.kinds(), [AnomalyKind::DuplicateEffect]);
}

#[test]
fn a_session_that_was_only_seen_after_an_unknown_log_in_can_be_lost() {
    let story = History::new().logs_in_with_half_an_answer().reads().adds("a").fault();
    let story = story.loses_the_session().reads().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::LostSession]);
    assert_eq!((findings.sessions.acknowledged, findings.writes.in_lost_sessions), (1, 1));
}

#[test]
fn all_are_counted_and_only_so_many_are_kept() {
    let mut story = History::new().logs_in();
    for n in 0..=MOST_KEPT_PER_KIND {
        story = story.at(1.0).reads().but_sees(&[&format!("ghost-{n}")]);
    }
    let findings = story.fault().ends().judged();
    assert_eq!(findings.found(AnomalyKind::Phantom), Some(MOST_KEPT_PER_KIND as u64 + 1));
    assert_eq!(findings.anomalies.len(), MOST_KEPT_PER_KIND);
}

#[test]
fn what_nobody_looked_for_is_not_zero() {
    let findings = History::new().logs_in().fault().ends().judged();
    let kinds: Vec<AnomalyKind> = findings.checks.iter().map(|check| check.kind).collect();
    assert_eq!(kinds, AnomalyKind::ALL);
    for check in &findings.checks {
        assert_eq!(check.found, check.kind.is_checked().then_some(0), "{}", check.kind.name());
    }
}

#[test]
fn a_late_unknown_add_is_recovered_when_it_shows() {
    let story = History::new().logs_in().adds("a").adds_without_an_answer("b", Effect::Late).reads();
    let story = story.fault().late_effects_happen().reads().reads().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), []);
    assert_eq!((findings.writes.unknown, findings.writes.recovered, findings.writes.verified), (1, 1, 1));
}

#[test]
fn a_session_that_ended_with_an_unknown_log_out_is_judged_to_the_answer_before_it() {
    let story = History::new().logs_in().fault().loses_the_session().reads();
    let story = story.without_an_answer(Action::LogOut, None, Effect::Never).ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostSession]);
}
