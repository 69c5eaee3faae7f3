#!/usr/bin/env bash
# What does a request cost the client? wrk, oha, hey and the lab's driver (cookies, judging and journal on) read the same cart from
# the same server, one after another, three times. Prints a Markdown table.
# usage: bench-driver.sh FOLDER_OF_THE_PROGRAMS [SECONDS] [CONNECTIONS] [TIMES]
set -euo pipefail

programs=$(cd "${1:?the folder with stateful-server and examples/direct}" && pwd)
seconds=${2:-10} connections=${3:-64} times=${4:-3}
source "$(dirname "$0")/bench-peers.sh"
TIMEFORMAT='%U %S'

# Writes "TOOL REQUESTS MICROSECONDS_A_REQUEST" of a command whose answered requests a filter counts.
measure() {
    local tool=$1 count=$2 spent requests
    shift 2
    { time "$@" > "$work/out" 2> "$work/err"; } 2> "$work/spent"
    spent=$(cat "$work/spent") requests=$("$count")
    [ "${requests:-0}" -gt 0 ] || { echo "$tool was not answered:" >&2; cat "$work/out" "$work/err" >&2; exit 1; }
    awk -v tool="$tool" -v n="$requests" '{ printf "%s %d %.3f\n", tool, n, ($1 + $2) * 1e6 / n }' <<< "$spent" >> "$work/runs"
}
of_wrk() { ! grep -Eq 'Non-2xx|Socket errors' "$work/out" && awk '/ requests in / { print $1 }' "$work/out"; }
of_oha() { jq '.statusCodeDistribution["200"]' "$work/out"; }
of_hey() { awk '$1 == "[200]" { print $2 }' "$work/out"; }

about=$(machine)
for turn in $(seq "$times"); do
    echo "turn $turn of $times" >&2
    measure wrk of_wrk wrk -t1 -c"$connections" -d"${seconds}s" -H "Cookie: $cookie" "$url"
    measure oha of_oha oha --no-tui --output-format json -c "$connections" -z "${seconds}s" -H "Cookie: $cookie" "$url"
    measure hey of_hey hey -cpus 1 -c "$connections" -z "${seconds}s" -H "Cookie: $cookie" "$url"
    "$programs/examples/direct" cost "$addr" "$connections" "$seconds" > "$work/out"
    read -r requests whole sending rest < "$work/out"
    echo "lab $requests $whole
lab-sending $requests $sending
lab-rest $requests $rest" >> "$work/runs"
done

# Median of three and the spread; of a even number of runs the lower of the two in the middle.
row() {
    local tool=$1 title=$2
    sort -k3n "$work/runs" | awk -v tool="$tool" -v title="$title" -v s="$seconds" -v wrk="$wrk" '
        $1 == tool { n++; rate[n] = $2 / s; us[n] = $3 }
        END {
            m = int((n + 1) / 2)
            against = wrk > 0 ? sprintf("%.2f", us[m] / wrk) : ""
            printf "| %s | %.0f | **%.2f** | %.2f to %.2f | %s |\n", title, rate[m], us[m], us[1], us[n], against
        }'
}
wrk=$(sort -k3n "$work/runs" | awk '$1 == "wrk" { us[++n] = $3 } END { print us[int((n + 1) / 2)] }')
echo "$about"
echo "GET of a cart with three lines, with its session, $connections connections, $seconds s a run, medians of $times in turn:"
echo
echo "| | requests/s | client CPU, us a request | lowest to highest | against wrk |"
echo "|---|---|---|---|---|"
row wrk "wrk -t1"
row lab "the lab: whole process, cookies, judging and journal on"
row lab-sending "of that, the thread that sends"
row lab-rest "of that, the journal's thread"
row oha "oha"
row hey "hey -cpus 1"
