#!/usr/bin/env bash
# --history: ids, and clients that come back get exactly what they missed, or are told exactly what is gone. --retry.
source "$(dirname "$0")/lib_cast.sh"

ids() { sed -n 's/^id: //p' "$work/$1"; }
id_of() { grep -B 1 -F "\"data\":\"$2\"" "$work/$1" | sed -n 's/^id: //p'; } # NAME LINE
# has NAME LINE: the client gets it, sooner or later.
has() { until_true 10 grep -qF "\"data\":\"$2\"" "$work/$1" || fail "$1 did not get $2:"$'\n'"$(cat "$work/$1")"; }
leave() {
  disown $client
  kill -9 $client
}
# resume NAME SUFFIX LINE CURL-ARGUMENT...: what a client is told up to the line; SUFFIX goes after the URL.
resume() {
  local name=$1 there=$url last=$3
  url+=$2
  shift 3
  connect $name "$@"
  url=$there
  has $name "$last"
  leave
  events $name
}

start_cast --history 5 --retry 1234
connect first
expect_equal "the reconnection time, once" 1 "$(grep -c '^retry: 1234$' "$work/first")"
printf '%s\n' 'one' 'two' '"three"' >&3
has first three
start=$(ids first | sed -n '1s/-0$//p')
[[ $start =~ ^[0-9]{19}$ ]] || fail "the first id is no start with -0: $(ids first)"
expect_equal "the ids" "$start-0 $start-1 $start-2 $start-3" "$(ids first | xargs)"
leave

# While nobody is there, lines are kept; who was there gets what it missed, then what comes.
printf '%s\n' four five >&3
connect later
printf 'six\n' >&3
has later six
expect_equal "a client without an id gets live events only" $'connection\nline "six"' "$(events later)"
expect_equal "and learns where it stands" "$start-5 $start-6" "$(ids later | xargs)"
leave
missed=$'connection\nline "four"\nline "five"\nline "six"'
expect_equal "Last-Event-ID" "$missed" "$(resume by_header '' six -H "Last-Event-ID: $start-3")"
expect_equal "the ids of what is sent again" "$start-3 $start-4 $start-5 $start-6" "$(ids by_header | xargs)"
expect_equal "?lastEventId" "$missed" "$(resume by_query "?lastEventId=$start-3" six)"
expect_equal "?since=ID" "$missed" "$(resume since "?a=b&since=$start-3" six)"
expect_equal "the header comes first" $'connection\nline "six"' \
  "$(resume both "?lastEventId=$start-1" six -H "Last-Event-ID: $start-5")"
connect nothing_missed -H "Last-Event-ID: $start-6"
printf 'seven\n' >&3
has nothing_missed seven
expect_equal "a client that missed nothing" $'connection\nline "seven"' "$(events nothing_missed)"
leave

# Five are kept: three to seven.
kept=$'line "three"\nline "four"\nline "five"\nline "six"\nline "seven"'
expect_equal "?since=earliest" $'connection\n'"$kept" "$(resume earliest '?since=earliest' seven)"
expect_equal "an id of which nothing is lost" $'connection\n'"$kept" "$(resume just "?since=$start-2" seven)"
expect_equal "an id that is too old" $'connection\noverflow 1\n'"$kept" "$(resume old "?since=$start-1" seven)"
grep -q "\"dropped\":1,\"first_id\":\"$start-2\",\"last_id\":\"$start-2\"" "$work/old" || fail "the loss is not named"
expect_equal "the oldest id" $'connection\noverflow 2\n'"$kept" "$(resume oldest "?since=$start-0" seven)"

# Another start's id: all that is kept, and that nobody knows what was missed. What can't be an id: live events.
expect_equal "the id of an earlier start" $'connection\noverflow null\n'"$kept" "$(resume other '?since=1-1' seven)"
grep -q '"dropped":null,"reset":true' "$work/other" || fail "another start is told so: $(cat "$work/other")"
n=0
for id in x "$start" "$start-" "$start-99" "$start-5x" "-$start-5" ' ' "$start-18446744073709551616" '%0a%0adata:%20x' \
  '%00' '%ff' '"}' "$(head -c 8000 /dev/zero | tr '\0' 9)"; do
  connect hostile -G --data-raw "lastEventId=${id// /%20}"
  printf '%s\n' "hostile $((++n))" >&3
  has hostile "hostile $n"
  leave
  expect_equal "the id '${id:0:100}'" $'connection\noverflow null\nline "hostile '$n'"' "$(events hostile)"
  grep -q '"dropped":null,"reset":true' "$work/hostile" || fail "'$id' is not told that its place is lost"
done
exec 3>&-
expect_status $pid 0 "cast at the end of its input"

# Two starts differ in their ids.
start_cast --history 5
printf 'new\n' >&3
connect again -H "Last-Event-ID: $start-6"
has again new
expect_equal "after a restart" $'connection\noverflow null\nline "new"' "$(events again)"
leave
exec 3>&-
expect_status $pid 0 "cast at the end of its input"

# Without a history there are no ids, and nothing to come back to; without --retry none is sent.
start_cast
connect plain -H "Last-Event-ID: $start-6"
printf 'live\n' >&3
has plain live
expect_equal "without --history" $'connection\noverflow null\nline "live"' "$(events plain)"
leave
connect silent
printf 'more\n' >&3
has silent more
expect_equal "without an id" $'connection\nline "more"' "$(events silent)"
if grep -q '^id:\|^retry:' "$work/plain" "$work/silent"; then fail "an id or a reconnection time that nobody asked for"; fi
exec 3>&-
expect_status $pid 0 "cast at the end of its input"
expect_status $client 0 "curl at the end of the stream"
