//! The histograms themselves, for HdrHistogram's own tools: a log of all intervals (`.hlog`, V2 DEFLATE, merged by tag into
//! phases), and a percentile distribution as text (`.hgrm`). Values are microseconds.

use analysis::{IntervalHistograms, PhaseHistograms};
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use hdrhistogram::{Counter, Histogram};
use journal::Header;
use scenario::Phase;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

/// Steps of the distribution between each halving of what is left, as HdrHistogram's tools have them.
const TICKS_PER_HALF: u32 = 5;

/// Into how many parts 3 significant digits divide a bucket: the power of two above twice a thousand.
const PARTS_OF_THREE_DIGITS: u32 = 2_048;

/// What a histogram counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Plan,
    Sending,
}

impl From {
    fn name(self) -> &'static str {
        match self {
            From::Plan => "latency",
            From::Sending => "service",
        }
    }
}

/// `SCENARIO.STACK.PHASE.latency`, counted from the plan, or `...service`, counted from the sending.
fn tag(header: &Header, phase: Phase, from: From) -> String {
    format!("{}.{}.{}.{}", header.scenario.name, header.stack, phase.name(), from.name())
}

/// The intervals of one trial as lines of a log, without its head. Lines of several trials may follow one another.
pub fn hlog_lines(header: &Header, intervals: &[IntervalHistograms]) -> String {
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new();
    // The maximum, which the log shows beside each histogram, in milliseconds.
    log.with_max_value_divisor(1_000.0);
    let written = log.begin_log_with(&mut bytes, &mut serializer).map(|mut log| {
        for interval in intervals {
            put(&mut log, header, interval, From::Plan, &interval.latency);
            put(&mut log, header, interval, From::Sending, &interval.service_time);
        }
    });
    debug_assert!(written.is_ok(), "memory takes everything");
    let text = String::from_utf8_lossy(&bytes);
    text.lines().filter(|line| line.starts_with("Tag=")).flat_map(|line| [line, "\n"]).collect()
}

fn put<S: Serializer>(
    log: &mut IntervalLogWriter<'_, '_, Vec<u8>, S>,
    header: &Header,
    interval: &IntervalHistograms,
    from: From,
    histogram: &Histogram<u32>,
) {
    let start = Duration::from_millis(header.started_unix_ms) + Duration::from_micros(interval.start_us);
    let length = Duration::from_micros(interval.length_us);
    let tag = tag(header, interval.phase, from);
    let written = log.write_histogram(histogram, start, length, Tag::new(&tag));
    debug_assert!(written.is_ok(), "a histogram of whole counts can be written");
}

/// The head of a log.
pub fn hlog_head(started_unix_ms: u64) -> String {
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new();
    log.add_comment("values are microseconds; tags are SCENARIO.STACK.PHASE.latency (from the planned moment) and .service (from the sending)");
    log.with_start_time(UNIX_EPOCH + Duration::from_millis(started_unix_ms));
    let written = log.begin_log_with(&mut bytes, &mut serializer).map(drop);
    debug_assert!(written.is_ok(), "memory takes everything");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The percentile distributions of one trial that hold a request: a name for the file, and its text.
pub fn hgrm(header: &Header, phases: &[PhaseHistograms]) -> Vec<(String, String)> {
    let both = phases
        .iter()
        .flat_map(|phase| [(phase, From::Plan, &phase.latency), (phase, From::Sending, &phase.service_time)]);
    both.filter(|(.., histogram)| !histogram.is_empty())
        .map(|(phase, from, histogram)| {
            let name = format!("{:03}.{}.hgrm", header.order, tag(header, phase.phase, from));
            (name, distribution(histogram))
        })
        .collect()
}

fn distribution<C: Counter>(histogram: &Histogram<C>) -> String {
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64, step.quantile_iterated_to());
        let _ = write!(text, "{value:12.3} {quantile:2.12} {total:10}");
        let _ =
            if quantile < 1.0 { writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)) } else { writeln!(text) };
    }
    let (mean, deviation) = (histogram.mean(), histogram.stdev());
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
    let (max, count) = (histogram.max() as f64, histogram.len());
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {count:12}]");
    let (buckets, parts) = (histogram.buckets(), PARTS_OF_THREE_DIGITS);
    let _ = writeln!(text, "#[Buckets = {buckets:12}, SubBuckets     = {parts:12}]");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use scenario::{Scenario, Stack};
    use std::collections::BTreeMap;

    fn header() -> Header {
        let text = "name = \"a\"\nquestion = \"?\"\nstory = \".\"\nstacks = [\"stateful\"]\ntopology = { servers = 1 }\n\
                    load = { shoppers = 1, think_time_ms = 100, mix = { read = 1, add = 1 } }\n\
                    phases = { warm_up_s = 1, baseline_s = 1, fault_s = 0, recovery_s = 0, quiet_s = 0 }\n\
                    steady_state = { ok_ratio = 0.9, p99_ms = 100, sustain_s = 1 }\n";
        Header {
            format: 1,
            run: "r".to_owned(),
            order: 2,
            repeat: 1,
            replica: 0,
            stack: Stack::stateful(),
            router: "builtin".to_owned(),
            seed: 1,
            plan_sha256: "p".to_owned(),
            planned_steps: 3,
            scenario: Scenario::parse("a.toml", text).unwrap(),
            store: BTreeMap::new(),
            start_up_ms: None,
            started_unix_ms: 1_700_000_000_000,
        }
    }

    fn interval(start_us: u64, values: &[u64]) -> IntervalHistograms {
        let mut latency = Histogram::<u32>::new(3).unwrap();
        values.iter().for_each(|value| latency.record(*value).unwrap());
        let service_time = latency.clone();
        IntervalHistograms { start_us, length_us: 1_000_000, phase: Phase::Baseline, latency, service_time }
    }

    #[test]
    fn a_log_is_read_back_by_the_tools_of_its_format_and_adds_up() {
        let intervals = [interval(1_000_000, &[500, 700]), interval(2_000_000, &[90_000])];
        let log = hlog_head(1_700_000_000_000) + &hlog_lines(&header(), &intervals);
        let mut sum = Histogram::<u64>::new(3).unwrap();
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(log.as_bytes()) {
            let LogEntry::Interval(line) = entry.unwrap() else { continue };
            if line.tag().unwrap().as_str() == "a.stateful.baseline.latency" {
                let bytes = base64_of(line.encoded_histogram());
                let one: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
                sum.add(&one).unwrap();
                starts.push(line.start_timestamp().as_secs());
            }
        }
        assert_eq!((sum.len(), sum.max() / 100, starts), (3, 900, vec![1_700_000_001, 1_700_000_002]));
    }

    fn base64_of(text: &str) -> Vec<u8> {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    }

    #[test]
    fn a_distribution_ends_with_everything_and_is_named_for_its_trial() {
        let mut whole = Histogram::<u64>::new(3).unwrap();
        [500, 700, 90_000].into_iter().for_each(|value| whole.record(value).unwrap());
        let empty = Histogram::<u64>::new(3).unwrap();
        let phases = [PhaseHistograms { phase: Phase::Quiet, latency: whole, service_time: empty }];
        let told = hgrm(&header(), &phases);
        assert_eq!(told.len(), 1, "what is empty is left out");
        assert_eq!(told[0].0, "002.a.stateful.quiet.latency.hgrm");
        assert!(told[0].1.contains("1.000000000000          3\n"), "{}", told[0].1);
    }
}
