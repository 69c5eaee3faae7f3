//! What happened around the sessions: faults, processes, the router's view, and what everything used.

use crate::measured::{
    FailoverMoment, FaultRecord, ProcessFate, ProcessRecord, ProcessUsage, Role, RouterChange,
    RouterChangeKind, Usage,
};
use journal::{FailoverEvent, FaultEvent, FaultStage, OrderEvent, ProcessChange, ProcessEvent, RouterServer};
use scenario::Scenario;
use std::collections::BTreeMap;

/// The planned faults, before anything is known of them. The plan numbers them from 0 in the scenario's order.
pub(crate) fn planned_faults(scenario: &Scenario) -> Vec<FaultRecord> {
    (0..).zip(&scenario.faults).map(|(fault, planned)| planned_fault(fault, planned)).collect()
}

fn planned_fault(fault: u32, planned: &scenario::Fault) -> FaultRecord {
    FaultRecord {
        fault,
        action: planned.action,
        target: planned.target.to_string(),
        planned_us: planned.at_us,
        called_us: None,
        landed_us: None,
        failed_us: None,
        spared_us: None,
        process: None,
        detail: String::new(),
    }
}

/// A fault that was ordered while the trial ran, before anything is known of it. It was due at once.
pub(crate) fn ordered_fault(order: &OrderEvent) -> FaultRecord {
    let fault = scenario::Fault { at_us: order.at_us, action: order.action, target: order.target };
    planned_fault(order.fault, &fault)
}

/// A stage of a fault. Answers whether the plan holds that fault.
pub(crate) fn fault_stage(faults: &mut [FaultRecord], event: &FaultEvent) -> bool {
    let Some(record) = faults.iter_mut().find(|record| record.fault == event.fault) else { return false };
    let at_us = match event.stage {
        FaultStage::Called => &mut record.called_us,
        FaultStage::Landed => &mut record.landed_us,
        FaultStage::Spared => &mut record.spared_us,
        FaultStage::Failed => &mut record.failed_us,
    };
    at_us.get_or_insert(event.at_us);
    if !event.process.is_empty() {
        record.process = Some(event.process.clone());
    }
    record.detail.clone_from(&event.detail);
    true
}

pub(crate) fn process_record(event: &ProcessEvent) -> ProcessRecord {
    let change = match &event.change {
        ProcessChange::Ready { took_ms } => ProcessFate::Ready { took_ms: *took_ms },
        ProcessChange::Exited { ordered, status } => {
            ProcessFate::Exited { ordered: *ordered, status: status.clone() }
        }
    };
    ProcessRecord { at_us: event.at_us, process: event.process.clone(), change }
}

pub(crate) fn failover_moment(event: &FailoverEvent) -> FailoverMoment {
    let FailoverEvent { at_us, step, process, detail } = event.clone();
    FailoverMoment { at_us, step, process, detail }
}

/// The router's view, from one sample to the next.
#[derive(Debug, Default)]
pub(crate) struct RouterWatch {
    /// Health and draining of each server in the latest sample.
    servers: BTreeMap<String, (String, bool)>,
    changes: Vec<RouterChange>,
}

impl RouterWatch {
    pub(crate) fn sample(&mut self, at_us: u64, servers: &[RouterServer]) {
        let mut changed = |server: &str, change| {
            self.changes.push(RouterChange { at_us, server: server.to_owned(), change });
        };
        for RouterServer { id, health, draining, .. } in servers {
            let before = self.servers.get(id);
            if before.is_none() {
                changed(id, RouterChangeKind::New);
            }
            if before.is_none_or(|(was, _)| was != health) {
                match health.as_str() {
                    "up" => changed(id, RouterChangeKind::Up),
                    "down" => changed(id, RouterChangeKind::Down),
                    _ => {} // `starting` is what `New` says
                }
            }
            if *draining && !before.is_some_and(|(_, was)| *was) {
                changed(id, RouterChangeKind::Draining);
            }
        }
        let is_there = |id: &String| servers.iter().any(|server| server.id == *id);
        self.servers.keys().filter(|id| !is_there(id)).for_each(|id| changed(id, RouterChangeKind::Gone));
        let seen = servers.iter().map(|server| (server.id.clone(), (server.health.clone(), server.draining)));
        self.servers = seen.collect();
    }

    pub(crate) fn finish(self) -> Vec<RouterChange> {
        self.changes
    }
}

#[derive(Clone, Copy, Debug)]
struct Samples {
    first_cpu_us: u64,
    last_cpu_us: u64,
    rss_max_bytes: u64,
}

/// What the processes used, from one sample to the next.
#[derive(Debug)]
pub(crate) struct UsageWatch {
    end_us: u64,
    samples: BTreeMap<String, Samples>,
}

impl UsageWatch {
    pub(crate) fn new(end_us: u64) -> Self {
        Self { end_us, samples: BTreeMap::new() }
    }

    /// A process began. One that begins under load has used nothing before.
    pub(crate) fn ready(&mut self, at_us: u64, process: &str) {
        if at_us > 0 {
            let fresh = Samples { first_cpu_us: 0, last_cpu_us: 0, rss_max_bytes: 0 };
            self.samples.entry(process.to_owned()).or_insert(fresh);
        }
    }

