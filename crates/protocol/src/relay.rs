//! The relay's admin API: JSON over HTTP on its own loopback port. Every request carries `Authorization: Bearer <token>`;
//! without it the answer is 401 and nothing else.
//!
//! A relay stands on one edge between two processes and passes TCP connections on. What it does to them is a *level*, which
//! every connection, old and new, reads at every step: it applies to bytes that are on their way already, and is healed by
//! setting [`Level::default`], the calm one.
//!
//! | method and path | body | answers |
//! |---|---|---|
//! | `GET /admin/relay` | | 200 [`State`] |
//! | `PUT /admin/relay/level` | [`Level`] | 200 [`State`], once every open connection has read the level |
//! | `PUT /admin/relay/upstream` | [`SetUpstream`] | 200 [`State`]; connections that are open keep theirs |
//!
//! Errors carry [`crate::app::Refusal`].

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::num::NonZeroU64;

/// Path of the state.
pub const STATE: &str = "/admin/relay";
/// Path of the level.
pub const LEVEL: &str = "/admin/relay/level";
/// Path of the upstream address.
pub const UPSTREAM: &str = "/admin/relay/upstream";

/// What is done to every connection. What is absent in JSON is calm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Level {
    /// The way from the client to the upstream.
    pub up: Lane,
    /// The way back.
    pub down: Lane,
    /// Nothing passes and nothing is closed, in both directions: a link that dropped. New connections are accepted and get no
    /// answer. What comes is held, up to a bound, and goes on when this is healed.
    pub cut: bool,
    /// New connections are refused, and those that exist are reset: a dead peer, or a firewall that rejects. Stronger than `cut`.
    pub refuse: bool,
    /// Answers are thrown away after their request had its effect.
    pub lose_answers: Option<LoseAnswers>,
    /// Seed of the jitter: the same seed, connection and read give the same.
    pub jitter_seed: u64,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lane {
    /// How long each byte is on its way. It is the way that is long, not the gate that is narrow: throughput stays, up to what
    /// may be held for a connection.
    pub delay_ms: u32,
    /// Up to this much longer, drawn for every read from the socket. The order of bytes is kept.
    pub jitter_ms: u32,
    /// The most that all connections together pass in this direction, as on one link.
    pub rate_bytes_per_s: Option<NonZeroU64>,
}

/// Which answers are lost. An answer is the first bytes that come from the upstream after bytes of the client went there: exact
/// where one request at a time is on a connection, a guess where requests are pipelined. Instead of its answer the client
/// gets a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoseAnswers {
    /// Every so many-th answer, counted over all connections since the level was set.
    pub one_in: NonZeroU64,
}

/// Body of `PUT /admin/relay/upstream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetUpstream {
    /// Where new connections are passed on to.
    pub upstream: SocketAddr,
}

/// A relay at one moment. The counts are since it was started, unless they say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The level in force.
    pub level: Level,
    /// Connections that have read this level since it was set, those that have ended since among them.
    pub read_by: u64,
    /// Open connections that have not read it yet.
    pub unread_by: u64,
    /// Whether it listens: not under `refuse`, and not while the upstream refuses connections.
    pub listening: bool,
    /// Where new connections are passed on to.
    pub upstream: SocketAddr,
    /// Client connections now.
    pub connections_open: u64,
    /// Client connections ever accepted.
    pub connections_total: u64,
    /// Bytes passed on to the upstream.
    pub bytes_up: u64,
    /// Bytes passed on to clients.
    pub bytes_down: u64,
    /// Bytes that have come and not gone on yet, all connections together.
    pub held_bytes: u64,
    /// Answers thrown away.
    pub answers_lost: u64,
    /// Connections that a level has reset: those under `refuse`, and those whose answer was lost.
    pub resets: u64,
    /// Client connections that were reset because the upstream could not be connected to.
    pub upstream_refused: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_level_does_not_say_is_calm_and_what_it_does_not_know_is_an_error() {
        assert_eq!(serde_json::from_str::<Level>("{}").unwrap(), Level::default());
        let level: Level =
            serde_json::from_str(r#"{"up": {"delay_ms": 5}, "lose_answers": {"one_in": 3}}"#).unwrap();
        assert_eq!((level.up.delay_ms, level.down.delay_ms), (5, 0));
        assert_eq!(level.lose_answers.unwrap().one_in.get(), 3);
        for wrong in
            [r#"{"delay_ms": 5}"#, r#"{"up": {"rate_bytes_per_s": 0}}"#, r#"{"lose_answers": {"one_in": 0}}"#]
        {
            assert!(serde_json::from_str::<Level>(wrong).is_err(), "{wrong}");
        }
    }
}
