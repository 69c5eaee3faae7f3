//! What a scenario's faults will do to which process of which stack, and what it promises: in words.

use driver::Reach;
use scenario::{
    Edge, Expectation, Family, Fault, FaultAction, Keys, Lookup, Probe, ProbeKind, Scenario, Stack,
    StandbySite, Target,
};

/// A fault, and what it does to each stack; stacks that fare alike stand together.
pub struct Effect {
    /// `at 10 s kill busiest-server`.
    pub fault: String,
    /// The stacks, and what will be done to them.
    pub stacks: Vec<(Vec<Stack>, String)>,
}

/// What every fault of a scenario will do.
pub fn effects(scenario: &Scenario) -> Vec<Effect> {
    let effect = |(index, fault): (usize, &Fault)| {
        let mut stacks: Vec<(Vec<Stack>, String)> = Vec::new();
        for stack in &scenario.stacks {
            let text = on(scenario, index, *stack);
            match stacks.iter_mut().find(|(_, other)| *other == text) {
                Some((alike, _)) => alike.push(*stack),
                None => stacks.push((vec![*stack], text)),
            }
        }
        let at_s = fault.at_us as f64 / 1e6;
        Effect { fault: format!("at {at_s} s {} {}", fault.action.name(), fault.target), stacks }
    };
    scenario.faults.iter().enumerate().map(effect).collect()
}

/// `at 8 s tamper, 5 times: ...`.
pub fn probe(probe: &Probe) -> String {
    let times = if probe.times == 1 { String::new() } else { format!(", {} times", probe.times) };
    let what = match probe.kind {
        ProbeKind::Tamper => {
            "cookies that are bit-flipped, cut, forged, renamed, sealed with another key or by another tier are sent where a genuine \
             one is accepted"
        }
        ProbeKind::Fixation => {
            "somebody logs in over an id of the client's own choice, and over an attacker's cookie; both are used afterwards"
        }
        ProbeKind::ReplayAfterLogOut => {
            "a cookie is copied, its owner logs out, and the copy reads and writes"
        }
        ProbeKind::Rollback => "a cookie is copied, the cart is checked out, and the copy is sent",
        ProbeKind::Overgrow => {
            "64 lines of 100 bytes are added, or fewer where one is refused; a cookie above 4,096 bytes is ignored, as browsers do"
        }
    };
    format!("at {} s {}{times}: {what}", probe.at_us as f64 / 1e6, probe.kind.name())
}

/// What holds for each of these stacks.
type ByStacks = Vec<(Vec<Stack>, String)>;

/// Every round of look-ups, and what an operator has to ask in each stack; stacks that are alike stand together.
pub fn look_ups(scenario: &Scenario) -> Vec<(String, ByStacks)> {
    let mut stacks = ByStacks::new();
    for stack in &scenario.stacks {
        let text = match driver::reach_of(*stack) {
            Reach::Process => "every server is asked, for a session is in the memory of one of them",
            Reach::Shared => "one server is asked, and speaks for all; the next one when it does not answer",
            Reach::Client => "a server is asked, and cannot tell: only the client has the session",
            Reach::Closed => "a server is asked, and cannot tell: its session library has no such question",
        };
        match stacks.iter_mut().find(|(_, other)| other == text) {
            Some((alike, _)) => alike.push(*stack),
            None => stacks.push((vec![*stack], text.to_owned())),
        }
    }
    let round = |lookup: &Lookup| {
        let Lookup { at_us, shoppers } = lookup;
        let many = if *shoppers == 1 {
            "session of 1 shopper is".to_owned()
        } else {
            format!("sessions of {shoppers} shoppers are")
        };
        (format!("at {} s where the {many}", *at_us as f64 / 1e6), stacks.clone())
    };
    scenario.lookups.iter().map(round).collect()
}

/// `sessions-lost-percent is 25 to 42`.
pub fn promise(expectation: &Expectation) -> String {
    let bounds = match (expectation.min, expectation.max) {
        (Some(min), Some(max)) if min == max => format!("is {min}"),
        (Some(min), Some(max)) => format!("is {min} to {max}"),
        (Some(min), None) => format!("is at least {min}"),
        (None, Some(max)) => format!("is at most {max}"),
        (None, None) => String::new(),
    };
    format!("{} {bounds}", expectation.metric.name())
}

