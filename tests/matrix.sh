#!/usr/bin/env bash
# tests/matrix.sh [--list] [--jobs N] [PATTERN...]: compiles and runs sse with every compiler and every Asio that it supports.
#
#   --list     the corners' names, and nothing else
#   --jobs N   corners at a time; default: one for each processor
#   PATTERN    only the corners whose name contains one of these, as in tests/matrix.sh clang-19 /no-rtti
#
# A corner's name is compiler/standard/Asio, and then what is special about it. The compilers are those of Debian 12 and 13, each in
# a Debian of its own (debootstrap, so it needs root); the Asios are packages of Debian. All of it is kept in build/matrix, and
# nothing is installed. One line for each corner, `ok`, `FAIL` or `skipped`; the last line is "N passed, N failed", and
# ", N skipped" where some were; the exit status is 0 only if none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=tests/matrix.sh
. tests/setup.sh
unset APT_CONFIG

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$program"; }
bad_argument() { printf '%s: %s\n' "$program" "$1" >&2; exit 2; }

gcc="g++-12 g++-13 g++-14"
clang="clang-16 clang-17 clang-18 clang-19"
libcxx="clang-16-libc++ clang-17-libc++ clang-18-libc++ clang-19-libc++"
asios="asio-1.22.1 asio-1.30.2 asio-1.36 boost-1.81 boost-1.83 boost-1.88 boost-1.90"

corners() {
  local compiler asio standard=20
  for compiler in $gcc $clang $libcxx; do
    for asio in $asios; do
      echo "$compiler/c++$standard/$asio" # each compiler and each Asio with both standards
      standard=$((43 - standard))
    done
  done
  for compiler in g++-12 g++-13 g++-14 clang-16 clang-19 clang-19-libc++; do echo "$compiler/c++20/asio-1.30.2/optimised"; done
  for asio in $asios; do echo "g++-12/c++20/$asio/no-rtti" "clang-19/c++20/$asio/no-rtti"; done | tr ' ' '\n'
  for asio in $asios; do echo "g++-12/c++20/$asio/separate"; done
  echo clang-19-libc++/c++20/asio-1.36/separate
  echo g++-12/c++20/asio-1.22.1/portable
  echo clang-19-libc++/c++20/boost-1.90/portable
  echo g++-14/c++20/asio-1.36/headers
  echo clang-19-libc++/c++23/boost-1.90/headers
  # As other processors have it: char without a sign, and 32 bits.
  for compiler in g++-12 clang-19; do echo "$compiler/c++20/asio-1.30.2/unsigned-char"; done
  echo g++-12/c++20/asio-1.30.2/32-bit
  # What is told in place of a page of errors.
  for compiler in g++-12 clang-19; do
    echo "$compiler/c++20/asio-1.30.2/no-exceptions"
    echo "$compiler/c++17/asio-1.30.2/no-coroutines"
    echo "$compiler/c++20/asio-1.30.2/windows-macros"
    echo "$compiler/c++20/boost-1.74/too-old"
    echo "$compiler/c++20/asio-1.30.2/switched-off"
    echo "$compiler/c++20/boost-1.90/switched-off"
  done
  echo clang-16/c++20/asio-1.22.1/asio-first
}

jobs=$(nproc) list='' patterns=() skipped=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --list) list=1 ;;
    --jobs)
      [[ ${2-} =~ ^[1-9][0-9]*$ ]] || bad_argument "--jobs needs a number"
      jobs=$2
      shift
      ;;
    -*) bad_argument "unknown argument '$1': --list, --jobs N, PATTERN" ;;
    *) patterns+=(-e "$1") ;;
  esac
  shift
done
wanted=$(corners | grep -F "${patterns[@]:--e/}") || bad_argument "no corner's name contains that: see --list"
if [ -n "$list" ]; then
  printf '%s\n' "$wanted"
  exit 0
fi

cache=$PWD/build/matrix
mkdir -p "$cache/logs"
mirror=$(has apt-get && debian_mirror) || true

# An apt of our own, that knows several Debians and not what is installed.
make_apt() {
  [ -e "$cache/apt/apt.conf" ] && return
  local apt=$cache/apt.part
  rm -rf "$apt" "$cache/apt"
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,parts}
  printf '%s\n' "Types: deb" "URIs: $mirror" "Suites: bookworm trixie forky" "Components: main" \
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" >"$apt/parts/matrix.sources"
  printf '%s\n' 'Dir::Etc::SourceList "/dev/null";' "Dir::Etc::SourceParts \"$cache/apt/parts\";" "Dir::State \"$cache/apt\";" \
    "Dir::State::Lists \"$cache/apt/lists\";" 'Dir::State::status "/dev/null";' "Dir::Cache \"$cache/apt/cache\";" \
    'APT::Sandbox::User "root";' 'Acquire::Languages "none";' >"$apt/apt.conf"
  mv "$apt" "$cache/apt"
  APT_CONFIG=$cache/apt/apt.conf apt-get update -qq || { rm -rf "$cache/apt"; return 1; }
}

