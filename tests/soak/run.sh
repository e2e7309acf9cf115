#!/usr/bin/env bash
# tests/soak/run.sh [SECONDS [CLIENTS]]: CLIENTS (default 2000) connect to `serve`, read slowly, cut and resume for SECONDS
# (default 180); then memory, descriptors and counts must be back where they were. Not part of tests/run.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=tests/soak/run.sh
. tests/setup.sh
set_up tests
configure release ON >/dev/null
cmake --build --preset release --target soak
exec build/release/tests/soak "${2:-2000}" "${1:-180}"
