//! Any correct history is innocent; any number of planted losses is found, and nothing beside them.

use crate::history::{Effect, History};
use analysis::{AnomalyKind, Interim, Judge, Verdict};
use journal::{Entry, Event};
use proptest::prelude::*;
use scenario::Action;
use std::collections::BTreeSet;

/// What a shopper does next, if it can.
#[derive(Clone, Copy, Debug)]
enum Move {
    LogIn,
    LogInHalf,
    Read,
    Add,
    CheckOut,
    LogOut,
    /// Without an answer.
    Unanswered(Action, Effect),
    /// The server says 503 and has changed nothing.
    ErrorPage(Action),
    LateEffects,
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![Just(Effect::Happens), Just(Effect::Never), Just(Effect::Late)]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Add),
        2 => Just(Action::Read),
        1 => Just(Action::CheckOut),
        1 => Just(Action::LogOut),
        1 => Just(Action::LogIn),
    ]
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => Just(Move::Add),
        6 => Just(Move::Read),
        2 => Just(Move::LogIn),
        1 => Just(Move::LogInHalf),
        2 => Just(Move::CheckOut),
        2 => Just(Move::LogOut),
        4 => (action(), effect()).prop_map(|(action, effect)| Move::Unanswered(action, effect)),
        2 => action().prop_map(Move::ErrorPage),
        2 => Just(Move::LateEffects),
    ]
}

/// A shopper, what it does before and after the fault, and what the tier does to it.
#[derive(Clone, Debug)]
struct Life {
    before: Vec<Move>,
    after: Vec<Move>,
    harm: Harm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    None,
    LosesSession,
    LosesLine,
    Strays,
}

fn life() -> impl Strategy<Value = Life> {
    let harm = prop_oneof![
        3 => Just(Harm::None),
        1 => Just(Harm::LosesSession),
        1 => Just(Harm::LosesLine),
        1 => Just(Harm::Strays),
    ];
    let moves = || prop::collection::vec(a_move(), 0..12);
    (moves(), moves(), harm).prop_map(|(before, after, harm)| Life { before, after, harm })
}

fn make(story: History, a_move: Move, op: &str) -> History {
    match a_move {
        Move::LogIn => story.logs_in(),
        Move::LogInHalf => story.logs_in_with_half_an_answer(),
        Move::Read => story.reads(),
        Move::Add => story.adds(op),
        Move::CheckOut => story.checks_out(),
        Move::LogOut => story.logs_out(),
        Move::Unanswered(action, effect) => story.without_an_answer(action, op_of(action, op), effect),
        Move::ErrorPage(action) => {
            story.without_an_answer(action, op_of(action, op), Effect::Never).but(|step| {
                step.status = Some(503);
                step.error = Some("store_unavailable".to_owned());
            })
        }
        Move::LateEffects => story.late_effects_happen(),
    }
}

fn op_of(action: Action, op: &str) -> Option<&str> {
    matches!(action, Action::Add | Action::CheckOut).then_some(op)
}

/// Whose session was lost, which lines were lost, and who strayed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Planted {
    sessions: BTreeSet<u32>,
    lines: BTreeSet<String>,
    strayed: BTreeSet<u32>,
}

