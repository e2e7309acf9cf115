#!/usr/bin/env bash
# tests/nightly.sh [SECONDS]: what takes too long for each change, beside tests/run.sh: all unit and socket tests header-only
# and optimised, and with crowds of streams off and flickering, 50 rounds of kill -9 at each level of SqliteLog, files that a person has to replace, 100,000 compressed streams, 5,000 TLS handshakes at once, every corner of tests/matrix.sh and tests/matrix/platforms.sh,
# each fuzz target for SECONDS (default 1800), each line of the pages, the soaks, 200 EventSources of a browser over HTTP/2,
# and all scenarios of sse.js.
#
# Goes on after a failure. The last line names the parts that failed; the exit status is 0 only if none did. Parts for which
# this machine lacks something (root, a Debian mirror, libFuzzer) say so and are no failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-1800}
[[ $# -le 1 && $seconds =~ ^[1-9][0-9]{0,5}$ ]] || {
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' tests/nightly.sh
  [[ $* = -h || $* = --help ]] && exit 0
  exit 2
}

failed=()
part() {
  local status=0
  echo "tests/nightly.sh: $*"
  "$@" || status=$?
  [ $status = 0 ] || [ $status = 77 ] || failed+=("$*")
}
part tests/run.sh header-only
part tests/run.sh -R '^(unit|socket): ' crowds-off crowds-flicker
part env SSE_LOG_ROUNDS=50 tests/run.sh -R 'log: (after kill|a client of a running)' release
part tests/run.sh -R 'gzip: ' release
[ ! -x build/release/tests/gzip_tests ] || part env SSE_GZIP_SEEDS=100000 build/release/tests/gzip_tests 'random streams*'
part env SSE_TLS_HANDSHAKES=5000 tests/run.sh -R 'socket: many handshakes' release
part tests/matrix.sh
part tests/matrix/platforms.sh --or-skip
for target in tests/fuzz/corpus/*/; do part tests/fuzz/run.sh "$seconds" "$(basename "$target")"; done
part env SSE_NIGHTLY=1 node tests/docs/shell.test.mjs
part tests/soak/run.sh
browser=(env "SSE_BIN_DIR=$PWD/build/release/examples" "NODE_PATH=$PWD/tests/browser/node_modules" node)
part "${browser[@]}" tests/soak/page.mjs 300
part "${browser[@]}" tests/browser/http2_streams.mjs
for name in chromium firefox; do part env SSE_NIGHTLY=1 "${browser[@]}" tests/browser/module_$name.test.mjs; done
if [ ${#failed[@]} = 0 ]; then
  echo "tests/nightly.sh: all parts passed"
else
  printf 'tests/nightly.sh: failed: %s\n' "${failed[@]}"
  exit 1
fi
