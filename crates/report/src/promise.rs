//! A promise in words.

use crate::summary::{ExpectationSummary, StackSummary};
use crate::words::{duration, plain, ratio_percent};
use analysis::Verdict;
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
        _ if unit == " bytes" => format!("{value:.0}"),
        // The histogram keeps three digits.
        _ if unit == " ms" && value >= 100.0 => format!("{value:.0}"),
        _ if unit == " ms" && value >= 10.0 => plain((value * 10.0).round() / 10.0),
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

/// The promise that tells most of a stack: the first that is not kept, or else the first; that somebody looked tells least.
pub(crate) fn telling(stack: &StackSummary) -> Option<&ExpectationSummary> {
    let all = || stack.expectations.iter();
    let broken = all().find(|promise| promise.verdict == Verdict::Broken);
    broken
        .or_else(|| all().find(|promise| promise.metric != Metric::SessionsVerified))
        .or_else(|| all().next())
}

/// The metric in a word or two, behind its value: `34.7%` *of sessions lost*, `1` *write lost*.
pub(crate) fn short(metric: Metric, measured: &str) -> &'static str {
    match metric {
        Metric::SessionsLost if measured == "1" => "session lost",
        Metric::WritesLost if measured == "1" => "write lost",
        Metric::PastWritesLost if measured == "1" => "acknowledged line gone",
        Metric::UpdatesLost if measured == "1" => "update lost",
        Metric::EffectsDuplicated if measured == "1" => "effect doubled",
        Metric::CookiesReplayed if measured == "1" => "old cookie taken",
        Metric::Anomalies if measured == "1" => "anomaly",
        Metric::SessionsVerified if measured == "1" => "session verified",
        Metric::Processes if measured == "1" => "process",
        Metric::OvergrownLinesLost if measured == "1" => "overgrown line lost",
        Metric::PlacesAsked if measured == "1" => "place to ask",
        Metric::SessionsLost => "sessions lost",
        Metric::SessionsLostPercent => "of sessions lost",
        Metric::SessionsMisrouted => "misrouted",
        Metric::SessionsHarmedPercent => "of sessions harmed",
        Metric::WritesLost => "writes lost",
        Metric::PastWritesLost => "acknowledged lines gone",
        Metric::UpdatesLost => "updates lost",
        Metric::EffectsDuplicated => "effects doubled",
        Metric::SessionsResurrected => "back to life",
        Metric::CookiesReplayed => "old cookies taken",
        Metric::Anomalies => "anomalies",
        Metric::SessionsVerified => "sessions verified",
        Metric::BaselineErrorsPercent | Metric::FaultErrorsPercent => "errors",
        Metric::ServiceBackS => "until back",
        Metric::BaselineP99Ms => "p99, baseline",
        Metric::SessionsTroubledPercent => "of sessions troubled",
        Metric::FaultP90Ms => "p90, fault",
        Metric::FaultP99Ms => "p99, fault",
        Metric::RecoveryP99Ms => "p99, recovery",
        Metric::UnsteadyS => "unsteady",
        Metric::BusiestServerPercent => "at the busiest server",
        Metric::NewServersPercent => "at new servers",
        Metric::CpuUsPerRequest => "CPU a request",
        Metric::Processes => "processes",
        Metric::ServerBytesPerSession => "in servers, a session",
        Metric::StoreBytesPerSession => "in the store, a session",
        Metric::StartUpMs => "start-up",
        Metric::TampersRefusedPercent => "of tampered cookies refused",
        Metric::FixationsRefusedPercent => "of fixed ids refused",
        Metric::ReplaysRefusedPercent => "of copies refused",
        Metric::RollbacksRefusedPercent => "of older cookies refused",
        Metric::OvergrowsRefusedPercent => "of overgrown refused",
        Metric::OvergrownLinesLost => "overgrown lines lost",
        Metric::ProbeErrors => "errors, probes",
        Metric::PlacesAsked => "places to ask",
        Metric::FoundBeforeFaultPercent => "of look-ups found, before",
        Metric::FoundAfterFaultPercent => "of look-ups found, after",
        Metric::UntoldAfterFaultPercent => "of look-ups untold, after",
        Metric::StandbyProcesses => "standing by",
        Metric::RecoveryPointS => "of the past lost",
        Metric::SitePromoteS => "until promoted",
        Metric::SiteStartS => "until started",
    }
}

/// What became of promises, in a word or two.
pub(crate) fn outcome(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "kept its promises",
        Verdict::Broken => "broke a promise",
        Verdict::Inconclusive => "is inconclusive",
        Verdict::Unpromised => "promised nothing",
    }
}

/// Whether any amount of it is harm to a shopper.
pub(crate) fn is_harm(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::SessionsLost
            | Metric::SessionsLostPercent
            | Metric::SessionsMisrouted
            | Metric::SessionsHarmedPercent
            | Metric::WritesLost
            | Metric::PastWritesLost
            | Metric::UpdatesLost
            | Metric::EffectsDuplicated
            | Metric::SessionsResurrected
            | Metric::CookiesReplayed
            | Metric::Anomalies
            | Metric::SessionsTroubledPercent
            | Metric::OvergrownLinesLost
    )
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
        Metric::FaultP90Ms => "p90 in the fault window",
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
        Metric::TampersRefusedPercent => "share of tampered cookies refused",
        Metric::FixationsRefusedPercent => "share of fixed ids refused",
        Metric::ReplaysRefusedPercent => "share of copied cookies refused after the log-out",
        Metric::RollbacksRefusedPercent => "share of older cookies that put nothing back",
        Metric::OvergrowsRefusedPercent => "share of overgrown sessions refused clearly",
        Metric::OvergrownLinesLost => "acknowledged lines gone from overgrown sessions",
        Metric::ProbeErrors => "errors of 500 and above, or no answer, to probes",
        Metric::PlacesAsked => "places an operator must ask",
        Metric::FoundBeforeFaultPercent => "share of look-ups that found the session before the fault",
        Metric::FoundAfterFaultPercent => "share of look-ups that found the session after the fault",
        Metric::UntoldAfterFaultPercent => "share of look-ups after the fault that nobody could answer",
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
