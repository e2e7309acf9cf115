#!/usr/bin/env bash
# tests/fuzz/run.sh [SECONDS [TARGET...]]: runs the fuzz targets from their kept inputs, SECONDS each (default 60), with
# Clang's libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   TARGET   parser, request_head, event_ids, frames, client, session; default: all of them
#
# New inputs are kept in build/fuzz/TARGET. An input that fails is left in build/fuzz, its name is printed, and the exit
# status is 1. Exit status 77: there is no Clang with libFuzzer here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=60
if [ $# -gt 0 ]; then
  [[ $1 =~ ^[1-9][0-9]{0,5}$ ]] || { echo "tests/fuzz/run.sh: SECONDS is a whole number from 1 to 999999, not '$1'" >&2; exit 2; }
  seconds=$1
  shift
fi
[ $# -gt 0 ] || set -- parser request_head event_ids frames client session
for target in "$@"; do
  [ -d "tests/fuzz/corpus/$target" ] || { echo "tests/fuzz/run.sh: no target '$target': parser, request_head, event_ids, frames, client, session" >&2; exit 2; }
done

mkdir -p build/fuzz
can_fuzz() { echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' | "$1" -fsanitize=fuzzer,address -x c++ - -o build/fuzz/try 2>/dev/null; }
compiler=
for name in clang++-20 clang++-19 clang++-18 clang++-17 clang++-16; do
  if command -v $name >/dev/null && can_fuzz $name; then
    compiler=$name
    break
  fi
done
[ -n "$compiler" ] || { echo "skipped: no clang++ (16 to 20) with libFuzzer: on Debian clang-16 and libclang-rt-16-dev"; exit 77; }

for target in "$@"; do
  program=build/fuzz/$target.fuzz
  if [ ! -e "$program" ] || [ -n "$(find include tests/fuzz -name '*.[hci]pp' -newer "$program" -print -quit)" ]; then
    flags=(-std=c++20 -O1 -g -Wall -Wextra -Iinclude -D_GLIBCXX_ASSERTIONS -fsanitize=fuzzer,address,undefined -fno-sanitize=vptr
      -fno-sanitize-recover=all -pthread)
    # tests/run.sh names ccache, which takes one compile and no link.
    ${CMAKE_CXX_COMPILER_LAUNCHER:-} $compiler "${flags[@]}" -c "tests/fuzz/$target.cpp" -o "$program.o"
    $compiler "${flags[@]}" "$program.o" -o "$program"
  fi
  mkdir -p "build/fuzz/$target"
  "$program" -max_total_time="$seconds" -timeout=10 -max_len=4096 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$target-" "build/fuzz/$target" "tests/fuzz/corpus/$target" 2>build/fuzz/$target.log || {
    tail -n 40 "build/fuzz/$target.log" >&2
    echo "tests/fuzz/run.sh: $target failed; the input is build/fuzz/$target-*" >&2
    exit 1
  }
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$target.log") inputs, none failed"
done
