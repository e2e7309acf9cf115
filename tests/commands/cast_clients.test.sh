#!/usr/bin/env bash
# Clients that behave badly: killed, stalled, silent. None slows another, and none leaves a descriptor behind.
source "$(dirname "$0")/lib_cast.sh"

start_cast --verbose --max-queue-size 100000 --send-timeout 2
connect client1
idle=$(($(descriptors) - 1)) # who gets events shows that cast has opened all of its own
clients=($client)
for n in 2 3 4 5; do
  connect client$n
  clients+=($client)
done
[ "$(descriptors)" -eq $((idle + 5)) ] || fail "five clients and $(($(descriptors) - idle)) descriptors"
disown "${clients[@]}"  # or bash tells of each
kill -9 "${clients[@]}"
until_true 5 has_descriptors $idle || fail "descriptors stay after kill -9 of the clients: $(descriptors), before: $idle"

# Half a request head: closed after a time; an unfinished one is closed when its client goes.
node "$here/lib_half_head.mjs" $port || fail "half a request head"
until_true 5 has_descriptors $idle || fail "descriptors stay after half request heads: $(descriptors), before: $idle"

# One client stalls; the other reads on, with nothing lost.
connect quick
stall
expect_equal "descriptors" $((idle + 2)) "$(descriptors)"
long_lines 80000 >&3
until_true 30 grep -q '"data":"80000 ' "$work/quick" || fail "a client that stalls kept another from its events"
events quick >"$work/read"
[ "$(grep -c '^line' "$work/read")" -eq 80000 ] || fail "the quick client lost events though its queue holds all"

# It is cut after the send time-out, and that is told.
until_true 20 has_descriptors $((idle + 1)) || fail "the client that stalled was not cut"
grep -q ' removed: Sending timed out' "$work/err" || fail "no time-out told: $(tail -n 1 "$work/err")"
disown $stalled
kill -9 $stalled
exec 3>&-
expect_status $pid 0 "cast at the end of its input"

# A short queue: what a client loses while it does not read is told where it is missing, and nothing else is lost.
start_cast --verbose --max-queue-size 100
stall
long_lines 80000 >&3
echo last >&3
until_true 30 grep -q ' reads too slowly' "$work/err" || fail "--verbose tells of no overflow"
exec 3>&-
kill -USR1 $stalled
expect_status $pid 0 "cast at the end of its input"
expect_status $stalled 0 "the client that stalled for a while"
events stalled >"$work/read"
node -e '
  const [first, ...rest] = require("fs").readFileSync(0, "utf8").trim().split("\n");
  let next = 1, lost = 0;
  if (first !== "connection" || rest.pop() !== "disconnect" || rest.pop() !== "line \"last\"") throw new Error("no good end");
  for (const event of rest) {
    const [type, what] = event.replace("\"", "").split(" ");
    if (type === "overflow") {
      next += Number(what);
      lost += Number(what);
    } else if (Number(what) !== next++) throw new Error(`line ${what} where ${next - 1} was due`);
  }
  if (next !== 80001 || lost === 0) throw new Error(`up to line ${next - 1}, ${lost} lost`);
  ' <"$work/read" || fail "received and dropped do not make up what was sent"

# No descriptors left: who is connected gets events, and when one goes, another can come.
(
  ulimit -n 16
  start_cast --verbose
  clients=()
  for ((n = 0; n < 16; ++n)); do
    [ ! -e /proc/$pid/fd/$n ] || continue
    connect last
    clients+=($client)
  done
  curl -sN "$url" 3>&- >"$work/waiting" &
  waiting=$!
  echo full >&3
  until_true 5 grep -q '"data":"full"' "$work/last" || fail "no event while the descriptors are used up"
  [ ! -s "$work/waiting" ] || fail "a client got a stream without a descriptor"
  disown ${clients[0]}
  kill -9 ${clients[0]}
  until_true 5 grep -q '"type":"connection"' "$work/waiting" || fail "no stream after a descriptor has become free"
  exec 3>&-
  expect_status $pid 0 "cast at the end of its input"
  expect_status $waiting 0 "the client that had to wait"
)
