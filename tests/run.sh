#!/usr/bin/env bash
# tests/run.sh [-R REGEX] [PRESET...]: does all set-up, builds, and runs the tests of the presets; all tests without arguments.
#
#   -R REGEX   only the tests whose name matches REGEX, as ctest takes it
#   PRESET     release (every test), asan, tsan (the unit and socket tests under sanitizers; tsan without those of
#              rooms that know no threads) or dev; without one: release, asan and tsan
#
# The last line is "N passed, N failed", and ", N skipped" where some were; the exit status is 0 only if none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=tests/run.sh
. tests/setup.sh

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$program"; }
bad_argument() { printf '%s: %s\n' "$program" "$1" >&2; exit 2; }

presets=()
filter=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    -R)
      [ $# -ge 2 ] || bad_argument "-R needs a regular expression"
      filter=(-R "$2")
      shift
      ;;
    dev | release | asan | tsan) presets+=("$1") ;;
    *) bad_argument "unknown argument '$1': -R REGEX, dev, release, asan, tsan" ;;
  esac
  shift
done
[ ${#presets[@]} -gt 0 ] || presets=(release asan tsan)

set_up tests
unpack_programs
if ! [ tests/browser/node_modules/.package-lock.json -nt tests/browser/package-lock.json ]; then
  say "installs playwright-core with npm, in tests/browser/node_modules"
  (cd tests/browser && npm ci --silent --ignore-scripts --no-audit --no-fund)
fi

# ThreadSanitizer of g++ 12 can't run where the kernel randomises more bits of an address than it knows of.
launcher=()
if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -gt 28 ] && setarch -R true 2>/dev/null; then
  launcher=(setarch -R)
fi

passed=0 failed=0 skipped=0
count() { grep -cE "$1" "$report" || true; }

run_preset() {
  say "$1: build"
  if ! { configure "$1" ON && cmake --build --preset "$1"; }; then
    say "$1: the build failed"
    failed=$((failed + 1))
    return
  fi
  say "$1: test"
  report=$PWD/build/$1/tests.xml
  rm -f "$report"
  local status=0 all run left_out
  "${launcher[@]}" ctest --preset "$1" -j "$(nproc)" --no-tests=ignore --output-junit "$report" "${filter[@]}" || status=$?
  if ! [ -e "$report" ]; then
    [ $status = 0 ] || failed=$((failed + 1))
    return
  fi
  # The report's own sums take a test that could not start for a skipped one.
  all=$(count '^\s*<testcase ')
  run=$(count '^\s*<testcase .* status="run"')
  left_out=$(count '^\s*<skipped message="SKIP_')
  passed=$((passed + run))
  skipped=$((skipped + left_out))
  failed=$((failed + all - run - left_out))
  if [ $status != 0 ] && [ "$all" = $((run + left_out)) ]; then
    say "$1: ctest ended with status $status"
    failed=$((failed + 1))
  fi
}
for preset in "${presets[@]}"; do run_preset "$preset"; done

if [ $((passed + failed + skipped)) = 0 ]; then
  say "no test was run"
  failed=1
fi
line="$passed passed, $failed failed"
[ $skipped = 0 ] || line="$line, $skipped skipped"
echo "$line"
[ $failed = 0 ]
