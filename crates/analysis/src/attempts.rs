//! Who attempted which operation. An operation that shows up in a cart must have been attempted by that cart's shopper.

use std::collections::{BTreeMap, HashMap};

/// All operations that were attempted. Those that are named as a plan names them, `s<shopper>-<step>`, cost four bytes.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// Steps of each shopper, ascending.
    by_plan: BTreeMap<u32, Vec<u32>>,
    /// Anything else, by name: another driver's journal.
    by_name: HashMap<Box<str>, u32>,
}

impl Attempts {
    /// A shopper attempted an operation.
    pub(crate) fn record(&mut self, shopper: u32, op: &str) {
        if let Some((namesake, step)) = planned(op)
            && namesake == shopper
        {
            let steps = self.by_plan.entry(shopper).or_default();
            if steps.last().is_none_or(|last| *last < step) {
                steps.push(step);
                return;
            }
            if steps.binary_search(&step).is_ok() {
                return;
            }
        }
        self.by_name.entry(op.into()).or_insert(shopper);
    }

    /// Who attempted it first.
    pub(crate) fn by(&self, op: &str) -> Option<u32> {
        let by_plan = planned(op).filter(|(shopper, step)| {
            self.by_plan.get(shopper).is_some_and(|steps| steps.binary_search(step).is_ok())
        });
        by_plan.map(|(shopper, _)| shopper).or_else(|| self.by_name.get(op).copied())
    }
}

/// Takes `s<shopper>-<step>` apart; `None` for anything that is not spelled exactly so.
fn planned(op: &str) -> Option<(u32, u32)> {
    let (shopper, step) = op.strip_prefix('s')?.split_once('-')?;
    Some((number(shopper)?, number(step)?))
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
        attempts.record(3, "s3-1");
        attempts.record(3, "s3-7");
        attempts.record(4, "s3-5");
        attempts.record(4, "odd");
        assert_eq!(attempts.by("s3-7"), Some(3));
        assert_eq!(attempts.by("s3-5"), Some(4));
        assert_eq!(attempts.by("odd"), Some(4));
        assert_eq!(attempts.by("s3-2"), None);
        assert_eq!(attempts.by("s3-07"), None);
        assert_eq!(attempts.by("s3-+7"), None);
    }
}
