//! The measured and the measuring half share the wire contract and nothing else.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::{BTreeSet, HashMap};

const MEASURED: [&str; 6] =
    ["session", "webapp", "stateful-server", "stateless-server", "planted-server", "router"];
const MEASURING: [&str; 8] = ["scenario", "journal", "driver", "analysis", "report", "demo", "lab", "relay"];
const SHARED: &str = "protocol";

/// Crate of ours -> crates of ours that it depends on, tests included.
fn ours() -> HashMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let names: BTreeSet<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let edges = metadata.packages.iter().map(|package| {
        let needed = package.dependencies.iter().map(|dependency| dependency.name.clone());
        (package.name.to_string(), needed.filter(|name| names.contains(name)).collect())
    });
    edges.collect()
}

#[test]
fn every_crate_belongs_to_one_half() {
    let mut known: Vec<&str> = MEASURED.into_iter().chain(MEASURING).chain([SHARED]).collect();
    let mut found: Vec<String> = ours().into_keys().collect();
    known.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, known, "a new crate must be put on one side of the line");
}

#[test]
fn no_dependency_crosses_the_line_between_the_halves() {
    for (name, needed) in ours() {
        let other: &[&str] = if MEASURED.contains(&name.as_str()) {
            &MEASURING
        } else if name == SHARED {
            &[
                "session",
                "webapp",
                "stateful-server",
                "stateless-server",
                "planted-server",
                "router",
                "scenario",
                "journal",
                "driver",
                "relay",
            ]
        } else {
            &MEASURED
        };
        let crossing: Vec<_> = needed.iter().filter(|needed| other.contains(&needed.as_str())).collect();
        assert!(crossing.is_empty(), "{name} depends on {crossing:?}, which is on the other side");
    }
}

#[test]
fn the_router_and_the_servers_know_nothing_of_one_another() {
    let ours = ours();
    assert_eq!(ours["router"], BTreeSet::from([SHARED.to_owned()]));
    assert!(!ours["stateful-server"].contains("stateless-server"));
    assert!(!ours["stateless-server"].contains("stateful-server"));
}

#[test]
fn the_relay_knows_nothing_of_what_it_stands_between() {
    assert_eq!(ours()["relay"], BTreeSet::from([SHARED.to_owned()]));
}

#[test]
fn the_stateful_server_links_no_database() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let server = metadata.packages.iter().find(|package| package.name.as_str() == "stateful-server").unwrap();
    let linked = server.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
    let databases: Vec<_> =
        linked.filter(|d| matches!(d.name.as_str(), "redis" | "sqlx" | "rusqlite")).collect();
    assert!(databases.is_empty(), "{databases:?}");
}

#[test]
fn nothing_depends_on_the_server_with_the_planted_crimes() {
    assert!(ours().values().all(|needed| !needed.contains("planted-server")));
}
