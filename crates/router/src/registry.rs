//! Which servers exist and what is known of them. Readers take one immutable [`Fleet`]; a change replaces it as a whole.
//! Only the counters of a server change in place.

use crate::affinity;
use crate::health::{self, Checks, Streak};
use crate::log;
use crate::policy::{Drain, Load, Member, Serial, Table, Token};
use crate::pool::Pool;
use http::HeaderValue;
use protocol::admin::{AddServer, Health, Policy, ServerStatus, Snapshot};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};

/// One server process: what stays the same, and what is counted.
#[derive(Debug)]
pub struct Server {
    /// The id given when it was added.
    pub id: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// The `Set-Cookie` that binds a session to it.
    pub binding: HeaderValue,
    /// Its idle connections.
    pub pool: Pool,
    /// What its counts are.
    pub counts: Counts,
    /// Its latest checks.
    pub streak: Mutex<Streak>,
}

/// Counts of one server since it was added.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests in flight now.
    pub in_flight: AtomicU64,
    /// Requests sent.
    pub requests: AtomicU64,
    /// Requests sent that got no complete answer, for the server's reasons.
    pub failures: AtomicU64,
    /// Affinity cookies issued.
    pub bound: AtomicU64,
    /// Affinity cookies about to be issued: without them all of a burst of new clients would go to one server.
    pub binding: AtomicU64,
}

/// All servers at one moment. `servers` and the table's members are in the same order.
#[derive(Debug)]
pub struct Fleet {
    /// What a pick needs.
    pub table: Table,
    /// Everything else.
    pub servers: Vec<Arc<Server>>,
}

impl Fleet {
    /// The load on a server, for a pick.
    pub fn load(&self, index: usize) -> Load {
        let counts = &self.servers[index].counts;
        Load {
            in_flight: counts.in_flight.load(Relaxed),
            bound: counts.bound.load(Relaxed) + counts.binding.load(Relaxed),
        }
    }

    /// What the admin API shows of the servers.
    pub fn snapshot(&self) -> Snapshot {
        let servers = (0..self.servers.len()).map(|index| self.status(index)).collect();
        Snapshot { policy: self.table.policy(), servers }
    }

    fn status(&self, index: usize) -> ServerStatus {
        let (server, member) = (&self.servers[index], &self.table.members()[index]);
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        ServerStatus {
            id: server.id.clone(),
            addr: server.addr,
            health: member.health,
            draining: member.drain != Drain::No,
            in_flight: count(&server.counts.in_flight),
            requests: count(&server.counts.requests),
            failures: count(&server.counts.failures),
            bound: count(&server.counts.bound),
        }
    }
}

/// Why the set of servers was not changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The id exists.
    #[error("id '{0}' is taken; give every process an id of its own")]
    Taken(String),
    /// The id does not exist.
    #[error("no server has the id '{0}'; list them to see which there are")]
    Unknown(String),
    /// The id could not be part of a path.
    #[error("id '{0}' must be 1 to 128 letters, digits, '.', '_' or '-'")]
    BadId(String),
    /// No randomness.
    #[error("the kernel gave no random bytes: {0}")]
    Random(getrandom::Error),
}

/// The servers, and the tasks that watch them.
#[derive(Debug)]
pub struct Registry {
    fleet: RwLock<Arc<Fleet>>,
    turns: AtomicUsize,
    checks: Checks,
    watch: Mutex<Watch>,
}

/// What changes the fleet holds this lock, so that changes follow one another.
#[derive(Debug, Default)]
struct Watch {
    next_serial: Serial,
    tasks: JoinSet<()>,
    /// For each server, the task that checks it.
    checkers: HashMap<Serial, AbortHandle>,
    /// For each server that drains, the task that waits for the deadline.
    deadlines: HashMap<Serial, AbortHandle>,
}

impl Registry {
    /// A registry without servers.
    pub fn new(policy: Policy, checks: Checks) -> Arc<Self> {
        let fleet = Fleet { table: Table::new(policy), servers: Vec::new() };
        Arc::new(Registry {
            fleet: RwLock::new(Arc::new(fleet)),
            turns: AtomicUsize::new(0),
            checks,
            watch: Mutex::default(),
        })
    }

    /// All servers at this moment.
    pub fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a pick.
    pub fn turn(&self) -> usize {
        self.turns.fetch_add(1, Relaxed)
    }