/// Plays the lives one after the other up to the fault, and then on. Answers the story and what was planted.
fn play(lives: &[Life]) -> (History, Planted) {
    let mut planted = Planted::default();
    let mut story = History::new();
    for (shopper, life) in (0..).zip(lives) {
        story = story.at(0.1).shopper(shopper).logs_in();
        for (n, a_move) in life.before.iter().enumerate() {
            story = make(story, *a_move, &format!("s{shopper}-{}", n + 1));
        }
        // Planted harm needs a session that nothing is on its way to.
        if life.harm != Harm::None {
            story = story.late_effects_happen().logs_in();
        }
    }
    story = story.fault();
    for (shopper, life) in (0..).zip(lives) {
        story = story.at(6.1).shopper(shopper);
        match life.harm {
            Harm::None => {}
            Harm::LosesSession => {
                story = story.loses_the_session().reads();
                planted.sessions.insert(shopper);
            }
            Harm::LosesLine => {
                let op = format!("s{shopper}-100");
                story = story.adds(&op).loses_the_line(&op).reads();
                planted.lines.insert(op);
            }
            Harm::Strays => {
                story = story.elsewhere().reads().reads();
                planted.strayed.insert(shopper);
            }
        }
        for (n, a_move) in life.after.iter().enumerate() {
            story = make(story, *a_move, &format!("s{shopper}-{}", n + 101));
        }
    }
    (story.ends(), planted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_planted_is_found_and_nothing_else(lives in prop::collection::vec(life(), 1..8)) {
        let (story, planted) = play(&lives);
        let findings = story.judged();
        let of = |kind| findings.anomalies.iter().filter(move |anomaly| anomaly.kind == kind);
        let found = Planted {
            sessions: of(AnomalyKind::LostSession).map(|lost| lost.shopper).collect(),
            lines: of(AnomalyKind::LostWrite).filter_map(|lost| lost.op.clone()).collect(),
            strayed: of(AnomalyKind::MisroutedSession).map(|strayed| strayed.shopper).collect(),
        };
        prop_assert_eq!(findings.sessions.lost, planted.sessions.len() as u64);
        prop_assert_eq!(findings.sessions.misrouted, planted.strayed.len() as u64);
        prop_assert_eq!(findings.writes.lost, planted.lines.len() as u64);
        let all = planted.sessions.len() + planted.strayed.len() + planted.lines.len();
        prop_assert_eq!(findings.anomalies_found(), all as u64);
        prop_assert_eq!(found, planted);
    }

    #[test]
    fn the_counts_add_up(lives in prop::collection::vec(life(), 1..8)) {
        let findings = play(&lives).0.judged();
        let (s, w) = (&findings.sessions, &findings.writes);
        prop_assert_eq!(s.acknowledged, s.over_before_fault + s.verified + s.unverified);
        prop_assert_eq!(s.lost, s.lost_loud + s.lost_silent);
        prop_assert!(s.lost <= s.verified && s.lost <= s.harmed);
        prop_assert!(w.lost <= w.verified && w.verified + w.in_lost_sessions <= w.acknowledged);
        prop_assert!(w.recovered <= w.unknown && w.acknowledged + w.unknown <= w.attempted);
        for phase in &findings.phases {
            let r = phase.requests;
            prop_assert_eq!(r.planned, r.sent + r.unsent);
            prop_assert_eq!(r.sent, r.ok + r.refused + r.failed + r.unknown);
        }
        let last = findings.timeline.buckets.last().unwrap();
        prop_assert_eq!(last.sessions_lost, s.lost);
        prop_assert!(last.sessions_alive <= s.acknowledged);
    }

    #[test]
    fn the_standing_of_a_steered_trial_ends_as_what_is_found(lives in prop::collection::vec(life(), 1..8)) {
        let (story, planted) = play(&lives);
        let mut judge = Judge::new(&story.header);
        judge.push(&Entry { seq: 0, event: Event::Steered { at_us: 0 } });
        let mut before_the_final_reads = Interim::default();
        for entry in story.entries().map(Result::unwrap) {
            if matches!(entry.event, Event::Healthy { .. }) {
                before_the_final_reads = judge.interim();
            }
            judge.push(&entry);
            judge.interim();
        }
        let standing = judge.interim();
        let findings = judge.finish().findings;
        let found = Interim {
            acknowledged: findings.sessions.acknowledged,
            lost: findings.sessions.lost,
            lost_with_lines: findings.sessions.lost_with_lines,
            lines_in_lost_sessions: findings.writes.in_lost_sessions,
            writes_lost: findings.writes.lost,
            writes_unknown: findings.writes.unknown,
            misrouted: findings.sessions.misrouted,
        };
        prop_assert_eq!(standing, found);
        // Every loss was met by an answer before the final reads, so it was counted then already.
        prop_assert_eq!(before_the_final_reads.lost, planted.sessions.len() as u64);
        prop_assert_eq!(before_the_final_reads.writes_lost, planted.lines.len() as u64);
    }

    #[test]
    fn a_journal_that_is_cut_anywhere_never_holds(lives in prop::collection::vec(life(), 1..4), cut in 0_usize..60) {
        let (story, ..) = play(&lives);
        let error = journal::JournalError::CutShort { line: cut as u64 };
        let findings = analysis::judge(&story.header, story.entries().take(cut).chain([Err(error)]));
        prop_assert_eq!(findings.verdict, Verdict::Inconclusive);
    }
}
