#!/usr/bin/env bash
# A server stands still once. What does each tool say of it? The lab's driver, wrk, oha and hey, one after another, on the same
# server, which is stopped (SIGSTOP) after a third of each run. Prints a Markdown table.
# usage: bench-stall.sh FOLDER_OF_THE_PROGRAMS [SECONDS] [STALL_MS] [RATE] [CONNECTIONS]
set -euo pipefail

programs=$(cd "${1:?the folder with stateful-server and examples/direct}" && pwd)
seconds=${2:-30} stall_ms=${3:-1400} rate=${4:-2000} connections=${5:-100}
source "$(dirname "$0")/bench-peers.sh"

in_seconds() { awk -v "ms=$1" 'BEGIN { print ms / 1000 }'; }

# Runs a command while the server is stopped once.
with_a_stall() {
    "$@" > "$work/out" 2> "$work/err" &
    local tool=$!
    sleep "$(in_seconds $((seconds * 1000 / 3)))"
    kill -STOP "$pid"
    sleep "$(in_seconds "$stall_ms")"
    kill -CONT "$pid"
    wait "$tool" || { cat "$work/out" "$work/err" >&2; exit 1; }
}

# The quantiles that wrk counts and does not print. Microseconds.
cat > "$work/quantiles.lua" <<'LUA'
done = function(summary, latency, requests)
    io.write(string.format("quantiles %.1f | %.1f | %.1f | %.1f\n", latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        latency:percentile(99.9) / 1000, latency.max / 1000))
end
LUA
of_wrk() { sed -n 's/^quantiles //p' "$work/out"; }
of_oha() {
    jq -r '[.latencyPercentiles.p50, .latencyPercentiles.p99, .latencyPercentiles["p99.9"], .summary.slowest]
        | map(. * 10000 | round / 10 | tostring) | join(" | ")' "$work/out"
}
# hey's summary ends at p99; its list has every request in seconds.
of_hey() {
    tail -n +2 "$work/out" | cut -d, -f1 | sort -n | awk '
        { s[NR] = $1 * 1000 }
        END { printf "%.1f | %.1f | %.1f | %.1f\n", s[int(NR * .5)], s[int(NR * .99)], s[int(NR * .999)], s[NR] }'
}

about=$(machine)
"$programs/examples/direct" stall "$addr" "$pid" "$rate" "$connections" "$seconds" "$stall_ms" > "$work/lab"
echo "$about"
tail -1 "$work/lab"
echo "$rate requests/s on $connections connections for $seconds s, one stall of $stall_ms ms; milliseconds:"
echo
echo "| | p50 | p99 | p99.9 | max |"
echo "|---|---|---|---|---|"
grep '^|' "$work/lab"
with_a_stall wrk -t1 -c"$connections" -d"${seconds}s" -s "$work/quantiles.lua" -H "Cookie: $cookie" "$url"
echo "| wrk -t1 (knows no rate) | $(of_wrk) |"
oha=(oha --no-tui --output-format json -c "$connections" -z "${seconds}s" -q "$rate" -H "Cookie: $cookie" "$url")
with_a_stall "${oha[@]}"
echo "| oha -q $rate | $(of_oha) |"
with_a_stall "${oha[@]}" --latency-correction
echo "| oha -q $rate --latency-correction | $(of_oha) |"
with_a_stall hey -o csv -cpus 1 -c "$connections" -z "${seconds}s" -q $((rate / connections)) -H "Cookie: $cookie" "$url"
echo "| hey -q $((rate / connections)) on each connection | $(of_hey) |"
