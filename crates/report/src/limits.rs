//! What cannot be concluded from a run. Said in every format, for a number travels without its page.

use crate::results::Results;

/// Below this many pairs of trials no difference can reach 95% confidence in a sign-flip test.
const PAIRS_FOR_LATENCY: u64 = 6;

/// Said of open loads alone.
const FROM_PLAN: &str = "Latency runs from the planned moment, so that waiting behind a stall counts. Service time, from the \
    moment of sending, is what a naive tool shows.";

/// The sentences, those that this run calls for first.
pub(crate) fn limits(results: &Results) -> Vec<String> {
    let mut out = Vec::new();
    let repeats = results.scenarios.iter().map(|s| s.repeats()).min().unwrap_or(0);
    if repeats < PAIRS_FOR_LATENCY {
        let trials = match repeats {
            0 | 1 => "One trial makes".to_owned(),
            n => format!("{n} trials a stack make"),
        };
        out.push(format!(
            "{trials} no claim about latency: read the figures as a description of this run. `--repeat 6` makes one."
        ));
    }
    if results.scenarios.iter().any(crate::comparisons::can_claim) {
        out.push(
            "Differences are judged over pairs of trials. All figures of a comparison are weighed together, so that noise alone \
             shows a difference in at most 5 of 100 comparisons of two stacks; several stacks are several comparisons."
                .to_owned(),
        );
    }
    if results.run.quick {
        out.push("`--quick` halved every time of the scenario, the pauses of the shoppers too: about as many requests, at twice the rate.".to_owned());
    }
    if results.run.environment.profile == "debug" {
        out.push("This is a debug build: its CPU and latency figures are not those of a release.".to_owned());
    }
    let all = [
        "Shoppers, router, servers and stores share one machine and its loopback: no network delay, no partition, and each \
         takes CPU from the others. Compare the stacks with one another, not with production.",
        "A killed server loses all its sessions together. The unit of a claim is the trial, not the session: the interval \
         beside \"0 of n\" speaks of sessions in trials like these.",
        "`kill -9` of a process is not a power cut: the page cache survives it, and a store that flushes every second can \
         look perfect.",
        FROM_PLAN,
        "A kind of anomaly that was not looked for is reported as such and never as zero.",
    ];
    let from_plan = results.scenarios.iter().any(|scenario| scenario.closed().is_none());
    out.extend(all.into_iter().filter(|text| from_plan || *text != FROM_PLAN).map(ToOwned::to_owned));
    for scenario in &results.scenarios {
        out.extend(scenario.closed().map(|closed| format!("{}: {closed}", scenario.name)));
    }
    out
}
