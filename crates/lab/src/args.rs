//! The command line as typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use scenario::Stack;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where should session state live? Run the same shoppers and the same fault against several architectures, and see who lost
/// what.
#[derive(Parser)]
#[command(name = "lab", version, propagate_version = true, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  lab compare                                   the core: a crash, a deployment, growth, and the store's death
  lab compare server-kill                       one scenario
  lab compare no-affinity --quick               another scenario, in half the time
  lab compare my.toml --stack stateful --stack memory+round-robin
  lab demo                                      kill a server in front of a class
  lab limit stateful --p99-ms 50                how much it holds
  lab plan server-kill                          what would happen, without starting anything
  lab report results/latest                     judge a run again, from its journals
  lab diff results/a results/b --fail-on verdict,sessions-lost
  lab advise my-service.toml                    what that means for a service of your own
  lab find shopper-17                           where that shopper's session is, while a comparison runs
  lab doctor                                    what is installed, and what to do about the rest

Exit codes:
  0 every expectation held   1 an expectation broke   2 wrong use, or a bad scenario   3 inconclusive
  4 the machine lacks something   130 interrupted";

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run scenarios against architectures, judge every session, and write a report
    Compare(CompareArgs),
    /// Two tiers side by side in a browser: break one in front of everybody, and see who loses what
    Demo(DemoArgs),
    /// Show a demo that is over again, from its folder
    Replay(ReplayArgs),
    /// Search for the highest rate at which a stack still meets its steady state
    Limit(LimitArgs),
    /// List the scenarios and the stacks, or what is tested of which claim
    List(ListArgs),
    /// Print what a scenario would do, and start nothing
    Plan(PlanArgs),
    /// Check scenario files, and say what they will do; with --mutate, whether their promises can break
    Check(CheckArgs),
    /// Print a JSON Schema, for editors
    Schema {
        /// Of which format
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// Ask the tier that runs whose session is where
    Find(FindArgs),
    /// Judge a run's journals again and render its reports again
    Report(ReportArgs),
    /// Compare two runs, before and after a change, and fail on a regression
    Diff(DiffArgs),
    /// Make a page of many runs: each stack over time
    Index(IndexArgs),
    /// Say where the sessions of your own service should live, from what was measured, with the arithmetic
    Advise(AdviseArgs),
    /// Say what is installed, which limits are low, and what to do
    Doctor(JsonArgs),
    /// Remove what killed runs left behind
    Clean(CleanArgs),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Who sits in the router's seat.
#[derive(Clone, Copy, ValueEnum)]
pub enum Router {
    /// The lab's own router
    Builtin,
    /// HAProxy, which must be installed
    Haproxy,
}

/// `lab demo`
#[derive(Args)]
#[command(after_help = "\
Examples:
  lab demo                                 stateful beside stateless on the first store that is installed
  lab demo --stack stateless-sqlite        with a store that needs nothing installed
  lab demo --class                         phones on the local network may vote on what will be lost
  lab demo --tui                           in this terminal, where there is no browser
  lab demo --export demo.html              at the end, leave it as one file that needs no network
  lab replay results/latest                show it again")]
pub struct DemoArgs {
    /// Port of the page, on this machine alone; 0 lets the system choose
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,

    /// Do not open a browser
    #[arg(long)]
    pub no_open: bool,

    /// Show it in this terminal too, and open no browser: the same events, and keys that steer (80 columns and 24 rows, or more)
    #[arg(long)]
    pub tui: bool,

    /// The other tier [default: stateless-redis, stateless-postgres or stateless-sqlite, whichever is there]
    #[arg(long, value_name = "STACK")]
    pub stack: Option<Stack>,

    /// Open a second page to the local network, on which a class may vote with a code; it steers nothing
    #[arg(long)]
    pub class: bool,

    /// The port of that page; 0 lets the system choose
    #[arg(long, value_name = "N", default_value_t = 0, requires = "class")]
    pub class_port: u16,

    /// The address of that page [default: the one by which this machine reaches the network]
    #[arg(long, value_name = "ADDRESS", requires = "class")]
    pub class_address: Option<IpAddr>,

    /// How many shoppers come to each tier
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u32).range(3..=2_000))]
    pub shoppers: u32,

    /// Mean pause between two steps of a shopper, in milliseconds
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub think_time_ms: u64,

    /// How long the timetable is at its planned speed, in minutes; then the next segment begins
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub minutes: u32,

    /// Makes every choice of the plan; each reset uses the next one
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// When it ends, leave its last segment as one HTML file
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,

    /// The demo's folder is made in this one
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
}

