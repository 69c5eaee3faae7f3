//! A promise in words.

use crate::summary::{ExpectationSummary, StackSummary};
use crate::words::{duration, plain, ratio_percent};
use scenario::Metric;

/// `20 to 50%`, `at most 3 s`.
pub(crate) fn bounds(promise: &ExpectationSummary) -> String {
    let unit = unit(promise.metric);
    match (promise.min, promise.max) {
        (Some(min), Some(max)) if min == max => format!("exactly {}{unit}", plain(min)),
        (Some(min), Some(max)) => format!("{} to {}{unit}", plain(min), plain(max)),
        (Some(min), None) => format!("at least {}{unit}", plain(min)),
        (None, Some(max)) => format!("at most {}{unit}", plain(max)),
        (None, None) => "any value".to_owned(),
    }
}

/// What was measured, over all trials.
pub(crate) fn measured(stack: &StackSummary, promise: &ExpectationSummary) -> String {
    let unit = unit(promise.metric);
    let plain = |value: f64| match (promise.metric, &stack.recovery) {
        (Metric::ServiceBackS, Some(recovery)) => {
            let text = duration((value.max(0.0) * 1e6).round() as u64, recovery.resolution_us);
            text.trim_end_matches(" s").to_owned()
        }
        _ if unit == "%" => ratio_percent(value / 100.0).trim_end_matches('%').to_owned(),
        _ => plain(value),
    };
    let seen = match (promise.measured_least, promise.measured_most) {
        (Some(least), Some(most)) if plain(least) == plain(most) => format!("{}{unit}", plain(least)),
        (Some(least), Some(most)) => format!("{} to {}{unit}", plain(least), plain(most)),
        _ => return "not measured".to_owned(),
    };
    match promise.unmeasured {
        0 => seen,
        n => format!("{seen}, not measured in {n}"),
    }
}

/// The metric as people say it.
pub(crate) fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::SessionsLost => "sessions lost",
        Metric::SessionsLostPercent => "share of sessions lost",
        Metric::SessionsMisrouted => "sessions misrouted",
        Metric::SessionsHarmedPercent => "share of sessions harmed",
        Metric::WritesLost => "writes lost",
        Metric::PastWritesLost => "acknowledged lines gone, with or without their session",
        Metric::UpdatesLost => "updates lost",
        Metric::EffectsDuplicated => "effects duplicated",
        Metric::SessionsResurrected => "sessions that came back to life",
        Metric::CookiesReplayed => "older cookies accepted",
        Metric::SessionsTroubledPercent => "share of sessions that met trouble",
        Metric::FaultP99Ms => "p99 in the fault window",
        Metric::RecoveryP99Ms => "p99 in the recovery",
        Metric::UnsteadyS => "time outside of the steady state",
        Metric::BusiestServerPercent => "the busiest server's share",
        Metric::NewServersPercent => "the new servers' share",
        Metric::CpuUsPerRequest => "CPU a request",
        Metric::Processes => "processes",
        Metric::ServerBytesPerSession => "memory of the servers a session",
        Metric::StoreBytesPerSession => "size of the store a session",
        Metric::StartUpMs => "start-up",
        Metric::StandbyProcesses => "processes standing by",
        Metric::RecoveryPointS => "age of the oldest line that is gone",
        Metric::SitePromoteS => "time until the second site's store took writes",
        Metric::SiteStartS => "time until the second site's servers were up",
        Metric::Anomalies => "anomalies of any kind",
        Metric::SessionsVerified => "sessions verified",
        Metric::BaselineErrorsPercent => "errors in the baseline",
        Metric::FaultErrorsPercent => "errors from the fault on",
        Metric::ServiceBackS => "service back after",
        Metric::BaselineP99Ms => "p99 in the baseline",
    }
}

fn unit(metric: Metric) -> &'static str {
    let name = metric.name();
    match metric {
        _ if name.ends_with("-percent") => "%",
        _ if name.ends_with("-ms") => " ms",
        _ if name.ends_with("-s") => " s",
        Metric::CpuUsPerRequest => " \u{b5}s",
        Metric::ServerBytesPerSession | Metric::StoreBytesPerSession => " bytes",
        _ => "",
    }
}
