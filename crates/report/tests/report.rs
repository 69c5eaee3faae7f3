//! Stories about what people and machines are given to read.

mod fixture;

use report::{Results, Style, html, json, markdown, read, schema, terminal};

const PLAIN: Style = Style { color: false, width: 80 };
const COLOURED: Style = Style { color: true, width: 80 };

fn every() -> [(&'static str, Results); 7] {
    [
        ("loss", fixture::loss()),
        ("inconclusive", fixture::inconclusive()),
        ("clean", fixture::clean()),
        ("mixture", fixture::mixture()),
        ("hostile", fixture::hostile()),
        ("repeated", fixture::repeated()),
        ("sites", fixture::sites()),
    ]
}

#[test]
fn the_terminal_tells_a_loss() {
    insta::assert_snapshot!(terminal(&fixture::loss(), PLAIN));
}

#[test]
fn the_terminal_tells_what_is_inconclusive() {
    insta::assert_snapshot!(terminal(&fixture::inconclusive(), PLAIN));
}

#[test]
fn the_terminal_tells_a_clean_run() {
    insta::assert_snapshot!(terminal(&fixture::clean(), PLAIN));
}

#[test]
fn the_terminal_tells_four_stacks_in_80_columns() {
    insta::assert_snapshot!(terminal(&fixture::mixture(), PLAIN));
}

#[test]
fn the_terminal_tells_how_the_stacks_stand_against_the_first() {
    insta::assert_snapshot!(terminal(&fixture::repeated(), PLAIN));
}

#[test]
fn the_steps_of_a_second_site_are_told_apart_in_every_format_beside_what_it_costs() {
    let results = fixture::sites();
    let (text, page, md) = (terminal(&results, PLAIN), html(&results), markdown(&results));
    for told in [&text, &page, &md] {
        for part in
            ["A second site, cold", "1.23 s", "1.88 s", "no store", "45.7 ms", "simulated on one machine"]
        {
            assert!(told.contains(part), "'{part}' is not in: {told}");
        }
    }
    insta::assert_snapshot!("terminal_of_two_sites", text.split("dr-cold").next().unwrap());
}

#[test]
fn strategies_stand_beside_one_another_once_a_run_has_several() {
    let md = markdown(&fixture::sites());
    let table = md.split("## A second site, by strategy").nth(1).unwrap().split("\n\n").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 2 + 4, "a head, a rule, and a row for each strategy and stack: {table}");
    assert!(rows[0].contains("| detect | declare | promote | start | re-route |"), "{}", rows[0]);
    assert!(rows[2].starts_with("| cold | stateful | 0 processes |"), "from the cheapest on: {}", rows[2]);
    assert!(rows[5].starts_with("| hot | stateless-redis | 5 processes"), "{}", rows[5]);
    assert!(html(&fixture::sites()).contains("A second site, by strategy"));
    let text = terminal(&fixture::sites(), PLAIN);
    insta::assert_snapshot!(
        "terminal_of_strategies",
        text.split("A second site, by strategy").nth(1).unwrap()
    );
    assert!(!markdown(&fixture::loss()).contains("second site"), "where there is one site, nothing is said");
}

#[test]
fn two_pairs_claim_nothing_and_say_what_is_needed() {
    let results = fixture::mixture();
    let scenario = &results.scenarios[0];
    let figures = scenario.comparisons.iter().flat_map(|c| &c.figures);
    assert!(figures.clone().count() > 20);
    for figure in figures {
        assert_eq!(figure.standing, analysis::statistics::Standing::NeedsPairs, "{figure:?}");
    }
    assert!(terminal(&results, PLAIN).contains("no verdict below 6"));
    assert!(markdown(&results).contains("needs 6 pairs"));
}

#[test]
fn an_inconclusive_trial_takes_its_pair_out_and_that_is_said() {
    let results = fixture::repeated();
    let scenario = &results.scenarios[0];
    let [again, redis] = scenario.comparisons.as_slice() else { panic!("two columns against the first") };
    assert!(again.same_stack && !redis.same_stack);
    assert_eq!((again.pairs, redis.pairs), (6, 7));
    assert_eq!(again.left_out[0].repeat, 1);
    for text in [terminal(&results, PLAIN), markdown(&results), html(&results)] {
        assert!(text.contains("repeat 1: not a pair, stateful (again) was"), "{text}");
    }
}

#[test]
fn the_noise_floor_is_printed_and_used() {
    use analysis::statistics::{Figure, Standing};
    let results = fixture::repeated();
    let scenario = &results.scenarios[0];
    let redis = &scenario.comparisons[1];
    assert!(redis.figures.iter().all(|f| f.floor.is_some()));
    let lost = redis.figures.iter().find(|f| f.figure == Figure::SessionsLost).unwrap();
    assert_eq!(lost.standing, Standing::Better);
    for text in [terminal(&results, PLAIN), markdown(&results), html(&results)] {
        assert!(text.contains("Noise floor"), "{text}");
    }
    assert!(scenario.stacks[0].sessions.loss_a_trial.is_some());
}

#[test]
fn the_terminal_never_exceeds_its_width() {
    for (name, results) in every() {
        for width in [40, 60, 80, 120] {
            let text = terminal(&results, Style { color: false, width });
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width, "{name} at {width}: {longest}");
        }
    }
}

