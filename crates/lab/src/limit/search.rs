//! The search itself: doubling until a rate is missed, then bisection, then the answer once more. Pure.

/// What became of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The steady state was met.
    Met,
    /// It was not.
    Missed,
}

/// How far the search has come. Rates are requests a second.
#[derive(Clone, Debug)]
pub struct Search {
    /// The highest that were met, ascending.
    met: Vec<f64>,
    missed: Option<f64>,
    first: f64,
    most: f64,
    precision: f64,
    confirmed: bool,
}

impl Search {
    /// From a first rate up to a highest one, until the gap is no wider than this share of the rate.
    pub fn new(first: f64, most: f64, precision: f64) -> Self {
        Self { met: Vec::new(), missed: None, first: first.min(most), most, precision, confirmed: false }
    }

    /// The next rate to try; `None` when there is nothing left to learn.
    pub fn next(&self) -> Option<f64> {
        match (self.met.last().copied(), self.missed) {
            (None, None) => Some(self.first),
            (Some(met), None) if met < self.most => Some((met * 2.0).min(self.most)),
            // Ten halvings below the first rate there is no service to speak of.
            (None, Some(missed)) => Some(missed / 2.0).filter(|rate| *rate >= self.first / 1_024.0),
            (Some(met), Some(missed)) if missed - met > self.precision * missed => {
                Some(f64::midpoint(met, missed))
            }
            (Some(met), _) => Some(met).filter(|_| !self.confirmed),
        }
    }

    /// What became of the rate that [`Search::next`] named.
    pub fn learn(&mut self, rate: f64, answer: Answer) {
        let again = self.met.last() == Some(&rate);
        match answer {
            Answer::Met if again => self.confirmed = true,
            Answer::Met => self.met.push(rate),
            Answer::Missed => {
                // Luck the first time: the answer lies below, and what was met above it counts no more.
                self.met.retain(|met| *met < rate);
                self.missed = Some(rate);
            }
        }
    }

    /// The highest rate that was met, twice when the search has ended.
    pub fn met(&self) -> Option<f64> {
        self.met.last().copied()
    }

    /// The lowest rate that was missed; `None` when even the highest was met.
    pub fn missed(&self) -> Option<f64> {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a tier that holds up to a limit, and says how many trials that took.
    fn find(limit: f64, most: f64) -> (Search, usize) {
        let mut search = Search::new(100.0, most, 0.05);
        for tries in 0..60 {
            let Some(rate) = search.next() else { return (search, tries) };
            search.learn(rate, if rate <= limit { Answer::Met } else { Answer::Missed });
        }
        panic!("the search for {limit} does not end: {search:?}");
    }

    #[test]
    fn the_limit_lies_between_what_was_met_and_what_was_missed() {
        for limit in [1.0, 7.5, 99.0, 100.0, 101.0, 333.0, 5_000.0, 19_999.0] {
            let (search, tries) = find(limit, 20_000.0);
            let (met, missed) = (search.met().unwrap(), search.missed().unwrap());
            assert!(met <= limit && limit < missed && missed - met <= 0.05 * missed, "{limit}: {search:?}");
            assert!(tries <= 20, "{limit}: {tries}");
        }
    }

    #[test]
    fn a_tier_that_holds_at_the_highest_rate_leaves_no_missed_one() {
        let (search, _) = find(1e9, 20_000.0);
        assert_eq!((search.met(), search.missed()), (Some(20_000.0), None));
    }

    #[test]
    fn a_tier_that_holds_at_no_rate_ends_the_search() {
        let (search, _) = find(0.0, 20_000.0);
        assert_eq!(search.met(), None);
    }

    #[test]
    fn a_rate_that_was_met_by_luck_is_given_up_when_it_is_missed_the_second_time() {
        let mut search = Search::new(100.0, 1_000.0, 0.5);
        search.learn(100.0, Answer::Met);
        search.learn(200.0, Answer::Met);
        search.learn(400.0, Answer::Missed);
        search.learn(300.0, Answer::Missed);
        assert_eq!(search.next(), Some(200.0));
        search.learn(200.0, Answer::Missed);
        assert_eq!((search.met(), search.missed(), search.next()), (Some(100.0), Some(200.0), Some(100.0)));
    }
}