/// `lab replay`
#[derive(Args)]
pub struct ReplayArgs {
    /// The folder that a demo left
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,

    /// Which segment, counted from 1 by the resets [default: the last]
    #[arg(long, value_name = "N")]
    pub segment: Option<u32>,

    /// Port of the page, on this machine alone; 0 lets the system choose
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,

    /// Do not open a browser
    #[arg(long)]
    pub no_open: bool,

    /// Serve nothing, and write it as one HTML file
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
}

/// `lab compare`
#[derive(Args)]
#[command(after_help = "\
Examples:
  lab compare                              the core scenarios, in at most 5 minutes
  lab compare --all                        every scenario that is built in, in at most 45 minutes
  lab compare --resume results/latest      go on with a run that was broken off
  lab compare server-kill --repeat 6       six trials each, in A B B A order
  lab compare all-quiet --repeat 6 --noise-floor
  lab compare server-kill --stack stateful --stack stateless-redis --router haproxy
  lab compare server-kill --redis-url redis://127.0.0.1:6379/")]
pub struct CompareArgs {
    /// Names, or paths of scenario files [default: server-kill, rolling-deploy, scale-out, store-outage]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// Every scenario that is built in, but session-growth-1m, which takes many minutes and is run by its name
    #[arg(long, conflicts_with = "scenarios")]
    pub all: bool,

    /// Go on with a run that was broken off: what is whole is kept, the rest is run. Everything is as it was when it began
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["scenarios", "all", "stacks", "repeat", "noise_floor", "quick", "seed", "router", "out"]
    )]
    pub resume: Option<PathBuf>,

    /// Only these architectures: stateful, stateless-redis, ..., or STORE+POLICY [default: the scenario's]
    #[arg(long = "stack", value_name = "STACK")]
    pub stacks: Vec<Stack>,

    /// Trials of each stack; below 6 no claim is made about latency
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,

    /// Run the first stack against itself too: what differs there is noise, and is printed
    #[arg(long)]
    pub noise_floor: bool,

    /// Halve all times: a first look
    #[arg(long)]
    pub quick: bool,

    /// Makes every choice of the plan; repeat n uses N + n - 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Who sits in the router's seat
    #[arg(long, value_enum, default_value = "builtin")]
    pub router: Router,

    /// The run's folder is made in this one
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,

    /// A Redis that is there already; its keys are the run's own and are removed
    #[arg(long, value_name = "URL", env = "LAB_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// A PostgreSQL that is there already; its tables are the run's own and are removed
    #[arg(long, value_name = "URL", env = "LAB_POSTGRES_URL", hide_env_values = true)]
    pub postgres_url: Option<String>,

    /// While it runs, tell at http://127.0.0.1:PORT/metrics what the load generator counts (OpenMetrics); 0: any port
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<u16>,

    /// Print results.json instead of the table
    #[arg(long)]
    pub json: bool,
}

/// `lab limit`
#[derive(Args)]
#[command(after_help = "\
Each try is a short trial of real processes: doubling, then bisection until met and missed are 5 % apart, then the answer once
more. The generator's own limit is looked for first, against the stateful stack without service time.

Examples:
  lab limit stateful --p99-ms 50
  lab limit stateless-redis --servers 2 --service-time-ms 0 --json")]
pub struct LimitArgs {
    /// Which architecture: stateful, stateless-redis, ..., or STORE+POLICY
    #[arg(value_name = "STACK")]
    pub stack: Stack,

    /// The steady state: at most one request in a hundred may take longer, from the moment at which it was due
    #[arg(long, value_name = "MS", default_value_t = 50.0)]
    pub p99_ms: f64,

