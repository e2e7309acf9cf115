#!/usr/bin/env bash
# examples/demo.sh [ARGUMENT...]: does all set-up, builds the dashboard and runs it until Ctrl-C, with some load to look at.
#
#   --check     instead: starts it on a free port, asks it with curl for the page and for one live event, and stops it;
#               the exit status tells whether all of that went well
#   ARGUMENT    for the dashboard: --listen ADDR:PORT (default 127.0.0.1:8080), --upstream URL (default: one of its own)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=examples/demo.sh
. tests/setup.sh

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$program"; }

check=
arguments=()
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    --check) check=1 ;;
    *) arguments+=("$argument") ;;
  esac
done

dashboard=build/release/examples/dashboard
[ -e $dashboard ] || say "sets up and builds the dashboard, once: about 3 minutes on 2 cores"
set_up demo
configure release OFF
cmake --build --preset release --target dashboard

if [ -z "$check" ]; then
  say "Ctrl-C ends it; the page is at the address in the next line"
  exec "$dashboard" "${arguments[@]}"
fi

case " ${arguments[*]} " in *" --listen"*) ;; *) arguments+=(--listen 127.0.0.1:0) ;; esac
page=$(mktemp)
exec {output}< <(exec "$dashboard" "${arguments[@]}")
pid=$!
trap 'if [ -n "$pid" ]; then kill -KILL "$pid" 2>/dev/null || true; fi; rm -f "$page"' EXIT

read -r -t 30 line <&"$output" || fail "the dashboard did not say that it listens"
address=${line#dashboard: }
case $address in http://*) ;; *) fail "not the dashboard's address: $line" ;; esac
say "the dashboard listens: $address"

curl -fsS --max-time 30 -o "$page" "$address" || fail "the page did not come"
grep -qi '<html' "$page" || fail "what came is no page: $(head -c 200 "$page")"
say "the page came: $(wc -c <"$page") bytes"

event=$(curl -fNsS --max-time 60 "${address}events" 2>/dev/null | grep -m 1 '"request_complete"' || true)
[ -n "$event" ] || fail "no live event came within a minute"
say "a live event came: $event"

kill -TERM "$pid"
status=0
wait "$pid" || status=$?
pid=
[ $status = 0 ] || fail "the dashboard ended with status $status after SIGTERM"
say "the dashboard stopped with exit status 0: all is well"
