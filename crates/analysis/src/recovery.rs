//! How long it took: for the service, and for each session.
//!
//! t0 is the driver's clock just before the first fault was called. From there to the end of the load, requests are counted on a
//! grid of 100 ms by the moment at which they were *planned* (what was in flight at t0 counts at t0), and the grid is read in windows of the steady state's `sustain_s`.
//! A window is steady when the share of complete answers below 500 and the 99th percentile of latency from the plan both meet the
//! steady state. The latter holds exactly when at most one in a hundred took longer than the bound, so no histogram is needed. A
//! window without requests proves nothing, and is not steady; what was planned and never sent counts as unanswered and slow.
//!
//! A 401 is an answer: the loss of a session is judged on its own. Otherwise one lost session would make the service look down
//! for ever, and "back after 1 s; 312 shoppers never" could not be said.

use crate::measured::{Recovery, RecoveryPoint, ServiceRecovery, SessionRecovery};
use crate::session::Watch;
use scenario::SteadyState;

/// The grid on which windows begin.
pub(crate) const GRID_US: u64 = 100_000;

/// Requests, how many were answered, and how many took longer than the steady state allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) answered: u64,
    pub(crate) slow: u64,
}

impl Tally {
    /// One more request; without a latency it was never sent.
    pub(crate) fn add(&mut self, answered: bool, latency_us: Option<u64>, steady: &SteadyState) {
        self.requests += 1;
        self.answered += u64::from(answered);
        self.slow += u64::from(latency_us.is_none_or(|us| us as f64 > steady.p99_ms * 1e3));
    }

    /// Whether this meets the steady state.
    pub(crate) fn is_steady(self, steady: &SteadyState) -> bool {
        self.requests > 0
            && self.answered as f64 >= steady.ok_ratio * self.requests as f64
            && self.slow * 100 <= self.requests
    }

    fn plus(self, other: Tally) -> Tally {
        Tally {
            requests: self.requests + other.requests,
            answered: self.answered + other.answered,
            slow: self.slow + other.slow,
        }
    }
}

/// The grid from t0 to the end of the load.
#[derive(Debug)]
pub(crate) struct ServiceWatch {
    t0_us: u64,
    end_us: u64,
    cells: Vec<Tally>,
    total: Tally,
}

impl ServiceWatch {
    /// The first fault is about to be called.
    pub(crate) fn new(t0_us: u64, end_us: u64) -> Self {
        let whole_cells = end_us.saturating_sub(t0_us) / GRID_US;
        let cells = vec![Tally::default(); usize::try_from(whole_cells).unwrap_or(0)];
        Self { t0_us, end_us, cells, total: Tally::default() }
    }

    /// When the first fault was called.
    pub(crate) fn t0_us(&self) -> u64 {
        self.t0_us
    }

    /// A request under load.
    pub(crate) fn add(
        &mut self,
        planned_us: u64,
        answered: bool,
        latency_us: Option<u64>,
        steady: &SteadyState,
    ) {
        let Some(since_us) = planned_us.checked_sub(self.t0_us) else { return };
        if planned_us >= self.end_us {
            return;
        }
        self.total.add(answered, latency_us, steady);
        let cell = usize::try_from(since_us / GRID_US).ok().and_then(|cell| self.cells.get_mut(cell));
        if let Some(cell) = cell {
            cell.add(answered, latency_us, steady);
        }
    }

    /// All requests that were planned from t0 to the end of the load.
    pub(crate) fn total(&self) -> Tally {
        self.total
    }