    /// The steady state: least share of requests with a complete answer below 500
    #[arg(long, value_name = "SHARE", default_value_t = 0.99)]
    pub ok_ratio: f64,

    /// Server processes
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub servers: u32,

    /// The work of a handler, as waiting
    #[arg(long, value_name = "MS", default_value_t = 10)]
    pub service_time_ms: u64,

    /// How long each try measures, after 2 s of warm-up
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    pub seconds: f64,

    /// The most that is offered, requests a second
    #[arg(long, value_name = "RATE", default_value_t = 32_000.0, value_parser = rate)]
    pub most: f64,

    /// Makes every choice of the plans
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// A Redis that is there already
    #[arg(long, value_name = "URL", env = "LAB_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// A PostgreSQL that is there already
    #[arg(long, value_name = "URL", env = "LAB_POSTGRES_URL", hide_env_values = true)]
    pub postgres_url: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (100.0..=1e6).contains(rate));
    rate.ok_or_else(|| "a rate is 100 to 1000000 requests a second".to_owned())
}

/// `lab plan`
#[derive(Args)]
pub struct PlanArgs {
    /// Name, or path of a scenario file
    #[arg(value_name = "SCENARIO", default_value = "server-kill")]
    pub scenario: String,

    /// Makes every choice
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Halve all times
    #[arg(long)]
    pub quick: bool,

    /// Show one shopper's timetable, counted from 0
    #[arg(long, value_name = "N")]
    pub shopper: Option<u32>,

    /// Print the whole plan as JSON
    #[arg(long)]
    pub json: bool,
}

/// `lab check`
#[derive(Args)]
pub struct CheckArgs {
    /// Names, or paths of scenario files [default: all that `lab list` shows]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// Run each scenario, and again without its cause, in half the time, and tell which promises would never break
    #[arg(long)]
    pub mutate: bool,

    /// With --mutate: makes every choice of the plans
    #[arg(long, value_name = "N", default_value_t = 1, requires = "mutate")]
    pub seed: u64,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `lab find`
#[derive(Args)]
#[command(after_help = "\
It asks the servers themselves, at GET /ops/sessions, with the token that the lab gave them. Where sessions are in each server's memory
every server must be asked, and one that is dead takes the answer with it. Where all servers share a store, any of them can speak for
all. What the client holds, nobody else can tell.

Examples:
  lab find shopper-17                           in every tier that labs of yours run on this machine now
  lab find shopper-17 --run 20260314-150926-server-kill
  lab find ada --server 127.0.0.1:8081 --server 127.0.0.1:8082 --token-file /etc/shop/ops-token

Exit codes: 0 found; 1 nowhere, though every place answered; 3 not found, and not every place could be asked;
  2 wrong use; 4 nothing runs that could be asked")]
pub struct FindArgs {
    /// The name under which the shopper logs in
    #[arg(value_name = "OWNER", value_parser = owner)]
    pub owner: String,

    /// Only in this run
    #[arg(long, value_name = "RUN", conflicts_with = "servers")]
    pub run: Option<String>,

    /// Ask these servers, HOST:PORT each, instead of a tier that a lab runs
    #[arg(long = "server", value_name = "ADDR", requires = "token_file")]
    pub servers: Vec<std::net::SocketAddr>,

    /// The token that these servers were started with (--ops-token-file)
    #[arg(long, value_name = "FILE", requires = "servers")]
    pub token_file: Option<PathBuf>,

    /// How long to wait for each server
    #[arg(long, value_name = "S", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub patience_s: u64,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn owner(name: &str) -> Result<String, String> {
    if (1..=128).contains(&name.len()) {
        return Ok(name.to_owned());
    }
    Err("a shopper's name has 1 to 128 bytes".to_owned())
}

/// `lab list`
#[derive(Args)]
pub struct ListArgs {
    /// Which scenarios test which claim, on which stacks
    #[arg(long)]
    pub claims: bool,

