//! Which promises could never break: the rule, without the trials. docs/scenarios.md says it in words.

use scenario::{Expectation, Metric, Scenario, Stack};

/// A limit is in sight when the cause takes up so much of it.
const IN_SIGHT: f64 = 0.1;

/// What one trial showed of one promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// Its value; infinite for what never came.
    Is(f64),
    /// It could not be measured.
    Unmeasured,
    /// The trial cannot be believed.
    Doubtful,
}

/// What one trial showed, promise by promise in the scenario's order.
pub struct Column {
    /// On which stack.
    pub stack: Stack,
    /// What was seen.
    pub seen: Vec<Seen>,
}

/// The trials of one scenario.
#[derive(Default)]
pub struct Evidence {
    /// As it is written, on each of its stacks.
    pub written: Vec<Column>,
    /// Without its faults and its probes.
    pub without: Vec<Column>,
    /// With its faults and its retries, but without the key that tells a second try from a second operation.
    pub unkeyed: Vec<Column>,
    /// As it is written, on servers that share no store and know no stickiness.
    pub unheld: Vec<Column>,
}

/// What is known of a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It asks whether the trial may be believed, and need not notice the cause.
    Guard,
    /// It can break, and this is how that was seen.
    Notices(String),
    /// It held wherever anybody looked.
    Held,
    /// It held where anybody could look, and some trials could not be believed.
    Unclear,
}

/// Whether a promise asks for the state of the trial before anything happens to it, or whether anybody looked.
pub fn is_guard(expectation: &Expectation) -> bool {
    matches!(
        expectation.metric,
        Metric::SessionsVerified | Metric::BaselineErrorsPercent | Metric::BaselineP99Ms
    )
}

/// What the trials so far say of a promise.
pub fn standing(scenario: &Scenario, index: usize, evidence: &Evidence) -> Standing {
    let promise = &scenario.expect[index];
    let covers = |stack: Stack| promise.covers(&stack.to_string());
    for column in &evidence.written {
        if let Seen::Is(value) = column.seen[index]
            && !promise.holds(value)
        {
            let whose =
                if covers(column.stack) { "it breaks as it is" } else { "asked of another stack it breaks" };
            return Standing::Notices(format!("{whose}: {} on {}", figure(value), column.stack));
        }
    }
    for column in evidence.without.iter().filter(|column| covers(column.stack)) {
        let Some(before) = value(&evidence.written, column.stack, index) else { continue };
        let Seen::Is(after) = column.seen[index] else { continue };
        let told = || format!("{} instead of {} on {}", figure(after), figure(before), column.stack);
        let cause = if promise.metric.needs_a_probe().is_some() { "probes" } else { "faults" };
        if !promise.holds(after) {
            return Standing::Notices(format!("without the {cause} it breaks: {}", told()));
        }
        if promise.max.is_some_and(|max| max > 0.0 && before - after >= IN_SIGHT * max) {
            return Standing::Notices(format!("the {cause} come near the limit: without them {}", told()));
        }
    }
    for column in evidence.unkeyed.iter().filter(|column| covers(column.stack)) {
        if let Seen::Is(value) = column.seen[index]
            && !promise.holds(value)
        {
            let found = format!("{} on {}", figure(value), column.stack);
            return Standing::Notices(format!("without the idempotency key it breaks: {found}"));
        }
    }
    for column in &evidence.unheld {
        if let Seen::Is(value) = column.seen[index]
            && !promise.holds(value)
        {
            return Standing::Notices(format!(
                "without a shared store and stickiness it breaks: {} on {}",
                figure(value),
                column.stack
            ));
        }
    }
    let columns = evidence.written.iter().chain(&evidence.without);
    let columns = columns.chain(&evidence.unkeyed).chain(&evidence.unheld);
    match columns.map(|column| column.seen[index]).any(|seen| seen == Seen::Doubtful) {
        _ if is_guard(promise) => Standing::Guard,
        true => Standing::Unclear,
        false => Standing::Held,
    }
}

fn value(columns: &[Column], stack: Stack, index: usize) -> Option<f64> {
    let column = columns.iter().find(|column| column.stack == stack)?;
    if let Seen::Is(value) = column.seen[index] { Some(value) } else { None }
}

