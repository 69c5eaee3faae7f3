#!/usr/bin/env bash
# Do the statistics keep their word? On this machine, with real trials:
#   A/A: the same stack against itself, 6 pairs a comparison, 40 comparisons: at most 4 may tell a difference.
#   Sensitivity: a relay before one stack's Redis holds each of a request's two calls back for 1 ms: 6 pairs must find it.
# usage: bench-statistics.sh FOLDER_OF_THE_PROGRAMS [COMPARISONS]     (about 100 s a comparison)
set -euo pipefail

programs=$(cd "${1:?the folder with lab, relay, router and the servers}" && pwd)
comparisons=${2:-40}
work=$(mktemp -d)
children=()
finish() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    echo "the runs are kept in $work"
}
trap finish EXIT
cd "$work"

cat > steady.toml <<'TOML'
name = "steady"
question = "What do six pairs tell when nothing is broken?"
story = "Nothing is broken."
stacks = ["stateful", "stateless-redis"]
topology = { servers = 2, service_time_ms = 10 }
load = { shoppers = 60, think_time_ms = 300, mix = { read = 5, add = 4, check-out = 1 } }
phases = { warm_up_s = 1, baseline_s = 3, fault_s = 1.5, recovery_s = 0.5, quiet_s = 0.5 }
steady_state = { ok_ratio = 0.9, p99_ms = 2000, sustain_s = 0.5 }
TOML

# The exit code is the promises' business; what is read here is results.json.
compare() { "$programs/lab" compare steady.toml --repeat 6 "$@" > latest.txt 2> latest.log || true; }
differences() { grep -cE '"standing": "(better|worse)"' results/latest/results.json || true; }

alarms=0
for n in $(seq "$comparisons"); do
    compare --stack stateful --noise-floor --seed $((n * 100))
    told=$(differences)
    if [ "$told" -gt 0 ]; then alarms=$((alarms + 1)); fi
    echo "A/A $n of $comparisons: $told figures differ; comparisons with a difference so far: $alarms"
done

port=$(( 20000 + RANDOM % 20000 ))
redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$work" > redis.log &
children+=($!)
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > token
"$programs/relay" --upstream "127.0.0.1:$port" --admin-token-file token > relay.json &
children+=($!)
until [ -s relay.json ] && redis-cli -p "$port" ping > /dev/null 2>&1; do sleep 0.1; done
address() { sed -E "s/.*\"$1\":\"([^\"]+)\".*/\1/" relay.json; }
curl --fail --silent --show-error --output /dev/null --request PUT --header "Authorization: Bearer $(cat token)" \
    --data '{"up": {"delay_ms": 1}}' "http://$(address admin_addr)/admin/relay/level"
for url in "redis://127.0.0.1:$port/" "redis://$(address addr)/"; do
    compare --stack stateful --stack stateless-redis --redis-url "$url" --seed 7
    echo "stateless-redis against stateful, Redis at $url:"
    sed -n '/^ against/,/^ stateful/p' latest.txt | sed '$d'
done