    /// With --claims: as docs/claims.md
    #[arg(long, requires = "claims", conflicts_with = "json")]
    pub markdown: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Which schema.
#[derive(Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// Scenario files
    Scenario,
    /// What `lab advise` is told of a service
    Advice,
}

/// `lab report`
#[derive(Args)]
pub struct ReportArgs {
    /// A run's folder
    #[arg(value_name = "DIR", default_value = "results/latest")]
    pub dir: PathBuf,

    /// Write the percentile distributions as text too, into the folder's 'hgrm'
    #[arg(long)]
    pub hgrm: bool,

    /// Print results.json instead of the table
    #[arg(long)]
    pub json: bool,
}

/// How a diff is printed.
#[derive(Clone, Copy, ValueEnum)]
pub enum DiffFormat {
    /// A table for people
    Terminal,
    /// For a pull request or a workflow's summary
    Markdown,
    /// For programs
    Json,
}

/// `lab diff`
#[derive(Args)]
#[command(after_help = "\
A gate is a name, or NAME>AMOUNT, or STACKS:NAME>AMOUNT; a % after the amount is of what it was before:
  verdict                  a stack's verdict is broken and was not
  sessions-lost, sessions-misrouted, writes-lost, anomalies
                           a first loss, or more a trial than before by more than chance
  p50-ms, p99-ms, errors-percent (before the fault and in its window; baseline-... or fault-... for one),
  sessions-lost-percent, service-back-s, cpu-us
                           worse than before by more than chance (which needs 6 trials a side), and by more than the amount

Examples:
  lab diff results/before results/after
  lab diff main/results.json results/latest --fail-on verdict,stateless-*:sessions-lost,p99-ms>10%
  lab diff a b --format markdown --out diff.md

Exit codes: 0 no gate failed, 1 one did, 2 wrong use or a file that cannot be read,
  3 the runs may not be compared (--anyway compares them all the same), or a gate could not be decided")]
pub struct DiffArgs {
    /// The run that is the reference: its folder, or its results.json
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,

    /// The run that is judged
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,

    /// What makes it fail: a list of gates, separated by commas (again for more)
    #[arg(long, value_name = "GATES", value_parser = gates)]
    pub fail_on: Vec<Gates>,

    /// Compare runs that may not be compared
    #[arg(long)]
    pub anyway: bool,

    /// How it is printed
    #[arg(long, value_enum, default_value = "terminal")]
    pub format: DiffFormat,

    /// Write it to a file instead
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// One `--fail-on`.
#[derive(Clone)]
pub struct Gates(pub Vec<report::Gate>);

fn gates(text: &str) -> Result<Gates, report::GateError> {
    report::Gate::list(text).map(Gates)
}

/// `lab advise`
#[derive(Args)]
#[command(after_help = "\
It joins what you know of your service with what a run has measured: how often something breaks, times the sessions that it meets,
times the share that was lost here. What was not measured is not guessed: it names the command that measures it.

Examples:
  lab advise my-service.toml                     docs/advice.md has every key
  lab advise my-service.toml --deploys-per-week 20
  lab advise --servers 4 --sessions 2000 --deploys-per-week 5 --server-crashes-per-year 6 --session-cost 0.5
  lab advise                                     asks, on a terminal

Exit codes: 0 advice was given, 2 wrong input, 3 what it depends on was not measured, or is inconclusive")]
pub struct AdviseArgs {
    /// What you know of your service
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// What was measured: a run's folder, its results.json, or a name in results/published
    #[arg(long, value_name = "DIR", default_value = "results/latest")]
    pub results: PathBuf,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// One for each key
    #[command(flatten)]
    pub flags: crate::advise::Flags,
}

/// `lab index`
#[derive(Args)]
pub struct IndexArgs {
    /// A folder of runs; those in its folder 'published' count too
    #[arg(value_name = "DIR", default_value = "results")]
    pub dir: PathBuf,
}

/// `lab clean`
#[derive(Args)]
pub struct CleanArgs {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Remove the runs in this folder too
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "results")]
    pub results: Option<PathBuf>,
}

/// Commands whose only choice is the output's form.
#[derive(Args)]
pub struct JsonArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
