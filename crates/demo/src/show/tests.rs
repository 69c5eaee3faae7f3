//! What is told of two journals, event by event.

use super::*;
use crate::scene;
use journal::{FaultEvent, FaultStage, OrderEvent};
use scenario::{FaultAction, Target};
use serde_json::Value;

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

    fn lines(&mut self, at_us: u64) -> Vec<String> {
        let lines = self.told("line", at_us);
        lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
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
            stage.push(side, Event::Fault(FaultEvent { fault, at_us: 10, stage: stage_of_it, process, detail }));
        }
    }
    let messages = stage.show.tick(20);
    let told = |kind: &str, word: &str| messages.iter().filter(|m| m.event == kind && m.data.contains(word)).count();
    assert_eq!(told("mark", "\"called\""), 0, "neither memory nor a file was killed");
    assert_eq!(told("line", "is killed"), 0);
    assert_eq!(told("line", "Nothing to kill here"), 2);
}
