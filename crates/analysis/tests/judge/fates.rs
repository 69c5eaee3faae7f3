//! One shopper's story.

use crate::history::{Effect, History};
use analysis::fate;
use journal::JournalError;

fn notes(story: &History, shopper: u32) -> Vec<String> {
    fate(&story.header, story.entries(), shopper).steps.into_iter().map(|step| step.note).collect()
}

#[test]
fn the_story_of_a_shopper_who_lost_everything() {
    let story = History::new().logs_in().adds("a").adds("b").adds("c").reads().fault();
    let story =
        story.reads().but_gets_503().loses_the_session().reads().adds("d").shopper(2).logs_in().ends();
    assert_eq!(
        notes(&story, 1),
        [
            "acknowledged",
            "acknowledged",
            "acknowledged",
            "acknowledged",
            "the cart holds 3 lines",
            "no: 503 store_unavailable",
            "an empty cart for somebody who had 3 lines",
            "the session is gone: 401",
            "an empty cart for somebody who had 3 lines",
        ]
    );
    let told = fate(&story.header, story.entries(), 1);
    let harmed: Vec<bool> = told.steps.iter().map(|step| step.harmed).collect();
    assert_eq!(harmed, [false, false, false, false, false, false, true, true, true]);
    assert_eq!(told.steps[4].cart.as_deref(), Some(["a", "b", "c"].map(str::to_owned).as_slice()));
    assert_eq!((told.steps[6].owed, &told.steps[6].cart), (3, &None));
}

#[test]
fn the_story_of_a_shopper_who_came_through() {
    let story = History::new().logs_in().adds("a").elsewhere().reads().reads();
    let story = story.adds_without_an_answer("b", Effect::Happens).reads().loses_the_line("a").reads();
    let story = story.but(|_| ()).checks_out().logs_out().reads().logs_in().fault().ends();
    assert_eq!(
        notes(&story, 1),
        [
            "acknowledged",
            "acknowledged",
            "an empty cart for somebody who had 1 line",
            "the session is back: the cart holds 1 line",
            "no complete answer: it may have happened",
            "the cart holds 2 lines",
            "missing: a; the cart holds 1 line",
            "acknowledged",
            "acknowledged",
            "no session, and none was due",
            "acknowledged",
            "the cart holds 0 lines",
        ]
    );
    let sessions: Vec<u32> =
        fate(&story.header, story.entries(), 1).steps.iter().map(|step| step.session).collect();
    assert_eq!(sessions, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2]);
}

#[test]
fn somebody_else_s_session_and_cookie_are_told() {
    let story = History::new().shopper(2).logs_in().shopper(1).logs_in().reads();
    let story = story.but(|step| step.view.as_mut().unwrap().owner = Some("shopper-2".to_owned()));
    let story = story.reads().but(|step| step.new_sid = Some("sid-1".to_owned()));
    let told = notes(&story, 1);
    assert_eq!(told[1], "somebody else's session: shopper-2");
    assert_eq!(told[2], "it carries what is not this shopper's own, or one operation twice");
}

#[test]
fn a_story_that_is_not_whole_says_so() {
    let story = History::new().logs_in().adds("a");
    let told = fate(&story.header, story.entries().chain([Err(JournalError::CutShort { line: 3 })]), 1);
    assert_eq!(told.steps.len(), 2);
    assert!(told.cut_short.unwrap().starts_with("cut short after line 3"));
}
