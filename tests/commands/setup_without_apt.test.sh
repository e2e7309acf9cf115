# Where there is no apt-get, set_up of tests/setup.sh goes on if nothing is missing, else names the packages.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# All programs of this machine but apt-get, and those that a test takes away.
mkdir "$work/bin"
IFS=: read -ra folders <<<"$PATH"
for folder in "${folders[@]}"; do ln -sf "$folder"/* "$work/bin" 2>/dev/null || true; done
rm -f "$work/bin/apt-get"

# set_up_tests [ASSIGNMENT...]: its output in $work/output; the status is set_up's.
set_up_tests() {
  (cd "$here/../.." && env PATH="$work/bin" "$@" bash -euo pipefail -c 'program=tests/run.sh; . tests/setup.sh; set_up tests') \
    >"$work/output" 2>&1
}
expect_output() { grep -qF -- "$1" "$work/output" || fail "the output has no '$1':"$'\n'"$(cat "$work/output")"; }
expect_missing() { grep -qE "missing: (.* )?$1( .*)?[.] " "$work/output" || fail "$1 is not missing:"$'\n'"$(cat "$work/output")"; }

set_up_tests || fail "all is there, but:"$'\n'"$(cat "$work/output")"
expect_equal "what is said where all is there" "" "$(cat "$work/output")"

rm -f "$work/bin/"{cmake,doxygen}
set_up_tests && fail "cmake and doxygen are not there, and set_up goes on"
expect_output "missing: cmake doxygen. There is no apt-get"
for command in "dnf install" "pacman -S --needed" "apk add" "brew install"; do expect_output "  $command cmake doxygen"; done

# Only the manager that this system has, with its own names.
printf '#!/bin/sh\nexit 1\n' >"$work/bin/pacman"
chmod +x "$work/bin/pacman"
rm -f "$work/bin/ninja"
set_up_tests && fail "ninja is not there, and set_up goes on"
expect_output "  pacman -S --needed cmake ninja doxygen"
! grep -q "dnf" "$work/output" || fail "a system with pacman is told of dnf"

# The compiler says which headers there are: an older Asio in front of a newer is as good as none.
mkdir -p "$work/older/asio" "$work/older/boost"
echo '#define ASIO_VERSION 101802' >"$work/older/asio/version.hpp"
echo '#define BOOST_VERSION 107400' >"$work/older/boost/version.hpp"
set_up_tests CPLUS_INCLUDE_PATH="$work/older" && fail "the older Asio is good enough"
expect_missing asio
set_up_tests CXX="${CXX:-c++} -I$work/older" && fail "the older Boost is good enough"
expect_missing boost
