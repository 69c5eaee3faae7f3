//! A scenario as written: TOML, with every mistake told by its file and line.

mod expect;
mod fault;
mod load;
mod lookup;
mod probe;
mod schema;
mod site;
mod standing;

use crate::expect::SteadyState;
use crate::fault::FaultAction;
use crate::phase::{Phase, Phases};
use crate::scenario::{ConflictPolicy, Scenario, Topology};
use crate::site::StandbySite;
use crate::stack::Stack;
use expect::{ExpectFile, Needs};
use fault::FaultFile;
use load::LoadFile;
use lookup::LookupFile;
use probe::ProbeFile;
use schemars::JsonSchema;
use serde::Deserialize;
use site::StandbySiteFile;
use std::ops::Range;
use toml::Spanned;

/// A scenario file that cannot be used: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct ScenarioError {
    /// The file's path as it was given.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// One question, put to several architectures: what is built, who comes, what breaks and when, and what is promised.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Scenario")]
struct ScenarioFile {
    /// Its name; it names folders too. Give the file the same.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9-]{1,60}$"))]
    name: Spanned<String>,
    /// What is asked, in a sentence.
    question: String,
    /// Ids of the claims that are tested, such as `SF5`.
    #[serde(default)]
    claims: Vec<String>,
    /// Of these, those whose limit it shows: when its promises are kept, the claim holds only outside of what happens here.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    limits: Vec<Spanned<String>>,
    /// What happens and why it matters, to be read aloud. The report shows it.
    story: String,
    /// The architectures that are compared, each once. The first is the one that the others are compared with.
    #[schemars(schema_with = "schema::stacks")]
    stacks: Spanned<Vec<Spanned<String>>>,
    topology: TopologyFile,
    /// What stands by at a second site; without it there is one site alone.
    #[schemars(with = "Option<StandbySiteFile>")]
    standby_site: Option<Spanned<StandbySiteFile>>,
    load: LoadFile,
    phases: PhasesFile,
    steady_state: SteadyStateFile,
    /// What is broken, in order of time.
    #[serde(default)]
    faults: Vec<FaultFile>,
    /// What is tried by an adversary, or a clumsy client, beside the load, in order of time.
    #[serde(default)]
    probes: Vec<ProbeFile>,
    /// When an operator asks whose session is where, in order of time.
    #[serde(default)]
    lookups: Vec<LookupFile>,
    /// What is promised.
    #[serde(default)]
    expect: Vec<ExpectFile>,
}

/// What is built for each stack.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Topology")]
struct TopologyFile {
    /// Server processes at the start: `server-1`, `server-2`, ...
    #[schemars(with = "u32", range(min = 1, max = MOST_SERVERS))]
    servers: Spanned<u32>,
    /// The work of a real handler, spent waiting between the read and the write of the session. Milliseconds.
    #[serde(default = "ten")]
    #[schemars(with = "u64", range(min = 0, max = 10_000))]
    service_time_ms: Spanned<u64>,
    /// How many requests a server works on at once, the others waiting their turn; no limit without it.
    #[schemars(with = "Option<u32>", range(min = 1, max = MOST_AT_ONCE))]
    concurrency: Option<Spanned<u32>>,
    /// What two writers from one version do to one another.
    #[serde(default = "last_write_wins")]
    conflict_policy: ConflictPolicy,
}

/// How the time is divided. At most an hour in all.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Phases")]
struct PhasesFile {
    /// Shoppers arrive in its first seven eighths. Never counted in latency or throughput. Seconds.
    #[schemars(with = "f64", range(min = SHORTEST_S, max = LONGEST_S))]
    warm_up_s: Spanned<f64>,
    /// How it is before anything breaks. It must meet the steady state, or the trial is inconclusive. Seconds.
    #[schemars(with = "f64", range(min = SHORTEST_S, max = LONGEST_S))]
    baseline_s: Spanned<f64>,
    /// Every fault lies in it. Seconds.
    #[schemars(with = "f64", range(min = 0.0, max = LONGEST_S))]
    fault_s: Spanned<f64>,
    /// The load goes on, and nothing more is broken. Seconds.
    #[schemars(with = "f64", range(min = 0.0, max = LONGEST_S))]
    recovery_s: Spanned<f64>,
    /// At its beginning everything is healed. Seconds.
    #[schemars(with = "f64", range(min = 0.0, max = LONGEST_S))]
    quiet_s: Spanned<f64>,
}

