//! Stories about the HTML page: whole, safe, and honest about what it does not know.

mod fixture;

use report::{Results, html, markdown, terminal};

/// Every tag of the page, without the text between them.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect()
}

#[test]
fn the_page_loads_nothing_and_runs_no_script() {
    for results in [fixture::loss(), fixture::mixture(), fixture::hostile()] {
        let page = html(&results);
        for tag in tags(&page) {
            let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
            assert!(!["script", "img", "link", "iframe", "object", "base", "form"].contains(&name), "{tag}");
            assert!(!tag.contains("href=\"http"), "{tag}");
            // A text between quotes is only text, whatever it spells.
            let tag: String = tag.split('"').step_by(2).collect();
            assert!(!tag.contains(" src="), "{tag}");
            assert!(
                !tag.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')),
                "{tag}"
            );
        }
        assert!(!page.contains("url(") && !page.contains("@import"));
        assert!(page.contains("default-src 'none'"));
    }
}

#[test]
fn hostile_names_are_only_text() {
    let results = fixture::hostile();
    let page = html(&results);
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{1b}'));
    let text = markdown(&results);
    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains('\u{1b}'));
    assert!(!text.contains("@all"), "nobody is called");
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let bars = line.replace("\\|", "").matches('|').count();
        assert!([3, 4, 5, 6].contains(&bars), "a name has closed its cell: {line}");
    }
    let plain = terminal(&results, report::Style { color: false, width: 80 });
    assert!(!plain.contains('\u{1b}'), "no name commands the terminal");
}

