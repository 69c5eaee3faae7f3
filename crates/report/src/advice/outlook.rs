//! The sessions that an architecture is expected to lose in a year: how often each cause comes, times the sessions that it meets,
//! times the share that was measured. `advice.js` does the same, and a test compares the two.

use super::facts::{Architecture, Known, Loss};
use super::range::{Range, poisson};
use super::service::Service;
use schemars::JsonSchema;
use serde::Serialize;

/// Weeks in a year.
pub(crate) const WEEKS: f64 = 52.0;

/// What loses sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A server crashes.
    ServerCrash,
    /// Every server is replaced.
    Deployment,
    /// The shared store crashes.
    StoreCrash,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 3] = [Cause::ServerCrash, Cause::Deployment, Cause::StoreCrash];

    /// What was measured of it.
    pub fn of(self, architecture: &Architecture) -> &Known<Loss> {
        match self {
            Cause::ServerCrash => &architecture.server_crash,
            Cause::Deployment => &architecture.deployment,
            Cause::StoreCrash => &architecture.store_crash,
        }
    }

    /// How often it comes in a year.
    pub(crate) fn a_year(self, service: &Service) -> Range {
        match self {
            Cause::ServerCrash => poisson(service.server_crashes_per_year),
            Cause::Deployment => Range::exactly(service.deploys_per_week * WEEKS),
            Cause::StoreCrash => poisson(service.store_crashes()),
        }
    }

    /// Whether it can come in a year, and meets anybody.
    pub(crate) fn comes(self, service: &Service) -> bool {
        self.a_year(service).high > 0.0 && self.meets(service) > 0.0
    }

    /// The sessions that are there when it comes.
    pub(crate) fn meets(self, service: &Service) -> f64 {
        match self {
            Cause::Deployment => service.at_deploy(),
            Cause::ServerCrash | Cause::StoreCrash => service.sessions,
        }
    }
}

/// What a year would bring under one architecture.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Outlook {
    /// The stack's name.
    pub stack: String,
    /// Sessions lost to crashes of servers.
    pub server_crashes: Known<Range>,
    /// Sessions lost to deployments.
    pub deployments: Known<Range>,
    /// Sessions lost to crashes of the store.
    pub store_crashes: Known<Range>,
    /// All of them; absent where one of them is not known.
    pub total: Option<Range>,
    /// What they cost.
    pub cost: Option<Range>,
    /// How long the service is away when the store crashes, seconds; 0 where nothing can, absent where nobody saw it back.
    pub away_s: Option<f64>,
}

impl Outlook {
    /// Of an architecture, for a service.
    pub(crate) fn new(architecture: &Architecture, service: &Service) -> Self {
        let [server_crashes, deployments, store_crashes] =
            Cause::ALL.map(|cause| lost_a_year(cause, architecture, service));
        let parts = [&server_crashes, &deployments, &store_crashes].map(|part| match part {
            Known::Measured(range) => Some(*range),
            Known::DoesNotApply => Some(Range::default()),
            Known::Inconclusive { .. } | Known::NotMeasured => None,
        });
        let total = parts.into_iter().try_fold(Range::default(), |sum, part| Some(sum.plus(part?)));
        let away_s = match &architecture.store_crash {
            Known::DoesNotApply => Some(0.0),
            Known::Measured(loss) => loss.away.seconds(),
            Known::Inconclusive { .. } | Known::NotMeasured => None,
        };
        Self {
            stack: architecture.stack.clone(),
            cost: total.map(|total| total.times(Range::exactly(service.session_cost))),
            server_crashes,
            deployments,
            store_crashes,
            total,
            away_s,
        }
    }

    /// What is known of a cause.
    pub fn of(&self, cause: Cause) -> &Known<Range> {
        match cause {
            Cause::ServerCrash => &self.server_crashes,
            Cause::Deployment => &self.deployments,
            Cause::StoreCrash => &self.store_crashes,
        }
    }
}

/// The share of all sessions that one event takes. A crashed server takes those that live on it: so much of one server's share as
/// was measured, and one of the user's servers holds one part in `servers` of them all. Anything else takes the share that was
/// measured, whatever the number of servers.
pub(crate) fn share(cause: Cause, architecture: &Architecture, loss: &Loss, service: &Service) -> Range {
    let measured = Range { expected: loss.share, low: loss.low, high: loss.high };
    if cause != Cause::ServerCrash || !architecture.in_servers {
        return measured;
    }
    let scale = f64::from(loss.servers) / service.servers;
    Range {
        expected: (measured.expected * scale).min(1.0),
        low: (measured.low * scale).min(1.0),
        high: (measured.high * scale).min(1.0),
    }
}

fn lost_a_year(cause: Cause, architecture: &Architecture, service: &Service) -> Known<Range> {
    let often = cause.a_year(service);
    if *cause.of(architecture) != Known::DoesNotApply && !cause.comes(service) {
        // It never comes, or meets nobody: whatever it would take.
        return Known::Measured(Range::default());
    }
    match cause.of(architecture) {
        Known::Measured(loss) => {
            let met = Range::exactly(cause.meets(service));
            Known::Measured(often.times(met).times(share(cause, architecture, loss, service)))
        }
        Known::Inconclusive { scenario, why } => {
            Known::Inconclusive { scenario: scenario.clone(), why: why.clone() }
        }
        Known::NotMeasured => Known::NotMeasured,
        Known::DoesNotApply => Known::DoesNotApply,
    }
}