    /// What became of the service.
    pub(crate) fn judge(&self, steady: &SteadyState) -> ServiceJudgement {
        let width = ((steady.sustain_s * 1e6 / GRID_US as f64).ceil() as usize).max(1);
        let is_steady =
            |window: &[Tally]| window.iter().copied().fold(Tally::default(), Tally::plus).is_steady(steady);
        let windows: Vec<bool> = self.cells.windows(width).map(is_steady).collect();
        let first_steady = windows.iter().position(|steady| *steady);
        let service = match (windows.first(), first_steady) {
            (None, _) => ServiceRecovery::NotMeasured,
            (_, None) => ServiceRecovery::NotBack,
            (_, Some(0)) if windows.iter().all(|steady| *steady) => ServiceRecovery::NotInterrupted,
            (_, Some(0)) => ServiceRecovery::LeftLater,
            _ => ServiceRecovery::Back,
        };
        let covered = |cell: usize| {
            let from = (cell + 1).saturating_sub(width);
            windows.iter().take(cell + 1).skip(from).any(|steady| *steady)
        };
        let unsteady = (0..self.cells.len()).filter(|cell| !covered(*cell)).count();
        let length_us = self.end_us.saturating_sub(self.t0_us);
        ServiceJudgement {
            service,
            service_back_us: first_steady.map(|window| window as u64 * GRID_US),
            unsteady_us: unsteady as u64 * GRID_US,
            resolution_us: length_us.checked_div(self.total.requests).unwrap_or(length_us).max(GRID_US),
        }
    }
}

/// What became of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServiceJudgement {
    pub(crate) service: ServiceRecovery,
    pub(crate) service_back_us: Option<u64>,
    pub(crate) unsteady_us: u64,
    pub(crate) resolution_us: u64,
}

/// How one session fared after t0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comeback {
    troubled: bool,
    back_after_us: Option<u64>,
}

impl Comeback {
    /// A request that was sent after t0 has ended: well or not, and, where its answer shows the session's state intact, how long
    /// after t0.
    pub(crate) fn hears(&mut self, well: bool, intact_after_us: Option<u64>) {
        if !well {
            self.troubled = true;
        } else if self.troubled && self.back_after_us.is_none() {
            self.back_after_us = intact_after_us;
        }
    }
}

/// How all sessions fared that were there after t0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comebacks {
    after_us: Vec<u64>,
    never: u64,
    unresolved: u64,
    not_affected: u64,
}

impl Comebacks {
    /// A session is over.
    pub(crate) fn add(&mut self, comeback: &Comeback, lost: bool, watch: Watch) {
        if watch.t0_us().is_none() {
            return;
        }
        match (lost, comeback.troubled, comeback.back_after_us) {
            (true, _, _) => self.never += 1,
            (false, true, Some(after_us)) => self.after_us.push(after_us),
            (false, true, None) => self.unresolved += 1,
            (false, false, _) => self.not_affected += 1,
        }
    }

    fn summary(mut self) -> SessionRecovery {
        self.after_us.sort_unstable();
        let last = self.after_us.len().saturating_sub(1);
        SessionRecovery {
            recovered: self.after_us.len() as u64,
            never: self.never,
            unresolved: self.unresolved,
            not_affected: self.not_affected,
            min_us: self.after_us.first().copied(),
            p50_us: self.after_us.get(last / 2).copied(),
            max_us: self.after_us.last().copied(),
        }
    }
}

