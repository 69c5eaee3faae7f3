//! Predict, then kill: a class says what each tier will lose, and is shown what it did lose.
//!
//! Pure: who votes is a word that the web hands in, what was lost is what the judge's counters say.

use crate::show::Sides;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// No more people than this may join.
const MOST_JOINED: usize = 500;
/// The longest question. Bytes.
pub const MOST_QUESTION_BYTES: usize = 200;

/// How much of what was alive is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Nothing.
    None,
    /// Some, and no more than two of three.
    Some,
    /// All, or nearly so.
    All,
}

impl Choice {
    const ALL: [Choice; 3] = [Choice::None, Choice::Some, Choice::All];

    fn of(lost: u64, alive_before: u64) -> Self {
        match lost {
            0 => Choice::None,
            lost if lost * 3 > alive_before * 2 => Choice::All,
            _ => Choice::Some,
        }
    }
}

/// What somebody predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// Of the stateful tier.
    pub a: Choice,
    /// Of the stateless tier.
    pub b: Choice,
}

/// How one tier stands: alive and lost so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Sessions alive.
    pub alive: u64,
    /// Sessions lost so far.
    pub lost: u64,
}

/// A class and its vote.
#[derive(Debug)]
pub struct Class {
    code: String,
    urls: Vec<String>,
    joined: BTreeSet<String>,
    votes: BTreeMap<String, Ballot>,
    question: String,
    open: bool,
    at_close: Option<Sides<Standing>>,
    truth: Option<Value>,
}

impl Class {
    /// Nobody has joined yet.
    pub fn new(code: String, urls: Vec<String>) -> Self {
        Self {
            code,
            urls,
            joined: BTreeSet::new(),
            votes: BTreeMap::new(),
            question: String::new(),
            open: false,
            at_close: None,
            truth: None,
        }
    }

    /// Lets somebody in who knows the code.
    pub fn join(&mut self, who: &str, code: &str) -> Result<(), &'static str> {
        if code.trim() != self.code {
            return Err("that is not the code on the board");
        }
        if self.joined.len() >= MOST_JOINED && !self.joined.contains(who) {
            return Err("the room is full");
        }
        self.joined.insert(who.to_owned());
        Ok(())
    }

    /// Whether somebody has joined.
    pub fn knows(&self, who: &str) -> bool {
        self.joined.contains(who)
    }

    /// Somebody votes, or changes their mind.
    pub fn vote(&mut self, who: &str, ballot: Ballot) -> Result<(), &'static str> {
        if !self.knows(who) {
            return Err("join with the code first");
        }
        if !self.open {
            return Err("the vote is not open");
        }
        self.votes.insert(who.to_owned(), ballot);
        Ok(())
    }

    /// A new vote begins.
    pub fn open(&mut self, question: Option<String>) {
        self.question =
            question.unwrap_or_else(|| "A server is killed. What will each tier lose?".to_owned());
        self.votes.clear();
        self.open = true;
        self.at_close = None;
        self.truth = None;
    }

    /// No more votes: what is lost from now on is the truth.
    pub fn close(&mut self, now: Sides<Standing>) -> Result<(), &'static str> {
        if !self.open {
            return Err("no vote is open");
        }
        self.open = false;
        self.at_close = Some(now);
        Ok(())
    }

    /// Other sessions and other counters begin: the truth of a vote that was closed before can never be told.
    pub fn begin_segment(&mut self) {
        if self.at_close.is_some() && self.truth.is_none() {
            self.clear();
        }
    }

    /// The truth beside the vote.
    pub fn reveal(&mut self, now: &Sides<Standing>) -> Result<(), &'static str> {
        let before = self.at_close.as_ref().ok_or("close the vote first")?;
        let truth = |before: &Standing, now: &Standing| {
            let lost = now.lost.saturating_sub(before.lost);
            json!({ "lost": lost, "alive_before": before.alive, "choice": Choice::of(lost, before.alive) })
        };
        self.truth = Some(json!({ "a": truth(&before.a, &now.a), "b": truth(&before.b, &now.b) }));
        Ok(())
    }

    /// As if nobody had voted.
    pub fn clear(&mut self) {
        self.votes.clear();
        self.open = false;
        self.question.clear();
        self.at_close = None;
        self.truth = None;
    }

    fn counts(&self) -> Value {
        let count = |of: fn(&Ballot) -> Choice| {
            let counted =
                Choice::ALL.map(|choice| self.votes.values().filter(|ballot| of(ballot) == choice).count());
            json!({ "none": counted[0], "some": counted[1], "all": counted[2] })
        };
        json!({ "a": count(|ballot| ballot.a), "b": count(|ballot| ballot.b) })
    }

    /// For phones: how others voted is told only once it cannot sway anybody.
    pub fn for_phones(&self) -> Value {
        let counts = if self.open { Value::Null } else { self.counts() };
        json!({
            "open": self.open,
            "closed": self.at_close.is_some(),
            "question": self.question,
            "choices": Choice::ALL,
            "joined": self.joined.len(),
            "voted": self.votes.len(),
            "counts": counts,
            "truth": self.truth,
        })
    }

    /// For the board.
    pub fn for_the_board(&self) -> Value {
        let mut board = self.for_phones();
        board["counts"] = self.counts();
        board["code"] = json!(self.code);
        board["urls"] = json!(self.urls);
        board
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(a: (u64, u64), b: (u64, u64)) -> Sides<Standing> {
        let of = |(alive, lost)| Standing { alive, lost };
        Sides { a: of(a), b: of(b) }
    }

    #[test]
    fn a_class_predicts_and_is_shown_what_was_lost_since() {
        let mut class = Class::new("123456".to_owned(), Vec::new());
        assert!(class.join("ann", "654321").is_err());
        let ballot = Ballot { a: Choice::Some, b: Choice::None };
        assert!(class.vote("ann", ballot).is_err(), "she has not joined");
        class.join("ann", " 123456").unwrap();
        assert!(class.vote("ann", ballot).is_err(), "nothing is asked yet");
        class.open(None);
        class.vote("ann", Ballot { a: Choice::All, b: Choice::All }).unwrap();
        class.vote("ann", ballot).unwrap();
        assert!(class.for_phones()["counts"].is_null());
        assert_eq!(class.for_the_board()["counts"]["a"], json!({ "none": 0, "some": 1, "all": 0 }));
        assert!(class.reveal(&standing((0, 0), (0, 0))).is_err(), "it is still open");
        class.close(standing((90, 5), (90, 0))).unwrap();
        assert!(class.vote("ann", ballot).is_err());
        class.reveal(&standing((60, 35), (90, 0))).unwrap();
        let truth = &class.for_phones()["truth"];
        assert_eq!(truth["a"], json!({ "lost": 30, "alive_before": 90, "choice": "some" }));
        assert_eq!(truth["b"], json!({ "lost": 0, "alive_before": 90, "choice": "none" }));
    }

    #[test]
    fn the_next_segment_knows_nothing_of_what_was_lost_in_the_last() {
        let mut class = Class::new("123456".to_owned(), Vec::new());
        class.open(None);
        class.close(standing((90, 30), (90, 0))).unwrap();
        class.begin_segment();
        assert!(class.reveal(&standing((0, 0), (0, 0))).is_err(), "thirty lost would be told as none");

        class.open(None);
        class.begin_segment();
        class.close(standing((90, 0), (90, 0))).unwrap();
        class.reveal(&standing((60, 30), (90, 0))).unwrap();
        class.begin_segment();
        assert_eq!(class.for_phones()["truth"]["a"]["lost"], 30, "what was told stays told");
    }
}
