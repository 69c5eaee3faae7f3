//! What to do, by a rule that is short enough to be argued with. `advice.js` follows the same rule, and a test compares the two.
//!
//! 1. Where a signal fires: a shared store, and of the stateless stacks that were measured in everything that can befall them and that
//!    meet the user's objectives, the one that loses least.
//! 2. Where none fires and one could not be read: no advice.
//! 3. Otherwise money decides: what the losses cost that the store would prevent, less what the store costs. Where the whole
//!    interval is on one side, that side; where it is not, neither.

use super::facts::Facts;
use super::objectives::refused;
use super::outlook::{Cause, Outlook, share};
use super::range::{Range, given, ranged};
use super::service::{Service, Today};
use super::signals::{Signal, State};
use schemars::JsonSchema;
use serde::Serialize;

/// What is advised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Sessions in the servers' memory.
    Stateful,
    /// Sessions in a shared store.
    Stateless,
    /// The numbers carry neither.
    Either,
    /// Something that it depends on was not measured.
    NoAdvice,
}

/// The advice and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Decision {
    /// What is advised.
    pub choice: Choice,
    /// In a sentence.
    pub answer: String,
    /// Why, a sentence each.
    pub because: Vec<String>,
    /// The stateless stacks that were weighed, the one that loses least first; those with one interval are not told apart.
    pub candidates: Vec<String>,
    /// Sessions a year that the first of them would keep, against the stateful tier.
    pub kept: Option<Range>,
    /// What these cost, less what the store costs, a year.
    pub balance: Option<Range>,
}

/// Follows the rule.
pub(crate) fn decide(facts: &Facts, service: &Service, outlooks: &[Outlook], signals: &[Signal]) -> Decision {
    let stateful = facts.stateful.as_ref().and_then(|s| outlooks.iter().find(|o| o.stack == s.stack));
    let candidates = candidates(facts, service, outlooks);
    let best = candidates.first().copied();
    let losses = stateful.and_then(|s| s.total);
    let kept = losses.zip(best.and_then(|b| b.total)).map(|(all, left)| all.minus(left));
    let balance = kept.map(|kept| balance(kept, service));
    let fires = signals.iter().any(|s| s.state == State::Fires);
    let unread = signals.iter().any(|s| s.state == State::NotMeasured);
    // What the stateful tier loses is the most that a store could save, whichever it is.
    let most = losses.map(|losses| losses.high * service.session_cost - service.store_cost());
    let choice = match (fires, best, balance, most) {
        (true, Some(_), ..) => Choice::Stateless,
        (true, None, ..) => Choice::NoAdvice,
        (false, ..) if unread => Choice::NoAdvice,
        (false, _, _, Some(most)) if most <= 0.0 => Choice::Stateful,
        (false, Some(_), Some(balance), _) if balance.low > 0.0 => Choice::Stateless,
        (false, Some(_), Some(balance), _) if balance.high <= 0.0 => Choice::Stateful,
        (false, Some(_), Some(_), _) => Choice::Either,
        (false, ..) => Choice::NoAdvice,
    };
    Decision {
        choice,
        answer: answer(choice, best, service, none_because(facts, service, fires, unread || most.is_none())),
        because: because(choice, service, stateful, signals, kept, balance, &events(facts, service)),
        candidates: candidates.iter().map(|outlook| outlook.stack.clone()).collect(),
        kept,
        balance,
    }
}

fn balance(kept: Range, service: &Service) -> Range {
    // What is kept may be less than nothing; the ends keep their order, for a cost is never negative.
    kept.times(Range::exactly(service.session_cost)).minus(Range::exactly(service.store_cost()))
}

/// Those of which everything is known that can befall them, and that meet the objectives, by what they lose.
fn candidates<'a>(facts: &Facts, service: &Service, outlooks: &'a [Outlook]) -> Vec<&'a Outlook> {
    let mut all: Vec<(&Outlook, Range)> = facts
        .stateless
        .iter()
        .filter(|architecture| refused(facts, architecture, service).is_none())
        .filter_map(|architecture| outlooks.iter().find(|o| o.stack == architecture.stack))
        .filter_map(|outlook| Some((outlook, outlook.total?)))
        .collect();
    // Stable: what is not told apart keeps the run's order.
    all.sort_by(|(_, a), (_, b)| a.expected.total_cmp(&b.expected).then(a.high.total_cmp(&b.high)));
    all.into_iter().map(|(outlook, _)| outlook).collect()
}

