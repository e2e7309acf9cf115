#!/usr/bin/env bash
# --log FILE: a client does not see a restart; two programs with one file send the same events.
source "$(dirname "$0")/lib_cast.sh"

ids() { sed -n 's/^id: //p' "$work/$1"; }
has() { until_true 10 grep -qF "\"data\":\"$2\"" "$work/$1" || fail "$1 did not get $2:"$'\n'"$(cat "$work/$1")"; }
leave() {
  disown $client
  kill -9 $client
}
restart() {
  kill -TERM $pid
  exec 3>&-
  wait $pid || fail "cast did not end in good order: $(cat "$work/err")"
  start_cast --log "$work/events.db"
}

start_cast --log "$work/events.db"
connect first
printf '%s\n' one two three >&3
has first three
seen=$(ids first | tail -n 1)
leave
connect watch
printf '%s\n' four >&3
has watch four
leave

restart
connect second -H "Last-Event-ID: $seen"
has second four
expect_equal "nothing but what was missed" $'connection\nline "four"' "$(events second)"
printf '%s\n' five >&3
has second five
leave

# Another program of the same file.
first_pid=$pid first_url=$url
exec 4>&3
rm -f "$work/in"
start_cast --log "$work/events.db"
connect third
has_connection() { grep -q '"type":"connection"' "$work/third"; }
until_true 10 has_connection || fail "no connection"
printf '%s\n' 'from the first' >&4
printf '%s\n' 'from the second' >&3
has third 'from the first'
has third 'from the second'
leave
kill -TERM $first_pid
exec 4>&-
wait $first_pid || fail "the first cast did not end in good order"

status=0
"$cast" --listen 127.0.0.1:0 --log "$work/no such directory/events.db" </dev/null 2>"$work/message" || status=$?
expect_equal "a log that cannot be opened" 1 $status
grep -q 'no such directory' "$work/message" || fail "the message does not name the file: $(cat "$work/message")"
