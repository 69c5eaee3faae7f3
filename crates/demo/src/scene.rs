//! What a demo runs: its scenario, made from a few options. The plan is drawn from it like any other, long beforehand.

use protocol::admin::Policy;
use scenario::{
    ConflictPolicy, Load, Mix, Mode, Phases, Scenario, Shape, Stack, SteadyState, StoreKind, Topology,
};

/// Shoppers arrive during this time. Microseconds.
const WARM_UP_US: u64 = 5_000_000;

/// The name of the scenario, in journals and reports.
pub const NAME: &str = "demo";

/// The servers of each tier at the start.
const SERVERS: u32 = 3;

/// How much goes on.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// How many shoppers come to each tier.
    pub shoppers: u32,
    /// Mean pause between two steps of one. Milliseconds.
    pub think_time_ms: u64,
    /// How long the timetable is, at the speed for which it was planned. Minutes.
    pub minutes: u32,
}

impl Default for Cast {
    fn default() -> Self {
        Self { shoppers: 240, think_time_ms: 1_000, minutes: 60 }
    }
}

/// The scenario: no fault is planned, for all of them are ordered.
pub fn scenario(cast: &Cast, stacks: [Stack; 2]) -> Scenario {
    let rest_us = (u64::from(cast.minutes) * 60_000_000).saturating_sub(WARM_UP_US).max(1_000_000);
    Scenario {
        name: NAME.to_owned(),
        question: "What does whoever stands in front of a class break, and who loses what?".to_owned(),
        claims: Vec::new(),
        story: "Two tiers are given the same shoppers at the same microseconds, side by side on one machine. Faults are ordered \
                while everybody watches."
            .to_owned(),
        stacks: stacks.to_vec(),
        topology: Topology {
            servers: SERVERS,
            service_time_ms: 5,
            concurrency: None,
            conflict_policy: ConflictPolicy::LastWriteWins,
        },
        standby_site: None,
        load: Load {
            shoppers: cast.shoppers,
            think_time_ms: cast.think_time_ms,
            timeout_ms: 3_000,
            // Who logs out comes back: a lost session is followed by a new one.
            mix: Mix { read: 55, add: 33, check_out: 5, log_out: 7 },
            mode: Mode::Open,
            shape: Shape::Constant,
            skew: 0.0,
            tabs: 1,
            retries: None,
            look_after_log_out: false,
            sleepers: 0,
        },
        phases: Phases::from_lengths([WARM_UP_US, rest_us, 0, 0, 0]),
        steady_state: SteadyState { ok_ratio: 0.99, p99_ms: 500.0, sustain_s: 1.0 },
        faults: Vec::new(),
        probes: Vec::new(),
        lookups: Vec::new(),
        expect: Vec::new(),
        limits: Vec::new(),
    }
}

/// The header of a journal of a small demo. The stateful tier's trials have odd numbers.
#[cfg(test)]
pub(crate) fn header(segment: u32, order: u32) -> journal::Header {
    let stacks = [Stack::stateful(), Stack::stateless(StoreKind::Sqlite)];
    journal::Header {
        format: journal::FORMAT,
        run: "test".to_owned(),
        order,
        repeat: segment,
        stack: stacks[(order as usize + 1) % 2],
        replica: 0,
        router: "builtin".to_owned(),
        seed: 1,
        plan_sha256: String::new(),
        planned_steps: 1,
        scenario: scenario(&Cast { shoppers: 10, ..Cast::default() }, stacks),
        store: std::collections::BTreeMap::new(),
        start_up_ms: None,
        growth: None,
        started_unix_ms: 0,
    }
}

/// The policies that a presenter may choose from.
pub fn policies() -> Vec<&'static str> {
    Policy::ALL.iter().map(|policy| policy.name()).collect()
}

/// The name of what holds a tier's sessions, where that is one thing that all servers share.
pub fn store_name(store: StoreKind) -> Option<&'static str> {
    match store.family() {
        scenario::Family::Redis => Some("Redis"),
        scenario::Family::Postgres => Some("PostgreSQL"),
        scenario::Family::Sqlite => Some("SQLite"),
        scenario::Family::Memory | scenario::Family::Cookie => None,
    }
}