    /// Adds a server and checks it at once.
    pub fn add(self: &Arc<Self>, new: AddServer) -> Result<ServerStatus, RegistryError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if new.id.is_empty() || new.id.len() > 128 || !new.id.bytes().all(fits) {
            return Err(RegistryError::BadId(new.id));
        }
        let token = random_token()?;
        let mut watch = self.watch();
        let fleet = self.fleet();
        if fleet.servers.iter().any(|server| server.id == new.id) {
            return Err(RegistryError::Taken(new.id));
        }
        let serial = watch.next_serial;
        watch.next_serial += 1;
        let server = Arc::new(Server {
            id: new.id,
            addr: new.addr,
            binding: affinity::binding(token),
            pool: Pool::default(),
            counts: Counts::default(),
            streak: Mutex::default(),
        });
        let table = fleet.table.clone().with(Member::new(serial, &server.id, token));
        let servers = fleet.servers.iter().chain([&server]).map(Arc::clone).collect();
        let fleet = self.replace(Fleet { table, servers });
        let checker = health::watch(Arc::clone(self), server, serial, self.checks.clone());
        let checker = watch.tasks.spawn(checker);
        watch.checkers.insert(serial, checker);
        Ok(fleet.status(fleet.servers.len() - 1))
    }

    /// Sends new sessions elsewhere from now on, and bound ones after the deadline.
    pub fn drain(self: &Arc<Self>, id: &str, deadline: Duration) -> Result<ServerStatus, RegistryError> {
        let mut watch = self.watch();
        let (index, serial) = self.find(id)?;
        let fleet = self.change(serial, |member| member.drain = Drain::BoundOnly);
        let registry = Arc::clone(self);
        let waiting = watch.tasks.spawn(async move {
            tokio::time::sleep(deadline).await;
            let _watch = registry.watch();
            registry.change(serial, |member| member.drain = Drain::Over);
        });
        if let Some(earlier) = watch.deadlines.insert(serial, waiting) {
            earlier.abort();
        }
        Ok(fleet.status(index))
    }

    /// Sends a server new sessions again.
    pub fn undrain(&self, id: &str) -> Result<ServerStatus, RegistryError> {
        let mut watch = self.watch();
        let (index, serial) = self.find(id)?;
        if let Some(waiting) = watch.deadlines.remove(&serial) {
            waiting.abort();
        }
        Ok(self.change(serial, |member| member.drain = Drain::No).status(index))
    }

    /// Forgets a server. Its requests in flight are finished.
    pub fn remove(&self, id: &str) -> Result<(), RegistryError> {
        let mut watch = self.watch();
        let (index, serial) = self.find(id)?;
        let fleet = self.fleet();
        let mut servers = fleet.servers.clone();
        servers.remove(index).pool.close();
        self.replace(Fleet { table: fleet.table.clone().without(serial), servers });
        let tasks = [watch.checkers.remove(&serial), watch.deadlines.remove(&serial)];
        tasks.into_iter().flatten().for_each(|task| task.abort());
        // Reaps the tasks that ended, so that the set does not grow with every server that ever was.
        while watch.tasks.try_join_next().is_some() {}
        Ok(())
    }

    /// Chooses by another policy from now on.
    pub fn set_policy(&self, policy: Policy) -> Snapshot {
        let _watch = self.watch();
        let fleet = self.fleet();
        let table = fleet.table.clone().with_policy(policy);
        self.replace(Fleet { table, servers: fleet.servers.clone() }).snapshot()
    }

    /// A connection was refused: nobody is there, and the checks need not find that out.
    pub fn refused(&self, serial: Serial) {
        self.set_health(serial, |streak, _now| streak.refused());
    }

    /// A check passed or failed.
    pub fn checked(&self, serial: Serial, passed: bool) {
        self.set_health(serial, |streak, now| streak.observe(now, passed, &self.checks));
    }

    fn set_health(&self, serial: Serial, judge: impl FnOnce(&mut Streak, Health) -> Health) {
        let _watch = self.watch();
        let fleet = self.fleet();
        let Some(index) = fleet.table.members().iter().position(|member| member.serial == serial) else {
            return;
        };
        let (server, before) = (&fleet.servers[index], fleet.table.members()[index].health);
        let mut streak = server.streak.lock().unwrap_or_else(PoisonError::into_inner);
        let after = judge(&mut streak, before);
        if after == before {
            return;
        }
        self.change(serial, |member| member.health = after);
        if after == Health::Down {
            server.pool.clear();
        }
        log::line(format_args!("server {} at {} is {after:?}, was {before:?}", server.id, server.addr));
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        // A change is built aside and swapped in at its end: a panic on the way leaves the old fleet in place.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &str) -> Result<(usize, Serial), RegistryError> {
        let fleet = self.fleet();
        let index = fleet.servers.iter().position(|server| server.id == id);
        let index = index.ok_or_else(|| RegistryError::Unknown(id.to_owned()))?;
        Ok((index, fleet.table.members()[index].serial))
    }

    fn change(&self, serial: Serial, change: impl FnOnce(&mut Member)) -> Arc<Fleet> {
        let fleet = self.fleet();
        let table = fleet.table.clone().changing(serial, change);
        self.replace(Fleet { table, servers: fleet.servers.clone() })
    }

    fn replace(&self, fleet: Fleet) -> Arc<Fleet> {
        let fleet = Arc::new(fleet);
        *self.fleet.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fleet);
        fleet
    }
}

fn random_token() -> Result<Token, RegistryError> {
    let mut token = [0; 16];
    getrandom::fill(&mut token).map_err(RegistryError::Random)?;
    Ok(Token::from_ne_bytes(token))
}
