//! What the user knows of a service of their own. Every key stands in [`KEYS`] once: the file, the flags, the questions on a
//! terminal, the schema and the page's sliders are made from it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A number that the user may give.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in a file; the flag has dashes.
    pub name: &'static str,
    /// The least that is possible.
    pub least: f64,
    /// The most that is possible.
    pub most: f64,
    /// Whether only whole numbers are.
    pub whole: bool,
    /// Whether there is no advice without it.
    pub required: bool,
    /// What is asked for, in a sentence without its end.
    pub asks: &'static str,
}

const fn key(name: &'static str, (least, most): (f64, f64), asks: &'static str) -> Key {
    Key { name, least, most, whole: false, required: false, asks }
}

impl Key {
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// Whether a value may be given for it.
    pub fn takes(&self, value: f64) -> bool {
        (self.least..=self.most).contains(&value) && !(self.whole && value.fract() != 0.0)
    }

    /// `1 to 10000, whole`.
    pub fn possible(&self) -> String {
        let whole = if self.whole { ", whole" } else { "" };
        format!("{} to {}{whole}", self.least, self.most)
    }
}

/// All of them, in the order in which they are asked.
pub const KEYS: [Key; 14] = [
    key("servers", (1.0, 10_000.0), "Web servers that run today").whole().required(),
    key("sessions", (0.0, 1e9), "Sessions that are open at the same time").whole().required(),
    key("deploys_per_week", (0.0, 1_000.0), "Deployments a week; each replaces every server").required(),
    key(
        "server_crashes_per_year",
        (0.0, 500.0),
        "Crashes a year, of all servers together: kills for lack of memory and lost machines too",
    )
    .required(),
    key("session_cost", (0.0, 1e6), "What a lost session costs you, in any currency").required(),
    key(
        "store_cost_per_year",
        (0.0, 1e9),
        "What a shared store would cost a year, work included, in the same currency",
    ),
    key("growth_percent_per_year", (-100.0, 10_000.0), "Growth of the traffic within a year, in percent"),
    key(
        "peak_load_percent",
        (1.0, 100.0),
        "How busy the servers are at the busiest hour, in percent of what you let them bear",
    ),
    key(
        "sessions_at_deploy",
        (0.0, 1e9),
        "Sessions that are open when you deploy, if not as many as otherwise",
    )
    .whole(),
    key("session_minutes", (0.0, 525_600.0), "How long a session lasts, in minutes"),
    key("requests_per_second", (0.0, 1e7), "Requests a second, on average"),
    key(
        "store_crashes_per_year",
        (0.0, 500.0),
        "Crashes a year of the shared store, if not as many as of one server",
    ),
    key(
        "rto_s",
        (0.0, 31_536_000.0),
        "Recovery time objective: how long the service may be away, in seconds",
    ),
    key(
        "rpo_s",
        (0.0, 31_536_000.0),
        "Recovery point objective: how much acknowledged work may be lost, in seconds",
    ),
];

/// The key of [`Today`].
pub const TODAY: &str = "today";

/// Where the sessions are today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Today {
    /// Nothing runs yet.
    #[default]
    NotBuilt,
    /// In the servers' memory.
    Stateful,
    /// In a shared store.
    Stateless,
}

impl Today {
    /// All of them.
    pub const ALL: [Today; 3] = [Today::NotBuilt, Today::Stateful, Today::Stateless];

    /// The name that files and flags use.
    pub fn name(self) -> &'static str {
        match self {
            Today::NotBuilt => "not-built",
            Today::Stateful => "stateful",
            Today::Stateless => "stateless",
        }
    }
}

/// A service, as its owner knows it. `None` where nothing was said.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Service {
    /// Web servers that run today.
    pub servers: f64,
    /// Sessions that are open at the same time.
    pub sessions: f64,
    /// Deployments a week.
    pub deploys_per_week: f64,
    /// Crashes a year, of all servers together.
    pub server_crashes_per_year: f64,
    /// What a lost session costs.
    pub session_cost: f64,
    /// What a shared store would cost a year.
    pub store_cost_per_year: Option<f64>,
    /// Growth of the traffic within a year, percent.
    pub growth_percent_per_year: Option<f64>,
    /// How busy the servers are at the busiest hour, percent of what they may be.
    pub peak_load_percent: Option<f64>,
    /// Sessions that are open when a deployment happens.
    pub sessions_at_deploy: Option<f64>,
    /// How long a session lasts, minutes.
    pub session_minutes: Option<f64>,
    /// Requests a second, on average.
    pub requests_per_second: Option<f64>,
    /// Crashes a year of the shared store.
    pub store_crashes_per_year: Option<f64>,
    /// How long the service may be away, seconds.
    pub rto_s: Option<f64>,
    /// How much acknowledged work may be lost, seconds.
    pub rpo_s: Option<f64>,
    /// Where the sessions are today.
    pub today: Today,
}

