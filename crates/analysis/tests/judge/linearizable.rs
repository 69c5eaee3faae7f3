//! Whatever a linearizable tier does is innocent; whatever is planted among it is found, as often as it was planted.

use crate::crimes::{commit, nearly_commit};
use crate::history::History;
use crate::model::Model;
use analysis::AnomalyKind;
use journal::Event;
use proptest::prelude::*;

/// Plants stand beside honest shoppers, in the order of their outcomes.
fn among_the_honest(story: History, honest: Vec<Event>) -> History {
    let mut story = story;
    story.events.extend(honest);
    story.events.sort_by_key(|event| match event {
        Event::Step(step) => step.done_us,
        Event::Fault(fault) => fault.at_us,
        Event::Healthy { at_us, .. } => *at_us,
        _ => u64::MAX,
    });
    story
}

fn kinds() -> impl Strategy<Value = Vec<(AnomalyKind, f64)>> {
    prop::collection::vec((prop::sample::select(AnomalyKind::ALL.as_slice()), 0.5_f64..5.0), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_linearizable_tier_has_no_finding(seed in any::<u64>()) {
        let story = among_the_honest(History::new().fault().ends(), Model::play(seed, 6));
        let findings = story.judged();
        prop_assert_eq!(findings.anomalies, []);
        prop_assert_eq!(findings.sessions.harmed, 0);
    }

    #[test]
    fn what_is_planted_is_found_as_often_and_by_its_name(seed in any::<u64>(), planted in kinds()) {
        let mut story = History::new();
        for (n, (kind, at_s)) in (1_000..).zip(&planted) {
            story = commit(*kind, story.at(*at_s), n);
        }
        for (n, (kind, at_s)) in (2_000..).zip(&planted) {
            story = nearly_commit(*kind, story.at(*at_s), n);
        }
        let story = among_the_honest(story.fault().ends(), Model::play(seed, 3));
        let mut expected: Vec<AnomalyKind> = planted.into_iter().map(|(kind, _)| kind).collect();
        expected.sort_unstable();
        let anomalies = story.judged().anomalies;
        let found: Vec<AnomalyKind> = anomalies.iter().map(|anomaly| anomaly.kind).collect();
        prop_assert_eq!(found, expected, "{:#?}", anomalies);
    }
}

/// As many operations as `JUDGE_SOAK` says (`just soak` says a million), every shopper with tabs, retries, late effects, log-outs,
/// check-outs and a crash.
#[test]
fn however_long_it_runs_a_linearizable_tier_has_no_finding() {
    let wanted = std::env::var("JUDGE_SOAK").map_or(20_000, |operations| operations.parse().unwrap());
    let mut judged = 0;
    for seed in 0_u64.. {
        let story = among_the_honest(History::new().fault().ends(), Model::play(seed, 50));
        let findings = story.judged();
        assert_eq!(findings.anomalies, [], "seed {seed}");
        judged += story.events.iter().filter(|event| matches!(event, Event::Step(_))).count();
        if judged >= wanted {
            break;
        }
    }
    println!("{judged} operations judged, nothing found");
}
