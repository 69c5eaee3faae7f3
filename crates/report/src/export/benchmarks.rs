//! The figures for tools that keep a trend: `benchmarks.json` for github-action-benchmark (`customSmallerIsBetter`) and
//! `bencher.json` in Bencher's Metric Format. Of every figure less is better. A stack that is inconclusive gives no point, for a
//! trend cannot say "we do not know"; a figure that was not measured is absent, and never 0.

use crate::results::{Results, ScenarioResults};
use crate::summary::StackSummary;
use crate::words::{clip, counted};
use serde_json::{Map, Value, json};

/// A figure of a stack.
struct Point {
    /// For machines: lower case, with hyphens and a unit.
    slug: &'static str,
    name: &'static str,
    unit: &'static str,
    value: f64,
    /// 95%, over the trials.
    interval: Option<(f64, f64)>,
}

/// For `benchmark-action/github-action-benchmark`, tool `customSmallerIsBetter`: an array of name, unit, value.
pub fn github_action_benchmark(results: &Results) -> String {
    let mut all = Vec::new();
    for (scenario, stack) in conclusive(results) {
        let extra = format!(
            "{}, commit {}",
            counted(stack.trials, "trial", "trials"),
            clip(&results.run.environment.git_commit, 40)
        );
        for point in points(stack) {
            let mut entry = json!({
                "name": format!("{} / {} / {}", clip(&scenario.name, 80), clip(&stack.stack, 60), point.name),
                "unit": point.unit,
                "value": point.value,
                "extra": extra,
            });
            if let Some((low, high)) = point.interval {
                entry["range"] = format!("{low} to {high}").into();
            }
            all.push(entry);
        }
    }
    written(&Value::Array(all))
}

/// For Bencher: benchmark, measure, value with its ends.
pub fn bencher(results: &Results) -> String {
    let mut all = Map::new();
    for (scenario, stack) in conclusive(results) {
        let measures = points(stack).into_iter().map(|point| {
            let mut metric = json!({ "value": point.value });
            if let Some((low, high)) = point.interval {
                metric["lower_value"] = low.into();
                metric["upper_value"] = high.into();
            }
            (point.slug.to_owned(), metric)
        });
        let name = format!("{}/{}", clip(&scenario.name, 80), clip(&stack.stack, 60));
        all.insert(name, Value::Object(measures.collect()));
    }
    written(&Value::Object(all))
}

fn conclusive(results: &Results) -> impl Iterator<Item = (&ScenarioResults, &StackSummary)> {
    let all = results.scenarios.iter().flat_map(|s| s.stacks.iter().map(move |stack| (s, stack)));
    all.filter(|(_, stack)| !stack.is_inconclusive())
}

fn points(stack: &StackSummary) -> Vec<Point> {
    let point = |slug, name, unit, value: Option<f64>| {
        value.map(|value| Point { slug, name, unit, value: thousandths(value), interval: None })
    };
    let ms = |us: Option<u64>| us.map(|us| us as f64 / 1e3);
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64 * 100.0);
    let sessions = &stack.sessions;
    let lost = share(sessions.lost, sessions.verified).map(|value| Point {
        slug: "sessions-lost-percent",
        name: "sessions lost",
        unit: "%",
        value: thousandths(value),
        interval: sessions.loss_a_trial.as_ref().and_then(|estimate| {
            Some((thousandths(estimate.low? * 100.0), thousandths(estimate.high? * 100.0)))
        }),
    });
    let trials = stack.trials.max(1) as f64;
    let writes = Some(stack.writes.lost as f64 / trials);
    let recovery = stack.recovery.as_ref();
    let back = recovery.and_then(|r| r.back_us()).map(|us| us as f64 / 1e6);
    let errors = |phase: &crate::summary::PhaseSummary| share(phase.errors, phase.planned);
    [
        lost,
        point("writes-lost", "writes lost a trial", "writes", writes),
        point("service-back-s", "service back", "s", back),
        point("baseline-errors-percent", "errors, baseline", "%", errors(&stack.baseline)),
        point("baseline-p50-ms", "p50, baseline", "ms", ms(stack.baseline.p50_us)),
        point("baseline-p99-ms", "p99, baseline", "ms", ms(stack.baseline.p99_us)),
        point("fault-errors-percent", "errors, fault", "%", errors(&stack.fault)),
        point("fault-p50-ms", "p50, fault", "ms", ms(stack.fault.p50_us)),
        point("fault-p99-ms", "p99, fault", "ms", ms(stack.fault.p99_us)),
        point("cpu-us", "CPU a request", "us", stack.cpu.all_us.map(|us| us as f64)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn written(value: &Value) -> String {
    format!("{value:#}\n")
}
