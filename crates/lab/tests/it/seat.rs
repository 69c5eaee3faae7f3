//! HAProxy can take the router's seat, and must lose the same sessions.

use crate::bench::{Bench, KILL};
use serde_json::Value;

fn findings(router: &str, stack: &str) -> Value {
    let bench = Bench::new();
    let scenario = bench.scenario("small-kill", KILL);
    let said = bench.run(&["compare", &scenario, "--stack", stack, "--router", router, "--json"]).exits(0);
    let results: Value = serde_json::from_str(&said.out).unwrap();
    results["scenarios"][0]["trials"][0].clone()
}

#[test]
fn both_routers_lose_the_same_number_of_sessions_to_within_those_in_flight() {
    let lost = |router| findings(router, "stateful")["sessions"]["lost"].as_i64().unwrap();
    let (builtin, haproxy) = (lost("builtin"), lost("haproxy"));
    // At 300 requests a second and 10 ms each, 3 are in flight; a log-in among them may land on either side.
    assert!((builtin - haproxy).abs() <= 3, "builtin lost {builtin}, haproxy {haproxy}");
    assert!(builtin > 0);
}

#[test]
fn neither_router_loses_a_session_of_the_shared_store() {
    for router in ["builtin", "haproxy"] {
        let trial = findings(router, "stateless-redis");
        assert_eq!(trial["sessions"]["lost"], 0, "{router}");
        assert_eq!(trial["sessions"]["verified"], 60, "{router}");
        assert_eq!(trial["identity"]["router"], router);
    }
}
