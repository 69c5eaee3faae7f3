//! What is done with finished runs: other tools' formats, two runs side by side, a page of many, and folders that mean harm.

use crate::bench::{Bench, KILL};
use serde_json::Value;
use std::fs;
use std::path::Path;

const EVIL: &str = "</script><script>alert(1)</script>\u{1b}[2J|@all";

/// A real run, and what it exited with. On a starved machine it may be inconclusive: most stories here do not mind.
fn run(bench: &Bench) -> (String, Option<i32>) {
    let scenario = bench.scenario("small-kill", KILL);
    let said = bench.run(&["compare", &scenario, "--stack", "stateful", "--stack", "stateless-sqlite"]);
    (bench.latest().display().to_string(), said.code)
}

/// A copy of a run's results, changed.
fn changed(bench: &Bench, from: &str, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let text = fs::read_to_string(Path::new(from).join("results.json")).unwrap();
    let mut results: Value = serde_json::from_str(&text).unwrap();
    change(&mut results);
    let folder = bench.path().join("results").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("results.json"), results.to_string()).unwrap();
    folder.display().to_string()
}

#[test]
fn a_run_is_published_compared_and_indexed() {
    let bench = Bench::new();
    // A sound run is needed here; on a starved machine the first may be inconclusive.
    let (mut run, mut code) = self::run(&bench);
    for _ in 0..4 {
        if code == Some(3) {
            fs::remove_dir_all(&run).unwrap();
            (run, code) = self::run(&bench);
        }
    }
    assert_eq!(code, Some(0), "{run}");
    let read = |file: &str| fs::read_to_string(Path::new(&run).join(file)).unwrap();
    assert!(
        read("junit.xml").contains("<testsuite name=\"small-kill\" tests=\"4\" failures=\"0\" errors=\"0\"")
    );
    assert_eq!(read("step-summary.md"), read("report.md"), "there is room for all of it in both");
    let bencher: Value = serde_json::from_str(&read("bencher.json")).unwrap();
    assert!(bencher["small-kill/stateless-sqlite"]["baseline-p50-ms"]["value"].as_f64().unwrap() > 1.0);
    let benchmarks: Value = serde_json::from_str(&read("benchmarks.json")).unwrap();
    assert!(benchmarks.as_array().unwrap().len() > 8);
    the_series_adds_up(&read("timeline.csv"), &serde_json::from_str(&read("results.json")).unwrap());

    let said = bench.run(&["diff", &run, &run, "--fail-on", "verdict,stateless-*:sessions-lost"]).exits(0);
    assert!(said.out.contains("No difference seen: both are the same run."), "{}", said.out);
    bench.run(&["diff", &run, &run, "--fail-on", "p99-ms"]).exits(3);
    let lossy = changed(&bench, &run, "lossy", |results| {
        results["run"]["id"] = "lossy".into();
        results["scenarios"][0]["trials"][1]["sessions"]["lost"] = 1.into();
    });
    let said = bench.run(&["diff", &run, &lossy, "--fail-on", "stateless-*:sessions-lost"]).exits(1);
    assert!(said.out.contains("FAILED"), "{}", said.out);
    bench.run(&["diff", &lossy, &run, "--fail-on", "stateless-*:sessions-lost"]).exits(0);
    let other = changed(&bench, &run, "other", |results| results["run"]["environment"]["cpus"] = 640.into());
    let said = bench.run(&["diff", &run, &other]).exits(3);
    assert!(said.out.contains("bars   CPUs: ") && said.out.contains("640"), "{}", said.out);
    let file = bench.path().join("diff.json").display().to_string();
    bench.run(&["diff", &run, &other, "--anyway", "--format", "json", "--out", &file]).exits(0);
    let diff: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(diff["comparable"], false);

    bench.run(&["index"]).exits(0);
    let page = fs::read_to_string(bench.path().join("results/index.html")).unwrap();
    assert_eq!(page.matches("<th scope=\"row\">").count(), 3, "each run once, 'latest' not again");
    let index: Value =
        serde_json::from_str(&fs::read_to_string(bench.path().join("results/index.json")).unwrap()).unwrap();
    assert_eq!(index["runs"].as_array().unwrap().len(), 3);
}

fn the_series_adds_up(csv: &str, results: &Value) {
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 8, "four seconds, two stacks:\n{csv}");
    assert!(rows.iter().all(|row| row.len() == 17), "{csv}");
    for trial in results["scenarios"][0]["trials"].as_array().unwrap() {
        let stack = trial["identity"]["stack"].as_str().unwrap();
        let own = || rows.iter().filter(|row| row[1] == stack);
        for (at, name) in
            [(6, "planned"), (7, "sent"), (8, "ok"), (9, "refused"), (10, "failed"), (11, "unknown")]
        {
            let sum: u64 = own().map(|row| row[at].parse::<u64>().unwrap()).sum();
            let phases = trial["phases"].as_array().unwrap().iter().filter(|phase| phase["phase"] != "final");
            let expected: u64 = phases.map(|phase| phase["requests"][name].as_u64().unwrap()).sum();
            assert_eq!(sum, expected, "{name} of {stack}:\n{csv}");
        }
        assert!(own().any(|row| row[16].contains("kill") && row[16].contains("landed")), "{csv}");
    }
}