/// Everything about recovery.
pub(crate) fn recovery(
    service: &ServiceWatch,
    steady: &SteadyState,
    comebacks: Comebacks,
    point: RecoveryPoint,
) -> Recovery {
    let judged = service.judge(steady);
    Recovery {
        t0_us: service.t0_us,
        service: judged.service,
        service_back_us: judged.service_back_us,
        unsteady_us: judged.unsteady_us,
        resolution_us: judged.resolution_us,
        sessions: comebacks.summary(),
        point,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY: SteadyState = SteadyState { ok_ratio: 0.99, p99_ms: 100.0, sustain_s: 0.5 };

    /// Ten requests a cell; each character is a cell: `.` well, `x` one unanswered, `s` one slow, ` ` no requests.
    fn service(cells: &str) -> ServiceJudgement {
        let t0_us = 7_000_050;
        let mut watch = ServiceWatch::new(t0_us, t0_us + cells.len() as u64 * GRID_US);
        for (n, cell) in cells.chars().enumerate() {
            for request in 0..10 {
                let planned_us = t0_us + n as u64 * GRID_US + request * 10_000;
                let first = request == 0;
                let latency_us = if cell == 's' && first { 100_001 } else { 100_000 };
                if cell != ' ' {
                    watch.add(planned_us, !(cell == 'x' && first), Some(latency_us), &STEADY);
                }
            }
        }
        watch.judge(&STEADY)
    }

    #[test]
    fn a_service_that_stays_well_was_not_interrupted() {
        let judged = service("..........");
        assert_eq!(judged.service, ServiceRecovery::NotInterrupted);
        assert_eq!((judged.service_back_us, judged.unsteady_us), (Some(0), 0));
        assert_eq!(judged.resolution_us, GRID_US);
    }

    #[test]
    fn a_service_is_back_at_the_start_of_the_first_window_that_is_well() {
        for outage in ["xxx.......", "x.x.......", "sss......."] {
            let judged = service(outage);
            assert_eq!(judged.service, ServiceRecovery::Back, "{outage}");
            assert_eq!((judged.service_back_us, judged.unsteady_us), (Some(300_000), 300_000), "{outage}");
        }
    }

    #[test]
    fn a_window_without_requests_proves_nothing() {
        assert_eq!(service("          ").service, ServiceRecovery::NotBack);
        assert_eq!(service("      .....").service_back_us, Some(200_000));
    }

    #[test]
    fn a_pause_between_two_outages_that_is_too_short_is_not_recovery() {
        assert_eq!(service("x....x.....").service_back_us, Some(600_000));
        assert_eq!(service("x.....x....").service_back_us, Some(100_000));
    }

    #[test]
    fn a_service_that_leaves_the_steady_state_later_says_so() {
        let judged = service(".....x.....");
        assert_eq!(judged.service, ServiceRecovery::LeftLater);
        assert_eq!((judged.service_back_us, judged.unsteady_us), (Some(0), 100_000));
    }

    #[test]
    fn a_window_must_lie_within_the_load() {
        let judged = service("xxxxxx....");
        assert_eq!(judged.service, ServiceRecovery::NotBack);
        assert_eq!((judged.service_back_us, judged.unsteady_us), (None, 1_000_000));
        assert_eq!(service("....").service, ServiceRecovery::NotMeasured);
    }

    #[test]
    fn few_requests_make_the_resolution_coarse() {
        let mut watch = ServiceWatch::new(0, 2_000_000);
        watch.add(0, true, Some(1), &STEADY);
        watch.add(1_000_000, true, Some(1), &STEADY);
        assert_eq!(watch.judge(&STEADY).resolution_us, 1_000_000);
    }

    #[test]
    fn the_session_s_recovery_is_its_first_intact_answer_after_trouble() {
        let mut comebacks = Comebacks::default();
        let since = Watch::Since(0);
        let mut hit = Comeback::default();
        hit.hears(true, Some(1));
        hit.hears(false, None);
        hit.hears(true, None);
        hit.hears(true, Some(30));
        hit.hears(true, Some(40));
        comebacks.add(&hit, false, since);
        comebacks.add(&Comeback { troubled: true, back_after_us: Some(10) }, false, since);
        comebacks.add(&Comeback { troubled: true, back_after_us: None }, false, since);
        comebacks.add(&Comeback { troubled: true, back_after_us: None }, true, since);
        comebacks.add(&Comeback::default(), false, since);
        comebacks.add(&hit, false, Watch::NotYet);
        let summary = comebacks.summary();
        assert_eq!(
            summary,
            SessionRecovery {
                recovered: 2,
                never: 1,
                unresolved: 1,
                not_affected: 1,
                min_us: Some(10),
                p50_us: Some(10),
                max_us: Some(30),
            }
        );
    }
}
