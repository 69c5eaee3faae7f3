#!/usr/bin/env bash
# Installs the load generators that the lab's is compared with: wrk and hey (and curl and jq, to speak with server and tools)
# from the distribution's packages, oha by cargo into its own folder. What is there already is left alone.
set -euo pipefail

oha_version=1.16.0

packages=()
for program in wrk hey curl jq; do
    command -v "$program" > /dev/null || packages+=("$program")
done
if [ ${#packages[@]} -gt 0 ]; then
    command -v apt-get > /dev/null || { echo "install these yourself: ${packages[*]}" >&2; exit 1; }
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" apt-get install -y -q --no-install-recommends "${packages[@]}"
fi
command -v oha > /dev/null || cargo install --locked oha --version "$oha_version"
for program in wrk hey curl jq oha; do
    command -v "$program" > /dev/null || { echo "$program is not found; is cargo's bin folder in PATH?" >&2; exit 1; }
done
