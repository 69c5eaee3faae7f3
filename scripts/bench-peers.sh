# What the benchmarks beside other load generators share; to be sourced. Starts one server, keeps one session, tells the machine.
# Needs: programs (the folder with stateful-server and examples/direct). Gives: work, addr, pid, url, cookie.

for program in wrk oha hey curl jq; do
    command -v "$program" > /dev/null || { echo "$program is missing: just bench-setup" >&2; exit 1; }
done

work=$(mktemp -d)
finish() {
    # A server that is stopped would not hear SIGTERM.
    if [ -n "${pid:-}" ]; then kill -CONT "$pid" 2> /dev/null || true; kill "$pid" 2> /dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

"$programs/stateful-server" --service-time-ms 0 --plain-http-cookies --instance server-1.1 > "$work/ready" 2> "$work/server.log" &
pid=$!
for _ in $(seq 100); do [ -s "$work/ready" ] && break; sleep 0.1; done
addr=$(jq -r .addr "$work/ready")
url=http://$addr/cart

# The session that the tools read: three lines, as the lab's shoppers have.
post() { curl -sf -b "$work/jar" -c "$work/jar" -H 'content-type: application/json' -d "$2" "http://$addr$1" > /dev/null; }
post /login '{"owner":"shopper-0"}'
for step in 1 2 3; do post /cart/lines "{\"op\":\"s0-$step\"}"; done
cookie=$(awk '$6 == "sid" { print "sid=" $7 }' "$work/jar")
curl -sf -b "$work/jar" "$url" | jq -e '.ops | length == 3' > /dev/null

machine() {
    local model wrk_version
    model=$(awk -F': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)
    # It prints its version with its help, and calls that a failure.
    wrk_version=$(wrk -v 2>&1 | awk 'NR == 1 { print $2 }' || true)
    echo "$model, $(nproc) processors, $(uname -sr), load average $(cut -d' ' -f1 /proc/loadavg) before; wrk $wrk_version," \
        "$(oha --version), hey $(dpkg-query -W -f '${Version}' hey 2> /dev/null || echo '(unknown version)')," \
        "$(rustc --version | cut -d' ' -f1-2), $(date -u +%F)."
}
