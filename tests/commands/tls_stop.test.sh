#!/usr/bin/env bash
# SIGTERM and SIGINT: every client is told, silent peers are cut at once, the status is 0.
source "$(dirname "$0")/lib_tls.sh"

for signal in TERM INT; do
  start_tls --interval 3600000
  connect one
  one=$client
  connect two
  exec 7<>"/dev/tcp/127.0.0.1/$port" # a connection that only waits
  expect_equal "a request after it" 200 "$(status_of "$site/")"
  stop_told $signal $one $client connection
  exec 7>&-
done

# A client that takes nothing is cut after some seconds.
start_tls --interval 1
stall tls
connect reader
many() { [ "$(grep -c '"type":"tick"' "$work/reader")" -ge 3000 ]; } # more than the sockets take of who does not read
until_true 30 many || fail "a client that takes nothing kept another from its events"
not_running $stalled && fail "the client that takes nothing has gone"
kill -TERM $pid
expect_status $pid 0 "SIGTERM beside a client that takes nothing"
expect_status $client 0 "curl beside a client that takes nothing"
tail -n 2 "$work/reader" | grep -q '"type":"disconnect"' || fail "no disconnect beside a client that takes nothing"
disown $stalled
kill -9 $stalled