/// When the service counts as well.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SteadyState")]
struct SteadyStateFile {
    /// The least share of requests that get a complete answer below 500. A refused session (401) is an answer.
    #[schemars(with = "f64", range(min = 0.01, max = 1.0))]
    ok_ratio: Spanned<f64>,
    /// At most one request in a hundred may take longer, from the moment at which it was due. Milliseconds.
    #[schemars(with = "f64", range(min = 0.1, max = 60_000.0))]
    p99_ms: Spanned<f64>,
    /// For how long both must hold. Seconds.
    #[schemars(with = "f64", range(min = 0.1, max = 600.0))]
    sustain_s: Spanned<f64>,
}

fn ten() -> Spanned<u64> {
    Spanned::new(0..0, 10)
}

fn last_write_wins() -> ConflictPolicy {
    ConflictPolicy::LastWriteWins
}

/// The longest trial, so that a slip of the pen does not run for a day. Seconds.
const LONGEST_S: f64 = 3_600.0;
/// Nothing can be seen in less.
const SHORTEST_S: f64 = 0.5;
const MOST_SERVERS: u32 = 16;
const MOST_AT_ONCE: u32 = 65_536;

impl Scenario {
    /// Reads a scenario from the text of its file.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        // As Windows' editors end their lines.
        let text = text.replace("\r\n", "\n");
        let source = Source { file, text: &text };
        let written: ScenarioFile = toml::from_str(&text).map_err(|e| source.syntax(&e))?;
        source.printable()?;
        source.resolve(written)
    }

    /// The same scenario in half the time: every time but the time-outs, what faults add to an answer, and the steady state is halved,
    /// so that the servers are as busy as before. A promise of at least so much time is halved with it; one of at most so much
    /// stays, for what a machine needs does not become less.
    #[must_use]
    pub fn quick(mut self) -> Self {
        let lengths =
            Phase::ALL.map(|phase| self.phases.span(phase).map_or(0, |s| (s.end_us - s.start_us) / 2));
        self.phases = Phases::from_lengths([lengths[0], lengths[1], lengths[2], lengths[3], lengths[4]]);
        for lookup in &mut self.lookups {
            lookup.at_us /= 2;
        }
        for fault in &mut self.faults {
            fault.at_us /= 2;
            if let FaultAction::RollingRestart { drain_ms: ms, .. }
            | FaultAction::Remove { drain_ms: ms }
            | FaultAction::CrashLoop { up_ms: ms, .. } = &mut fault.action
            {
                *ms /= 2;
            }
        }
        for probe in &mut self.probes {
            probe.at_us /= 2;
        }
        self.standby_site = self.standby_site.map(StandbySite::quick);
        self.load.think_time_ms = (self.load.think_time_ms / 2).max(1);
        self.load.shape = self.load.shape.quick();
        self.topology.service_time_ms = self.topology.service_time_ms.div_ceil(2);
        for expectation in self.expect.iter_mut().filter(|expectation| expectation.metric.is_a_time()) {
            expectation.min = expectation.min.map(|min| min / 2.0);
        }
        self
    }

    /// The JSON Schema of scenario files, for editors. What a schema cannot say, such as which fault may hit which target, is told by
    /// [`Scenario::parse`] alone.
    pub fn file_schema() -> serde_json::Value {
        schemars::schema_for!(ScenarioFile).to_value()
    }
}

