#!/usr/bin/env bash
# tests/matrix/platforms.sh [--list] [--or-skip] [--boost DIR] [--asio DIR]... [CORNER...]: compiles and runs sse as other
# processors, systems and set-ups have it, with this machine's compilers.
#
#   --list       the corners' names, and nothing else
#   --or-skip    the exit status is 77 if a corner was skipped and none failed
#   --boost DIR  where <boost/asio.hpp> 1.81 or later is, for the corner `configurations`
#   --asio DIR   where another <asio.hpp> is: the unit tests of waits run with it, too (corner `asio`)
#   CORNER       only these
#
#   unsigned-char   char is unsigned, as on ARM: no warning, and the matrix program runs
#   m32             32 bits: no warning, and the matrix program runs (g++-12-multilib; g++-multilib keeps cross compilers out)
#   mingw           Windows: no warning, and the matrix program runs (g++-mingw-w64-x86-64-posix, wine64)
#   mingw-unit      Windows: the unit tests that need no system but C++ and Asio (the same)
#   mingw-socket    Windows: the socket tests (the same)
#   aarch64         ARM, 64 bits: the matrix program runs (g++-aarch64-linux-gnu, qemu-user)
#   pool            two threads and a load for some seconds, optimised, with each compiler that is there
#   thread-keyword  a Clang before 19 says what is wrong where Asio came first
#   configurations  files with standalone Asio and with Boost.Asio do not link
#   one-manager     a shared library and a program with hidden symbols have one manager
#   asio            the unit tests of waits, with each --asio
#
# What a corner needs is in brackets, by the names of Debian's packages. One line for each corner, `ok`, `FAIL` or `skipped`;
# the exit status is 0 only if none failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=tests/matrix/platforms.sh
all="unsigned-char m32 mingw mingw-unit mingw-socket aarch64 pool thread-keyword configurations one-manager asio"
boost='' asios=() wanted=() skipped_status=0
bad_argument() { printf '%s: %s\n' "$program" "$1" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$program"; exit 0 ;;
    --list) tr ' ' '\n' <<<"$all"; exit 0 ;;
    --or-skip) skipped_status=77 ;;
    --boost | --asio)
      [ -d "${2-}" ] || bad_argument "$1 needs a directory"
      if [ "$1" = --boost ]; then boost=$2; else asios+=("$2"); fi
      shift
      ;;
    *) [[ " $all " = *" $1 "* ]] || bad_argument "no corner is named '$1': see --list"; wanted+=("$1") ;;
  esac
  shift