# unpack NAME PACKAGE/SUITE...: into build/matrix/packages/NAME.
unpack() {
  local to=$cache/packages/$1
  shift
  [ -d "$to" ] && return
  [ -n "$mirror" ] && make_apt || return 1
  rm -rf "$to.part"
  mkdir -p "$to.part/debs"
  (cd "$to.part/debs" && APT_CONFIG=$cache/apt/apt.conf apt-get download -qq "$@") || return 1
  local deb
  for deb in "$to.part"/debs/*.deb; do dpkg -x "$deb" "$to.part" || return 1; done
  rm -rf "$to.part/debs"
  mv "$to.part" "$to"
}

unpack_asio() {
  case $1 in
    asio-1.22.1) unpack "$1" libasio-dev/bookworm ;;
    asio-1.30.2) unpack "$1" libasio-dev/trixie ;;
    asio-1.36) unpack "$1" libasio-dev/forky ;;
    boost-1.74 | boost-1.81) unpack "$1" "lib${1/-/}-dev/bookworm" ;;
    boost-1.83 | boost-1.88) unpack "$1" "lib${1/-/}-dev/trixie" ;;
    boost-1.90) unpack "$1" "lib${1/-/}-dev/forky" ;;
  esac
}

# The Debian that has a compiler.
debian_of() {
  case $1 in
    g++-12 | clang-16*) echo bookworm ;;
    *) echo trixie ;;
  esac
}
make_debian() {
  local root=$cache/$1 compilers=g++-12,clang-16
  [ "$1" = bookworm ] || compilers=g++-13,g++-14,clang-17,clang-18,clang-19
  [ -e "$root" ] && return
  [ -n "$mirror" ] && has debootstrap && [ "$(id -u)" = 0 ] || return 1
  say "unpacks Debian's $1 with $compilers into build/matrix/$1" >&2
  rm -rf "$root.part"
  debootstrap --variant=minbase --include="$compilers" "$1" "$root.part" "$mirror" >"$cache/logs/debootstrap" 2>&1 || return 1
  mv "$root.part" "$root"
}

# prepare CORNER: all that it needs, and why not, if not. In its Debian the packages and sse are in /matrix.
prepare() {
  local compiler standard asio special debian version packages
  IFS=/ read -r compiler standard asio special <<<"$1"
  debian=$(debian_of "$compiler")
  make_debian "$debian" || { echo "needs debootstrap, root and a Debian mirror"; return 1; }
  unpack_asio "$asio" 2>"$cache/logs/apt" || { echo "no package for $asio: $(tail -n 1 "$cache/logs/apt")"; return 1; }
  unpack json nlohmann-json3-dev/bookworm || { echo "no package for nlohmann/json"; return 1; }
  if [[ $1 = */32-bit ]]; then
    unpack i386 lib32stdc++-12-dev/bookworm libc6-dev-i386/bookworm || { echo "no packages for 32 bits"; return 1; }
  fi
  if [[ $compiler = *libc++ ]]; then
    version=${compiler//[!0-9]/}
    local t64=
    [ "$version" != 17 ] || t64=t64
    packages=("libc++-$version-dev" "libc++1-$version$t64" "libc++abi-$version-dev" "libc++abi1-$version$t64"
      "libunwind-$version$t64" "libunwind-$version-dev")
    unpack "libc++-$version" "${packages[@]/%//$debian}" || { echo "no package for libc++-$version"; return 1; }
  fi
}

