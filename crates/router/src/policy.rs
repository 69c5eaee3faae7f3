//! Which server gets a request. A pick is pure: the same table, question and loads give the same server.
//!
//! It goes in steps: a server *exists* when the table lists it, is *healthy* when it is up and has not just refused this
//! very request, is *open* when it does not drain either, and one of those is *chosen*. Only a session that a cookie binds
//! may go to a server that is healthy but drains.
//!
//! Architecture invariant: no I/O, no clock, no randomness and no counters here; they are handed in.

use crate::hash;
use crate::ring::Ring;
use protocol::admin::{Health, Policy};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Tells two servers apart for ever, even when one took the other's id after it was removed.
pub type Serial = u64;

/// What an affinity cookie holds: drawn at random for each server process, so that it cannot be guessed.
pub type Token = u128;

/// Whether a server still takes new sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// It does not drain.
    No,
    /// Bound sessions only.
    BoundOnly,
    /// The deadline has passed: bound sessions go elsewhere too.
    Over,
}

/// A server, as far as a pick needs to know it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its serial number.
    pub serial: Serial,
    /// Hash of its id, the place of the process in every hashing policy.
    pub hash: u64,
    /// What the cookies that are bound to it hold.
    pub token: Token,
    /// Whether it takes requests at all.
    pub health: Health,
    /// Whether it takes new sessions.
    pub drain: Drain,
}

impl Member {
    /// A server that was just added.
    pub fn new(serial: Serial, id: &str, token: Token) -> Self {
        Member { serial, hash: hash::bytes(id.as_bytes()), token, health: Health::Starting, drain: Drain::No }
    }
}

/// The load on one server at the moment of a pick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Requests in flight.
    pub in_flight: u64,
    /// Sessions that are bound to it, and those being bound at this moment.
    pub bound: u64,
}

/// A request, as far as a pick needs to know it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'a> {
    /// Hash of what the policy hashes: the client's address, or its session cookie.
    pub key: u64,
    /// What its affinity cookie holds.
    pub token: Option<Token>,
    /// Counts the picks; turns round-robin, and breaks ties of least-connections.
    pub turn: usize,
    /// Servers that already refused this request.
    pub refused_by: &'a [Serial],
}

/// The server that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Its place in the table.
    pub index: usize,
    /// The answer must bind the session to it with a cookie.
    pub bind: bool,
}

/// All servers and the policy: one immutable value, replaced as a whole.
#[derive(Clone, Debug)]
pub struct Table {
    policy: Policy,
    members: Vec<Member>,
    /// Only where the policy needs it: it is by far the largest part.
    ring: Option<Arc<Ring>>,
}

impl Table {
    /// A table without servers.
    pub fn new(policy: Policy) -> Self {
        Table { policy, members: Vec::new(), ring: None }.with_ring()
    }

    /// The policy in force.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// All servers, in the order in which they were added.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The same servers under another policy.
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self.with_ring()
    }

    /// One server more, at the end.
    pub fn with(mut self, member: Member) -> Self {
        self.members.push(member);
        self.with_ring()
    }

    /// One server less.
    pub fn without(mut self, serial: Serial) -> Self {
        self.members.retain(|member| member.serial != serial);
        self.with_ring()
    }

    /// The same servers, one of them changed. Its hash stays, and so does the ring.
    pub fn changing(mut self, serial: Serial, change: impl FnOnce(&mut Member)) -> Self {
        if let Some(member) = self.members.iter_mut().find(|member| member.serial == serial) {
            change(member);
        }
        self
    }

    fn with_ring(mut self) -> Self {
        self.ring = (self.policy == Policy::ConsistentHash)
            .then(|| Arc::new(Ring::of(self.members.iter().map(|member| member.hash))));
        self
    }

    /// Chooses a server; `None` when nobody may take the request.
    pub fn pick(&self, ask: &Ask<'_>, load: impl Fn(usize) -> Load) -> Option<Pick> {
        let chosen = match self.policy {
            Policy::RoundRobin => self.nth_open(ask.turn as u64, ask),
            Policy::LeastConnections => self.least_connections(ask, load),
            Policy::SourceIpHash | Policy::HashModulo => self.nth_open(ask.key, ask),
            Policy::ConsistentHash => self.first_on_ring(ask),
            Policy::RendezvousHash => self.highest_weight(ask),
            Policy::CookieInsert => return self.by_cookie(ask, load),
        };
        chosen.map(|index| Pick { index, bind: false })
    }

    fn healthy(&self, index: usize, ask: &Ask<'_>) -> bool {
        let member = &self.members[index];
        member.health == Health::Up && !ask.refused_by.contains(&member.serial)
    }

    fn open(&self, ask: &Ask<'_>) -> impl DoubleEndedIterator<Item = usize> + Clone {
        (0..self.members.len())
            .filter(move |index| self.healthy(*index, ask) && self.members[*index].drain == Drain::No)
    }

    fn nth_open(&self, number: u64, ask: &Ask<'_>) -> Option<usize> {
        let open = self.open(ask);
        let count = open.clone().count() as u64;
        let nth = number.checked_rem(count)?;
        open.clone().nth(nth as usize)
    }

    fn least_connections(&self, ask: &Ask<'_>, load: impl Fn(usize) -> Load) -> Option<usize> {
        let start = ask.turn.checked_rem(self.members.len())?;
        let later = self.open(ask).skip_while(|index| *index < start);
        let earlier = self.open(ask).take_while(|index| *index < start);
        later.chain(earlier).min_by_key(|index| load(*index).in_flight)
    }

    fn first_on_ring(&self, ask: &Ask<'_>) -> Option<usize> {
        // Without this, a walk that finds nobody would visit every point.
        self.open(ask).next()?;
        let ring = self.ring.as_ref()?;
        ring.walk(ask.key).find(|index| self.open(ask).any(|open| open == *index))
    }

    fn highest_weight(&self, ask: &Ask<'_>) -> Option<usize> {
        self.open(ask).max_by_key(|index| hash::pair(self.members[*index].hash, ask.key))
    }

    fn by_cookie(&self, ask: &Ask<'_>, load: impl Fn(usize) -> Load) -> Option<Pick> {
        let named = ask.token.and_then(|token| self.members.iter().position(|member| member.token == token));
        if let Some(index) = named
            && self.healthy(index, ask)
            && self.members[index].drain != Drain::Over
        {
            return Some(Pick { index, bind: false });
        }
        let index = self.open(ask).min_by_key(|index| load(*index).bound)?;
        Some(Pick { index, bind: true })
    }
}