done
[ ${#wanted[@]} != 0 ] || read -ra wanted <<<"$all"

out=build/platforms
mkdir -p "$out"
has() { command -v "$1" >/dev/null; }
warnings=(-std=c++20 -pthread -Iinclude -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wtype-limits -Werror)
matrix=(tests/matrix/main.cpp tests/matrix/other.cpp)
# A reason to skip a corner is its status 77 and its last line.
skip() { echo "$1"; exit 77; }

# Headers alone, where the tools have no <asio.hpp> of their own and must not see this system's others.
bare_headers() {
  local header
  mkdir -p "$out/headers"
  for header in asio asio.hpp nlohmann; do ln -sfn "/usr/include/$header" "$out/headers/$header"; done
}

# Two programs of one source with the names $1 and $2.
compile_matrix() { # compiler, output, flags...
  local compiler=$1 output=$2
  shift 2
  "$compiler" "${warnings[@]}" "$@" "${matrix[@]}" -o "$output"
}

corner_unsigned_char() { compile_matrix g++ "$out/unsigned" -funsigned-char && timeout 60 "$out/unsigned"; }
corner_m32() {
  echo 'int main() {}' | g++ -m32 -x c++ - -o "$out/m32" 2>/dev/null || skip "needs g++-12-multilib"
  # The system's own headers have a folder of each architecture.
  compile_matrix g++ "$out/m32" -m32 -idirafter /usr/include/x86_64-linux-gnu && timeout 60 "$out/m32"
}
# Compiles the sources for Windows, and runs the program.
run_in_wine() { # output, option or source...
  local compiler=x86_64-w64-mingw32-g++-posix wine output=$1
  shift
  has "$compiler" || skip "needs g++-mingw-w64-x86-64-posix"
  wine=$(command -v wine64 || command -v /usr/lib/wine/wine64) || skip "needs wine64"
  bare_headers
  "$compiler" "${warnings[@]}" -Wa,-mbig-obj -D_WIN32_WINNT=0x0A00 -DNOMINMAX -isystem "$out/headers" "$@" \
    -static -lws2_32 -lmswsock -o "$output" || return
  WINEDEBUG=-all WINEPREFIX=$PWD/$out/wine timeout 300 "$wine" "$output"
}
corner_mingw() { run_in_wine "$out/matrix.exe" "${matrix[@]}"; }
# As tests/CMakeLists.txt has it, a name of one test file may hide one of another. (Without -O1 it takes minutes to link.)
run_tests_in_wine() {
  run_in_wine "$out/$1.exe" -O1 -Wno-shadow -Wno-subobject-linkage -Wno-mismatched-new-delete -Itests/matrix/catch2_part \
    "tests/matrix/$1.cpp"
}
corner_mingw_unit() { run_tests_in_wine unit_part; }
corner_mingw_socket() { run_tests_in_wine socket_part; }
corner_aarch64() {
  local compiler=aarch64-linux-gnu-g++
  has "$compiler" || skip "needs g++-aarch64-linux-gnu"
  has qemu-aarch64 || skip "needs qemu-user"
  bare_headers
  compile_matrix "$compiler" "$out/aarch64" -isystem "$out/headers" || return
  timeout 120 qemu-aarch64 -L /usr/aarch64-linux-gnu "$out/aarch64"
}
corner_pool() {
  local compiler any=
  for compiler in g++ clang++-16 clang++-17 clang++-18 clang++-19; do
    has "$compiler" || continue
    any=1
    echo "$compiler"
    "$compiler" -std=c++20 -pthread -Iinclude -O2 tests/matrix/pool.cpp -o "$out/pool" && timeout 60 "$out/pool" 5 || return
  done
  [ -n "$any" ] || skip "needs g++ or clang-16"
}
corner_thread_keyword() {
  local compiler
  for compiler in clang++-16 clang++-17 clang++-18; do
    has "$compiler" || continue
    printf '#include <asio.hpp>\n#include <sse/sse.hpp>\n' >"$out/asio_first.cpp"
    "$compiler" -std=c++20 -DASIO_HAS_CO_AWAIT -Iinclude -fsyntax-only "$out/asio_first.cpp" 2>"$out/asio_first"
    grep -m 1 'error:' "$out/asio_first" | grep 'define ASIO_DISABLE_THREAD_KEYWORD_EXTENSION'
    return
  done
  skip "needs clang-16"
}
corner_configurations() {
  local directory
  for directory in "$boost" build/matrix/packages/boost-1.8*/usr/include build/headers/*boost*/usr/include /usr/include; do
    [ "$(sed -n 's/^#define BOOST_VERSION \([0-9]*\).*/\1/p' "$directory/boost/version.hpp" 2>/dev/null || echo 0)" -ge 108100 ] &&
      boost=$directory && break
  done 2>/dev/null
  [ -n "$boost" ] || skip "needs libboost1.81-dev, or --boost"
  local options=(-std=c++20 -pthread -Iinclude)
  g++ "${options[@]}" -DSSE_TEST_CALLER -c tests/matrix/configuration.cpp -o "$out/caller.o" || return
  g++ "${options[@]}" -c tests/matrix/configuration.cpp -o "$out/same.o" || return
  g++ "${options[@]}" -DSSE_USE_BOOST_ASIO -isystem "$boost" -c tests/matrix/configuration.cpp -o "$out/other.o" || return
  g++ -pthread "$out/caller.o" "$out/same.o" -o "$out/configuration" || return
  ! g++ -pthread "$out/caller.o" "$out/other.o" -o "$out/configuration" || { echo "failed: it links"; return 1; }
}
corner_one_manager() {
  local options=(-std=c++20 -pthread -Iinclude -fvisibility=hidden -fvisibility-inlines-hidden)
  g++ "${options[@]}" -fPIC -shared tests/matrix/one_manager.cpp -o "$out/libone_manager.so" || return
  g++ "${options[@]}" -DSSE_TEST_PROGRAM tests/matrix/one_manager.cpp -L"$out" -lone_manager -Wl,-rpath,"$PWD/$out" -o "$out/one_manager" &&
    timeout 60 "$out/one_manager"
}
corner_asio() {
  [ ${#asios[@]} != 0 ] || skip "needs --asio"
  local asio
  for asio in "${asios[@]}"; do
    echo "$asio"
    g++ -std=c++20 -pthread -isystem "$asio" -Iinclude tests/unit/{tokens,wakeups,cancellation,lifetimes,event_stream}.cpp \
      -lCatch2Main -lCatch2 -o "$out/waits" && timeout 120 "$out/waits" || return
  done
}

status=0
for corner in "${wanted[@]}"; do
  log=$out/$corner.log
  ("corner_${corner//-/_}") >"$log" 2>&1
  case $? in
    0) echo "ok       $corner" ;;
    77) echo "skipped  $corner: $(tail -n 1 "$log")"; status=$((status ? status : skipped_status)) ;;
    *) echo "FAIL     $corner: $log: $(grep -m 1 -E 'error|failed|FAILED|undefined' "$log" | cut -c 1-160)"; status=1 ;;
  esac
done
exit "$status"