/// The text, for errors that name a line.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, at: Range<usize>, message: impl Into<String>) -> ScenarioError {
        let before = self.text.get(..at.start.min(self.text.len())).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ScenarioError { file: self.file.to_owned(), line, message: message.into() }
    }

    /// What is shown on terminals must not command them. TOML lets such characters in by their escapes alone.
    fn printable(&self) -> Result<(), ScenarioError> {
        fn commands(value: &toml::Value) -> bool {
            match value {
                toml::Value::String(text) => text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'),
                toml::Value::Array(values) => values.iter().any(commands),
                toml::Value::Table(table) => table.values().any(commands),
                _ => false,
            }
        }
        let table: toml::Table = toml::from_str(self.text).map_err(|e| self.syntax(&e))?;
        if !commands(&toml::Value::Table(table)) {
            return Ok(());
        }
        let escapes = ["\\u", "\\U", "\\x", "\\e", "\\b", "\\f", "\\r"];
        let at = escapes.iter().filter_map(|escape| self.text.find(escape)).min().unwrap_or(0);
        Err(self.error(
            at..at,
            "a text holds a control character, which would command the reader's terminal; take it out",
        ))
    }

    fn syntax(&self, error: &toml::de::Error) -> ScenarioError {
        let message = error.message().to_owned();
        let hint = unknown_and_known(&message)
            .and_then(|(wrong, known)| nearest(wrong, known))
            .map_or(String::new(), |near| format!("; did you mean '{near}'?"));
        self.error(error.span().unwrap_or(0..0), format!("{message}{hint}"))
    }

    fn seconds(&self, key: &str, value: &Spanned<f64>) -> Result<u64, ScenarioError> {
        let s = *value.get_ref();
        if s.is_finite() && (0.0..=LONGEST_S).contains(&s) {
            return Ok((s * 1e6).round() as u64);
        }
        Err(self.error(value.span(), format!("{key} is {s}; seconds from 0 to {LONGEST_S} are possible")))
    }

    fn range<T: PartialOrd + std::fmt::Display>(
        &self,
        key: &str,
        value: Spanned<T>,
        least: T,
        most: T,
    ) -> Result<T, ScenarioError> {
        if *value.get_ref() >= least && *value.get_ref() <= most {
            return Ok(value.into_inner());
        }
        let message = format!("{key} is {}; {least} to {most} is possible", value.get_ref());
        Err(self.error(value.span(), message))
    }

    fn resolve(&self, written: ScenarioFile) -> Result<Scenario, ScenarioError> {
        let name = self.name(&written.name)?;
        let stacks = self.stacks(&written.stacks)?;
        self.conflict_policies(&written, &stacks)?;
        let phases = self.phases(&written.phases)?;
        let servers = self.range("topology.servers", written.topology.servers, 1, MOST_SERVERS)?;
        let faults = self.faults(written.faults, &phases, servers, written.standby_site.is_some())?;
        let standby_site = match written.standby_site {
            Some(site) => Some(self.standby_site(site, &faults, &stacks)?),
            None => None,
        };
        let service_time_ms =
            self.range("topology.service_time_ms", written.topology.service_time_ms, 0, 10_000)?;
        let concurrency = written
            .topology
            .concurrency
            .map(|n| self.range("topology.concurrency", n, 1, MOST_AT_ONCE))
            .transpose()?;
        let load = self.load(written.load, &phases, service_time_ms)?;
        let probes = self.probes(written.probes, &phases)?;
        let lookups = self.lookups(written.lookups, &phases, load.shoppers)?;
        let looks = !lookups.is_empty();
        let steady_state = self.steady_state(written.steady_state)?;
        let needs = Needs {
            faults: !faults.is_empty(),
            probes: &probes,
            standby_site: standby_site.is_some(),
            looks,
            sleepers: load.sleepers > 0,
            mode: load.mode,
            phases: &phases,
            sustain_us: (steady_state.sustain_s * 1e6) as u64,
        };
        let expect = self.expectations(written.expect, &stacks, &needs)?;
        Ok(Scenario {
            name,
            question: written.question,
            limits: self.limits(written.limits, &written.claims)?,
            claims: written.claims,
            story: written.story.trim().to_owned(),
            stacks,
            topology: Topology {
                servers,
                service_time_ms,
                concurrency,
                conflict_policy: written.topology.conflict_policy,
            },
            standby_site,
            load,
            phases,
            steady_state,
            faults,
            probes,
            lookups,
            expect,
        })
    }

    fn limits(&self, limits: Vec<Spanned<String>>, claims: &[String]) -> Result<Vec<String>, ScenarioError> {
        if let Some(other) = limits.iter().find(|id| !claims.contains(id.get_ref())) {
            let message = format!("limits names '{}', which is none of its claims", other.get_ref());
            return Err(self.error(other.span(), message));
        }
        Ok(limits.into_iter().map(Spanned::into_inner).collect())
    }

    fn name(&self, name: &Spanned<String>) -> Result<String, ScenarioError> {
        let text = name.get_ref();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 60 || !text.chars().all(plain) {
            let message =
                format!("name '{text}' must be 1 to 60 of a-z, 0-9 and '-', for it names folders too");
            return Err(self.error(name.span(), message));
        }
        Ok(text.clone())
    }

    fn stacks(&self, names: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<Stack>, ScenarioError> {
        let mut stacks: Vec<Stack> = Vec::new();
        for name in names.get_ref() {
            let stack = name
                .get_ref()
                .parse()
                .map_err(|e: crate::StackError| self.error(name.span(), e.to_string()))?;
            if stacks.contains(&stack) {
                return Err(
                    self.error(name.span(), format!("stack '{stack}' is listed twice; name each once"))
                );
            }
            stacks.push(stack);
        }
        if stacks.is_empty() {
            return Err(self.error(names.span(), "stacks is empty; name at least one, such as \"stateful\""));
        }
        Ok(stacks)
    }

    fn conflict_policies(&self, written: &ScenarioFile, stacks: &[Stack]) -> Result<(), ScenarioError> {
        for (name, stack) in written.stacks.get_ref().iter().zip(stacks) {
            let policy = stack.conflict.unwrap_or(written.topology.conflict_policy);
            if policy == ConflictPolicy::Optimistic && !stack.compares_versions() {
                let message = format!(
                    "stack '{stack}' cannot be optimistic: its store has no versions to compare; write '{}'",
                    stack.with_conflict(ConflictPolicy::LastWriteWins)
                );
                return Err(self.error(name.span(), message));
            }
        }
        Ok(())
    }

    fn phases(&self, written: &PhasesFile) -> Result<Phases, ScenarioError> {
        let mut lengths = [0; 5];
        let keys = ["warm_up_s", "baseline_s", "fault_s", "recovery_s", "quiet_s"];
        let values = [
            &written.warm_up_s,
            &written.baseline_s,
            &written.fault_s,
            &written.recovery_s,
            &written.quiet_s,
        ];
        for (length, (key, value)) in lengths.iter_mut().zip(keys.into_iter().zip(values)) {
            *length = self.seconds(&format!("phases.{key}"), value)?;
        }
        for (value, key) in [(values[0], keys[0]), (values[1], keys[1])] {
            if *value.get_ref() < SHORTEST_S {
                let message =
                    format!("phases.{key} is {}; at least {SHORTEST_S} s is needed", value.get_ref());
                return Err(self.error(value.span(), message));
            }
        }
        let phases = Phases::from_lengths(lengths);
        if phases.end_us() as f64 > LONGEST_S * 1e6 {
            let message = format!(
                "the phases add up to {} s; at most {LONGEST_S} s are possible",
                phases.end_us() / 1_000_000
            );
            return Err(self.error(written.warm_up_s.span(), message));
        }
        Ok(phases)
    }

    fn steady_state(&self, written: SteadyStateFile) -> Result<SteadyState, ScenarioError> {
        Ok(SteadyState {
            ok_ratio: self.range("steady_state.ok_ratio", written.ok_ratio, 0.01, 1.0)?,
            p99_ms: self.range("steady_state.p99_ms", written.p99_ms, 0.1, 60_000.0)?,
            sustain_s: self.range("steady_state.sustain_s", written.sustain_s, 0.1, 600.0)?,
        })
    }
}

/// Picks the wrong and the known names out of serde's "unknown field `a`, expected one of `b`, `c`".
fn unknown_and_known(message: &str) -> Option<(&str, impl Iterator<Item = String>)> {
    let rest =
        message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("unknown variant `"))?;
    let (wrong, known) = rest.split_once('`')?;
    Some((wrong, known.split('`').skip(1).step_by(2).map(str::to_owned)))
}

/// The known name that is nearest to a wrong one, when it is near enough to have been meant.
pub(crate) fn nearest(wrong: &str, known: impl Iterator<Item = String>) -> Option<String> {
    // The unit at the end of a key is what is forgotten most.
    let without_unit = |name: &str| name.strip_prefix(wrong).is_some_and(|rest| rest.starts_with('_'));
    known
        .map(|name| {
            let likeness = strsim::normalized_damerau_levenshtein(wrong, &name);
            (if without_unit(&name) { 1.0 } else { likeness }, name)
        })
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
