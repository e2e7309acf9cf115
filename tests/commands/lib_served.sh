# For the tests of `beast` and `tls`: sourced first.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# start COMMAND ARGUMENT...: on a free port; sets pid, site (its URL without the last slash), url (of its events), port.
start() {
  : >"$work/out"
  "$@" --listen 127.0.0.1:0 >"$work/out" 2>"$work/err" &
  pid=$!
  until_true 20 grep -qE '^[a-z]+: https?://' "$work/out" || fail "$1 does not say where it listens"
  site=$(sed -n 's|^[a-z]*: \(.*\)/$|\1|p' "$work/out")
  url=$site/events
  port=${site##*:}
}

head_of() { curl -sN -D - -o /dev/null --max-time 20 "$@" | tr -d '\r'; }

# has NAME TEXT: the client gets it, sooner or later.
has() { until_true 20 grep -qF -e "$2" "$work/$1" || fail "$1 did not get $2:"$'\n'"$(cat "$work/$1")"; }

ids() { sed -n 's/^id: //p' "$work/$1"; }

leave() {
  disown $client
  kill -9 $client
}

# stop_told SIGNAL ONE TWO EVENTS: ends pid while the watchers `one` (process ONE) and `two` (TWO) have had EVENTS and a
# connection only waits.
stop_told() {
  local begin=$SECONDS name
  kill -$1 $pid
  expect_status $pid 0 "SIG$1"
  [ $((SECONDS - begin)) -lt 5 ] || fail "SIG$1: it waits for a connection that only waits"
  expect_status $2 0 "the first curl after SIG$1"
  expect_status $3 0 "the second curl after SIG$1"
  for name in one two; do
    expect_equal "$name after SIG$1" "$4"$'\n'disconnect "$(events $name)"
    grep -q '"type":"disconnect","message":"The server is shutting down"' "$work/$name" || fail "$name is not told why"
  done
}

# refused NAME COMMAND ARGUMENT...: exit status 2, and one line on standard error that has NAME in it.
refused() {
  local name=$1 status=0
  shift
  timeout 20 "$@" >"$work/refused" 2>"$work/message" || status=$?
  expect_equal "the exit status of $*" 2 $status
  [ ! -s "$work/refused" ] || fail "$*: something on standard output"
  expect_equal "lines on standard error of $*" 1 "$(wc -l <"$work/message")"
  grep -qF -e "$name" "$work/message" || fail "$*: the message does not name $name: $(cat "$work/message")"
}

# cannot TEXT COMMAND ARGUMENT...: exit status 1, and one line on standard error that has TEXT in it.
cannot() {
  local text=$1 status=0
  shift
  timeout 20 "$@" >"$work/refused" 2>"$work/message" || status=$?
  expect_equal "the exit status of $*" 1 $status
  expect_equal "lines on standard error of $*" 1 "$(wc -l <"$work/message")"
  grep -qF -e "$text" "$work/message" || fail "$*: the message is: $(cat "$work/message")"
}