/// What the fault of this index does to a stack.
fn on(scenario: &Scenario, index: usize, stack: Stack) -> String {
    let fault = &scenario.faults[index];
    if !stack.has(fault.target) {
        return format!("spared: {}", lacks(fault.target, stack));
    }
    if fault.action.is_of_a_site() {
        return disaster(scenario, stack);
    }
    if fault.action.is_of_an_edge() {
        return format!("{}: {}", between(scenario, index, stack), on_an_edge(fault.action));
    }
    let whom = match fault.target {
        Target::Store | Target::Replica
            if stack.store.is_replicated()
                && matches!(fault.action, FaultAction::Start | FaultAction::Resume) =>
        {
            "every process of its store that is not running".to_owned()
        }
        Target::Store => store(stack),
        Target::Replica => "the replica of its store".to_owned(),
        Target::Servers | Target::Edge(_) | Target::SiteA => return to_the_tier(scenario, index),
        Target::BusiestServer | Target::SameServer | Target::Server(_) => server(scenario, index, stack),
    };
    let what = match (fault.action, fault.target) {
        (FaultAction::Terminate, Target::Store | Target::Replica) => {
            "is told to shut down cleanly (SIGINT), and exits".to_owned()
        }
        (FaultAction::Start, Target::Store | Target::Replica) => {
            "is started again, with what its durability has kept".to_owned()
        }
        (action, _) => to_a_process(action),
    };
    format!("{whom} {what}")
}

/// What a disaster kills, and what then takes over.
fn disaster(scenario: &Scenario, stack: Stack) -> String {
    let Some(site) = &scenario.standby_site else { return "there is no second site".to_owned() };
    let stored = stack.store.is_a_process();
    let link = if stored && site.strategy.replicates() {
        "the link between the two stores is cut; then "
    } else {
        ""
    };
    let mut killed = vec!["router".to_owned(), servers(scenario, scenario.faults.len())];
    killed.extend(stored.then(|| store(stack)));
    format!(
        "{link}{} are killed (SIGKILL). Once {} probes of site A in a row, one every {} ms, have not been answered, and {} s have \
         passed for the decision, site B {}, and the entrance leads there. {}",
        killed.join(", "),
        site.misses,
        site.probe_every_ms,
        site.declare_ms as f64 / 1e3,
        taking_over(scenario, site, stored),
        what_is_lost(site, stack),
    )
}

/// What stands by at site B for a stack: `a replica 150 ms away, a router and 1 server`.
pub fn standing_by(scenario: &Scenario, stack: Stack) -> Option<String> {
    let site = scenario.standby_site?;
    let mut there = Vec::new();
    match (stack.store.is_a_process(), site.strategy.replicates()) {
        (true, true) => there.push(format!("a replica of the store, {} ms away", site.link_delay_ms)),
        (true, false) => there.push(format!(
            "the last dump, taken every {} s",
            site.dump_every_ms.unwrap_or_default() as f64 / 1e3
        )),
        (false, _) => {}
    }
    there.extend(match site.strategy.servers(scenario.topology.servers) {
        0 => None,
        1 => Some("a router and 1 server".to_owned()),
        n => Some(format!("a router and {n} servers")),
    });
    Some(if there.is_empty() { "nothing".to_owned() } else { there.join("; ") })
}

fn taking_over(scenario: &Scenario, site: &StandbySite, stored: bool) -> String {
    let mut steps = Vec::new();
    match (stored, site.strategy.replicates()) {
        (true, true) => steps.push("promotes its replica of the store".to_owned()),
        (true, false) => steps.push("starts a store and restores the last dump".to_owned()),
        (false, _) => {}
    }
    let whole = scenario.topology.servers;
    steps.push(match (site.strategy.servers(whole), whole) {
        (0, n) => format!("starts a router and {n} servers"),
        (there, n) if there == n => format!("has its router and {n} servers running already"),
        (there, n) => format!("starts {} more servers beside the {there} that ran", n - there),
    });
    steps.join(" and ")
}

fn what_is_lost(site: &StandbySite, stack: Stack) -> &'static str {
    match (stack.store.family(), site.strategy.replicates()) {
        (Family::Memory, _) => "Every session was in the memory of a server that is gone",
        (Family::Cookie, _) => "Every session is with its shopper",
        (_, true) => "What was still on its way to the replica is gone",
        (_, false) => "What came after the last dump is gone",
    }
}

fn lacks(target: Target, stack: Stack) -> String {
    match target {
        Target::Replica | Target::Edge(Edge::PrimaryReplica) => "its store has no replica".to_owned(),
        _ => format!("its sessions are in {}, so there is no process of a store", stack.store.place()),
    }
}

/// The servers that there are when a fault is due, but for those that earlier ones may have removed.
fn servers(scenario: &Scenario, index: usize) -> String {
    let added: u32 = scenario.faults[..index]
        .iter()
        .map(|fault| if let FaultAction::Add { count } = fault.action { count } else { 0 })
        .sum();
    (1..=scenario.topology.servers + added).map(|n| format!("server-{n}")).collect::<Vec<_>>().join(", ")
}

