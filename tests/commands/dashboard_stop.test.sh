#!/usr/bin/env bash
# SIGINT and SIGTERM: watchers are told, running requests are finished or cut after a while, the exit status is 0.
. "$(dirname "$0")/lib_dashboard.sh"
start_upstream

for signal in TERM INT; do
  start_dashboard --upstream "$upstream"
  watch watched
  exec 7<>"/dev/tcp/127.0.0.1/$port" # a connection that only waits
  kill -$signal $pid
  expect_status $pid 0 "SIG$signal"
  expect_status $watcher 0 "the watcher's curl"
  grep -q '"type":"disconnect","message":"server is shutting down"' "$work/watched" || fail "SIG$signal: no disconnect"
  expect_equal "the last event" disconnect "$(grep -o '"type":"[a-z_]*"' "$work/watched" | tail -n 1 | cut -d '"' -f 4)"
  exec 7>&-
done

# A running request gets its answer; what the page is told of it comes before the goodbye.
start_dashboard --upstream "$upstream"
watch finishing
curl -sN "$proxy/events" >"$work/running" & # ends when the test says so
running=$!
expect_event running first
kill -TERM $pid
refuses() { [ "$(status_of "$proxy/")" = 000 ]; }
until_true 5 refuses || fail "connections are accepted after SIGTERM"
curl -s "$upstream/tick?end=1" >/dev/null
expect_status $pid 0 "SIGTERM while a request runs"
expect_status $running 0 "the request that ran"
grep -q last "$work/running" || fail "the request that ran lost its end"
expect_status $watcher 0 "the watcher's curl"
expect_equal "the last two events" "request_complete disconnect" \
  "$(grep -o '"type":"[a-z_]*"' "$work/finishing" | tail -n 2 | cut -d '"' -f 4 | paste -sd ' ')"

# One that does not end is cut.
start_dashboard --upstream "$upstream"
watch cutting
curl -s -o /dev/null -w '%{http_code}' "$proxy/hang" >"$work/hung" &
hung=$!
expect_event cutting '"target":"/hang"'
kill -TERM $pid
expect_status $pid 0 "SIGTERM while a request hangs"
expect_status $watcher 0 "the watcher's curl"
expect_event cutting '"error":"the proxy was stopped"'
expect_event cutting '"type":"disconnect"'

# A second signal does not wait.
start_dashboard --upstream "$upstream"
watch twice
curl -s -o /dev/null "$proxy/hang" &
expect_event twice '"target":"/hang"'
kill -TERM $pid
until_true 5 refuses || fail "connections are accepted after SIGTERM"
kill -TERM $pid
expect_status $pid 143 "a second SIGTERM"

# The demo of itself: a living page with one command, and a quick end.
start_dashboard
watch demo
ten() { [ "$(grep -c '"type":"request_complete"' "$work/demo")" -ge 10 ]; }
until_true 30 ten || fail "the demo shows no requests"
kill -INT $pid
expect_status $pid 0 "the end of the demo"
expect_status $watcher 0 "the watcher's curl"
grep -q '"type":"disconnect"' "$work/demo" || fail "the demo's watcher got no disconnect"
expect_equal "what the demo said on standard error" "" "$(cat "$work/err")"
