# For the tests of the examples: sourced first, by the lib of each.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${SSE_BIN_DIR:?set SSE_BIN_DIR to the directory of the example binaries}
work=$(mktemp -d)
trap clean_up EXIT

clean_up() {
  local status=$? processes
  processes=$(jobs -p)
  disown -a
  kill -9 $processes 2>/dev/null || true
  if [ $status -ne 0 ] && [ $status -ne 77 ] && [ -s "$work/err" ]; then
    echo "standard error of the program was:" >&2
    tail -n 20 "$work/err" >&2
  fi
  rm -rf "$work"
}

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# until_true SECONDS COMMAND...: asks again and again, till the command succeeds.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    read -r -t 0.02 <>"$work/never" || true
  done
}
mkfifo "$work/never"

# expect_status PID STATUS WHAT: waits for the end of a process of ours.
expect_status() {
  local status=0
  until_true 20 not_running "$1" || fail "$3: still running"
  wait "$1" || status=$?
  [ $status -eq "$2" ] || fail "$3: exit status $status, expected $2"
}
not_running() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

expect_equal() { # WHAT EXPECTED GOT
  [ "$2" = "$3" ] || fail "$1:"$'\n'"expected: $2"$'\n'"got:      $3"
}

# connect NAME [CURL ARGUMENT...]: a curl that writes to $work/NAME, and is connected when this returns; sets client.
connect() {
  local name=$1
  shift
  : >"$work/$name"
  curl -sN "$@" "$url" 3>&- >"$work/$name" &
  client=$!
  until_true 10 grep -q '"type":"connection"' "$work/$name" || fail "$name got no connection event"
}

status_of() { curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$@" || true; }

# exchange FILE: sends the text to $port as it stands, prints what comes until the program hangs up.
exchange() {
  exec 4<>"/dev/tcp/127.0.0.1/$port"
  cat "$1" >&4
  timeout 20 cat <&4 || fail "no end of the answer to $1"
  exec 4>&-
}

# events NAME: what the client has read, one event a line, checked frame by frame.
events() { node "$here/lib_events.mjs" "$work/$1"; }

# stall [tls]: a client of $port that is connected and reads no more till SIGUSR1; its bytes are in $work/stalled; sets stalled.
stall() {
  rm -f "$work/stalled.err"
  node "$here/lib_stalled.mjs" $port "$@" 3>&- >"$work/stalled" 2>"$work/stalled.err" &
  stalled=$!
  until_true 10 grep -qs connected "$work/stalled.err" || fail "the stalling client did not connect"
}

# Of the program under test, whose process is pid.
descriptors() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
has_descriptors() { [ "$(descriptors)" -eq "$1" ]; }

# program NAME: the path of one that tests/run.sh unpacks where it is not installed; without it, the test is skipped.
program() {
  PATH=$PATH:/usr/sbin:${SSE_UNPACKED_DIR:-/nonexistent}/usr/bin:${SSE_UNPACKED_DIR:-/nonexistent}/usr/sbin command -v "$1" && return
  echo "skipped: no $1" >&2
  return 77
}

# lint_metrics FILE: what Prometheus' own linter says of them must be nothing.
lint_metrics() {
  local promtool
  promtool=$(program promtool) || exit $?
  "$promtool" check metrics <"$1" >"$work/lint" 2>&1 || fail "promtool check metrics: $(cat "$work/lint")"
  expect_equal "what promtool check metrics says" "" "$(cat "$work/lint")"
}
