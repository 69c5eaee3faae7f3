//! When lost sessions are told of in a sentence. What a kill costs comes in over seconds, and is told together; sessions that are lost and
//! found for ever, as under a policy that sends their shoppers about, are not told again and again.

use std::collections::VecDeque;

/// What does not settle is told after so many seconds all the same.
const PATIENCE_S: usize = 5;

/// What was told, and what the last seconds brought.
#[derive(Debug, Default)]
pub(super) struct Losses {
    told: u64,
    /// How many were lost at the end of each of the last seconds.
    lately: VecDeque<u64>,
}

impl Losses {
    /// A second is over, with so many lost: how many more are to be told, if it is time.
    pub(super) fn second(&mut self, lost: u64) -> Option<u64> {
        let settled = self.lately.back().is_some_and(|before| lost <= *before);
        self.lately.push_back(lost);
        if self.lately.len() > PATIENCE_S {
            self.lately.pop_front();
        }
        // Only who stays away from the pile for so long has come back.
        self.told = self.told.min(self.lately.iter().max().copied().unwrap_or(0));
        let waited = self.lately.len() == PATIENCE_S && self.lately.iter().all(|lost| *lost > self.told);
        if settled || waited { self.last(lost) } else { None }
    }

    /// No more seconds come: how many have not been told.
    pub(super) fn last(&mut self, lost: u64) -> Option<u64> {
        let more = lost.checked_sub(self.told).filter(|more| *more > 0)?;
        self.told = lost;
        Some(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(seconds: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut losses = Losses::default();
        seconds.into_iter().filter_map(|lost| losses.second(lost)).collect()
    }

    #[test]
    fn what_a_kill_costs_is_told_once_when_all_of_it_is_known() {
        assert_eq!(told([0, 0, 31, 60, 78, 80, 80, 80, 80]), [80]);
        assert_eq!(told([0, 7, 7, 7, 9, 9]), [7, 2]);
    }

    #[test]
    fn losses_that_do_not_end_are_told_in_between() {
        assert_eq!(told(0..=15), [5, 5, 5]);
    }

    #[test]
    fn sessions_that_come_and_go_are_not_told_for_ever() {
        let about = told([20, 35, 18, 33, 21, 36, 19, 34].into_iter().cycle().take(600));
        assert!(about.len() <= 4, "ten minutes of the same: {about:?}");
    }

    #[test]
    fn who_has_come_back_can_be_lost_again() {
        assert_eq!(told([30, 30, 0, 0, 0, 0, 0, 25, 25]), [30, 25]);
        let mut losses = Losses::default();
        assert_eq!(
            (losses.second(3), losses.last(3), losses.last(3)),
            (None, Some(3), None),
            "the last second too"
        );
    }
}
