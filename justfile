# Everything that can be done here. `just` alone lists it.

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments

target := env("CARGO_TARGET_DIR", "target")

[private]
default:
    @just --list --unsorted

# Install what is missing of redis-server, PostgreSQL and HAProxy
[group("begin")]
setup:
    @scripts/setup.sh

# The same, and Chromium with its driver, which the tests need
[group("begin")]
setup-test:
    @scripts/setup.sh --with-browser

# The core scenarios in at most 5 minutes, or those that are named: just compare [SCENARIO...] [--stack NAME] [--repeat N] [--quick] ...
[group("lab")]
[no-exit-message]
compare *ARGS: release
    @{{ target }}/release/lab compare "$@"

# Every scenario, in at most 45 minutes; one that was broken off goes on with: just compare --resume results/latest
[group("lab")]
[no-exit-message]
compare-all *ARGS: release
    @{{ target }}/release/lab compare --all "$@"

# Like compare, with all times halved: a first look
[group("lab")]
[no-exit-message]
quick *ARGS: release
    @{{ target }}/release/lab compare --quick "$@"

# Which scenarios and stacks there are
[group("lab")]
[no-exit-message]
list *ARGS: release
    @{{ target }}/release/lab list "$@"

# What a scenario would do; starts nothing
[group("lab")]
[no-exit-message]
plan *ARGS: release
    @{{ target }}/release/lab plan "$@"

# Are the scenario files right, and what will they do? With --mutate: could their promises break at all?
[group("lab")]
[no-exit-message]
check *ARGS: release
    @{{ target }}/release/lab check "$@"

# Judge and render an earlier run again: just report results/...
[group("lab")]
[no-exit-message]
report *ARGS: release
    @{{ target }}/release/lab report "$@"

# Kill a server in front of a class: two tiers side by side in a browser: just demo [--class] [--stack NAME] [--no-open] ...
[group("lab")]
[no-exit-message]
demo *ARGS: release
    @{{ target }}/release/lab demo "$@"

# Show a demo that is over again: just replay results/latest
[group("lab")]
[no-exit-message]
replay *ARGS: release
    @{{ target }}/release/lab replay "$@"

# The highest rate at which a stack still meets its steady state: just limit stateless-redis --p99-ms 50
[group("lab")]
[no-exit-message]
limit *ARGS: release
    @{{ target }}/release/lab limit "$@"

# What changed between two runs: just diff results/before results/after [--fail-on verdict,sessions-lost] ...
[group("lab")]
[no-exit-message]
diff *ARGS: release
    @{{ target }}/release/lab diff "$@"

# What a run means for a service of your own: just advise my-service.toml (docs/advice.md)
[group("lab")]
[no-exit-message]
advise *ARGS: release
    @{{ target }}/release/lab advise "$@"

# A page of all runs, each stack over time
[group("lab")]
[no-exit-message]
index *ARGS: release
    @{{ target }}/release/lab index "$@"

# Keep a run under version control: just publish results/latest server-kill-2026-11
[group("lab")]
publish RUN NAME: release
    mkdir -p "results/published/$2"
    # Not run.json: without the journals 'lab report' would make an empty run of it.
    cp "$1"/{report.html,report.md,results.json,timeline.csv,latencies.hlog,junit.xml,benchmarks.json,bencher.json} "results/published/$2/"
    cp "$1"/*.toml "results/published/$2/"
    {{ target }}/release/lab index results/published

# What is installed, which limits are low, what to do
[group("lab")]
[no-exit-message]
doctor *ARGS: release
    @{{ target }}/release/lab doctor "$@"

# Remove what runs that were killed have left behind
[group("lab")]
[no-exit-message]
clean *ARGS: release
    @{{ target }}/release/lab clean "$@"

# Shell completions on standard output: just completions bash|zsh|fish
[group("lab")]
[no-exit-message]
completions *ARGS: release
    @{{ target }}/release/lab completions "$@"

# All tests, on real stores and in a real browser: without these they fail, they never skip
[group("work")]
test *ARGS: test-needs
    cargo build --workspace --bins
    cargo test --workspace {{ if ARGS == "" { "--lib --bins --tests" } else { "" } }} "$@"
    {{ if ARGS == "" { "cargo test --workspace --doc" } else { "" } }}

# A million operations of a correct tier with overlapping tabs, retries and crashes: the judge must find nothing
[group("work")]
soak operations="1000000":
    JUDGE_SOAK={{ operations }} cargo test -p analysis --test judge however_long -- --nocapture

# Ten million operations: how long judge and report take, and how much memory (at most 30 s and 1 GB are asked)
[group("work")]
volume:
    cargo run --release -p report --example volume

# The same on real servers, with kills and pauses, until so many operations are journalled: only the faults' own may be found
[group("work")]
soak-real operations="1000000" per_s="2500": release
    cargo run --release -p driver --example soak -- {{ operations }} {{ per_s }}

# The live demo for minutes, with a fault every few seconds: memory flat, nothing left, counters right
[group("work")]
soak-demo minutes="30" every_s="10" stack="stateless-redis": release
    cargo run --release -p demo --example demo_soak -- {{ minutes }} {{ every_s }} {{ stack }}

# What viewers cost the load of the live demo
[group("work")]
bench-viewers viewers="50" rounds="2": release
    cargo run --release -p demo --example viewers -- {{ viewers }} {{ rounds }}

# Do HdrHistogram's own tools, in Java and in Python, read the latencies of a run as the lab does? just check-hlog results/...
[group("work")]
check-hlog DIR: release
    scripts/check-hlog.sh {{ target }}/release/lab {{ DIR }}

# Formatting, clippy and rustdoc, where a warning is an error
[group("work")]
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps

# Format everything
[group("work")]
fmt:
    cargo fmt --all

# One short real comparison with what the tests have built; every promise must hold
[group("work")]
smoke:
    cargo build --workspace --bins
    {{ target }}/debug/lab compare all-quiet server-kill --quick \
        --stack stateful --stack stateless-redis --stack stateless-postgres --stack stateless-sqlite

# Do the statistics keep their word on this machine? 40 comparisons of a stack with itself (an hour), then an added 2 ms
[group("work")]
bench-statistics COMPARISONS="40": release
    scripts/bench-statistics.sh {{ target }}/release {{ COMPARISONS }}

# Install the load generators that the lab's is compared with: wrk, hey, oha (minutes, once)
[group("work")]
bench-setup:
    scripts/bench-setup.sh

# What a request costs the client, beside wrk, oha and hey: a table. Wants a quiet machine
[group("work")]
bench-driver *ARGS: release
    cargo build --release --locked -p driver --example direct
    scripts/bench-driver.sh {{ target }}/release "$@"

# A server stands still for 1.4 s: what the lab says, what arithmetic says, what other tools say
[group("work")]
bench-stall *ARGS: release
    cargo build --release --locked -p driver --example direct
    scripts/bench-stall.sh {{ target }}/release "$@"

# What continuous integration does, in this order
[group("work")]
ci: setup-test lint test smoke

[private]
release:
    @cargo build --release --workspace --bins --locked

# The tests start Redis, Postgres, HAProxy and Chromium themselves.
[private]
test-needs:
    @scripts/setup.sh --check --with-browser
