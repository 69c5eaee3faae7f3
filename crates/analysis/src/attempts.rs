//! Who attempted which operation, and whether every try of it failed. An operation that shows up in a cart must have been
//! attempted by that cart's shopper, and must not have failed for certain.

use std::collections::{BTreeMap, HashMap};

/// A plan has fewer steps a shopper than this; a stranger's journal must not make us allocate more.
const MOST_PLANNED: u32 = 1 << 22;

/// All operations that were attempted. Those that are named as a plan names them, `s<shopper>-<step>`, cost two bits.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    by_plan: BTreeMap<u32, Steps>,
    /// Anything else, by name: another driver's journal.
    by_name: HashMap<Box<str>, Attempt>,
}

#[derive(Debug, Default)]
struct Steps {
    attempted: Bits,
    /// Some try of it was acknowledged, or may have happened.
    may_have_happened: Bits,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    shopper: u32,
    may_have_happened: bool,
}

impl Attempts {
    /// A shopper tried an operation; `failed` when it certainly had no effect.
    pub(crate) fn record(&mut self, shopper: u32, op: &str, failed: bool) {
        match planned(op) {
            Some((namesake, step)) if namesake == shopper => {
                let steps = self.by_plan.entry(shopper).or_default();
                steps.attempted.set(step);
                if !failed {
                    steps.may_have_happened.set(step);
                }
            }
            _ => {
                let first = Attempt { shopper, may_have_happened: false };
                let attempt = self.by_name.entry(op.into()).or_insert(first);
                attempt.may_have_happened |= !failed;
            }
        }
    }

    /// Who attempted it first.
    pub(crate) fn by(&self, op: &str) -> Option<u32> {
        self.find(op).map(|attempt| attempt.shopper)
    }

    /// Whether it was attempted, and every try so far certainly failed.
    pub(crate) fn failed(&self, op: &str) -> bool {
        self.find(op).is_some_and(|attempt| !attempt.may_have_happened)
    }

    fn find(&self, op: &str) -> Option<Attempt> {
        let by_plan = planned(op).and_then(|(shopper, step)| {
            let steps = self.by_plan.get(&shopper).filter(|steps| steps.attempted.has(step))?;
            Some(Attempt { shopper, may_have_happened: steps.may_have_happened.has(step) })
        });
        by_plan.or_else(|| self.by_name.get(op).copied())
    }
}

#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, n: u32) {
        let word = n as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (n % 64);
    }

    fn has(&self, n: u32) -> bool {
        self.0.get(n as usize / 64).is_some_and(|word| word & (1 << (n % 64)) != 0)
    }
}

/// Takes `s<shopper>-<step>` apart; `None` for anything that is not spelled exactly so.
fn planned(op: &str) -> Option<(u32, u32)> {
    let (shopper, step) = op.strip_prefix('s')?.split_once('-')?;
    Some((number(shopper)?, number(step).filter(|step| *step < MOST_PLANNED)?))
}

/// Whose operation it is by its name, attempted or not.
pub(crate) fn named_after(op: &str) -> Option<u32> {
    planned(op).map(|(shopper, _)| shopper)
}

fn number(digits: &str) -> Option<u32> {
    let plain = digits == "0" || digits.starts_with(|first: char| matches!(first, '1'..='9'));
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_belongs_to_whoever_attempted_it_and_not_to_its_namesake() {
        let mut attempts = Attempts::default();
        attempts.record(3, "s3-1", false);
        attempts.record(3, "s3-700", false);
        attempts.record(4, "s3-5", false);
        attempts.record(4, "odd", false);
        assert_eq!(attempts.by("s3-700"), Some(3));
        assert_eq!(attempts.by("s3-5"), Some(4));
        assert_eq!(attempts.by("odd"), Some(4));
        assert_eq!(attempts.by("s3-2"), None);
        assert_eq!(attempts.by("s3-07"), None);
        assert_eq!(attempts.by("s3-+7"), None);
    }

    #[test]
    fn an_operation_failed_when_every_try_of_it_did() {
        let mut attempts = Attempts::default();
        for op in ["s3-1", "odd"] {
            assert!(!attempts.failed(op));
            attempts.record(3, op, true);
            assert!(attempts.failed(op));
            attempts.record(3, op, false);
            attempts.record(3, op, true);
            assert!(!attempts.failed(op));
        }
    }
}
