//! The servers and the store of one tier, as the events tell of them.

use super::message::{Server, Store};
use crate::scene::store_name;
use journal::{ProcessChange, ProcessEvent, RouterServer};
use scenario::{Edge, FaultAction, Stack, Target};
use std::collections::BTreeMap;

/// `server-2.1` is the first process in place 2.
pub(super) fn place_of(instance: &str) -> Option<u32> {
    instance.strip_prefix("server-")?.split_once('.')?.0.parse().ok()
}

#[derive(Debug)]
struct Seat {
    instance: String,
    pid: Option<u32>,
    running: bool,
    paused: bool,
    draining: bool,
    health: &'static str,
    requests: u64,
    bound: u64,
}

/// What changed at the router, to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noticed {
    /// It gives a server requests.
    Up(String),
    /// It has taken a server for dead.
    Down(String),
}

/// The servers and the store.
#[derive(Debug)]
pub(super) struct Seats {
    stack: Stack,
    policy: &'static str,
    seats: BTreeMap<u32, Seat>,
    /// The store's processes, by their first names; whether each runs.
    nodes: BTreeMap<String, bool>,
    store_paused: bool,
    store_slow: bool,
}

impl Seats {
    pub(super) fn new(stack: Stack) -> Self {
        Self {
            stack,
            policy: stack.policy().name(),
            seats: BTreeMap::new(),
            nodes: BTreeMap::new(),
            store_paused: false,
            store_slow: false,
        }
    }

    /// A process began or ended.
    pub(super) fn process(&mut self, event: &ProcessEvent) {
        let began = matches!(event.change, ProcessChange::Ready { .. });
        if let Some(place) = place_of(&event.process) {
            if began {
                let seat = Seat {
                    instance: event.process.clone(),
                    pid: Some(event.pid),
                    running: true,
                    paused: false,
                    draining: false,
                    health: "starting",
                    requests: 0,
                    bound: 0,
                };
                self.seats.insert(place, seat);
            } else if let Some(seat) =
                self.seats.get_mut(&place).filter(|seat| seat.instance == event.process)
            {
                seat.running = false;
                seat.paused = false;
            }
            return;
        }
        let name = event.process.split('.').next().unwrap_or_default();
        if name != "router" && !name.starts_with("relay-") {
            self.nodes.insert(name.to_owned(), began);
            self.store_paused &= began;
        }
    }

    /// Another node takes writes: the store serves without those that have ended.
    pub(super) fn failed_over(&mut self) {
        self.nodes.retain(|_, running| *running);
        self.store_paused = false;
    }

    /// The router's view.
    pub(super) fn router(&mut self, servers: &[RouterServer]) -> Vec<Noticed> {
        let mut noticed = Vec::new();
        for server in servers {
            let seat = place_of(&server.id).and_then(|place| self.seats.get_mut(&place));
            let Some(seat) = seat.filter(|seat| seat.instance == server.id) else { continue };
            let health = match server.health.as_str() {
                "up" => "up",
                "down" => "down",
                _ => "starting",
            };
            if health != seat.health {
                match health {
                    "up" => noticed.push(Noticed::Up(server.id.clone())),
                    "down" => noticed.push(Noticed::Down(server.id.clone())),
                    _ => {}
                }
            }
            seat.health = health;
            seat.draining = server.draining;
            seat.requests = server.requests;
            seat.bound = server.bound;
        }
        // A server that has ended and that the router has forgotten has left the tier.
        let known = |instance: &str| servers.iter().any(|server| server.id == instance);
        self.seats.retain(|_, seat| seat.running || known(&seat.instance));
        noticed
    }

    /// A fault has landed.
    pub(super) fn landed(&mut self, action: FaultAction, target: Target, process: &str) {
        match (action, target) {
            (FaultAction::Pause | FaultAction::Resume, Target::Store) => {
                self.store_paused = action == FaultAction::Pause;
            }
            (FaultAction::Pause | FaultAction::Resume, _) => {
                let seat = place_of(process).and_then(|place| self.seats.get_mut(&place));
                if let Some(seat) = seat {
                    seat.paused = action == FaultAction::Pause;
                }
            }
            (FaultAction::Delay { .. }, Target::Edge(Edge::ServerStore)) => self.store_slow = true,
            (FaultAction::Calm, Target::Edge(Edge::ServerStore)) => self.store_slow = false,
            (FaultAction::Route { policy }, _) => self.policy = policy.name(),
            _ => {}
        }
    }