# run_corner CORNER: compiles and runs it in its Debian; what it prints is the corner's log.
run_corner() {
  local compiler standard asio special boost='' cxx flags sources number expected libraries=()
  IFS=/ read -r compiler standard asio special <<<"$1"
  cxx=${compiler%-libc++}
  cxx=${cxx/clang-/clang++-}
  number=${compiler//[!0-9]/}
  [ "$number" != 16 ] || standard=${standard/23/2b}
  flags=(-std="$standard" -pthread -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -Iinclude
    -isystem "/matrix/packages/$asio/usr/include" -isystem /matrix/packages/json/usr/include)
  [[ $asio = asio* ]] || { boost=BOOST_ && flags+=(-DSSE_USE_BOOST_ASIO); }
  if [[ $compiler = *libc++ ]]; then
    local library=/matrix/packages/libc++-$number
    flags+=(-nostdinc++ -isystem "$library/usr/lib/llvm-$number/include/c++/v1")
    libraries=(-stdlib=libc++ -L"$library/usr/lib/llvm-$number/lib"
      -Wl,-rpath,"$library/usr/lib/llvm-$number/lib")
  fi
  # As C++23 the tuple of libstdc++ 14 is beyond Clang 17.
  [ "$compiler" != clang-17 ] || flags+=(--gcc-install-dir="/usr/lib/gcc/$(uname -m)-linux-gnu/13")
  sources=(tests/matrix/main.cpp tests/matrix/other.cpp)
  case $special in
    '') ;;
    # The same two false alarms of g++ as in CMakeLists.txt, here about the tests' own coroutines.
    optimised) flags+=(-O2); [[ $compiler != g++* ]] || flags+=(-Wno-mismatched-new-delete -Wno-maybe-uninitialized) ;;
    no-rtti) flags+=(-fno-rtti) ;;
    separate) flags+=("-D${boost}ASIO_SEPARATE_COMPILATION") && sources+=(tests/matrix/asio_source.cpp) ;;
    portable) flags+=(-DSSE_PORTABLE) ;;
    unsigned-char) flags+=(-funsigned-char) ;;
    32-bit) # its warnings only: to link and to run it would take a second set of libraries
      local system=/usr/include/x86_64-linux-gnu
      flags+=(-m32 -fsyntax-only -isystem "/matrix/packages/i386$system/c++/12/32" -isystem "/matrix/packages/i386$system"
        -idirafter "$system")
      in_debian "$compiler" "$cxx" "${flags[@]}" "${sources[@]}" </dev/null
      return
      ;;
    headers)
      local header
      for header in $(find include/sse -name '*.hpp' ! -name 'p*_options.hpp' ! -path include/sse/src.hpp | sort); do
        printf '#include <%s>\n#include <%s>\n' "${header#include/}" "${header#include/}" |
          in_debian "$compiler" "$cxx" "${flags[@]}" -fsyntax-only -x c++ - || { echo "in $header" && return 1; }
      done
      return 0
      ;;
    no-exceptions) flags+=(-fno-exceptions) && expected="-fno-exceptions is not supported" ;;
    no-coroutines) expected="sse needs C++20 coroutines" ;;
    too-old) expected="sse needs Boost 1.81 or later" ;;
    switched-off) flags+=("-D${boost}ASIO_DISABLE_CO_AWAIT") && expected="coroutines switched off" ;;
    asio-first) sources=(tests/matrix/asio_first.cpp) && expected="define ASIO_HAS_CO_AWAIT" ;;
    windows-macros)
      in_debian "$compiler" "$cxx" "${flags[@]}" -fsyntax-only tests/matrix/windows_macros.cpp </dev/null || return 1
      flags+=(-DSSE_TEST_WITH_ASIO) && sources=(tests/matrix/windows_macros.cpp) && expected="define NOMINMAX"
      ;;
    *) echo "unknown: $special" && return 1 ;;
  esac
  if [ -n "${expected-}" ]; then
    in_debian "$compiler" "$cxx" "${flags[@]}" -fsyntax-only "${sources[0]}" </dev/null && echo "it compiles" && return 1
    # The first error is the one that is read.
    grep -m 1 'error:' "$log" | grep -F -e "$expected" >/dev/null || { echo "not its first error: $expected" && return 1; }
    return 0
  fi
  local binary=/matrix/${1//\//_}
  in_debian "$compiler" "$cxx" "${flags[@]}" "${sources[@]}" "${libraries[@]}" -o "$binary" </dev/null && in_debian "$compiler" timeout 60 "$binary" </dev/null
  local status=$?
  rm -f "$cache/$(debian_of "$compiler")$binary"
  return $status
}
in_debian() {
  local root
  root=$cache/$(debian_of "$1")
  shift
  chroot "$root" /usr/bin/env -C /matrix/sse "$@"
}

report_corner() {
  log=$cache/logs/${1//\//_}
  if (set +e; run_corner "$1") >"$log" 2>&1; then
    echo "ok       $1"
  else
    echo "FAIL     $1: build/matrix/logs/${1//\//_}: $(grep -m 1 -E 'error|failed|not its|it compiles' "$log" | cut -c 1-200)"
  fi
}

ready=() debians=
while read -r corner; do
  if why=$(prepare "$corner"); then
    ready+=("$corner")
    debians+=" $(debian_of "${corner%%/*}")"
  else
    skipped+=("skipped  $corner: $why")
  fi
done <<<"$wanted"

for debian in $(tr ' ' '\n' <<<"$debians" | sort -u); do
  rm -rf "$cache/$debian/matrix"
  mkdir -p "$cache/$debian/matrix/sse/tests"
  cp -al "$cache/packages" "$cache/$debian/matrix" # of hard links
  cp -R include "$cache/$debian/matrix/sse"
  cp -R tests/matrix "$cache/$debian/matrix/sse/tests"
done

results=$cache/results
: >"$results"
for corner in "${ready[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
  report_corner "$corner" | tee -a "$results" &
done
wait
[ ${#skipped[@]} = 0 ] || printf '%s\n' "${skipped[@]}" | tee -a "$results"

count() { grep -c "^$1 " "$results" || true; }
failed=$(count FAIL)
line="$(count ok) passed, $failed failed"
[ ${#skipped[@]} = 0 ] || line="$line, ${#skipped[@]} skipped"
echo "$line"
[ "$failed" = 0 ]