#[test]
fn colour_is_never_the_only_signal() {
    for (_, results) in every() {
        let mut painted = terminal(&results, COLOURED);
        for code in ["0", "1", "2", "32", "33", "1;31"] {
            painted = painted.replace(&format!("\u{1b}[{code}m"), "");
        }
        let trimmed = |text: &str| text.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(trimmed(&painted), trimmed(&terminal(&results, PLAIN)));
    }
}

#[test]
fn markdown_carries_the_same_numbers() {
    insta::assert_snapshot!("markdown_loss", markdown(&fixture::loss()));
    insta::assert_snapshot!("markdown_inconclusive", markdown(&fixture::inconclusive()));
    insta::assert_snapshot!("markdown_mixture", markdown(&fixture::mixture()));
}

#[test]
fn markdown_stays_below_60_kb() {
    let mut results = fixture::mixture();
    let one = results.scenarios[0].clone();
    for n in 0..35 {
        results.scenarios.push(report::ScenarioResults { name: format!("scenario-{n}"), ..one.clone() });
    }
    let text = markdown(&results);
    assert!(text.len() < 60_000, "{}", text.len());
    for n in 0..35 {
        assert!(text.contains(&format!("\n## scenario-{n}\n")), "scenario-{n} has its figures");
    }
    results.scenarios.extend(vec![one; 200]);
    let text = markdown(&results);
    assert!(text.len() < 60_000, "{}", text.len());
    assert!(text.contains("did not fit here"));
}

#[test]
fn json_is_the_truth() {
    let mut value: serde_json::Value = serde_json::from_str(&json(&fixture::loss())).unwrap();
    for trial in value["scenarios"][0]["trials"].as_array_mut().unwrap() {
        trial["timeline"]["buckets"].as_array_mut().unwrap().truncate(1);
        trial["anomalies"].as_array_mut().unwrap().truncate(1);
        trial["phases"].as_array_mut().unwrap().truncate(2);
    }
    for fate in value["scenarios"][0]["fates"]["told"].as_array_mut().unwrap() {
        fate["steps"].as_array_mut().unwrap().truncate(1);
    }
    insta::assert_json_snapshot!(value);
}

#[test]
fn json_reads_back_as_it_was_written() {
    for (_, results) in every() {
        assert_eq!(read(&json(&results)).unwrap(), results);
    }
}

#[test]
fn a_newer_json_is_refused_by_name() {
    let newer = json(&fixture::loss()).replacen("\"schema_version\": 1", "\"schema_version\": 9", 1);
    let error = read(&newer).unwrap_err().to_string();
    assert!(error.contains("schema_version 9") && error.contains("use the lab that wrote it"), "{error}");
    assert!(read("{}").unwrap_err().to_string().starts_with("not a results.json"));
}

#[test]
fn the_checked_in_schema_is_that_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/results.schema.json");
    let now = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == now,
        "schema/results.schema.json has drifted from the types; make it again with \
         `UPDATE_SCHEMA=1 cargo test -p report schema` and read the difference: \
         a change that old readers cannot take needs a new SCHEMA_VERSION"
    );
}

#[test]
fn real_results_fit_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (name, results) in every() {
        let value = serde_json::from_str(&json(&results)).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path)).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

#[test]
fn the_same_results_give_the_same_bytes() {
    for (a, b) in every().into_iter().zip(every()) {
        assert_eq!(html(&a.1), html(&b.1));
        assert_eq!(markdown(&a.1), markdown(&b.1));
        assert_eq!(json(&a.1), json(&b.1));
        assert_eq!(terminal(&a.1, COLOURED), terminal(&b.1, COLOURED));
    }
}

#[test]
fn verdicts_add_up_to_the_worst() {
    use analysis::Verdict;
    assert_eq!(fixture::loss().verdict, Verdict::Holds);
    assert_eq!(fixture::inconclusive().verdict, Verdict::Inconclusive);
    assert_eq!(fixture::clean().verdict, Verdict::Holds);
    assert_eq!(fixture::mixture().verdict, Verdict::Broken);
    assert_eq!(fixture::loss().exit_code(), 0);
    assert_eq!(fixture::mixture().exit_code(), 1);
    assert_eq!(fixture::inconclusive().exit_code(), 3);
}

#[test]
fn a_trial_that_never_ran_leaves_the_run_inconclusive() {
    let results = fixture::one_failed();
    assert_eq!(results.verdict, analysis::Verdict::Inconclusive);
    for text in [terminal(&results, PLAIN), markdown(&results), html(&results)] {
        assert!(text.contains("never ran"), "{text}");
    }
}

#[test]
fn stacks_with_different_plans_are_not_comparable() {
    let results = fixture::different_plans();
    assert!(!results.scenarios[0].comparable.yes);
    assert_eq!(results.verdict, analysis::Verdict::Inconclusive);
    assert!(terminal(&results, PLAIN).contains("? not comparable"));
}

#[test]
fn witnesses_are_those_who_lost() {
    let results = fixture::loss();
    let trials: Vec<_> = results.scenarios[0].trials.iter().collect();
    let chosen = report::witnesses(&trials, 3);
    let shoppers: Vec<u32> = chosen.iter().map(|w| w.shopper).collect();
    assert_eq!(shoppers, [0, 3, 6]);
    let calm = fixture::clean();
    let trials: Vec<_> = calm.scenarios[0].trials.iter().collect();
    assert_eq!(report::witnesses(&trials, 3).len(), 1);
}