    pub(crate) fn sample(&mut self, at_us: u64, process: &str, cpu_us: u64, rss_bytes: u64) {
        let first = Samples { first_cpu_us: cpu_us, last_cpu_us: cpu_us, rss_max_bytes: rss_bytes };
        let samples = match self.samples.get_mut(process) {
            Some(samples) => samples,
            None => self.samples.entry(process.to_owned()).or_insert(first),
        };
        samples.rss_max_bytes = samples.rss_max_bytes.max(rss_bytes);
        if at_us <= self.end_us {
            samples.last_cpu_us = samples.last_cpu_us.max(cpu_us);
        }
    }

    /// The figures, divided by the complete answers below 500 to requests under load.
    pub(crate) fn finish(self, answered: u64) -> Usage {
        let used = |samples: Samples, role| ProcessUsage {
            role,
            cpu_us: samples.last_cpu_us.saturating_sub(samples.first_cpu_us),
            rss_max_bytes: samples.rss_max_bytes,
        };
        let with_role = |(process, samples): (String, Samples)| {
            let role = role(&process);
            (process, used(samples, role))
        };
        let processes: BTreeMap<String, ProcessUsage> = self.samples.into_iter().map(with_role).collect();
        let per_request = |roles: &[Role]| {
            let counted = processes.values().filter(|usage| roles.contains(&usage.role));
            let cpu_us: u64 = counted.map(|usage| usage.cpu_us).sum();
            (answered > 0 && !processes.is_empty()).then(|| cpu_us as f64 / answered as f64)
        };
        Usage {
            cpu_us_per_request: per_request(&[Role::Server, Role::Router, Role::Store]),
            servers_cpu_us_per_request: per_request(&[Role::Server]),
            router_cpu_us_per_request: per_request(&[Role::Router]),
            store_cpu_us_per_request: per_request(&[Role::Store]),
            answered,
            processes,
        }
    }
}

/// Which part of the trial a process is, by its name in the journal.
pub(crate) fn role(process: &str) -> Role {
    match process.strip_prefix(journal::SITE_B).unwrap_or(process) {
        "driver" => Role::Driver,
        "router" | "haproxy" => Role::Router,
        own if own.starts_with("server-") => Role::Server,
        own if own.starts_with("relay-") => Role::Relay,
        _ => Role::Store,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(id: &str, health: &str, draining: bool) -> RouterServer {
        RouterServer { id: id.to_owned(), health: health.to_owned(), draining, requests: 0, bound: 0 }
    }

    #[test]
    fn the_router_s_samples_become_changes() {
        use RouterChangeKind::{Down, Draining, Gone, New, Up};
        let mut watch = RouterWatch::default();
        watch.sample(1, &[server("a", "up", false), server("b", "starting", false)]);
        watch.sample(2, &[server("a", "up", false), server("b", "up", true)]);
        watch.sample(3, &[server("a", "down", false), server("b", "up", true)]);
        watch.sample(4, &[server("b", "up", true)]);
        let changes: Vec<_> = watch.finish().into_iter().map(|c| (c.at_us, c.server, c.change)).collect();
        let expected = [
            (1, "a", New),
            (1, "a", Up),
            (1, "b", New),
            (2, "b", Up),
            (2, "b", Draining),
            (3, "a", Down),
            (4, "a", Gone),
        ];
        assert_eq!(changes, expected.map(|(at_us, id, change)| (at_us, id.to_owned(), change)));
    }

    #[test]
    fn a_second_site_s_processes_are_what_the_first_one_s_are() {
        let roles = ["b-router", "b-server-2.1", "b-postgres", "relay-sites", "server-1.1"].map(role);
        assert_eq!(roles, [Role::Router, Role::Server, Role::Store, Role::Relay, Role::Server]);
    }

    #[test]
    fn cpu_is_counted_over_the_load_and_the_store_pays_its_share() {
        let mut watch = UsageWatch::new(1_000);
        watch.ready(0, "server-1.1");
        watch.ready(500, "server-1.2");
        for (at_us, process, cpu_us, rss) in [
            (0, "server-1.1", 100, 7),
            (0, "redis", 10, 1),
            (0, "driver", 5, 1),
            (600, "server-1.2", 40, 3),
            (900, "server-1.1", 300, 9),
            (900, "redis", 60, 1),
            (900, "driver", 905, 1),
            (1_200, "redis", 9_000, 2),
        ] {
            watch.sample(at_us, process, cpu_us, rss);
        }
        let usage = watch.finish(10);
        assert_eq!(usage.servers_cpu_us_per_request, Some(24.0));
        assert_eq!(usage.store_cpu_us_per_request, Some(5.0));
        assert_eq!(usage.cpu_us_per_request, Some(29.0));
        assert_eq!(usage.processes["driver"].cpu_us, 900);
        assert_eq!(usage.processes["redis"].rss_max_bytes, 2);
        assert_eq!(UsageWatch::new(1).finish(10).cpu_us_per_request, None);
    }
}
