# For the tests of the examples: sourced first, by the lib of each.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${SSE_BIN_DIR:?set SSE_BIN_DIR to the directory of the example binaries}
work=$(mktemp -d)

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
