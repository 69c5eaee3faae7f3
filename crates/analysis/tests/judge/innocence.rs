//! What must never be called anything.

use crate::history::{Effect, History};
use analysis::AnomalyKind;
use journal::{Event, Outcome};
use scenario::{Action, Phase};

#[test]
fn a_healthy_trial_has_no_finding() {
    let story = History::with_a_busy_shop().ends();
    let findings = story.judged();
    assert_eq!(story.kinds(), []);
    let sessions = &findings.sessions;
    assert_eq!(
        (sessions.acknowledged, sessions.verified, sessions.unverified, sessions.harmed),
        (20, 20, 0, 0)
    );
    assert_eq!((sessions.loss, sessions.loss_least, sessions.loss_most), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!(sessions.loss_below, Some(0.15));
    // Two-sided: 1 - 0.025^(1/20).
    assert_eq!(
        (sessions.loss_low, sessions.loss_high.map(|high| (high * 1e4).round())),
        (Some(0.0), Some(1684.0))
    );
    assert_eq!((findings.writes.acknowledged, findings.writes.verified), (20, 20));
}

#[test]
fn errors_and_conflicts_say_nothing_of_a_session() {
    let story = History::new().logs_in().adds("a").fault();
    let story = story.reads().but_gets_503().adds("b").but_gets_503();
    let story = story.without_an_answer(Action::Read, None, Effect::Never).reads().but(|step| {
        step.outcome = Outcome::Failed;
        step.status = Some(409);
        step.error = Some("conflict".to_owned());
        step.view = None;
    });
    assert_eq!(story.ends().kinds(), []);
}

#[test]
fn after_a_log_out_absence_is_fine() {
    assert_eq!(History::new().logs_in().adds("a").logs_out().reads().fault().reads().ends().kinds(), []);
    for effect in [Effect::Happens, Effect::Never] {
        let story = History::new().logs_in().adds("a").without_an_answer(Action::LogOut, None, effect);
        assert_eq!(story.reads().fault().reads().ends().kinds(), [], "{effect:?}");
    }
}

#[test]
fn a_second_log_in_begins_a_second_session() {
    let story = History::new().logs_in().adds("a").logs_out().logs_in().adds("b").fault().reads().ends();
    assert_eq!(story.kinds(), []);
    let sessions = story.judged().sessions;
    assert_eq!((sessions.acknowledged, sessions.over_before_fault, sessions.verified), (2, 1, 1));
}

#[test]
fn a_log_in_over_a_living_session_renews_it_and_empties_its_cart() {
    let story = History::new().logs_in().adds("a").logs_in().reads().adds("b").fault().reads().ends();
    assert_eq!(story.kinds(), []);
    assert_eq!(story.judged().sessions.acknowledged, 2);
}

#[test]
fn a_log_in_of_unknown_outcome_over_a_living_session_promises_nothing() {
    for effect in [Effect::Happens, Effect::Never] {
        let story = History::new().logs_in().adds("a").reads();
        let story =
            story.without_an_answer(Action::LogIn, None, effect).reads().adds("b").fault().reads().ends();
        assert_eq!(story.kinds(), [], "{effect:?}");
        assert_eq!(story.judged().sessions.acknowledged, 1, "{effect:?}");
    }
}

#[test]
fn an_older_session_is_not_mistaken_for_that_of_a_log_in_that_may_still_come() {
    let story = History::new().logs_in().logs_in_with_half_an_answer();
    let story = story.without_an_answer(Action::LogIn, None, Effect::Late).adds("a").fault();
    assert_eq!(story.late_effects_happen().reads().ends().kinds(), []);
}

#[test]
fn an_older_session_is_not_mistaken_for_a_new_one_although_each_write_issues_its_cookie_anew() {
    let story = History::new().logs_in().adds("a").without_an_answer(Action::LogIn, None, Effect::Late);
    let story = story.adds("b").reads().adds("c").reads();
    assert_eq!(story.late_effects_happen().fault().reads().ends().kinds(), []);
}

#[test]
fn a_log_in_that_was_refused_owes_no_session() {
    let refused = History::new().logs_in().but_gets_503().elsewhere().reads().fault().elsewhere().adds("a");
    let story = refused.elsewhere().reads();
    assert_eq!(story.kinds(), []);
    let findings = story.judged();
    assert_eq!(findings.sessions.acknowledged, 0);
    assert_eq!(findings.timeline.buckets.last().map(|bucket| bucket.sessions_alive), Some(0));
}

#[test]
fn a_session_that_began_after_the_fault_is_verified_by_an_answer_after_its_log_in() {
    let story = History::new().fault().logs_in();
    let before_any = story.clone().heals().gives_account().judged().sessions;
    assert_eq!((before_any.acknowledged, before_any.verified, before_any.unverified), (1, 0, 1));
    let sessions = story.reads().ends().judged().sessions;
    assert_eq!((sessions.acknowledged, sessions.verified), (1, 1));
}

#[test]
fn an_absent_session_without_a_final_read_is_unverified_and_not_lost() {
    let story =
        History::new().logs_in().adds("a").fault().loses_the_session().reads().heals().gives_account();
    let findings = story.judged();
    assert_eq!(story.kinds(), []);
    let sessions = findings.sessions;
    assert_eq!((sessions.lost, sessions.verified, sessions.unverified), (0, 0, 1));
    assert_eq!((sessions.loss_least, sessions.loss_most), (Some(0.0), Some(1.0)));
    assert_eq!(findings.writes.lost, 0);
}

#[test]
fn a_final_read_that_fails_verifies_nothing() {
    let story = History::new().logs_in().adds("a").fault().loses_the_session().reads().heals();
    let story = story.reads().but_gets_503().gives_account();
    assert_eq!(story.kinds(), []);
    assert_eq!(story.judged().sessions.unverified, 1);
}

#[test]
fn an_answer_that_was_under_way_when_the_fault_came_does_not_verify() {
    let story = History::new().logs_in().at(5.999).reads().fault().heals().gives_account();
    assert_eq!(story.judged().sessions.verified, 0);
}

#[test]
fn without_a_fault_the_final_read_verifies() {
    let story = History::without_a_fault().logs_in().reads();
    assert_eq!(story.clone().heals().gives_account().judged().sessions.verified, 0);
    assert_eq!(story.clone().ends().judged().sessions.verified, 1);
    // A session that has ended by then is spoken for by its own answers.
    let story = story.logs_out().logs_in();
    let sessions = story.ends().judged().sessions;
    assert_eq!((sessions.acknowledged, sessions.verified, sessions.over_before_fault), (2, 2, 0));
}

#[test]
fn a_write_of_unknown_outcome_is_never_lost() {
    for effect in [Effect::Happens, Effect::Never, Effect::Late] {
        let story = History::new().logs_in().adds("a").adds_without_an_answer("b", effect).reads().fault();
        let findings = story.reads().ends().judged();
        assert_eq!(findings.anomalies, [], "{effect:?}");
        assert_eq!(findings.writes.recovered, u64::from(effect == Effect::Happens));
    }
}

#[test]
fn a_write_of_unknown_outcome_is_recovered_when_it_shows_and_another_try_was_acknowledged() {
    let tried = || History::new().logs_in().adds_without_an_answer("a", Effect::Happens);
    let with_key = tried().but(|step| step.idempotent = true).adds("a").but_retries(1, true);
    let with_key = with_key.but_sees(&["a"]).tier_holds(&["a"]).reads().fault().reads().ends();
    assert_eq!(with_key.kinds(), []);
    let without = tried().adds("a").but_retries(1, false).reads().fault().reads().ends();
    assert_eq!(without.kinds(), [AnomalyKind::DuplicateEffect]);
    for story in [with_key, without] {
        let writes = story.judged().writes;
        assert_eq!((writes.unknown, writes.recovered), (1, 1));
    }
}

#[test]
fn a_recovered_write_that_vanishes_was_never_acknowledged_and_is_not_lost() {
    let story = History::new().logs_in().adds_without_an_answer("a", Effect::Happens).reads();
    let story = story.fault().loses_the_line("a").reads().ends();
    assert_eq!(story.kinds(), [AnomalyKind::NonMonotonicRead]);
    assert_eq!(story.judged().writes.lost, 0);
}

#[test]
fn a_line_that_is_missing_for_a_while_is_not_lost() {
    let story = History::new().logs_in().adds("a").fault().reads().but_sees(&[]).reads().ends();
    assert_eq!(story.kinds(), [AnomalyKind::ReadYourWrites]);
    assert_eq!(story.judged().writes.lost, 0);
}

#[test]
fn an_answer_does_not_have_to_show_what_it_acknowledges_itself() {
    assert_eq!(History::new().logs_in().fault().adds("a").but_sees(&[]).logs_out().ends().kinds(), []);
}

#[test]
fn what_was_checked_out_is_gone_by_right() {
    let story = History::new().logs_in().adds("a").checks_out().adds("b").reads().fault().reads().ends();
    assert_eq!(story.kinds(), []);
    assert_eq!(story.judged().writes.verified, 1);
}

#[test]
fn a_check_out_of_unknown_outcome_may_have_cleared_the_cart_or_not() {
    for effect in [Effect::Happens, Effect::Never] {
        let story = History::new().logs_in().adds("a").without_an_answer(Action::CheckOut, Some("c"), effect);
        assert_eq!(story.reads().adds("b").fault().reads().ends().kinds(), [], "{effect:?}");
    }
}

#[test]
fn a_late_check_out_clears_what_was_added_after_it_too() {
    let story =
        History::new().logs_in().adds("a").without_an_answer(Action::CheckOut, Some("c"), Effect::Late);
    let story = story.reads().adds("b").reads().fault().late_effects_happen().reads().ends();
    assert_eq!(story.kinds(), []);
}

#[test]
fn an_unknown_write_may_arrive_after_the_check_out() {
    let story = History::new().logs_in().adds_without_an_answer("a", Effect::Late).checks_out();
    let story = story.fault().late_effects_happen().reads().ends();
    assert_eq!(story.kinds(), []);
    assert_eq!(story.judged().writes.recovered, 1);
}

#[test]
fn what_comes_back_of_the_shopper_s_own_is_not_a_phantom() {
    let story = History::new().logs_in().adds("a").checks_out().reads().but_sees(&["a"]);
    assert_eq!(story.logs_out().logs_in().reads().but_sees(&["a"]).fault().ends().kinds(), []);
}

#[test]
fn a_cookie_that_is_issued_again_to_its_owner_is_no_leak() {
    let story = History::new().logs_in().reads().but(|step| step.new_sid = Some("sid-1".to_owned()));
    let story = story.logs_out().reads().but(|step| step.new_sid = Some("sid-1".to_owned())).fault().ends();
    assert_eq!(story.kinds(), []);
}

#[test]
fn the_order_of_shoppers_in_the_journal_does_not_matter() {
    let story = History::new().shopper(7).logs_in().shopper(3).logs_in().adds("a").shopper(7).adds("b");
    let story = story.fault().shopper(7).loses_the_session().reads().ends();
    assert_eq!(story.judged().anomalies[0].shopper, 7);
    assert!(story.events.iter().any(|e| matches!(e, Event::Step(step) if step.phase == Phase::Final)));
}
