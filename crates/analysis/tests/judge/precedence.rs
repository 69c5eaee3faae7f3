//! Where two names fit the same session or the same operation, the more specific one is told, once.

use crate::crimes::commit;
use crate::history::History;
use analysis::AnomalyKind;

#[test]
fn what_goes_with_a_lost_session_is_told_as_its_loss() {
    for kind in AnomalyKind::ALL.into_iter().filter(|kind| *kind > AnomalyKind::LostSession) {
        let story = commit(kind, History::new(), 1).tab(0).fault().loses_the_session().reads().ends();
        assert_eq!(story.kinds(), [AnomalyKind::LostSession], "{}", kind.name());
    }
}

#[test]
fn a_session_that_leaked_was_replayed_or_forked_is_not_told_as_lost_too() {
    for kind in [AnomalyKind::CrossUserLeak, AnomalyKind::ReplayedCookie, AnomalyKind::ForkedSession] {
        let story = commit(kind, History::new(), 1).fault().loses_the_session().reads().ends();
        assert_eq!(story.kinds(), [kind]);
    }
}

#[test]
fn a_line_that_lagged_and_was_then_lost_is_lost() {
    for kind in [AnomalyKind::ReadYourWrites, AnomalyKind::NonMonotonicRead, AnomalyKind::StaleRead] {
        let story = commit(kind, History::new(), 1).tab(0).fault().loses_the_line("b-1").reads().ends();
        assert_eq!(story.kinds(), [AnomalyKind::LostWrite], "{}", kind.name());
    }
}

#[test]
fn a_line_that_is_twice_there_and_then_lost_is_a_duplicate() {
    let story = commit(AnomalyKind::DuplicateEffect, History::new(), 1).fault().tier_holds(&["a-1"]).reads();
    assert_eq!(story.ends().kinds(), [AnomalyKind::DuplicateEffect]);
}

#[test]
fn of_one_line_the_most_specific_guarantee_is_told() {
    let story = History::new().logs_in().adds("a").tab(1).reads().but_sees(&[]).tab(0).reads().but_sees(&[]);
    assert_eq!(story.reads().fault().ends().kinds(), [AnomalyKind::ReadYourWrites]);
}

#[test]
fn two_operations_of_one_session_are_told_each_by_its_own_name() {
    let story = History::new().logs_in().adds("a").reads().but_sees(&[]).adds("b").reads().fault();
    let story = story.loses_the_line("b").reads().ends();
    assert_eq!(story.kinds(), [AnomalyKind::LostWrite, AnomalyKind::ReadYourWrites]);
}

#[test]
fn a_session_that_strayed_may_lose_a_line_besides() {
    let story = History::new().logs_in().adds("a").elsewhere().reads().reads().fault().loses_the_line("a");
    assert_eq!(story.reads().ends().kinds(), [AnomalyKind::LostWrite, AnomalyKind::MisroutedSession]);
}