impl Service {
    /// Made from values by the names of their keys, each in its range.
    ///
    /// # Errors
    /// The required keys that are missing.
    pub fn new(values: &BTreeMap<&str, f64>, today: Today) -> Result<Self, Vec<&'static str>> {
        let missing: Vec<&str> = KEYS
            .iter()
            .filter(|key| key.required && !values.contains_key(key.name))
            .map(|key| key.name)
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let given = |name: &str| values.get(name).copied();
        let required = |name: &str| given(name).unwrap_or(0.0);
        Ok(Self {
            servers: required("servers"),
            sessions: required("sessions"),
            deploys_per_week: required("deploys_per_week"),
            server_crashes_per_year: required("server_crashes_per_year"),
            session_cost: required("session_cost"),
            store_cost_per_year: given("store_cost_per_year"),
            growth_percent_per_year: given("growth_percent_per_year"),
            peak_load_percent: given("peak_load_percent"),
            sessions_at_deploy: given("sessions_at_deploy"),
            session_minutes: given("session_minutes"),
            requests_per_second: given("requests_per_second"),
            store_crashes_per_year: given("store_crashes_per_year"),
            rto_s: given("rto_s"),
            rpo_s: given("rpo_s"),
            today,
        })
    }

    /// A shop that nobody has: what the page shows before anybody has moved a slider.
    pub fn example() -> Self {
        Self {
            servers: 4.0,
            sessions: 2_000.0,
            deploys_per_week: 5.0,
            server_crashes_per_year: 6.0,
            session_cost: 0.5,
            store_cost_per_year: Some(6_000.0),
            growth_percent_per_year: Some(40.0),
            peak_load_percent: None,
            sessions_at_deploy: None,
            session_minutes: None,
            requests_per_second: None,
            store_crashes_per_year: None,
            rto_s: None,
            rpo_s: None,
            today: Today::NotBuilt,
        }
    }

    /// What was given for a key.
    pub fn given(&self, name: &str) -> Option<f64> {
        match name {
            "servers" => Some(self.servers),
            "sessions" => Some(self.sessions),
            "deploys_per_week" => Some(self.deploys_per_week),
            "server_crashes_per_year" => Some(self.server_crashes_per_year),
            "session_cost" => Some(self.session_cost),
            "store_cost_per_year" => self.store_cost_per_year,
            "growth_percent_per_year" => self.growth_percent_per_year,
            "peak_load_percent" => self.peak_load_percent,
            "sessions_at_deploy" => self.sessions_at_deploy,
            "session_minutes" => self.session_minutes,
            "requests_per_second" => self.requests_per_second,
            "store_crashes_per_year" => self.store_crashes_per_year,
            "rto_s" => self.rto_s,
            "rpo_s" => self.rpo_s,
            _ => None,
        }
    }

    /// The sessions that one deployment meets.
    pub(crate) fn at_deploy(&self) -> f64 {
        self.sessions_at_deploy.unwrap_or(self.sessions)
    }

    /// How often the shared store crashes: as often as one server, where nothing was said.
    pub(crate) fn store_crashes(&self) -> f64 {
        self.store_crashes_per_year.unwrap_or(self.server_crashes_per_year / self.servers)
    }

    /// What the shared store costs a year.
    pub(crate) fn store_cost(&self) -> f64 {
        self.store_cost_per_year.unwrap_or(0.0)
    }

    /// Servers that the load of a year from now needs: as many as are then as busy as today's may be.
    pub(crate) fn servers_in_a_year(&self) -> f64 {
        let load = self.peak_load_percent.unwrap_or(100.0) / 100.0;
        let growth = 1.0 + self.growth_percent_per_year.unwrap_or(0.0) / 100.0;
        // A hair less, or 4 servers that grow by 25% would need 5.000000001.
        (self.servers * load * growth - 1e-9).ceil().max(1.0)
    }
}

/// The JSON Schema of the files.
pub fn service_schema() -> Value {
    let mut properties = Map::new();
    for key in KEYS {
        let kind = if key.whole { "integer" } else { "number" };
        let described = json!({ "type": kind, "minimum": key.least, "maximum": key.most, "description": format!("{}.", key.asks) });
        properties.insert(key.name.to_owned(), described);
    }
    let today = json!({ "enum": Today::ALL.map(Today::name), "default": Today::default().name(),
        "description": "Where the sessions are today." });
    properties.insert(TODAY.to_owned(), today);
    let required: Vec<&str> = KEYS.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Service",
        "description": "What you know of a service of your own, for `lab advise`.",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}
