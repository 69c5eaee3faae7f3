//! What a tier and its load generator tell whoever watches them while they run.

use crate::bench::{Bench, KILL};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

/// Asks, and gives the whole answer.
fn get(addr: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    let ask = format!("GET /metrics HTTP/1.1\r\nHost: {addr}\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The number behind a name, or 0 where it is not told.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0.0, |rest| rest.trim().parse().unwrap())
}

#[test]
fn servers_and_the_load_generator_tell_what_they_count_while_a_comparison_runs() {
    let bench = Bench::new();
    let scenario = bench.scenario("small-kill", KILL);
    let arguments = ["compare", &scenario, "--stack", "stateful", "--metrics-port", "0"];
    let mut child = bench.lab(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let door = said.find_map(|line| Some(line.split_once("http://")?.1.strip_suffix("/metrics")?.to_owned()));
    let door = door.expect("it says where the metrics are");
    let drained = std::thread::spawn(move || said.count());

    let counted = loop {
        let told = get(&door, "");
        if value(&told, "lab_driver_steps_total{outcome=\"ok\"}") > 100.0 {
            break told;
        }
        assert!(child.try_wait().unwrap().is_none(), "it is over, and was never seen to count: {told}");
        // As whoever watches does: asking without a pause would take the processor from the load.
        std::thread::sleep(Duration::from_millis(20));
    };
    let trial = "lab_driver_trial_info{scenario=\"small-kill\",stack=\"stateful\",repeat=\"1\"} 1\n";
    assert!(counted.starts_with("HTTP/1.1 200") && counted.ends_with("# EOF\n"), "{counted}");
    assert!(counted.contains(trial) && value(&counted, "lab_driver_trials_total") == 1.0, "{counted}");

    let mut private = fs::read_dir(bench.path().join("tmp")).unwrap().flatten();
    let tier = fs::read(private.next().unwrap().path().join("trial-1").join("tier.json")).unwrap();
    let tier: Value = serde_json::from_slice(&tier).unwrap();
    let server = tier["servers"][0]["addr"].as_str().unwrap();
    let told = get(server, "");
    assert!(told.contains("lab_server_requests_total{server=\"server-1.1\",class=\"2xx\"}"), "{told}");
    assert!(told.contains("lab_server_sessions{"), "sessions are in its memory: {told}");
    let through_a_proxy = get(server, "X-Forwarded-For: 203.0.113.7\r\n");
    assert!(through_a_proxy.starts_with("HTTP/1.1 404"), "{through_a_proxy}");

    assert!(child.wait().unwrap().success());
    drained.join().unwrap();
}
