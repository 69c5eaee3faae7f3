//! The load as it went by, in quarters of a second.

use crate::answer::{is_answered, is_refused};
use crate::latency::{Interval, Resting, greatest, quantile};
use crate::ledger::Ledger;
use crate::measured::{Bucket, ServerSeries, Timeline};
use journal::{Outcome, StepEvent};
use scenario::Phase;
use std::collections::BTreeMap;

/// Length of a bucket.
pub(crate) const BUCKET_US: u64 = 250_000;

/// So many buckets are open for what comes late: 30 s.
const OPEN: usize = 120;

/// Servers that have a series of their own: more names than these only a damaged journal has.
pub const MOST_SERVERS_TOLD: usize = 32;

/// The buckets so far.
#[derive(Debug)]
pub(crate) struct TimelineTally {
    buckets: Vec<Bucket>,
    /// How many answers of each server fell into which bucket: in a long trial one server after the other lives for a while.
    servers: BTreeMap<String, BTreeMap<usize, u64>>,
    times: Vec<Times>,
    resting: Resting,
}

/// The times of a bucket. A histogram exists only where something was recorded, and grows with its values.
#[derive(Debug, Default)]
struct Times {
    latency: Option<Interval>,
    service: Option<Interval>,
}

impl TimelineTally {
    pub(crate) fn new(end_us: u64) -> Self {
        let count = end_us.div_ceil(BUCKET_US);
        let buckets = (0..count).map(|n| Bucket { start_us: n * BUCKET_US, ..Bucket::default() });
        Self {
            buckets: buckets.collect(),
            servers: BTreeMap::new(),
            times: (0..count).map(|_| Times::default()).collect(),
            resting: Resting::default(),
        }
    }

    pub(crate) fn add(&mut self, step: &StepEvent) {
        let place = usize::try_from(step.planned_us / BUCKET_US).unwrap_or(usize::MAX);
        let (Some(bucket), Some(times)) = (self.buckets.get_mut(place), self.times.get_mut(place)) else {
            return;
        };
        if step.phase == Phase::Final {
            return;
        }
        bucket.requests += 1;
        bucket.ok += u64::from(step.outcome == Outcome::Ok);
        bucket.refused += u64::from(is_refused(step));
        bucket.failed += u64::from(!is_answered(step));
        let since = |start_us| step.done_us.saturating_sub(start_us);
        times.latency.get_or_insert_with(Interval::new).record(since(step.planned_us));
        if let Some(sent_us) = step.sent_us {
            times.service.get_or_insert_with(Interval::new).record(since(sent_us));
        }
        for old in &mut self.times[self.resting.due(place, OPEN)] {
            [&mut old.latency, &mut old.service].into_iter().flatten().for_each(Interval::rest);
        }
        if let (true, Some(server)) = (is_answered(step), &step.server) {
            self.count_answer(server, place);
        }
    }

    fn count_answer(&mut self, server: &str, place: usize) {
        let is_told = self.servers.contains_key(server) || self.servers.len() < MOST_SERVERS_TOLD;
        let name = if is_told { server } else { "" };
        let series = match self.servers.get_mut(name) {
            Some(series) => series,
            None => self.servers.entry(name.to_owned()).or_default(),
        };
        *series.entry(place).or_default() += 1;
    }

    /// The time series, with the sessions that were alive and lost, to the end of the load.
    pub(crate) fn finish(mut self, ledger: &Ledger, end_us: u64) -> Timeline {
        let count = usize::try_from(end_us.div_ceil(BUCKET_US)).unwrap_or(usize::MAX);
        self.buckets.truncate(count);
        self.times.truncate(count);
        for (bucket, Times { latency, service }) in self.buckets.iter_mut().zip(self.times) {
            let figures = |times: Option<Interval>| {
                times
                    .map(Interval::into_histogram)
                    .map_or((None, None, None), |t| (quantile(&t, 0.5), quantile(&t, 0.99), greatest(&t)))
            };
            (bucket.p50_us, bucket.p99_us, bucket.max_us) = figures(latency);
            (bucket.service_p50_us, bucket.service_p99_us, bucket.service_max_us) = figures(service);
        }
        let count = self.buckets.len();
        let began = by_bucket(&ledger.began_us, count);
        let ended = by_bucket(&ledger.ended_us, count);
        let lost = by_bucket(&ledger.lost_us, count);
        let (mut alive, mut gone) = (0_u64, 0);
        for (n, bucket) in self.buckets.iter_mut().enumerate() {
            alive = (alive + began[n]).saturating_sub(ended[n] + lost[n]);
            gone += lost[n];
            bucket.sessions_alive = alive;
            bucket.sessions_lost = gone;
        }
        let servers = self.servers.into_iter().map(|(server, series)| {
            let answers = (0..count).map(|place| series.get(&place).copied().unwrap_or(0)).collect();
            ServerSeries { server, answers }
        });
        Timeline { bucket_us: BUCKET_US, buckets: self.buckets, servers: servers.collect() }
    }
}

/// How many moments fall into each of `count` buckets. What is later than the load, in the final reads, belongs to its last bucket.
fn by_bucket(moments_us: &[u64], count: usize) -> Vec<u64> {
    let mut counts = vec![0; count];
    let last = count.saturating_sub(1);
    for us in moments_us {
        let place = usize::try_from(us / BUCKET_US).unwrap_or(last).min(last);
        if let Some(count) = counts.get_mut(place) {
            *count += 1;
        }
    }
    counts
}