/// Why there is no advice, where there is none.
fn none_because(facts: &Facts, service: &Service, fires: bool, unread: bool) -> &'static str {
    let unfit = |architecture| refused(facts, architecture, service).is_some();
    if fires {
        "It is time for a shared store, and none was shown to be fit for it: no advice which."
    } else if !unread && !facts.stateless.is_empty() && facts.stateless.iter().all(unfit) {
        "No advice: what you lose may be worth a shared store, and none that was measured meets your objectives."
    } else {
        "No advice: what it depends on was not measured."
    }
}

fn answer(choice: Choice, best: Option<&Outlook>, service: &Service, none_because: &str) -> String {
    let best = best.map_or("a shared store", |best| best.stack.as_str());
    match (choice, service.today) {
        (Choice::Stateful, Today::NotBuilt) => {
            "Keep the sessions in the servers, and know what a restart costs.".to_owned()
        }
        (Choice::Stateful, Today::Stateful) => {
            "Leave the sessions in the servers, and know what a restart costs.".to_owned()
        }
        (Choice::Stateful, Today::Stateless) => {
            "Nothing here asks for your shared store. That it is there already is a reason to keep it."
                .to_owned()
        }
        (Choice::Stateless, Today::NotBuilt) => {
            format!("Put the sessions into a shared store from the start: {best}.")
        }
        (Choice::Stateless, Today::Stateful) => {
            format!("It is time to move the sessions into a shared store: {best}.")
        }
        (Choice::Stateless, Today::Stateless) => format!("Keep the sessions in a shared store: {best}."),
        (Choice::Either, _) => "The numbers decide for neither side.".to_owned(),
        (Choice::NoAdvice, _) => none_because.to_owned(),
    }
}

/// What one restart costs the stateful tier.
fn events(facts: &Facts, service: &Service) -> String {
    let Some(stateful) = &facts.stateful else { return String::new() };
    let told = [(Cause::ServerCrash, "One crash"), (Cause::Deployment, "One deployment")]
        .into_iter()
        .filter_map(|(cause, event)| {
            let loss = cause.of(stateful).measured().filter(|_| cause.a_year(service).high > 0.0)?;
            let taken = Range::exactly(cause.meets(service)).times(share(cause, stateful, loss, service));
            Some(format!(
                "{event} takes {} of the {} sessions that are there.",
                ranged(taken),
                given(cause.meets(service))
            ))
        });
    told.collect::<Vec<_>>().join(" ")
}

fn because(
    choice: Choice,
    service: &Service,
    stateful: Option<&Outlook>,
    signals: &[Signal],
    kept: Option<Range>,
    balance: Option<Range>,
    events: &str,
) -> Vec<String> {
    let ids = |state: State| {
        let of: Vec<&str> = signals.iter().filter(|s| s.state == state).map(|s| s.id).collect();
        of.join(", ")
    };
    let mut out = Vec::new();
    let (fires, unread) = (ids(State::Fires), ids(State::NotMeasured));
    match choice {
        Choice::Stateless if !fires.is_empty() => {
            out.push(format!("{fires} of the five signals: see above."))
        }
        Choice::Stateless => {
            out.push("No signal fires alone; together the losses cost more than the store.".to_owned())
        }
        Choice::Stateful => out.push("No signal fires.".to_owned()),
        Choice::NoAdvice if !fires.is_empty() => out.push(format!("{fires} of the five signals: see above.")),
        Choice::NoAdvice if !unread.is_empty() => out.push(format!("Not read: {unread}.")),
        Choice::NoAdvice | Choice::Either => {}
    }
    if let (Choice::Stateful, Some(losses)) = (choice, stateful.and_then(|s| s.total)) {
        out.push(format!(
            "The stateful tier is expected to lose {} sessions a year; at {} each that is {}, and the store would cost {}.",
            ranged(losses), given(service.session_cost),
            ranged(losses.times(Range::exactly(service.session_cost))), given(service.store_cost())
        ));
        if !events.is_empty() {
            out.push(events.to_owned());
        }
    }
    if let (Choice::Stateless | Choice::Either, Some(kept), Some(balance)) = (choice, kept, balance) {
        out.push(format!(
            "A shared store is expected to keep {} sessions a year; at {} each, less {} for the store, that leaves {} a year.",
            ranged(kept), given(service.session_cost), given(service.store_cost()), ranged(balance)
        ));
    }
    out
}
