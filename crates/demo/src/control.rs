//! What a presenter may order, as the page says it, and what that is to the driver.

use protocol::admin::Policy;
use scenario::{Edge, FaultAction, Keys, Target};
use serde::Deserialize;

/// How long a server that leaves the tier is drained. Milliseconds.
const REMOVE_DRAIN_MS: u64 = 5_000;
/// The longest drain of a rolling deployment. Milliseconds.
const MOST_DRAIN_MS: u64 = 30_000;
/// By how much a slow store is slower. Milliseconds, each way.
const SLOW_MS: u64 = 400;
/// How slow and how fast the timetable may run.
const TEMPI: std::ops::RangeInclusive<f64> = 0.25..=8.0;

/// Which tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Both, at once.
    #[default]
    Both,
    /// The stateful one.
    A,
    /// The stateless one.
    B,
}

/// Which server: a place's number, or `busiest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The one in this place.
    Place(u32),
    /// The one with the most sessions or, where none is bound, requests.
    Busiest,
}

impl<'de> Deserialize<'de> for Whom {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(word) if word == "busiest" => Ok(Whom::Busiest),
            serde_json::Value::Number(place) => place
                .as_u64()
                .and_then(|place| u32::try_from(place).ok())
                .map(Whom::Place)
                .ok_or_else(|| serde::de::Error::custom("a place is a small whole number")),
            _ => Err(serde::de::Error::custom("a server is a place's number, or \"busiest\"")),
        }
    }
}

/// One order.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the page's buttons")]
pub enum Control {
    /// Nothing: is the token right?
    Hello {},
    Kill {
        #[serde(default)]
        tier: Which,
        server: Whom,
    },
    Terminate {
        #[serde(default)]
        tier: Which,
        server: Whom,
    },
    Pause {
        #[serde(default)]
        tier: Which,
        server: Whom,
    },
    Resume {
        #[serde(default)]
        tier: Which,
        server: Whom,
    },
    Start {
        #[serde(default)]
        tier: Which,
        server: Whom,
    },
    Drain {
        #[serde(default)]
        tier: Which,
        server: Whom,
    },
    Undrain {
        #[serde(default)]
        tier: Which,
        server: Whom,
    },
    Remove {
        #[serde(default)]
        tier: Which,
        server: Whom,
    },
    Add {
        #[serde(default)]
        tier: Which,
    },
    Roll {
        #[serde(default)]
        tier: Which,
        #[serde(default)]
        drain_ms: u64,
    },
    KillStore {
        #[serde(default)]
        tier: Which,
    },
    PauseStore {
        #[serde(default)]
        tier: Which,
    },
    ResumeStore {
        #[serde(default)]
        tier: Which,
    },
    StartStore {
        #[serde(default)]
        tier: Which,
    },
    SlowStore {
        #[serde(default)]
        tier: Which,
    },
    CalmStore {
        #[serde(default)]
        tier: Which,
    },
    Policy {
        #[serde(default)]
        tier: Which,
        policy: String,
    },
    Load {
        factor: f64,
    },
    Heal {
        #[serde(default)]
        tier: Which,
    },
    Reset {},
    VoteOpen {
        #[serde(default)]
        question: Option<String>,
    },
    VoteClose {},
    VoteReveal {},
    VoteClear {},
}

/// At what a fault is aimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// A server.
    Server(Whom),
    /// Anything else.
    At(Target),
}

