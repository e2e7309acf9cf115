#!/usr/bin/env bash
# tests/benchmarks/run.sh [--quick] [--markdown] [ROW...]: builds the benchmarks and prints one table; README.md says what
# each row is. --quick takes fewer and shorter runs; --list names the rows. Not part of tests/run.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=tests/benchmarks/run.sh
. tests/setup.sh
if ! [[ " $* " == *" --list "* ]]; then
  set_up tests
  configure release ON >/dev/null
  cmake --build --preset release --target benchmarks >&2
  if has cargo && [ -e /usr/share/cargo/registry ]; then
    (cd tests/benchmarks/tokio && cargo build --release --offline --quiet --target-dir ../../../build/release/tests/benchmarks/tokio) ||
      say "the peer of tokio could not be built"
  fi
fi
exec node tests/benchmarks/table.mjs "$@"