fn figure(value: f64) -> String {
    if value.is_infinite() {
        return "never".to_owned();
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario of two stacks with one promise.
    fn scenario(stacks: &str, metric: &str, bounds: &str) -> Scenario {
        let text = include_str!("../../../scenarios/server-kill.toml");
        let (head, _) = text.split_once("[[expect]]").unwrap();
        let head = head.replace(
            r#"["stateful", "stateless-redis", "stateless-postgres", "stateless-sqlite"]"#,
            r#"["stateful", "stateless-redis"]"#,
        );
        let promise =
            format!("[[expect]]\nstacks = {stacks}\nmetric = \"{metric}\"\n{bounds}\nbecause = \"so\"\n");
        Scenario::parse("mine.toml", &(head + &promise)).unwrap()
    }

    fn columns(values: &[(&str, Seen)]) -> Vec<Column> {
        values
            .iter()
            .map(|(stack, seen)| Column { stack: stack.parse().unwrap(), seen: vec![*seen] })
            .collect()
    }

    fn written(stateful: Seen, stateless: Seen) -> Evidence {
        let written = columns(&[("stateful", stateful), ("stateless-redis", stateless)]);
        Evidence { written, ..Evidence::default() }
    }

    #[test]
    fn the_other_stack_is_the_contrast() {
        let scenario = scenario(r#"["stateless-*"]"#, "sessions-lost", "max = 0");
        let found = standing(&scenario, 0, &written(Seen::Is(100.0), Seen::Is(0.0)));
        assert_eq!(found, Standing::Notices("asked of another stack it breaks: 100 on stateful".to_owned()));
        let found = standing(&scenario, 0, &written(Seen::Is(0.0), Seen::Is(0.0)));
        assert_eq!(found, Standing::Held, "nobody loses anything: the promise says nothing here");
    }

    #[test]
    fn a_promise_of_a_loss_breaks_without_the_faults() {
        let scenario = scenario(r#"["stateful", "stateless-*"]"#, "sessions-lost-percent", "min = 25");
        let mut evidence = written(Seen::Is(30.0), Seen::Is(30.0));
        assert_eq!(standing(&scenario, 0, &evidence), Standing::Held);
        evidence.without = columns(&[("stateful", Seen::Is(0.0))]);
        let found = standing(&scenario, 0, &evidence);
        let told = "without the faults it breaks: 0 instead of 30 on stateful";
        assert_eq!(found, Standing::Notices(told.to_owned()));
    }

    #[test]
    fn a_promise_that_all_is_refused_breaks_without_the_probes() {
        let mut scenario = scenario(r#"["stateful", "stateless-*"]"#, "sessions-lost", "min = 100");
        scenario.expect[0].metric = Metric::TampersRefusedPercent;
        let mut evidence = written(Seen::Is(100.0), Seen::Is(100.0));
        assert_eq!(standing(&scenario, 0, &evidence), Standing::Held);
        evidence.without = columns(&[("stateful", Seen::Is(0.0))]);
        let told = "without the probes it breaks: 0 instead of 100 on stateful";
        assert_eq!(standing(&scenario, 0, &evidence), Standing::Notices(told.to_owned()));
    }

    #[test]
    fn a_limit_that_the_faults_do_not_come_near_is_too_wide() {
        let scenario = scenario(r#"["stateful", "stateless-*"]"#, "fault-errors-percent", "max = 2");
        let mut evidence = written(Seen::Is(0.1), Seen::Is(0.1));
        evidence.without = columns(&[("stateful", Seen::Is(0.0)), ("stateless-redis", Seen::Is(0.0))]);
        assert_eq!(standing(&scenario, 0, &evidence), Standing::Held);
        evidence.written = columns(&[("stateful", Seen::Is(0.1)), ("stateless-redis", Seen::Is(0.5))]);
        assert!(
            matches!(standing(&scenario, 0, &evidence), Standing::Notices(how) if how.contains("0 instead of 0.5"))
        );
    }

    #[test]
    fn a_limit_of_nothing_at_all_breaks_on_servers_that_hold_nothing_together() {
        let scenario = scenario(r#"["stateful", "stateless-*"]"#, "anomalies", "max = 0");
        let mut evidence = written(Seen::Is(0.0), Seen::Is(0.0));
        evidence.without = columns(&[("stateful", Seen::Is(0.0))]);
        assert_eq!(standing(&scenario, 0, &evidence), Standing::Held);
        evidence.unheld = columns(&[("memory+round-robin", Seen::Is(7.0))]);
        assert!(matches!(standing(&scenario, 0, &evidence), Standing::Notices(_)));
    }

    #[test]
    fn a_key_shows_its_worth_where_it_is_missing() {
        let scenario = scenario(r#"["stateless-*"]"#, "effects-duplicated", "max = 0");
        let mut evidence = written(Seen::Is(0.0), Seen::Is(0.0));
        assert_eq!(standing(&scenario, 0, &evidence), Standing::Held);
        evidence.unkeyed = columns(&[("stateful", Seen::Is(90.0))]);
        assert_eq!(standing(&scenario, 0, &evidence), Standing::Held, "nothing is promised there");
        evidence.unkeyed = columns(&[("stateless-redis", Seen::Is(90.0))]);
        let told = "without the idempotency key it breaks: 90 on stateless-redis";
        assert_eq!(standing(&scenario, 0, &evidence), Standing::Notices(told.to_owned()));
    }

    #[test]
    fn a_trial_that_cannot_be_believed_proves_nothing_either_way() {
        let scenario = scenario(r#"["stateless-*"]"#, "sessions-lost", "max = 0");
        assert_eq!(standing(&scenario, 0, &written(Seen::Doubtful, Seen::Is(0.0))), Standing::Unclear);
        assert_eq!(standing(&scenario, 0, &written(Seen::Unmeasured, Seen::Is(0.0))), Standing::Held);
    }

    #[test]
    fn a_guard_need_not_notice_but_may() {
        let scenario = scenario(r#"["stateful", "stateless-*"]"#, "sessions-verified", "min = 300");
        assert_eq!(standing(&scenario, 0, &written(Seen::Is(300.0), Seen::Is(300.0))), Standing::Guard);
        assert!(matches!(
            standing(&scenario, 0, &written(Seen::Is(12.0), Seen::Is(300.0))),
            Standing::Notices(_)
        ));
    }
}