#[test]
fn a_wrong_gate_is_told_with_the_nearest_right_one() {
    let bench = Bench::new();
    let said = bench.run(&["diff", "a", "b", "--fail-on", "verdict,sesions-lost"]).exits(2);
    said.tells(&["unknown gate 'sesions-lost'", "did you mean 'sessions-lost'"]);
    bench.run(&["diff", "a", "b", "--fail-on", "p99-ms>much"]).exits(2).tells(&["'much' is not an amount"]);
}

#[test]
fn a_folder_that_means_harm_is_rendered_as_text_or_refused_by_name() {
    let bench = Bench::new();
    let (run, _) = run(&bench);
    bench.run(&["diff", &run, "no/such"]).exits(2).tells(&["no/such", "results.json"]);
    bench.run(&["index", "no/such"]).exits(2).tells(&["no/such", "name a folder of runs"]);
    fs::create_dir(bench.path().join("empty")).unwrap();
    bench.run(&["index", "empty"]).exits(2).tells(&["empty", "no folder in it holds a results.json"]);

    let evil = changed(&bench, &run, "evil <img src=x>", |results| {
        results["run"]["id"] = EVIL.into();
        results["run"]["environment"]["cpu_model"] = EVIL.repeat(10_000).into();
        results["scenarios"][0]["name"] = "../../etc/passwd".into();
        results["scenarios"][0]["question"] = EVIL.into();
        results["scenarios"][0]["stacks"][0]["stack"] = EVIL.into();
    });
    for format in ["terminal", "markdown"] {
        let said = bench.run(&["diff", &run, &evil, "--format", format]).exits(3);
        assert!(!said.out.contains('\u{1b}'), "{}", said.out);
        assert!(format == "terminal" || !said.out.contains("<script"), "{}", said.out);
        assert!(said.out.len() < 20_000, "a huge field floods nothing: {}", said.out.len());
    }
    let newer = changed(&bench, &run, "newer", |results| results["schema_version"] = 99.into());
    bench.run(&["diff", &run, &newer]).exits(2).tells(&[
        "newer/results.json",
        "schema_version 99",
        "use the lab that wrote it",
    ]);
    let damaged = changed(&bench, &run, "damaged", |results| results["scenarios"] = "gone".into());
    bench.run(&["diff", &damaged, &run]).exits(2).tells(&["damaged/results.json", "not a results.json"]);
    let endless = bench.path().join("results/endless");
    fs::create_dir(&endless).unwrap();
    std::os::unix::fs::symlink("/dev/zero", endless.join("run.json")).unwrap();
    bench.run(&["report", "results/endless"]).exits(2).tells(&["results/endless/run.json: longer than"]);
    fs::remove_dir_all(&endless).unwrap();
    let deep = bench.path().join("results/deep");
    fs::create_dir(&deep).unwrap();
    fs::write(deep.join("results.json"), "[".repeat(1_000_000)).unwrap();
    bench.run(&["index"]).exits(3).tells(&[
        "newer/results.json",
        "damaged/results.json",
        "deep/results.json",
    ]);
    let page = fs::read_to_string(bench.path().join("results/index.html")).unwrap();
    assert!(page.contains("could not be read") && !page.contains("<script") && !page.contains("<img"));
    assert!(
        !page.contains(&bench.path().display().to_string()),
        "a published page names no folder of this machine"
    );
}

#[test]
fn a_journal_of_another_trial_is_not_judged_for_the_one_whose_place_it_took() {
    let bench = Bench::new();
    let (run, _) = run(&bench);
    let folder = Path::new(&run);
    let journals = fs::read_dir(folder).unwrap().flatten().map(|e| e.path().join("journal.jsonl"));
    let mut journals: Vec<_> = journals.filter(|path| path.exists()).collect();
    journals.sort();
    fs::copy(&journals[1], &journals[0]).unwrap();
    bench.run(&["report", &run]).exits(3).tells(&["journal.jsonl", "of another trial"]);
}

#[test]
fn a_run_without_its_journal_is_inconclusive_and_never_green() {
    let bench = Bench::new();
    let (run, _) = run(&bench);
    let folder = Path::new(&run);
    let journal = fs::read_dir(folder).unwrap().flatten().map(|e| e.path().join("journal.jsonl"));
    let journal = journal.filter(|path| path.exists()).min().unwrap();
    fs::remove_file(&journal).unwrap();
    bench.run(&["report", &run]).exits(3).tells(&["journal.jsonl"]);
    let junit = fs::read_to_string(folder.join("junit.xml")).unwrap();
    assert!(junit.contains("the trial never ran"), "{junit}");
    fs::write(folder.join("run.json"), "{\"format\": 99}").unwrap();
    bench.run(&["report", &run]).exits(2).tells(&["run.json", "format 99"]);
}
