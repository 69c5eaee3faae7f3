//! The advice as `lab advise` prints it.

use super::decision::Choice;
use super::objectives::refused;
use super::range::{digits, given};
use super::service::{KEYS, Service};
use super::signals::State;
use super::{Advice, Line, table};
use crate::board::Tone;
use crate::terminal::{Style, grid, hanging};
use crate::words::clip;

/// The whole advice.
pub fn advice_terminal(advice: &Advice, style: Style) -> String {
    let style = Style { width: style.width.max(40), ..style };
    let mut out = String::new();
    head(&mut out, advice, style);
    if advice.facts.all().next().is_some() {
        title(&mut out, style, "Sessions lost a year: expected, and what one year may bring");
        out.push_str(&grid::draw(&table::losses(advice), style));
        title(&mut out, style, "The price, when nothing is broken");
        out.push_str(&grid::draw(&table::prices(advice), style));
        if let Some(trials) = table::claims_nothing(advice) {
            let trials = if trials == 1 { "One trial".to_owned() } else { format!("{trials} trials") };
            hanging(
                &mut out,
                style,
                Tone::Doubt,
                "! ",
                &format!(
                    "{trials}: the price is shown, and no claim is made. Six pairs make one (--repeat 6)."
                ),
            );
        }
    }
    signals(&mut out, advice, style);
    title(&mut out, style, "Advice");
    decision(&mut out, advice, style);
    gaps(&mut out, advice, style);
    arithmetic(&mut out, advice, style);
    title(&mut out, style, "What this takes for granted");
    for assumption in &advice.assumptions {
        hanging(&mut out, style, Tone::Dim, "- ", assumption);
    }
    out
}

fn title(out: &mut String, style: Style, text: &str) {
    out.push('\n');
    hanging(out, style, Tone::Head, "", text);
    out.push('\n');
}

fn head(out: &mut String, advice: &Advice, style: Style) {
    let quick = if advice.facts.quick { ", with all times halved" } else { "" };
    hanging(out, style, Tone::Head, "", "Where should your sessions live?");
    hanging(out, style, Tone::Dim, "", &format!("measured in run {}{quick}", advice.facts.run));
    out.push('\n');
    for (name, value) in said(&advice.service) {
        hanging(out, style, Tone::Plain, "  ", &format!("{name} = {value}"));
    }
}

/// What the user said, as in a file.
fn said(service: &Service) -> Vec<(&'static str, String)> {
    let numbers = KEYS.iter().filter_map(|key| Some((key.name, given(service.given(key.name)?))));
    numbers.chain([(super::TODAY, service.today.name().to_owned())]).collect()
}

fn signals(out: &mut String, advice: &Advice, style: Style) {
    title(out, style, "The five signals that it is time to move");
    for signal in &advice.signals {
        let (tone, mark) = match signal.state {
            State::Fires => (Tone::Bad, "!"),
            State::Silent => (Tone::Good, "\u{b7}"),
            State::Undecided | State::NotMeasured => (Tone::Doubt, "?"),
            State::NotAsked => (Tone::Dim, "-"),
        };
        let text = format!("{} {}: {}. {}", signal.id, signal.title, signal.state.words(), signal.why);
        hanging(out, style, tone, &format!("{mark} "), &text);
        if !signal.evidence.is_empty() {
            hanging(out, style, Tone::Dim, "      ", &format!("[{}]", signal.evidence.join("; ")));
        }
    }
}

fn decision(out: &mut String, advice: &Advice, style: Style) {
    let decision = &advice.decision;
    let (tone, mark) = match decision.choice {
        Choice::Stateful | Choice::Stateless => (Tone::Good, "\u{2714} "),
        Choice::Either | Choice::NoAdvice => (Tone::Doubt, "? "),
    };
    hanging(out, style, tone, mark, &decision.answer);
    for because in &decision.because {
        hanging(out, style, Tone::Plain, "  ", because);
    }
    if let [first, others @ ..] = decision.candidates.as_slice()
        && matches!(decision.choice, Choice::Stateless | Choice::Either)
        && !others.is_empty()
    {
        hanging(out, style, Tone::Plain, "  ", &format!("Weighed beside {first}: {}.", others.join(", ")));
    }
    for architecture in &advice.facts.stateless {
        if let Some(why) = refused(&advice.facts, architecture, &advice.service) {
            hanging(out, style, Tone::Plain, "  ", &format!("Not {}: {why}.", architecture.stack));
        }
    }
}

fn gaps(out: &mut String, advice: &Advice, style: Style) {
    if advice.gaps.is_empty() {
        return;
    }
    let words = if advice.is_given() { "Not weighed, for want of a measurement" } else { "What to run" };
    title(out, style, words);
    for gap in &advice.gaps {
        hanging(out, style, Tone::Doubt, "? ", &format!("{}: {}", gap.stack, clip(&gap.what, 400)));
        // A command is copied: it is never broken into lines.
        out.push_str(&format!("     {}\n", gap.run));
    }
}

fn arithmetic(out: &mut String, advice: &Advice, style: Style) {
    title(out, style, "The arithmetic");
    let mut stack = "";
    for Line { stack: of, what, how, gives } in &advice.arithmetic {
        if of != stack {
            hanging(out, style, Tone::Head, "", of);
            stack = of;
        }
        hanging(out, style, Tone::Plain, "  ", &format!("{what} = {how} = {gives}"));
    }
    let (decision, service) = (&advice.decision, &advice.service);
    if let (Some(kept), Some(balance), Some(first)) =
        (decision.kept, decision.balance, decision.candidates.first())
    {
        hanging(out, style, Tone::Head, "", &format!("stateful less {first}"));
        let text = format!("sessions kept a year = {}", super::range::ranged(kept));
        hanging(out, style, Tone::Plain, "  ", &text);
        let text = format!(
            "balance = {} x {} (your session_cost) - {} (store_cost_per_year) = {}",
            digits(kept.expected),
            given(service.session_cost),
            given(service.store_cost()),
            super::range::ranged(balance)
        );
        hanging(out, style, Tone::Plain, "  ", &text);
    }
}
