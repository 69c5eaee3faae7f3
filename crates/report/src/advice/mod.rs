//! What to do with a service of one's own: what its owner knows of it ([`Service`]), joined with what a run has measured
//! ([`Facts`]), becomes an [`Advice`] with its arithmetic. docs/advice.md says the same in plain words.
//!
//! Every number in it is the user's, or measured and named by scenario, stack and metric, or made of these by an operation that
//! is shown. What was not measured, or carries no claim, is never filled in.

mod decision;
mod facts;
mod gaps;
mod lines;
mod objectives;
mod outlook;
mod range;
mod service;
mod signals;
pub(crate) mod table;
mod text;

pub use decision::{Choice, Decision};
pub use facts::{Architecture, Away, Drained, Facts, Known, Loss, Memory, Price, PriceDifference, ScaleOut};
pub use gaps::Gap;
pub use lines::Line;
pub use outlook::{Cause, Outlook};
pub use range::Range;
pub(crate) use range::given;
pub use service::{KEYS, Key, Service, TODAY, Today, service_schema};
pub use signals::{Signal, State};
pub use table::advice_cells;
pub use text::advice_terminal;

use schemars::JsonSchema;
use serde::Serialize;

/// The version of the JSON.
pub const ADVICE_VERSION: u32 = 2;

/// The advice, with everything that it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Advice {
    /// [`ADVICE_VERSION`] of the writer.
    pub advice_version: u32,
    /// What the user said.
    pub service: Service,
    /// What was measured.
    pub facts: Facts,
    /// What a year would bring, the stateful stack first.
    pub outlooks: Vec<Outlook>,
    /// T1 to T5.
    pub signals: Vec<Signal>,
    /// What to do.
    pub decision: Decision,
    /// How the numbers come about, line by line.
    pub arithmetic: Vec<Line>,
    /// What it takes for granted, a sentence each.
    pub assumptions: Vec<String>,
    /// What was not measured, and which command would.
    pub gaps: Vec<Gap>,
}

impl Advice {
    /// Joins what the user knows with what was measured.
    pub fn new(facts: Facts, service: Service) -> Self {
        let outlooks: Vec<Outlook> = facts.all().map(|a| Outlook::new(a, &service)).collect();
        let stateful = facts.stateful.as_ref().and_then(|_| outlooks.first());
        let signals = signals::signals(&facts, &service, stateful);
        let decision = decision::decide(&facts, &service, &outlooks, &signals);
        Self {
            advice_version: ADVICE_VERSION,
            arithmetic: lines::lines(&facts, &service, &outlooks),
            assumptions: lines::assumptions(&facts, &service),
            gaps: gaps::gaps(&facts, &service, &signals),
            service,
            facts,
            outlooks,
            signals,
            decision,
        }
    }

    /// Whether there is any.
    pub fn is_given(&self) -> bool {
        self.decision.choice != Choice::NoAdvice
    }
}

/// The advice as indented JSON with a newline at its end.
///
/// # Panics
/// Never: an advice is plain data.
pub fn advice_json(advice: &Advice) -> String {
    let mut text = serde_json::to_string_pretty(advice).expect("an advice is plain data");
    text.push('\n');
    text
}
