//! The search for a stack's limit, with real processes and small rates.

use crate::bench::Bench;

#[test]
fn a_tier_that_holds_all_that_is_offered_leaves_its_limit_unknown_and_says_so() {
    let bench = Bench::new();
    // What is asked of latency here is nothing: the tests share their machine with one another.
    let asked =
        ["limit", "stateful", "--most", "200", "--seconds", "1", "--servers", "1", "--p99-ms", "5000"];
    let said = bench.run(&[&asked[..], &["--json"]].concat()).exits(3);
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((found["met_per_s"].as_f64(), found["missed_per_s"].as_f64()), (Some(200.0), None));
    let tries = found["tries"].as_array().unwrap();
    let rates: Vec<f64> = tries.iter().map(|one| one["rate_per_s"].as_f64().unwrap()).collect();
    assert_eq!(rates, [200.0, 100.0, 200.0, 200.0], "the generator, then doubling, then once more");
    for one in tries {
        let (rate, offered) = (one["rate_per_s"].as_f64().unwrap(), one["offered_per_s"].as_f64().unwrap());
        assert!((offered / rate - 1.0).abs() < 0.3, "{one}");
    }
    assert_eq!(bench.processes(), Vec::<String>::new());
}

#[test]
fn a_steady_state_that_nothing_meets_is_told_of_before_the_search() {
    let bench = Bench::new();
    bench
        .run(&["limit", "stateful", "--most", "100", "--seconds", "1", "--servers", "1", "--p99-ms", "0.1"])
        .exits(4)
        .tells(&["the generator does not keep up with 100", "--p99-ms"]);
}

#[test]
fn a_rate_or_a_steady_state_out_of_range_is_refused() {
    let bench = Bench::new();
    bench.run(&["limit", "stateful", "--most", "1"]).exits(2).tells(&["100 to 1000000"]);
    bench.run(&["limit", "stateful", "--p99-ms", "0"]).exits(2).tells(&["steady_state.p99_ms"]);
}
