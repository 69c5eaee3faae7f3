//! Cookies after their time, and operations that are tried again.

use crate::history::{Effect, History};
use analysis::AnomalyKind;
use scenario::Action;

#[test]
fn a_session_is_resurrected_once_however_often_it_is_met() {
    let story = History::new().logs_in().adds("a");
    let cookie = story.cookie();
    let mut story = story.logs_out();
    for _ in 0..3 {
        story = story.reads().but_with_cookie(&cookie).but_answers(2, &["a"]);
    }
    let story = story.fault().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), [AnomalyKind::ResurrectedSession]);
    assert_eq!(findings.anomalies[0].evidence, [2, 3, 4]);
    assert_eq!(
        findings.anomalies[0].text,
        "Shopper 1's session 1 was logged out at 0.205 s; a request that was sent after that was accepted as its owner's at \
         0.255 s."
    );
}

#[test]
fn a_slow_write_that_brings_a_new_cookie_after_the_log_out_resurrects_the_session_with_the_next_request() {
    let story = History::new().logs_in().adds("a");
    let cookie = story.cookie();
    let story = story.logs_out().tab(1).adds("b").but_slow(60).but_with_cookie(&cookie);
    let story = story.but_answers(3, &["a", "b"]).but(|step| step.new_sid = Some("sid-1 again".to_owned()));
    assert_eq!(story.clone().fault().ends().kinds(), [], "the write itself was sent before the log-out");
    let story = story.reads().but_with_cookie("sid-1 again").but_answers(3, &["a", "b"]);
    assert_eq!(story.fault().ends().kinds(), [AnomalyKind::ResurrectedSession]);
}

#[test]
fn the_dead_are_met_beside_the_living() {
    let story = History::new().logs_in().adds("a");
    let cookie = story.cookie();
    let story = story.logs_out().logs_in().adds("b").reads().but_with_cookie(&cookie).but_answers(2, &["a"]);
    let story = story.reads().fault().ends();
    assert_eq!(story.kinds(), [AnomalyKind::ResurrectedSession]);
    assert_eq!(story.judged().anomalies[0].session, 1);
}

#[test]
fn after_a_log_out_an_older_cookie_that_shows_its_older_state_is_a_replay() {
    let story = History::new().logs_in().adds("a");
    let cookie = story.cookie();
    let story = story.adds("b").logs_out().reads().but_with_cookie(&cookie).but_answers(2, &["a"]);
    assert_eq!(story.fault().ends().kinds(), [AnomalyKind::ReplayedCookie]);
}

#[test]
fn a_log_out_that_nobody_answered_kills_nothing_for_certain() {
    let story = History::new().logs_in().adds("a").without_an_answer(Action::LogOut, None, Effect::Never);
    assert_eq!(story.reads().adds("b").fault().reads().ends().kinds(), []);
}

#[test]
fn a_slow_answer_that_puts_an_old_cookie_back_into_the_jar_loses_no_session() {
    let story = History::new().logs_in().adds("a");
    let cookie = story.cookie();
    let story = story.logs_out().logs_in().tab(1).adds("b").but_slow(110).but_with_cookie(&cookie);
    let story = story.but_answers(3, &["a", "b"]).but(|step| step.new_sid = Some("sid-1, late".to_owned()));
    let story = story.tab(0).elsewhere().reads().but_with_cookie("sid-1, late").fault();
    let story = story.elsewhere().reads().but_with_cookie("sid-1, late").heals();
    assert_eq!(story.elsewhere().reads().but_with_cookie("sid-1, late").gives_account().kinds(), []);
}

#[test]
fn a_write_that_was_refused_every_time_and_shows_is_an_aborted_read() {
    let story = History::new().logs_in().adds("a").but_refused(409, "conflict");
    let story = story.adds("a").but_retries(1, true).but_refused(409, "conflict").tier_holds(&["a"]).reads();
    assert_eq!(story.fault().ends().kinds(), [AnomalyKind::AbortedRead]);
}

#[test]
fn a_write_that_was_refused_and_then_tried_again_with_success_is_a_write() {
    let story = History::new().logs_in().adds("a").but_refused(503, "no_server").tier_holds(&[]);
    let story = story.adds("a").but_retries(1, false).reads().fault();
    assert_eq!(story.clone().ends().kinds(), []);
    assert_eq!(story.loses_the_line("a").ends().kinds(), [AnomalyKind::LostWrite]);
}

#[test]
fn a_retry_that_has_a_second_effect_is_a_duplicate_and_the_text_says_whether_a_key_should_have_prevented_it()
{
    for (key, words) in [(true, "each with the idempotency key"), (false, "without an idempotency key")] {
        let story = History::new().logs_in().adds_without_an_answer("a", Effect::Happens);
        let story =
            story.but(|step| step.idempotent = key).adds("a").but_retries(1, key).reads().fault().ends();
        assert_eq!(story.kinds(), [AnomalyKind::DuplicateEffect]);
        let text = &story.judged().anomalies[0].text;
        assert!(text.contains("tried 2 times") && text.contains(words), "{text}");
    }
}

#[test]
fn the_answer_to_a_retry_may_name_a_version_that_another_write_made() {
    let story = History::new().logs_in().adds_without_an_answer("a", Effect::Happens).tab(1).adds("b");
    let story = story.tab(0).adds("a").but_slow(60).but_retries(1, true).but_at_version(3);
    let story = story.but_sees(&["a", "b"]).tier_holds(&["a"]).reads().fault().ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostWrite]);
}
