//! `junit.xml`: a test suite for each scenario, and in it, for each stack, a test case for its verdict and one for each promise.
//!
//! Broken is a `failure`. Inconclusive is an `error`, "could not be carried out", and not `skipped`: every reader of the format that
//! we know turns red at an error and stays green at what was skipped, and a promise that nobody could judge was not kept. Only
//! what nothing was promised for is `skipped`.

use crate::promise::{bounds, measured, name};
use crate::results::{Results, ScenarioResults};
use crate::summary::{ExpectationSummary, StackSummary};
use crate::words::clip;
use analysis::Verdict;
use std::fmt::Write;

/// The whole run as JUnit XML.
pub fn junit(results: &Results) -> String {
    let mut suites: Vec<Suite> = results.scenarios.iter().map(|scenario| suite(results, scenario)).collect();
    suites.extend(around(results));
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // The schemas know no count of skipped cases at this level.
    let Counts { tests, failures, errors, .. } = Counts::of(cases());
    let name = attribute(&clip(&results.run.id, 120));
    let _ = writeln!(
        out,
        "<testsuites name={name} tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">"
    );
    suites.iter().enumerate().for_each(|(id, suite)| suite.write(id, &mut out));
    out.push_str("</testsuites>\n");
    out
}

struct Suite {
    name: String,
    timestamp: String,
    seconds: f64,
    cases: Vec<Case>,
}

struct Case {
    class: String,
    name: String,
    end: End,
}

enum End {
    Passed,
    Failure(String, String),
    Error(String, String),
    Skipped(String),
}

fn suite(results: &Results, scenario: &ScenarioResults) -> Suite {
    let mut cases = Vec::new();
    for stack in &scenario.stacks {
        let class = format!("{}.{}", clip(&scenario.name, 80), clip(&stack.stack, 60));
        cases.push(Case { class: class.clone(), name: "verdict".to_owned(), end: verdict(stack) });
        cases.extend(stack.expectations.iter().map(|promise| Case {
            class: class.clone(),
            name: format!("{} {}", name(promise.metric), bounds(promise)),
            end: kept(stack, promise),
        }));
    }
    if let Some(why) = &scenario.comparable.why {
        let end = End::Error("these trials may not stand side by side".to_owned(), clip(why, 500));
        cases.push(Case { class: clip(&scenario.name, 80), name: "comparable".to_owned(), end });
    }
    Suite {
        name: clip(&scenario.name, 80),
        timestamp: timestamp(results),
        seconds: scenario.setting.phases.end_us() as f64 / 1e6 * scenario.trials.len() as f64,
        cases,
    }
}

/// What kept the run from being whole; a suite of its own, which is absent when nothing did.
fn around(results: &Results) -> Option<Suite> {
    let error = |name: &str, why: &str, more: &str| Case {
        class: "run".to_owned(),
        name: name.to_owned(),
        end: End::Error(clip(why, 500), clip(more, 2_000)),
    };
    let mut cases: Vec<Case> = results
        .run
        .failed
        .iter()
        .map(|failed| {
            let name = format!(
                "{} on {}, repeat {}",
                clip(&failed.scenario, 80),
                clip(&failed.stack, 60),
                failed.repeat
            );
            error(&name, "the trial never ran", &failed.why)
        })
        .collect();
    if results.run.interrupted {
        cases.push(error("the run was finished", "the run was interrupted", ""));
    }
    if results.scenarios.is_empty() {
        cases.push(error("a trial was judged", "no trial was judged", ""));
    }
    let name = "run".to_owned();
    (!cases.is_empty()).then(|| Suite { name, timestamp: timestamp(results), seconds: 0.0, cases })
}

fn verdict(stack: &StackSummary) -> End {
    let reasons =
        || stack.reasons.iter().take(20).map(|why| clip(why, 500)).collect::<Vec<String>>().join("\n");
    match stack.verdict {
        Verdict::Holds => End::Passed,
        Verdict::Broken => End::Failure(clip(&stack.answer, 500), reasons()),
        Verdict::Inconclusive => End::Error(clip(&stack.answer, 500), reasons()),
        Verdict::Unpromised => End::Skipped("nothing was promised for this stack".to_owned()),
    }
}

fn kept(stack: &StackSummary, promise: &ExpectationSummary) -> End {
    let said = format!("measured {}; promised {}", measured(stack, promise), bounds(promise));
    let more = || format!("{}\n{}", clip(&promise.text, 500), clip(&promise.because, 500));
    match promise.verdict {
        Verdict::Holds => End::Passed,
        Verdict::Broken => End::Failure(said, more()),
        Verdict::Inconclusive => End::Error(format!("inconclusive: {said}"), more()),
        Verdict::Unpromised => End::Skipped("not judged".to_owned()),
    }
}

/// `2026-11-23T14:09:30`, UTC: the format has no place for a zone.
fn timestamp(results: &Results) -> String {
    crate::words::date(results.run.started_unix_ms).trim_end_matches(" UTC").replace(' ', "T")
}

#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of<'a>(cases: impl Iterator<Item = &'a Case>) -> Self {
        let mut counts = Self::default();
        for case in cases {
            counts.tests += 1;
            match case.end {
                End::Passed => {}
                End::Failure(..) => counts.failures += 1,
                End::Error(..) => counts.errors += 1,
                End::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tests, failures, errors, skipped } = self;
        write!(f, "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
    }
}

impl Suite {
    fn write(&self, id: usize, out: &mut String) {
        let _ = writeln!(
            out,
            "  <testsuite name={} {} id=\"{id}\" time=\"{:.3}\" timestamp={}>",
            attribute(&self.name),
            Counts::of(self.cases.iter()),
            self.seconds,
            attribute(&self.timestamp)
        );
        for case in &self.cases {
            let (class, name) = (attribute(&case.class), attribute(&case.name));
            let _ = write!(out, "    <testcase classname={class} name={name} time=\"0\"");
            let _ = match &case.end {
                End::Passed => writeln!(out, "/>"),
                End::Failure(why, more) => {
                    writeln!(out, ">{}</testcase>", told("failure", "broken", why, more))
                }
                End::Error(why, more) => {
                    writeln!(out, ">{}</testcase>", told("error", "inconclusive", why, more))
                }
                End::Skipped(why) => writeln!(out, "><skipped>{}</skipped></testcase>", escaped(why)),
            };
        }
        out.push_str("  </testsuite>\n");
    }
}

fn told(element: &str, kind: &str, why: &str, more: &str) -> String {
    format!("<{element} type=\"{kind}\" message={}>{}</{element}>", attribute(why), escaped(more))
}

fn attribute(raw: &str) -> String {
    format!("\"{}\"", escaped(&raw.replace('\n', " ")))
}

/// Text without any meaning to XML. What XML 1.0 cannot hold at all, escaped or not, becomes a replacement character.
fn escaped(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            escaped("a<b>&\"'\u{0}\u{8}\u{ffff}\n"),
            "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}\u{fffd}\n"
        );
        assert_eq!(attribute("a\nb"), "\"a b\"");
    }
}
