//! Findings in, text out: a run's results as a terminal table, JSON, Markdown and one HTML page.
//!
//! Architecture invariant: pure. No file is opened here, no clock is read and nothing is random; the same results give the same
//! bytes. Nothing is judged here either: what a trial means is the judge's to say, and this crate's only to add up and to show.

mod advice;
mod answer;
mod board;
mod claims;
mod comparisons;
mod diff;
mod export;
mod fates;
mod html;
mod index;
mod json;
mod latencies;
mod limits;
mod markdown;
mod overview;
mod probes;
mod promise;
mod results;
mod sites;
mod summary;
mod terminal;
mod words;

pub use advice::{
    ADVICE_VERSION, Advice, Architecture, Away, Cause, Choice, Decision, Drained, Facts, Gap, KEYS, Key,
    Known, Line, Loss, Memory, Outlook, Price, PriceDifference, Range, ScaleOut, Service, Signal, State,
    TODAY, Today, advice_cells, advice_json, advice_terminal, service_schema,
};
pub use claims::{ClaimEvidence, ClaimFigure, ClaimResult, ClaimVerdict};
pub use diff::{
    CountDiff, DIFF_VERSION, Diff, Difference, Gate, GateError, GateOutcome, GateResult, Given, Missing,
    ScenarioDiff, Side, StackDiff, Weight, diff_json, diff_markdown, diff_terminal,
};
pub use export::{bencher, csv_head, csv_lines, github_action_benchmark, junit};
pub use fates::{Fates, Witness, witnesses};
pub use html::{html, index_html};
pub use index::{
    FoundRun, INDEX_VERSION, Index, IndexedRun, IndexedScenario, IndexedStack, Unreadable, index_json,
};
pub use json::{ReadError, json, read, schema};
pub use latencies::{hgrm, hlog_head, hlog_lines};
pub use markdown::{markdown, step_summary};
pub use probes::{ProbeExample, ProbeSummary};
pub use results::{
    Comparable, FailedTrial, JournalPlace, JudgedTrial, PlannedFault, PlannedProbe, Results, RunSummary,
    SCHEMA_VERSION, ScenarioResults, Setting,
};
pub use sites::SiteSummary;
pub use summary::{
    CpuSummary, Exact, ExpectationSummary, FigureSummary, GeneratorSummary, MemorySummary, PhaseSummary,
    RecoverySummary, SessionTotals, SpectrumSummary, StackSummary,
};
pub use terminal::{Style, terminal};
