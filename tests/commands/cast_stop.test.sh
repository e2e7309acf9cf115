#!/usr/bin/env bash
# Every end of cast, each with `disconnect` for every client: SIGTERM, SIGINT, the end of the input; and what --verbose tells.
source "$(dirname "$0")/lib_cast.sh"

for signal in TERM INT; do
  start_cast --verbose
  connect one
  one=$client
  connect two
  echo before >&3
  until_true 5 grep -q '"data":"before"' "$work/one" || fail "no event before SIG$signal"
  until_true 5 grep -q '"data":"before"' "$work/two" || fail "no event before SIG$signal"
  kill -$signal $pid
  expect_status $pid 0 "cast after SIG$signal"
  expect_status $one 0 "the first curl after SIG$signal"
  expect_status $client 0 "the second curl after SIG$signal"
  for name in one two; do
    expect_equal "$name after SIG$signal" $'connection\nline "before"\ndisconnect' "$(events $name)"
  done
  [ ! -s "$work/out" ] || fail "standard output is not empty"
  [ "$(grep -c ' added' "$work/err")" -eq 2 ] || fail "--verbose does not tell of two clients that came"
  [ "$(grep -c ' removed' "$work/err")" -eq 2 ] || fail "--verbose does not tell of two clients that went"
done

# Every client reads all that was sent, then `disconnect`.
start_cast --max-queue-size 100000
connect one
one=$client
connect two
seq 1 50000 >&3
exec 3>&-
expect_status $pid 0 "cast at the end of its input"
expect_status $one 0 "the first curl at the end of the input"
expect_status $client 0 "the second curl at the end of the input"
{ echo connection; seq -f 'line %.0f' 1 50000; echo disconnect; } >"$work/expected"
for name in one two; do
  events $name | cmp -s - "$work/expected" || fail "$name did not read all 50000 lines and disconnect"
done
[ "$(wc -l <"$work/err")" -eq 1 ] || fail "without --verbose more than the address is told: $(cat "$work/err")"

# A client that takes nothing: cut by the send time-out, some seconds after a signal, or by a second signal at once.
for way in input signal signals; do
  start_cast --max-queue-size 100000 --send-timeout $([ $way = input ] && echo 1 || echo 60)
  stall
  connect reader
  long_lines 80000 >&3
  until_true 30 grep -q '"data":"80000 ' "$work/reader" || fail "not all events came"
  if [ $way = input ]; then exec 3>&-; else kill -TERM $pid; fi
  expect_status $client 0 "curl at the end by $way, beside a client that takes nothing"
  tail -c 300 "$work/reader" | grep -q '"type":"disconnect"' || fail "no disconnect at the end by $way"
  status=0
  if [ $way = signals ]; then
    status=143
    kill -TERM $pid
  fi
  expect_status $pid $status "cast at the end by $way, with a client that takes nothing"
  disown $stalled
  kill -9 $stalled
done

# No client, no input: each kind of standard input that has nothing (more) to say.
seq 1 100000 >"$work/file"
for input in "$work/file" /dev/null; do
  "$cast" --listen 127.0.0.1:0 <"$input" >"$work/out" 2>"$work/err" || fail "cast <$input: exit status $?"
done
"$cast" --listen 127.0.0.1:0 <&- 2>"$work/err" || fail "cast with its input closed: exit status $?"
"$cast" --listen 127.0.0.1:0 </dev/null 2>&- >&- || fail "cast with its output closed: exit status $?"
status=0
"$cast" --listen 127.0.0.1:0 <"$work" 2>"$work/err" || status=$?
expect_equal "exit status with a directory as the input" 1 $status
grep -qx 'cast: cannot read standard input: Is a directory' "$work/err" || fail "a directory as the input: $(cat "$work/err")"
