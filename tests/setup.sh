# Sourced by tests/run.sh and examples/demo.sh: what both need before they can build. For Debian 12; on another system
# with everything installed it has nothing to do.

say() { printf '%s: %s\n' "$program" "$*"; }
fail() { printf '%s: %s\n' "$program" "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null; }

# Boost 1.81 is the first that the dashboard can use; Debian 12's default is 1.74.
has_boost() {
  local version
  version=$(sed -n 's/^#define BOOST_VERSION \([0-9]*\).*/\1/p' /usr/include/boost/version.hpp /usr/local/include/boost/version.hpp 2>/dev/null |
    sort -n | tail -n 1)
  [ "${version:-0}" -ge 108100 ]
}
has_header() { [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]; }
clang_version() { local n; for n in 20 19 18 17 16; do if has "clang++-$n"; then echo "$n" && return; fi; done; }
has_libfuzzer() { ls /usr/lib/llvm-"$(clang_version)"/lib/clang/*/lib/*/libclang_rt.fuzzer*.a >/dev/null 2>&1; }

# The packages of what is missing, for the demo or (with "tests") for the tests.
missing_packages() {
  has g++ || echo g++
  has cmake || echo cmake
  has ninja || echo ninja-build
  has curl || echo curl
  has_header asio.hpp || echo libasio-dev
  has_header nlohmann/json.hpp || echo nlohmann-json3-dev
  has_header CLI/CLI.hpp || echo libcli11-dev
  has_boost || echo libboost1.81-dev
  [ -e /usr/share/javascript/chart.js/chart.min.js ] || echo libjs-chart.js
  [ "$1" = tests ] || return 0
  has_header catch2/catch_all.hpp || echo libcatch2-dev
  has_header openssl/ssl.h || echo libssl-dev
  has openssl || echo openssl
  [ -n "$(clang_version)" ] || echo clang-16
  has_libfuzzer || echo "libclang-rt-$(clang_version | grep . || echo 16)-dev"
  has chromium || echo chromium
  has pkg-config || echo pkg-config
  has doxygen || echo doxygen
  has python3 || echo python3
  has node || echo nodejs
  has npm || echo npm
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
# --no-remove: a machine's own packages are not ours to take away. apt's many lines are only of use when it fails.
apt_install() {
  local log
  log=$(mktemp)
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-remove --no-install-recommends "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: $*"
  fi
  rm -f "$log"
}

# Catch2 3 is in bookworm-backports, which a machine must name among its sources: from the mirror that it uses already.
backports_file=/etc/apt/sources.list.d/sse-backports.sources
needs_backports() {
  case $1 in *libcatch2-dev*) ;; *) return 1 ;; esac
  [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ] || return 1
  ! apt-get indextargets --format '$(RELEASE)' 'Created-By: Packages' | grep -x bookworm-backports >/dev/null
}
debian_mirror() {
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '!found && $1 ~ /^(bookworm|stable|oldstable)$/ && $2 == "main" { print $3; found = 1 }'
}
add_backports() {
  local mirror
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || fail "no Debian mirror among this machine's apt sources"
  printf '%s\n' "Types: deb" "URIs: $mirror" "Suites: bookworm-backports" "Components: main" \
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" | as_root tee "$backports_file" >/dev/null
}

# set_up demo|tests: installs what is missing, and says what before it does.
newly_installed=
set_up() {
  local packages backports=
  packages=$(missing_packages "$1" | tr '\n' ' ')
  packages=${packages% }
  if [ -z "$packages" ]; then return; fi
  has apt-get || fail "missing, and there is no apt-get to install it: $packages"
  if [ "$(id -u)" != 0 ] && ! has sudo; then
    fail "missing, and only root can install it: apt-get install --no-install-recommends $packages"
  fi
  say "installs with apt-get: $packages"
  if needs_backports "$packages"; then
    backports=1
    say "adds the suite bookworm-backports, for Catch2 3, in $backports_file"
    add_backports
  fi
  if ! as_root apt-get update -qq; then
    if [ -n "$backports" ]; then as_root rm -f "$backports_file"; fi
    fail "apt-get update failed"
  fi
  # Some builds of nodejs bring npm with them, and conflict with Debian's: so it is asked for last, if at all.
  case " $packages " in
    " npm ") apt_install npm ;;
    *" npm "*)
      apt_install ${packages% npm}
      has npm || apt_install npm
      ;;
    *) apt_install $packages ;;
  esac
  newly_installed=1
}

# Programs that tests put beside ours: proxies in front, Prometheus. Installed, each would become a service of this machine, on
# port 80 and the like and at every start; so those that it lacks are only unpacked, and nothing needs root. Without them their
# tests are skipped.
unpacked=build/unpacked
has_program() { PATH=$PATH:/usr/sbin has "$1" || [ -x "$unpacked/usr/bin/$1" ] || [ -x "$unpacked/usr/sbin/$1" ]; }
missing_program_packages() {
  has_program nginx || echo nginx
  has_program caddy || echo caddy
  has_program haproxy || printf '%s\n' haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
  { has_program prometheus && has_program promtool; } || echo prometheus
}
download_packages() { (cd "$1" && shift && apt-get download -qq -o APT::Sandbox::User=root "$@") >"$1/log" 2>&1; }
unpack_programs() {
  local packages downloads package
  packages=$(missing_program_packages | tr '\n' ' ')
  if [ -z "$packages" ] || ! has apt-get; then return; fi
  say "downloads with apt-get, and unpacks in $unpacked: ${packages% }"
  mkdir -p "$unpacked"
  downloads=$(mktemp -d)
  if download_packages "$downloads" $packages ||
    { as_root apt-get update -qq && download_packages "$downloads" $packages; }; then
    for package in "$downloads"/*.deb; do dpkg -x "$package" "$unpacked"; done
  else
    tail -n 5 "$downloads/log" >&2
    say "no such download: the tests with these programs are skipped"
  fi
  rm -rf "$downloads"
}

# configure PRESET ON|OFF: with the tests or without. A tree that is configured already stays, even if it has more.
configure() {
  local tree=build/$1
  if [ -z "$newly_installed" ] && [ "$tree/build.ninja" -nt CMakePresets.json ] &&
    { [ "$2" = OFF ] || grep -q '^SSE_BUILD_TESTS:BOOL=ON' "$tree/CMakeCache.txt"; }; then
    return 0
  fi
  cmake --preset "$1" -DSSE_BUILD_TESTS="$2"
}