#[test]
fn every_tag_is_closed() {
    const VOID: [&str; 3] = ["meta", "br", "input"];
    for results in [
        fixture::loss(),
        fixture::mixture(),
        fixture::inconclusive(),
        fixture::hostile(),
        fixture::repeated(),
    ] {
        let page = html(&results);
        let mut open: Vec<&str> = Vec::new();
        for tag in tags(&page).into_iter().filter(|tag| !tag.starts_with('!')) {
            let name = tag.trim_start_matches('/').split(' ').next().unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !VOID.contains(&name) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn every_file_that_the_page_links_is_published_with_it() {
    let page = html(&fixture::loss());
    let list = page.split("These files are beside this page.").nth(1).unwrap().split("</ul>").next().unwrap();
    let files: Vec<&str> = list.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        for (name, text) in [
            ("justfile", include_str!("../../../justfile")),
            ("compare.yml", include_str!("../../../.github/workflows/compare.yml")),
        ] {
            let copied = text.lines().any(|line| line.trim_start().starts_with("cp ") && line.contains(file));
            assert!(copied, "{file} is not copied in {name}");
        }
        assert!(include_str!("../../../.gitignore").contains(&format!("/*/{file}\n")), "{file}");
    }
}

#[test]
fn links_within_the_page_arrive() {
    let page = html(&fixture::mixture());
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn every_drawing_has_a_text() {
    let page = html(&fixture::mixture());
    for tag in tags(&page).into_iter().filter(|tag| tag.starts_with("svg")) {
        assert!(
            tag.contains("aria-hidden") || (tag.contains("role=\"img\"") && tag.contains("aria-label=\"")),
            "{tag}"
        );
    }
    assert_eq!(page.matches("The numbers behind these charts").count(), 2, "a table for each of two repeats");
}

#[test]
fn what_is_inconclusive_is_never_green() {
    let page = html(&fixture::inconclusive());
    let card = page.split("<li class=\"answer s0 inconclusive\">").nth(1).unwrap();
    let card = card.split("</li>").next().unwrap();
    assert!(card.contains("v inconclusive") && !card.contains("v holds"), "{card}");
    assert!(card.contains("No claim: the load generator"), "{card}");
    for row in page.split("<tr>").skip(1) {
        let first = row.split("<td").nth(1).unwrap_or_default();
        let is_board = page.split("</table>").next().unwrap().contains(row);
        assert!(!(is_board && first.contains("class=\"good\"")), "{row}");
    }
}

#[test]
fn the_moment_of_loss_names_the_line() {
    let page = html(&fixture::loss());
    assert!(page.contains("Gone: 4 acknowledged lines, the last of them <code>s42-10</code>"));
    assert!(page.contains("server-2.1 killed at 8.0 s (t0)"));
    assert!(page.contains("so long as clients never change which server they talk to"));
}

#[test]
fn a_quantile_without_support_says_what_it_needs() {
    let mut results = fixture::loss();
    results.scenarios[0].stacks[0].fault.p99_us = None;
    results.scenarios[0].stacks[0].fault.samples_least = 120;
    assert!(html(&results).contains("n/a (needs 299 samples)"));
    assert!(markdown(&results).contains("n/a (needs 299 samples)"));
}

#[test]
fn one_of_two_ways_to_count_latency_is_shown_and_both_are_on_the_page() {
    let page = html(&fixture::loss());
    assert_eq!(page.matches("<figure class=\"chart from-plan\">").count(), 1);
    assert_eq!(page.matches("<figure class=\"chart from-sending\">").count(), 1);
    let cell = page.split("p99, fault").nth(1).unwrap().split("</td>").next().unwrap();
    assert!(
        cell.contains("<span class=\"from-plan\">214 ms<span class=\"sub\">naive tool: 26.4 ms"),
        "{cell}"
    );
    assert!(
        cell.contains("<span class=\"from-sending\">26.4 ms<span class=\"sub\">from the plan: 214 ms"),
        "{cell}"
    );
    assert_eq!(page.matches("type=\"radio\" name=\"latency\"").count(), 2);
}

#[test]
fn a_closed_load_is_told_everywhere_and_claims_no_plan() {
    let mut results = fixture::loss();
    results.scenarios[0].setting.mode = scenario::Mode::Closed;
    let page = html(&results);
    assert!(
        !page.contains("from-plan\"")
            && !page.contains("Latency from the plan")
            && !page.contains("radiogroup")
    );
    assert!(page.contains("Latency of a closed load, not from a plan"));
    let told = terminal(&results, report::Style { color: false, width: 80 });
    for text in [page, markdown(&results), told.split_whitespace().collect::<Vec<_>>().join(" ")] {
        assert!(text.contains("Latencies here are not from a plan"), "{text}");
    }
}

#[test]
fn the_exact_interval_stands_where_losses_are_shown() {
    let page = html(&fixture::loss());
    // 104 of 300 and 0 of 300, by Clopper and Pearson.
    assert!(page.contains("exact 95%: 29.3% to 40.3%"));
    assert!(page.contains("exact 95%: 0% to 1.2%"));
    assert!(page.contains("104 of 300<span class=\"sub\">29.3% to 40.3%</span>"));
}

#[test]
fn sixteen_trials_fit_into_two_megabytes() {
    let page = html(&large());
    assert!(page.len() < 2_000_000, "{}", page.len());
}

/// As many scenarios as the suite has, each with a loss, four stacks and two repeats.
#[test]
fn the_whole_suite_fits_into_two_megabytes_and_tells_every_scenario() {
    let mut results = fixture::mixture();
    let one = results.scenarios[0].clone();
    results.scenarios =
        (0..36).map(|n| report::ScenarioResults { name: format!("scenario-{n}"), ..one.clone() }).collect();
    let page = html(&results);
    assert!(page.len() < 2_000_000, "{}", page.len());
    let overview = page.split("<table class=\"overview\">").nth(1).unwrap().split("</table>").next().unwrap();
    assert_eq!(overview.matches("<th scope=\"row\">").count(), 36);
    for n in 0..36 {
        assert!(
            page.contains(&format!("id=\"scenario-{n}\"")) && overview.contains(&format!("#scenario-{n}\""))
        );
    }
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
}

#[test]
fn an_overview_calls_nothing_expected_that_is_in_doubt_and_no_loss_harmless() {
    let mut results = fixture::inconclusive();
    results.scenarios.extend(fixture::loss().scenarios);
    let page = html(&results);
    let overview = page.split("<table class=\"overview\">").nth(1).unwrap().split("</table>").next().unwrap();
    let rows: Vec<&str> = overview.split("<tr>").skip(2).collect();
    assert!(rows[0].contains("v inconclusive") && rows[0].contains("fig doubtful"), "{}", rows[0]);
    assert!(rows[1].contains("fig harm") && rows[1].contains("<b>34.7%</b> of sessions lost"), "{}", rows[1]);
}

#[test]
fn a_claim_has_the_verdict_that_its_evidence_carries() {
    use report::ClaimVerdict;
    let verdict = |results: &Results, id: &str| {
        results.claims.iter().find(|claim| claim.id == id).map(|claim| claim.verdict).unwrap()
    };
    assert_eq!(verdict(&fixture::loss(), "SF5"), ClaimVerdict::Holds);
    assert_eq!(verdict(&fixture::loss(), "T5"), ClaimVerdict::NotTested);
    // The stateful stack lagged: what was seen of the other one is no evidence for a claim about the first.
    assert_eq!(verdict(&fixture::inconclusive(), "SF5"), ClaimVerdict::Inconclusive);
    assert_eq!(verdict(&fixture::inconclusive(), "SL3"), ClaimVerdict::Holds);
    // One of the stateless stacks broke its promise.
    assert_eq!(verdict(&fixture::mixture(), "SL3"), ClaimVerdict::DoesNotHold);
    // A stack that never ran, and plans that differ, carry nothing.
    assert_eq!(verdict(&fixture::one_failed(), "SL3"), ClaimVerdict::Inconclusive);
    assert_eq!(verdict(&fixture::different_plans(), "SF5"), ClaimVerdict::Inconclusive);
    let page = html(&fixture::loss());
    let claims = page.split("<table class=\"claims\">").nth(1).unwrap().split("</table>").next().unwrap();
    assert!(
        claims.contains("a crash or a restart loses the sessions in memory")
            && claims.contains("href=\"#expect-0\"")
    );
    assert!(page.contains("Not tested in this run: SF1, SF2"), "{page}");
}

#[test]
fn every_kind_of_anomaly_has_a_witness_with_its_events() {
    let page = html(&fixture::mixture());
    let cards: Vec<&str> = page.split("<article class=\"witness\">").skip(1).collect();
    assert_eq!(cards.len(), 4, "lost sessions of two stacks, lost writes and misrouted sessions of one");
    assert!(
        cards[0].contains("proved by events 1207, 3111, 8001 of <a href=\"#journal-1\">trial 1</a>"),
        "{}",
        cards[0]
    );
    assert!(page.contains("href=\"./1-stateful/journal.jsonl\""));
}

/// Four stacks, four repeats.
fn large() -> Results {
    let mut results = fixture::mixture();
    let more: Vec<_> = results.scenarios[0].trials.clone();
    for mut trial in more {
        trial.identity.repeat += 2;
        results.scenarios[0].trials.push(trial);
    }
    assert_eq!(results.scenarios[0].trials.len(), 16);
    results
}

#[test]
fn every_interval_is_drawn_and_told() {
    let page = html(&fixture::repeated());
    let drawings: Vec<&str> = page.split("<td class=\"bar\"><svg").skip(1).collect();
    assert_eq!(drawings.len(), 22, "eleven figures of two columns");
    for drawing in drawings {
        let label = drawing.split("aria-label=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert!(label.contains(" to ") || label.contains("always"), "{label}");
    }
}