impl Control {
    /// The fault that it is, if it is one.
    ///
    /// # Errors
    /// A sentence, when a value of it is none.
    pub fn fault(&self) -> Result<Option<(Which, FaultAction, Aim)>, String> {
        let edge = Target::Edge(Edge::ServerStore);
        Ok(Some(match self {
            Control::Kill { tier, server } => (*tier, FaultAction::Kill, Aim::Server(*server)),
            Control::Terminate { tier, server } => (*tier, FaultAction::Terminate, Aim::Server(*server)),
            Control::Pause { tier, server } => (*tier, FaultAction::Pause, Aim::Server(*server)),
            Control::Resume { tier, server } => (*tier, FaultAction::Resume, Aim::Server(*server)),
            Control::Start { tier, server } => (*tier, FaultAction::Start, Aim::Server(*server)),
            Control::Drain { tier, server } => (*tier, FaultAction::Drain, Aim::Server(*server)),
            Control::Undrain { tier, server } => (*tier, FaultAction::Undrain, Aim::Server(*server)),
            Control::Remove { tier, server } => {
                (*tier, FaultAction::Remove { drain_ms: REMOVE_DRAIN_MS }, Aim::Server(*server))
            }
            Control::Add { tier } => (*tier, FaultAction::Add { count: 1 }, Aim::At(Target::Servers)),
            Control::Roll { drain_ms, .. } if *drain_ms > MOST_DRAIN_MS => {
                return Err(format!("a drain takes at most {} s", MOST_DRAIN_MS / 1_000));
            }
            Control::Roll { tier, drain_ms } => {
                let action = FaultAction::RollingRestart { drain_ms: *drain_ms, keys: Keys::Kept };
                (*tier, action, Aim::At(Target::Servers))
            }
            Control::KillStore { tier } => (*tier, FaultAction::Kill, Aim::At(Target::Store)),
            Control::PauseStore { tier } => (*tier, FaultAction::Pause, Aim::At(Target::Store)),
            Control::ResumeStore { tier } => (*tier, FaultAction::Resume, Aim::At(Target::Store)),
            Control::StartStore { tier } => (*tier, FaultAction::Start, Aim::At(Target::Store)),
            Control::SlowStore { tier } => {
                (*tier, FaultAction::Delay { delay_ms: SLOW_MS, jitter_ms: 0 }, Aim::At(edge))
            }
            Control::CalmStore { tier } => (*tier, FaultAction::Calm, Aim::At(edge)),
            Control::Policy { tier, policy } => {
                let policy: Policy = policy.parse()?;
                (*tier, FaultAction::Route { policy }, Aim::At(Target::Servers))
            }
            _ => return Ok(None),
        }))
    }
}

/// Whether the timetable may run at this speed.
///
/// # Errors
/// A sentence that says between which it may.
pub fn tempo(factor: f64) -> Result<f64, String> {
    if TEMPI.contains(&factor) {
        return Ok(factor);
    }
    Err(format!("the load can be between {} and {} times what was planned", TEMPI.start(), TEMPI.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Control, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn orders_are_read_as_the_page_says_them() {
        let kill = parse(r#"{"do":"kill","tier":"a","server":2}"#).unwrap();
        assert_eq!(kill.fault().unwrap(), Some((Which::A, FaultAction::Kill, Aim::Server(Whom::Place(2)))));
        let slow = parse(r#"{"do":"slow-store","tier":"both"}"#).unwrap();
        assert!(matches!(slow.fault().unwrap(), Some((Which::Both, FaultAction::Delay { .. }, Aim::At(_)))));
        let busiest = parse(r#"{"do":"pause","server":"busiest"}"#).unwrap();
        assert_eq!(busiest, Control::Pause { tier: Which::Both, server: Whom::Busiest });
        assert_eq!(parse(r#"{"do":"reset"}"#).unwrap().fault().unwrap(), None);
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for wrong in [
            r#"{"do":"explode"}"#,
            r#"{"do":"kill","tier":"c","server":1}"#,
            r#"{"do":"kill","tier":"a","server":-1}"#,
            r#"{"do":"kill","tier":"a","server":"<b>1</b>"}"#,
            r#"{"do":"kill","tier":"a","server":1,"pid":1}"#,
            r#"{"do":"kill","tier":"a"}"#,
            "[]",
            "",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(r#"{"do":"policy","policy":"magic"}"#).unwrap().fault().is_err());
        assert!(parse(r#"{"do":"roll","drain_ms":9999999}"#).unwrap().fault().is_err());
        assert!(tempo(f64::NAN).is_err() && tempo(1e9).is_err() && tempo(0.0).is_err());
    }
}
