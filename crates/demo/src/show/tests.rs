//! What is told of two journals, event by event.

use super::*;
use crate::scene;
use journal::{FaultEvent, FaultStage, OrderEvent, Outcome};
use scenario::{FaultAction, Phase, Target};

/// Two journals that are being written.
struct Stage {
    show: Show,
    seq: u64,
}

impl Stage {
    fn set() -> Self {
        let headers = [scene::header(1, 1), scene::header(1, 2)];
        Self { show: Show::new(Mode::Live, 1, [&headers[0], &headers[1]]), seq: 0 }
    }

    fn push(&mut self, side: Side, event: Event) {
        self.seq += 1;
        self.show.push(side, &Entry { seq: self.seq, event });
    }

    /// What the page is told up to this moment, of one kind.
    fn told(&mut self, kind: &str, at_us: u64) -> Vec<Value> {
        let messages = self.show.tick(at_us);
        let of_kind = messages.iter().filter(|message| message.event == kind);
        of_kind.map(|message| serde_json::from_str(&message.data).unwrap()).collect()
    }
}

#[test]
fn what_a_tier_does_not_have_is_not_told_as_broken() {
    let mut stage = Stage::set();
    let (fault, action, target) = (0, FaultAction::Kill, Target::Store);
    for side in Side::BOTH {
        stage.push(side, Event::Ordered(OrderEvent { fault, at_us: 9, action, target }));
        for stage_of_it in [FaultStage::Called, FaultStage::Spared] {
            let (process, detail) = ("store".to_owned(), String::new());
            stage.push(
                side,
                Event::Fault(FaultEvent { fault, at_us: 10, stage: stage_of_it, process, detail }),
            );
        }
    }
    let told: Vec<Value> = stage.told("line", 20);
    let nothing = json!("Nothing to kill here: this tier has no such thing.");
    assert_eq!(told.iter().map(|line| &line["text"]).collect::<Vec<_>>(), [&nothing, &nothing]);
    let snapshot: Value = serde_json::from_str(&stage.show.snapshot(20).data).unwrap();
    let stages: Vec<&Value> =
        snapshot["marks"].as_array().unwrap().iter().map(|mark| &mark["stage"]).collect();
    assert_eq!(stages, ["spared", "spared"], "neither memory nor a file was killed");
}

#[test]
fn a_visitor_is_known_by_the_name_in_the_journals() {
    let mut stage = Stage::set();
    let log_in = StepEvent {
        shopper: 10,
        step: 0,
        tab: 0,
        retry_of: None,
        idempotent: false,
        phase: Phase::Baseline,
        action: Action::LogIn,
        op: Some("s10-0 Ada Lovelace".to_owned()),
        planned_us: 1,
        sent_us: Some(1),
        first_byte_us: Some(2),
        done_us: 3,
        outcome: Outcome::Ok,
        status: Some(200),
        error: None,
        server: Some("server-1.1".to_owned()),
        view: None,
        sid: None,
        new_sid: None,
    };
    for side in Side::BOTH {
        stage.push(side, Event::Step(log_in.clone()));
    }
    let told = stage.told("guests", 20);
    assert_eq!(
        told,
        [json!({ "guests": [{ "shopper": 10, "name": "Ada Lovelace" }] })],
        "once, of both journals"
    );
    assert!(stage.told("guests", 30).is_empty());
}
