#!/usr/bin/env bash
# SIGTERM and SIGINT: every client is told, connections without a stream are closed at once, the exit status is 0.
source "$(dirname "$0")/lib_served.sh"

for signal in TERM INT; do
  start "$bin/beast"
  connect one
  one=$client
  connect two
  expect_equal "POST /say" 204 "$(status_of -d before "$site/say")"
  exec 7<>"/dev/tcp/127.0.0.1/$port" # a connection that only waits
  printf 'POST /say HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhal' >&7
  expect_equal "a request after half of another one" 200 "$(status_of "$site/")"
  stop_told $signal $one $client $'connection\nsaid {"text":"before"}'
  exec 7>&-
done

# A client that takes nothing is cut after some seconds, or by a second signal at once.
head -c 60000 /dev/zero | tr '\0' b >"$work/body"
for signals in one two; do
  start "$bin/beast"
  stall
  connect reader
  curl -sS --max-time 60 --data-binary "@$work/body" "$site/say?[1-300]" || fail "300 posts"
  all() { [ "$(grep -c '"type":"said"' "$work/reader")" -eq 300 ]; }
  until_true 20 all || fail "a client that stalls kept another from its events"
  kill -TERM $pid
  expect_status $client 0 "curl beside a client that takes nothing"
  tail -n 2 "$work/reader" | grep -q '"type":"disconnect"' || fail "no disconnect beside a client that takes nothing"
  status=0
  if [ $signals = two ]; then
    status=143
    kill -TERM $pid
  fi
  expect_status $pid $status "beast with a client that takes nothing, after $signals"
  disown $stalled
  kill -9 $stalled
done
expect_equal "standard error" "" "$(cat "$work/err")"