fn server(scenario: &Scenario, index: usize, stack: Stack) -> String {
    match scenario.faults[index].target {
        Target::Server(place) => format!("server-{place}"),
        Target::SameServer => "the server that the latest fault before this one hit".to_owned(),
        _ => {
            let by = if stack.binds_sessions() {
                "with the most sessions bound to it"
            } else {
                "that has served the most requests (the router binds no session to a server)"
            };
            format!("the one of {} {by}", servers(scenario, index))
        }
    }
}

fn store(stack: Stack) -> String {
    let program = match stack.store.family() {
        Family::Postgres => "its PostgreSQL",
        _ => "its Redis",
    };
    if stack.store.is_replicated() {
        format!("{program} that is the primary at that moment")
    } else {
        program.to_owned()
    }
}

fn to_a_process(action: FaultAction) -> String {
    match action {
        FaultAction::Kill => "is killed (SIGKILL): gone at once".to_owned(),
        FaultAction::Terminate => {
            "is told to end (SIGTERM): it finishes what is in flight and exits".to_owned()
        }
        FaultAction::Pause => "is stopped (SIGSTOP): alive and silent".to_owned(),
        FaultAction::Resume => "goes on (SIGCONT)".to_owned(),
        FaultAction::Start => "is replaced by a new process, which begins with an empty memory".to_owned(),
        FaultAction::StartEmpty => "is started again with nothing in it".to_owned(),
        FaultAction::CrashLoop { times, up_ms } => {
            let soon = match up_ms {
                0 => "as soon as".to_owned(),
                ms => format!("{} s after", ms as f64 / 1e3),
            };
            format!(
                "is killed {times} times (SIGKILL), each next time {soon} the router has its successor up"
            )
        }
        FaultAction::Remove { drain_ms } => format!(
            "{}is told to end (SIGTERM) and taken out of the router for good",
            drained(drain_ms, "is drained")
        ),
        FaultAction::Drain => "is given no new sessions by the router, until everything is healed".to_owned(),
        FaultAction::Evict { percent } => format!("forgets {percent} of every hundred sessions"),
        other => other.name().to_owned(),
    }
}

fn drained(drain_ms: u64, verb: &str) -> String {
    match drain_ms {
        0 => String::new(),
        ms => format!("{verb} for at most {} s, then ", ms as f64 / 1e3),
    }
}

fn to_the_tier(scenario: &Scenario, index: usize) -> String {
    match scenario.faults[index].action {
        FaultAction::Add { count } => {
            let there = servers(scenario, index).split(", ").count();
            let new: Vec<String> = (1..=count as usize).map(|n| format!("server-{}", there + n)).collect();
            format!("{} {} the tier", new.join(", "), if new.len() == 1 { "joins" } else { "join" })
        }
        FaultAction::RollingRestart { drain_ms, keys } => {
            let keys = match keys {
                Keys::Kept => "",
                Keys::Rotated => {
                    "; twice: first all learn to open what the new key seals, then they seal with it"
                }
                Keys::Replaced => {
                    "; the new ones have another key, and open nothing that the old ones sealed"
                }
            };
            format!(
                "{}, one after the other: {}told to end (SIGTERM) and replaced by a new process{keys}",
                servers(scenario, index),
                drained(drain_ms, "drained"),
            )
        }
        action => action.name().to_owned(),
    }
}

fn between(scenario: &Scenario, index: usize, stack: Stack) -> String {
    match scenario.faults[index].target {
        Target::Edge(Edge::ClientRouter) => "between the shoppers and the router".to_owned(),
        Target::Edge(Edge::RouterServer) => "between the router and each server".to_owned(),
        Target::Edge(Edge::ServerStore) => format!("between the servers and {}", store(stack)),
        Target::Edge(Edge::PrimaryReplica) => "between the store's primary and its replica".to_owned(),
        _ => format!("between the router and {}", server(scenario, index, stack)),
    }
}

fn on_an_edge(action: FaultAction) -> String {
    match action {
        FaultAction::Delay { delay_ms, jitter_ms: 0 } => {
            format!("every byte takes {delay_ms} ms longer, in both directions")
        }
        FaultAction::Delay { delay_ms, jitter_ms } => {
            format!("every byte takes {delay_ms} to {} ms longer, in both directions", delay_ms + jitter_ms)
        }
        FaultAction::Throttle { kbytes_per_s } => {
            format!("no more than {kbytes_per_s} kB a second pass each connection and direction")
        }
        FaultAction::Cut => "nothing passes, and nobody is told".to_owned(),
        FaultAction::Refuse => "connections are reset, and new ones refused".to_owned(),
        FaultAction::LoseAnswers { one_in: 1 } => {
            "requests pass; the connection is reset when an answer comes".to_owned()
        }
        FaultAction::LoseAnswers { one_in } => {
            format!("requests pass; the connection is reset when an answer comes, one time in {one_in}")
        }
        FaultAction::Calm => "all passes as it did before".to_owned(),
        other => other.name().to_owned(),
    }
}
