#!/usr/bin/env bash
# examples/cluster/run.sh: three nodes with one Redis. A client of each gets the same ids; one that goes to another node
# gets exactly what it missed.
source "$(dirname "$0")/lib_cast.sh"
run=$here/../../examples/cluster/run.sh

server=$(program redis-server) || exit $?
if ! timeout 20 "$cast" --listen 127.0.0.1:0 --log redis://127.0.0.1:1 </dev/null 2>"$work/message"; then
  grep -q 'built without' "$work/message" || fail "cast with a log: $(cat "$work/message")"
  echo "skipped: built without hiredis"
  exit 77
fi
PATH=$(dirname "$server"):$PATH
if [[ $server == "${SSE_UNPACKED_DIR:-/nonexistent}"/* ]]; then
  for folder in "$SSE_UNPACKED_DIR"/usr/lib/*/; do LD_LIBRARY_PATH=$folder:${LD_LIBRARY_PATH:-}; done
  export LD_LIBRARY_PATH
fi

mkfifo "$work/in"
"$run" --port 0 <"$work/in" 2>"$work/err" &
pid=$!
exec 3>"$work/in"
until_true 20 grep -qs 'type lines' "$work/err" || fail "the nodes do not start"
node_url() { sed -n "s/^.*: node $1: //p" "$work/err"; }
has() { until_true 20 grep -qF "\"data\":\"$2\"" "$work/$1" || fail "$1 did not get $2:"$'\n'"$(cat "$work/$1")"; }
lines() { sed -n '/^id: /{s/^id: //;h};/^data: .*"type":"line"/{G;s/^data: .*"data":"\([^"]*\)".*\n/\1 /p}' "$work/$1"; }
leave() {
  disown $1
  kill -9 $1
}

clients=()
for name in 1 2 3; do
  url=$(node_url $name) connect "at_$name"
  clients+=($client)
done
printf '%s\n' first second third fourth >&3
for name in 1 2 3; do has "at_$name" first; has "at_$name" second; has "at_$name" third; has "at_$name" fourth; done
expect_equal "lines at a node" 4 "$(lines at_1 | wc -l)"
expect_equal "the second node's lines and ids" "$(lines at_1)" "$(lines at_2)"
expect_equal "the third node's lines and ids" "$(lines at_1)" "$(lines at_3)"

# From the first node to the second, and with what it has seen of that one to the third.
leave "${clients[0]}"
printf '%s\n' fifth sixth >&3
has at_2 fifth
has at_2 sixth
url=$(node_url 2) connect moved -H "Last-Event-ID: $(lines at_1 | tail -n 1 | sed 's/.* //')"
has moved sixth
has moved fifth
expect_equal "what was missed" "$(lines at_2 | tail -n 2)" "$(lines moved)"
! grep -q overflow "$work/moved" || fail "a client that goes to another node is told of a loss"
leave $client
printf '%s\n' seventh >&3
has at_3 seventh
url=$(node_url 3) connect back -H "Last-Event-ID: $(lines moved | head -n 1 | sed 's/.* //')"
has back seventh
expect_equal "what was missed at the third node" "$(lines at_3 | tail -n 2)" "$(lines back)"

exec 3>&-
expect_status $pid 0 "the end of the input"
grep -q '"type":"disconnect"' "$work/at_3" || fail "the nodes end without a disconnect"

rm "$work/err"
"$run" --port 0 <>"$work/never" 2>"$work/err" &
pid=$!
until_true 20 grep -qs 'type lines' "$work/err" || fail "the nodes do not start again"
kill -TERM $pid
expect_status $pid 0 SIGTERM
expect_equal "the exit status of a bad argument" 2 "$("$run" --nodes 4 2>"$work/message" || echo $?)"
