//! What has been found so far, over all shoppers.

use crate::anomaly::{Anomaly, AnomalyKind, Check};
use crate::answer::Moment;
use crate::attempts::Attempts;
use crate::clopper_pearson::clopper_pearson;
use crate::cookies::Cookies;
use crate::findings::{MOST_KEPT_PER_KIND, Sessions, Writes};
use crate::measured::RecoveryPoint;
use crate::recovery::Comebacks;
use crate::session::Watch;
use crate::wording::seconds;
use std::collections::BTreeMap;

/// An operation in a cart whose shopper had not attempted it. Whether somebody else had, or nobody, is known at the end: who
/// leaks may have its outcome later than who was leaked to.
#[derive(Debug)]
struct Foreign {
    shopper: u32,
    session: u32,
    op: Box<str>,
    at: Moment,
}

/// What has been found so far.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) watch: Watch,
    pub(crate) attempts: Attempts,
    pub(crate) cookies: Cookies,
    pub(crate) sessions: Sessions,
    pub(crate) writes: Writes,
    pub(crate) comebacks: Comebacks,
    pub(crate) point: RecoveryPoint,
    /// Sessions that began, ended alive, and were lost, at these moments.
    pub(crate) began_us: Vec<u64>,
    pub(crate) ended_us: Vec<u64>,
    pub(crate) lost_us: Vec<u64>,
    found: BTreeMap<AnomalyKind, u64>,
    kept: Vec<Anomaly>,
    foreign: Vec<Foreign>,
}

impl Ledger {
    pub(crate) fn new(fault_planned: bool) -> Self {
        Self {
            watch: if fault_planned { Watch::NotYet } else { Watch::Always },
            attempts: Attempts::default(),
            cookies: Cookies::default(),
            sessions: Sessions::default(),
            writes: Writes::default(),
            comebacks: Comebacks::default(),
            point: RecoveryPoint::default(),
            began_us: Vec::new(),
            ended_us: Vec::new(),
            lost_us: Vec::new(),
            found: BTreeMap::new(),
            kept: Vec::new(),
            foreign: Vec::new(),
        }
    }

    /// Files a finding.
    pub(crate) fn file(&mut self, anomaly: Anomaly) {
        let found = self.found.entry(anomaly.kind).or_default();
        *found += 1;
        if *found <= MOST_KEPT_PER_KIND as u64 {
            self.kept.push(anomaly);
        }
    }

    /// A cart held an operation that its shopper had not attempted.
    pub(crate) fn foreign(&mut self, shopper: u32, session: u32, op: &str, at: Moment) {
        self.foreign.push(Foreign { shopper, session, op: op.into(), at });
    }

    /// An acknowledged line is gone, alone or with its session.
    pub(crate) fn write_gone(&mut self, acknowledged: Moment) {
        self.point.writes_lost += 1;
        if let Some(t0_us) = self.watch.t0_us() {
            let age_us = t0_us.saturating_sub(acknowledged.at_us);
            self.point.oldest_age_us = Some(self.point.oldest_age_us.map_or(age_us, |old| old.max(age_us)));
        }
    }

    /// All entries were seen: tells leaked operations from those that nobody attempted.
    pub(crate) fn resolve_foreign(&mut self) {
        for Foreign { shopper, session, op, at } in std::mem::take(&mut self.foreign) {
            let writer = self.attempts.by(&op).filter(|writer| *writer != shopper);
            let (kind, whose) = match writer {
                Some(writer) => (AnomalyKind::CrossUserLeak, format!("which is shopper {writer}'s")),
                None => (AnomalyKind::Phantom, "which nobody had attempted".to_owned()),
            };
            let text = format!("At {}, shopper {shopper}'s cart held {op}, {whose}.", seconds(at.at_us));
            self.file(Anomaly {
                kind,
                shopper,
                session,
                op: Some(op.into()),
                absence: None,
                at_us: at.at_us,
                evidence: vec![at.seq],
                text,
            });
        }
    }

    /// Which kinds were looked for, and how many were found.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let found = |kind: &AnomalyKind| self.found.get(kind).copied().unwrap_or(0);
        let check = |kind: AnomalyKind| Check { kind, found: kind.is_checked().then(|| found(&kind)) };
        AnomalyKind::ALL.into_iter().map(check).collect()
    }

    /// The kept findings by kind, then in order of the journal.
    pub(crate) fn take_anomalies(&mut self) -> Vec<Anomaly> {
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_by(|a, b| {
            (a.kind, a.at_us, &a.evidence, &a.op).cmp(&(b.kind, b.at_us, &b.evidence, &b.op))
        });
        kept
    }

    /// What became of the sessions, as shares.
    pub(crate) fn tallied_sessions(&self) -> Sessions {
        let s = &self.sessions;
        let unverified = s.acknowledged - s.over_before_fault - s.verified;
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let interval = clopper_pearson(s.lost, s.verified);
        let at_risk = s.acknowledged - s.over_before_fault;
        Sessions {
            unverified,
            loss: share(s.lost, s.verified),
            loss_low: interval.map(|(low, _)| low),
            loss_high: interval.map(|(_, high)| high),
            loss_least: share(s.lost, at_risk),
            loss_most: share(s.lost + unverified, at_risk),
            loss_below: share(3, s.verified).filter(|_| s.lost == 0).map(|below| below.min(1.0)),
            ..s.clone()
        }
    }
}
