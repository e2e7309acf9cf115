#!/usr/bin/env bash
# tests/run.sh [-R REGEX] [PRESET...]: does all set-up, builds, and runs the tests of the presets; all tests without arguments.
#
#   -R REGEX   only the tests whose name matches REGEX, as ctest takes it, and builds only what these need: "unit: ",
#              "socket: " and "log: " one program each, "commands: cast_x" the example cast, "consumer: x" nothing
#   PRESET     release (every test), asan, tsan (the unit and socket tests under sanitizers; tsan without those of
#              rooms that know no threads), dev (every test file compiled by itself: for work at one of them), or for
#              tests/nightly.sh header-only (the unit and socket tests with the library in each, optimised),
#              crowds-off and crowds-flicker (the same tests with each stream written by itself, and with streams
#              that leave their crowds at random, under asan); without one: release, asan and tsan
#
# Where ccache is installed, it is used: a second build after "git clean" takes a tenth of the first.
# The last line is "N passed, N failed", and ", N skipped" where some were; before it stands each test that failed. The exit
# status is 0 only if none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=tests/run.sh
. tests/setup.sh

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$program"; }
bad_argument() { printf '%s: %s\n' "$program" "$1" >&2; exit 2; }

presets=()
regex=
filter=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    -R)
      [ $# -ge 2 ] || bad_argument "-R needs a regular expression"
      regex=$2
      filter=(-R "$2")
      shift
      ;;
    dev | release | header-only | asan | tsan | crowds-off | crowds-flicker) presets+=("$1") ;;
    *) bad_argument "unknown argument '$1': -R REGEX, release, asan, tsan, dev, header-only, crowds-off, crowds-flicker" ;;
  esac
  shift
done
[ ${#presets[@]} -gt 0 ] || presets=(release asan tsan)

set_up tests
unpack_programs
if ! [ tests/browser/node_modules/.package-lock.json -nt tests/browser/package-lock.json ]; then
  say "installs the packages of the browser and proxy tests with npm, in tests/browser/node_modules"
  (cd tests/browser && npm ci --silent --ignore-scripts --no-audit --no-fund)
fi

if ! [ tests/sdk/node_modules/.package-lock.json -nt tests/sdk/package-lock.json ]; then
  say "installs the packages of the tests with SDKs of others with npm, in tests/sdk/node_modules"
  (cd tests/sdk && npm ci --silent --ignore-scripts --no-audit --no-fund) || say "no such packages: the tests with them are skipped"
fi

# ThreadSanitizer of g++ 12 can't run where the kernel randomises more bits of an address than it knows of.
launcher=()
if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -gt 28 ] && setarch -R true 2>/dev/null; then
  launcher=(setarch -R)
fi

# Read by CMake, for the consumers' projects, too. The sloppiness is for precompiled headers.
if has ccache && [ -z "${CMAKE_CXX_COMPILER_LAUNCHER+set}" ]; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_SLOPPINESS=pch_defines,time_macros
fi

# names PRESET: of the tests that REGEX takes: from ctest what it knows before a build, from the sources the Catch2 cases.
names() {
  local sources prefix
  ctest --preset "$1" -N "${filter[@]}" | sed -n 's/^ *Test *#[0-9]*: //p'
  for sources in build/"$1"/tests/*.sources; do
    prefix=$(head -n 1 "$sources")
    tail -n +2 "$sources" | (cd tests && xargs cat) | tr '\n' ' ' | grep -oE 'TEST_CASE\( *"([^"\]|\\.)*"' |
      sed -E "s/^[^\"]*\"(.*)\"\$/$prefix: \1/" | grep -E -e "$regex" | sed "s/^/$(basename "$sources" .sources)_NOT_BUILT /" || true
  done
}
# Reads names, and writes the targets that they need: "all" for a test that is not known here.
targets() {
  local name
  while read -r name; do
    case $name in
      *_NOT_BUILT*) echo "${name%%_NOT_BUILT*}" ;;
      unit:* | socket:* | header-only:* | log:*) ;; # in a program that is built already, and named by its sources, too
      consumer:* | refusal:* | docs:* | fuzz:* | matrix:* | commands:\ setup_*) ;;
      headers:*) echo header_tests ;;
      benchmarks:*) echo benchmarks ;;
      commands:\ tail_post*) printf '%s\n' tail answers ;;
      commands:\ tail*) printf '%s\n' tail cast ;;
      sdk:*) sed -E 's/sdk: ([a-z]+).*/\1/' <<<"$name" ;;
      commands:*) sed -E 's/commands: ([a-z]+).*/\1/' <<<"$name" ;;
      browser:\ dashboard*) echo dashboard ;;
      browser:\ tls*) echo tls ;;
      browser:\ live*) echo live ;;
      browser:* | proxies:*) echo cast ;;
      *) echo all ;;
    esac
  done | sort -u
}
# build PRESET: all, or with -R what is needed.
build() {
  configure "$1" ON || return
  local wanted=()
  if [ -n "$regex" ]; then
    mapfile -t wanted < <(names "$1" | targets)
    [ ${#wanted[@]} -gt 0 ] || return 0
    wanted=(--target "${wanted[@]}")
  fi
  cmake --build --preset "$1" "${wanted[@]}"
}

passed=0 failed=0 skipped=0 failures=()
fail() { failed=$((failed + 1)) failures+=("$1"); }
count() { grep -cE "$1" "$report" || true; }
# A test that ctest could not start is reported as skipped, without our reason.
failures_of_report() {
  awk '
    /^[ \t]*<testcase / { name = $0; sub(/.* name="|.*<testcase name="/, "", name); sub(/".*/, "", name); open = !/ status="run"/; next }
    open { if ($0 !~ /<skipped message="SKIP_/) print name; open = 0 }
  ' "$report" | sed "s/&apos;/'/g; s/&quot;/\"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g"
}

run_preset() {
  say "$1: build"
  if ! build "$1"; then
    say "$1: the build failed"
    fail "$1: the build"
    return
  fi
  say "$1: test"
  report=$PWD/build/$1/tests.xml
  rm -f "$report"
  local status=0 all run left_out
  # Most tests wait, for a peer or a clock; what computes says so by PROCESSORS.
  "${launcher[@]}" ctest --preset "$1" -j $((2 * $(nproc))) --no-tests=ignore --output-junit "$report" "${filter[@]}" || status=$?
  if ! [ -e "$report" ]; then
    [ $status = 0 ] || fail "$1: ctest"
    return
  fi
  # The report's own sums take a test that could not start for a skipped one.
  all=$(count '^\s*<testcase ')
  run=$(count '^\s*<testcase .* status="run"')
  left_out=$(count '^\s*<skipped message="SKIP_')
  passed=$((passed + run))
  skipped=$((skipped + left_out))
  failed=$((failed + all - run - left_out))
  mapfile -t -O ${#failures[@]} failures < <(failures_of_report | sed "s/^/$1: /")
  if [ $status != 0 ] && [ "$all" = $((run + left_out)) ]; then
    fail "$1: ctest ended with status $status"
  fi
}
for preset in "${presets[@]}"; do run_preset "$preset"; done

if [ $((passed + failed + skipped)) = 0 ]; then
  say "no test was run"
  failed=1
fi
[ ${#failures[@]} = 0 ] || printf 'failed: %s\n' "${failures[@]}"
line="$passed passed, $failed failed"
[ $skipped = 0 ] || line="$line, $skipped skipped"
echo "$line"
[ $failed = 0 ]
