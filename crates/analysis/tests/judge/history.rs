//! Writes the journal of a small trial, so that a test reads like the story it tells:
//!
//! ```text
//! History::new().shopper(1).logs_in().adds("a").fault().loses_the_session().reads().ends()
//! ```
//!
//! Behind it stands an honest tier: every answer says what the tier holds, unless the story says otherwise. Each request takes
//! 5 ms and the next one is sent 50 ms after it was planned; `at` moves the clock.

mod requests;
mod tier;
mod trial;
mod twists;

use self::requests::{Client, fingerprint};
use self::tier::{Request, Tier};
use analysis::{AnomalyKind, TrialFindings, judge};
use journal::{Entry, Event, Header, JournalError};
use scenario::{Scenario, Stack};
use std::collections::BTreeMap;

/// Two seconds to arrive, then 4 s each of baseline, fault, recovery and quiet: 18 s of load.
const SCENARIO: &str = r#"
name = "story"
question = "What became of them?"
story = "Shoppers shop."
stacks = ["stateful", "stateless-redis"]
[topology]
servers = 2
[load]
shoppers = 10
think_time_ms = 100
mix = { read = 1, add = 1 }
[phases]
warm_up_s = 2.0
baseline_s = 4.0
fault_s = 4.0
recovery_s = 4.0
quiet_s = 4.0
[steady_state]
ok_ratio = 0.99
p99_ms = 100.0
sustain_s = 1.0
"#;

const FAULT: &str = r#"
[[faults]]
at_s = 6.0
action = "kill"
target = "busiest-server"
"#;

pub const FAULT_US: u64 = 6_000_000;

/// What an unanswered write does to the tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Happens,
    Never,
    /// When the story says `late_effects_happen`.
    Late,
}

/// A trial in the making.
#[derive(Clone)]
pub struct History {
    pub header: Header,
    pub events: Vec<Event>,
    pub now_us: u64,
    shopper: u32,
    clients: BTreeMap<u32, Client>,
    tier: Tier,
    late: Vec<Request>,
    elsewhere: bool,
    tab: u32,
    in_final_reads: bool,
}

impl History {
    pub fn new() -> Self {
        Self::of(&format!("{SCENARIO}{FAULT}"))
    }

    pub fn without_a_fault() -> Self {
        Self::of(SCENARIO)
    }

    /// With promises for every stack: metric and greatest value.
    pub fn promising(promises: &[(&str, f64)]) -> Self {
        let expect = promises.iter().map(|(metric, max)| {
            format!(
                "[[expect]]\nstacks = [\"stateful\"]\nmetric = \"{metric}\"\nmax = {max:?}\nbecause = \"so\"\n"
            )
        });
        Self::of(&format!("{SCENARIO}{FAULT}{}", expect.collect::<String>()))
    }

    fn of(scenario: &str) -> Self {
        let scenario = Scenario::parse("story.toml", scenario).expect("the story's scenario is well formed");
        let header = Header {
            format: journal::FORMAT,
            run: "run".to_owned(),
            order: 1,
            repeat: 1,
            stack: Stack::stateful(),
            replica: 0,
            router: "builtin".to_owned(),
            seed: 42,
            plan_sha256: "c0ffee".to_owned(),
            planned_steps: 0,
            scenario,
            store: BTreeMap::new(),
            start_up_ms: None,
            started_unix_ms: 0,
        };
        Self {
            header,
            events: Vec::new(),
            now_us: 100_000,
            shopper: 1,
            clients: BTreeMap::new(),
            tier: Tier::default(),
            late: Vec::new(),
            elsewhere: false,
            tab: 0,
            in_final_reads: false,
        }
    }

    /// Shoppers 100 to 119, who log in, add a line, and read 3 times a second to the end of the load.
    pub fn with_a_busy_shop() -> Self {
        Self::new().busy_shop()
    }

    pub fn busy_shop(mut self) -> Self {
        for shopper in 100..120 {
            self.now_us = u64::from(shopper) * 10_000;
            self = self.shopper(shopper).logs_in().adds(&format!("line-{shopper}"));
        }
        let mut at_us = 2_000_000;
        while at_us < 18_000_000 {
            if at_us == FAULT_US {
                self = self.fault();
            }
            for shopper in 100..120 {
                self.now_us = at_us + u64::from(shopper - 100) * 16_000;
                self = self.shopper(shopper).reads();
            }
            at_us += 400_000;
        }
        self
    }

    pub fn shopper(mut self, shopper: u32) -> Self {
        self.shopper = shopper;
        self.tab = 0;
        self
    }

    /// What follows is sent by this tab.
    pub fn tab(mut self, tab: u32) -> Self {
        self.tab = tab;
        self
    }

    /// The cookie that the shopper's jar holds.
    pub fn cookie(&self) -> String {
        let client = &self.clients[&self.shopper];
        fingerprint(client.cookie.expect("logged in"), client.seals)
    }

    pub fn at(mut self, s: f64) -> Self {
        self.now_us = (s * 1e6) as u64;
        self
    }

    /// The next request goes to a server that knows nobody.
    pub fn elsewhere(mut self) -> Self {
        self.elsewhere = true;
        self
    }

    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, JournalError>> {
        (1..).zip(self.events.clone()).map(|(seq, event)| Ok(Entry { seq, event }))
    }

    pub fn judged(&self) -> TrialFindings {
        judge(&self.header, self.entries())
    }

    /// The kinds of what was found, most specific first, each as often as it was found.
    pub fn kinds(&self) -> Vec<AnomalyKind> {
        let findings = self.judged();
        let kinds: Vec<AnomalyKind> = findings.anomalies.iter().map(|anomaly| anomaly.kind).collect();
        assert_eq!(kinds.len() as u64, findings.anomalies_found());
        kinds
    }
}