    /// How the router chooses.
    pub(super) fn policy(&self) -> &'static str {
        self.policy
    }

    /// The servers, in their order.
    pub(super) fn servers(&self) -> Vec<Server> {
        let server = |(place, seat): (&u32, &Seat)| Server {
            place: *place,
            instance: seat.instance.clone(),
            state: match seat {
                Seat { running: false, .. } => "dead",
                Seat { paused: true, .. } => "paused",
                Seat { health: "up", draining: true, .. } => "draining",
                seat => seat.health,
            },
            pid: seat.pid.filter(|_| seat.running),
            requests: seat.requests,
            bound: seat.bound,
        };
        self.seats.iter().map(server).collect()
    }

    /// The shared store, where there is one.
    pub(super) fn store(&self) -> Option<Store> {
        let name = store_name(self.stack.store)?;
        let state = match self {
            Self { nodes, .. } if nodes.values().any(|running| !running) => "stopped",
            Self { store_paused: true, .. } => "paused",
            Self { store_slow: true, .. } => "slow",
            _ => "up",
        };
        Some(Store { kind: self.stack.store.name(), name, process: self.stack.store.is_a_process(), state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, ready: bool) -> ProcessEvent {
        let change = match ready {
            true => ProcessChange::Ready { took_ms: 3 },
            false => ProcessChange::Exited { ordered: true, status: "signal 9".to_owned() },
        };
        ProcessEvent { at_us: 1, process: name.to_owned(), pid: 7, change }
    }

    fn router(id: &str, health: &str) -> RouterServer {
        RouterServer { id: id.to_owned(), health: health.to_owned(), draining: false, requests: 4, bound: 2 }
    }

    fn states(seats: &Seats) -> Vec<(u32, &'static str)> {
        seats.servers().iter().map(|server| (server.place, server.state)).collect()
    }

    #[test]
    fn a_killed_server_is_dead_until_a_new_process_has_its_place() {
        let mut seats = Seats::new(Stack::stateful());
        seats.process(&process("server-2.1", true));
        assert_eq!(seats.router(&[router("server-2.1", "up")]), [Noticed::Up("server-2.1".to_owned())]);
        seats.process(&process("server-2.1", false));
        assert_eq!(states(&seats), [(2, "dead")]);
        assert_eq!(seats.router(&[router("server-2.1", "down")]), [Noticed::Down("server-2.1".to_owned())]);
        seats.process(&process("server-2.2", true));
        // What the router says of the old one, and its end, are told late and change nothing.
        seats.process(&process("server-2.1", false));
        assert!(seats.router(&[router("server-2.1", "down")]).is_empty());
        assert_eq!(states(&seats), [(2, "starting")]);
    }

    #[test]
    fn a_server_that_was_removed_leaves_and_a_paused_one_stays() {
        let mut seats = Seats::new(Stack::stateful());
        seats.process(&process("server-1.1", true));
        seats.process(&process("server-2.1", true));
        seats.landed(FaultAction::Pause, Target::Server(1), "server-1.1");
        seats.process(&process("server-2.1", false));
        seats.router(&[router("server-1.1", "down")]);
        assert_eq!(states(&seats), [(1, "paused")]);
        assert!(seats.store().is_none(), "memory is no store of its own");
    }

    #[test]
    fn the_store_is_stopped_slow_or_up() {
        let mut seats = Seats::new("stateless-redis".parse().unwrap());
        let state = |seats: &Seats| seats.store().unwrap().state;
        seats.process(&process("redis", true));
        assert_eq!(state(&seats), "up");
        seats.landed(FaultAction::Delay { delay_ms: 4, jitter_ms: 0 }, Target::Edge(Edge::ServerStore), "");
        assert_eq!(state(&seats), "slow");
        seats.process(&process("redis", false));
        assert_eq!(state(&seats), "stopped");
        seats.process(&process("redis.2", true));
        seats.landed(FaultAction::Calm, Target::Edge(Edge::ServerStore), "");
        assert_eq!(state(&seats), "up");
    }

    #[test]
    fn a_store_that_has_failed_over_is_up_without_its_old_primary() {
        let mut seats = Seats::new("stateless-redis-sentinel".parse().unwrap());
        let state = |seats: &Seats| seats.store().unwrap().state;
        for node in ["redis-1", "redis-2", "sentinel-1"] {
            seats.process(&process(node, true));
        }
        seats.process(&process("redis-1", false));
        assert_eq!(state(&seats), "stopped", "nobody takes writes yet");
        seats.failed_over();
        assert_eq!(state(&seats), "up");
        seats.process(&process("redis-2", false));
        assert_eq!(state(&seats), "stopped");
    }
}
