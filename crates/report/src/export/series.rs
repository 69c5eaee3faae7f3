//! `timeline.csv`: one row a second, stack and repeat, for whoever draws charts of their own. After RFC 4180; an empty field is "not
//! known", never 0.

use analysis::{IntervalHistograms, Requests, TrialFindings, support};
use hdrhistogram::Histogram;
use scenario::{Phase, Phases};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The columns.
pub fn csv_head() -> String {
    "scenario,stack,repeat,start_s,length_s,phase,planned,sent,ok,refused,failed,unknown,\
     plan_p50_us,plan_p99_us,service_p50_us,service_p99_us,faults\r\n"
        .to_owned()
}

/// What was planned in one second, all phases of it together.
#[derive(Default)]
struct Second {
    requests: Requests,
    from_plan: Option<Histogram<u32>>,
    from_sending: Option<Histogram<u32>>,
}

/// The rows of one trial, every second of its load, those without a request too; the final reads are left out. `phases` are those
/// of its scenario.
pub fn csv_lines(findings: &TrialFindings, phases: &Phases, intervals: &[IntervalHistograms]) -> String {
    let length_us = intervals.first().map_or(1_000_000, |interval| interval.length_us);
    let mut seconds: BTreeMap<u64, Second> = BTreeMap::new();
    for interval in intervals.iter().filter(|interval| interval.phase != Phase::Final) {
        let second = seconds.entry(interval.start_us / length_us).or_default();
        add(&mut second.requests, &interval.requests);
        merge(&mut second.from_plan, &interval.latency);
        merge(&mut second.from_sending, &interval.service_time);
    }
    let mut out = String::new();
    for number in 0..phases.end_us().div_ceil(length_us) {
        let (start_us, nothing) = (number * length_us, Second::default());
        let second = seconds.get(&number).unwrap_or(&nothing);
        let Requests { planned, sent, ok, refused, failed, unknown, .. } = second.requests;
        let times = [(&second.from_plan, 0.5), (&second.from_plan, 0.99), (&second.from_sending, 0.5)];
        let [p50, p99, sent_p50] = times.map(|(histogram, q)| quantile(histogram.as_ref(), q));
        let sent_p99 = quantile(second.from_sending.as_ref(), 0.99);
        let identity = &findings.identity;
        let _ = write!(
            out,
            "{},{},{},{},{},{},{planned},{sent},{ok},{refused},{failed},{unknown},{p50},{p99},{sent_p50},{sent_p99},{}\r\n",
            field(&identity.scenario),
            field(&identity.column()),
            identity.repeat,
            start_us / 1_000_000,
            length_us / 1_000_000,
            phases.at(start_us).name(),
            field(&marks(findings, start_us, start_us + length_us)),
        );
    }
    out
}

fn add(sum: &mut Requests, other: &Requests) {
    sum.planned += other.planned;
    sum.sent += other.sent;
    sum.ok += other.ok;
    sum.refused += other.refused;
    sum.failed += other.failed;
    sum.unknown += other.unknown;
    sum.unsent += other.unsent;
}

fn merge(sum: &mut Option<Histogram<u32>>, other: &Histogram<u32>) {
    let sum = sum.get_or_insert_with(|| Histogram::new(3).expect("3 digits are possible"));
    let added = sum.add(other);
    debug_assert!(added.is_ok(), "a histogram that grows takes every value");
}

/// In microseconds; empty where the samples do not support it.
fn quantile(histogram: Option<&Histogram<u32>>, q: f64) -> String {
    let supported = histogram.filter(|histogram| histogram.len() >= support(q));
    supported.map_or(String::new(), |histogram| histogram.value_at_quantile(q).to_string())
}

/// `kill server-2.1 called; kill server-2.1 landed`, of what happened in this second.
fn marks(findings: &TrialFindings, start_us: u64, end_us: u64) -> String {
    let mut marks: Vec<(u64, String)> = Vec::new();
    for fault in &findings.faults {
        let whom = fault.process.as_deref().unwrap_or(&fault.target);
        let stages = [(fault.called_us, "called"), (fault.landed_us, "landed"), (fault.failed_us, "failed")];
        for (at_us, stage) in stages {
            if let Some(at_us) = at_us.filter(|us| (start_us..end_us).contains(us)) {
                marks.push((at_us, format!("{} {whom} {stage}", fault.action.name())));
            }
        }
    }
    marks.sort_by_key(|(at_us, _)| *at_us);
    marks.into_iter().map(|(_, mark)| mark).collect::<Vec<_>>().join("; ")
}

/// Text from outside. An apostrophe keeps a spreadsheet from taking it for a formula (OWASP, "CSV Injection").
fn field(raw: &str) -> String {
    let text = crate::words::clip(raw, 400);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_closes_no_row_and_is_no_formula() {
        assert_eq!(field("stateful"), "stateful");
        assert_eq!(field("=1+1"), "'=1+1");
        assert_eq!(field("a,\"b\"\r\nc"), "\"a,\"\"b\"\"  c\"");
    }

    #[test]
    fn a_quantile_without_samples_is_empty() {
        let mut histogram = Histogram::new(3).unwrap();
        assert_eq!(quantile(None, 0.5), "");
        (0..298).for_each(|_| histogram.record(700).unwrap());
        assert_eq!(
            (quantile(Some(&histogram), 0.5).as_str(), quantile(Some(&histogram), 0.99).as_str()),
            ("700", "")
        );
        histogram.record(700).unwrap();
        assert_eq!(quantile(Some(&histogram), 0.99), "700");
    }
}
