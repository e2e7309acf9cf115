# Sourced by tests/run.sh and examples/demo.sh: set_up gets what they need before they can build. With apt-get (Debian 12) it
# installs what is missing. On another system it names the missing packages, and goes on once they are there.

say() { printf '%s: %s\n' "$program" "$*"; }
fail() { printf '%s: %s\n' "$program" "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null; }

# Headers of packages that are unpacked instead of installed, one folder each: a newer Boost conflicts with a machine's own.
# CMake looks there, too.
headers=build/headers
header_prefixes() { find "$PWD/$headers" -mindepth 2 -maxdepth 2 -name usr 2>/dev/null | sort; }

# has_header HEADER [CONDITION]: the compiler finds the header, and the condition holds of the header's macros.
has_header() {
  local compiler=${CXX:-c++} prefix prefixes flags=(-std=c++17 -fsyntax-only)
  IFS=: read -ra prefixes <<<"$(header_prefixes | tr '\n' :)${CMAKE_PREFIX_PATH:-}:/opt/homebrew"
  for prefix in "${prefixes[@]}"; do if [ -d "$prefix/include" ]; then flags+=(-isystem "$prefix/include"); fi; done
  {
    printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$1"
    if [ $# -gt 1 ]; then printf '#include <%s>\n#if !(%s)\n#error\n#endif\n' "$@"; fi
  } | $compiler "${flags[@]}" -x c++ - >/dev/null 2>&1
}
has_compiler() { [ -n "${CXX:-}" ] || has c++; }
has_asio() { has_header asio/version.hpp 'ASIO_VERSION >= 102200'; }
has_json() { has_header nlohmann/detail/abi_macros.hpp; } # came with 3.11, the first that we take
has_boost() { has_header boost/version.hpp 'BOOST_VERSION >= 108100'; }
has_openssl_headers() { has_header openssl/ssl.h || { has pkg-config && pkg-config --exists openssl; }; } # Homebrew hides it
has_chart_js() { [ -e /usr/share/javascript/chart.js/chart.min.js ] || { ! has apt-get && has npm; }; }
clang() { local name; for name in clang++-{20,19,18,17,16} clang++; do if has "$name"; then echo "$name" && return; fi; done; }
clang_version() { "$(clang | grep . || echo false)" -dumpversion | sed 's/[.].*//'; }
has_clang() { local version; version=$(clang_version) && [ "${version:-0}" -ge 16 ]; }
has_libfuzzer() { ls "$("$(clang | grep . || echo false)" -print-runtime-dir)"/libclang_rt.fuzzer* >/dev/null 2>&1; }
has_bookworm() { grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; } # its clang-format is the one that the style is checked by
has_chromium() { has chromium || has chromium-browser || [ -e /Applications/Chromium.app ]; }

# The needs of the demo or (with "tests") of the tests, that this machine lacks.
missing() {
  has_compiler || echo compiler
  has cmake || echo cmake
  has ninja || echo ninja
  has curl || echo curl
  has_asio || echo asio
  has_json || echo json
  has_header CLI/CLI.hpp || echo cli11
  has_boost || echo boost
  has_chart_js || echo chart.js
  [ "$1" = tests ] || return 0
  has_header catch2/catch_all.hpp || echo catch2
  has_openssl_headers || echo openssl-headers
  has openssl || echo openssl
  has_header sqlite3.h || echo sqlite-headers
  has_header zlib.h || echo zlib
  has sqlite3 || echo sqlite
  has_header hiredis/hiredis.h || echo hiredis
  has_header nghttp2/nghttp2.h || echo nghttp2
  has_clang || echo clang
  has_libfuzzer || echo libfuzzer
  has_chromium || echo chromium
  ! has apt-get || has firefox-esr || has firefox || echo firefox # elsewhere its tests are skipped
  has pkg-config || echo pkg-config
  has doxygen || echo doxygen
  ! has_bookworm || has clang-format || echo clang-format
  has python3 || echo python3
  has node || echo node
  has npm || echo npm
}

# packages MANAGER: reads needs, and writes the names that the manager has for them.
packages() {
  awk -v manager="$1" -v clang="$(clang_version || true)" '
    NR == FNR { if (FNR == 1) for (i = 2; i <= NF; i++) column[$i] = i; else name[$1] = $(column[manager]); next }
    { sub(/CLANG/, clang ? clang : 16, name[$1]); if (!seen[name[$1]]++) printf "%s%s", separator, name[$1]; separator = " " }
  ' <(cat <<'END'
need             apt-get              dnf                 pacman         apk            brew
compiler         g++                  gcc-c++             gcc            g++            gcc
cmake            cmake                cmake               cmake          cmake          cmake
ninja            ninja-build          ninja-build         ninja          samurai        ninja
curl             curl                 curl                curl           curl           curl
asio             libasio-dev          asio-devel          asio           asio-dev       asio
json             nlohmann-json3-dev   json-devel          nlohmann-json  nlohmann-json  nlohmann-json
cli11            libcli11-dev         cli11-devel         cli11          cli11          cli11
boost            libboost1.81-dev     boost-devel         boost          boost-dev      boost
chart.js         libjs-chart.js       nodejs-npm          npm            npm            node
catch2           libcatch2-dev        catch-devel         catch2         catch2-3       catch2
openssl-headers  libssl-dev           openssl-devel       openssl        openssl-dev    openssl
openssl          openssl              openssl             openssl        openssl        openssl
sqlite-headers   libsqlite3-dev       sqlite-devel        sqlite         sqlite-dev     sqlite
zlib             zlib1g-dev           zlib-devel          zlib           zlib-dev       zlib
sqlite           sqlite3              sqlite              sqlite         sqlite         sqlite
hiredis          libhiredis-dev       hiredis-devel       hiredis        hiredis-dev    hiredis
nghttp2          libnghttp2-dev       libnghttp2-devel    libnghttp2     nghttp2-dev    libnghttp2
clang            clang-16             clang               clang          clang          llvm
libfuzzer        libclang-rt-CLANG-dev  compiler-rt       compiler-rt    compiler-rt    llvm
chromium         chromium             chromium            chromium       chromium       chromium
firefox          firefox-esr          firefox             firefox        firefox-esr    firefox
pkg-config       pkg-config           pkgconf-pkg-config  pkgconf        pkgconf        pkgconf
doxygen          doxygen              doxygen             doxygen        doxygen        doxygen
clang-format     clang-format         clang-tools-extra   clang          clang-extra-tools  clang-format
python3          python3              python3             python         python3        python3
node             nodejs               nodejs              nodejs         nodejs         node
npm              npm                  nodejs-npm          npm            npm            node
END
  ) -
}

# Without apt-get: the command for this system's package manager, or for each that we know.
name_packages() {
  local manager commands="" install
  for manager in dnf pacman apk brew; do
    case $manager in dnf | brew) install=install ;; pacman) install="-S --needed" ;; apk) install=add ;; esac
    install="$manager $install $(packages $manager <<<"$1")"
    if has $manager; then commands=$'\n'"  $install" && break; fi
    commands+=$'\n'"  $install"
  done
  fail "missing: $(tr '\n' ' ' <<<"$1" | sed 's/ $//'). There is no apt-get; install what is missing, and start again:$commands"
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

# A newer one than the machine's own must not replace it, nor can it be found behind it.
is_unpacked() {
  case $1 in
    boost) ;;
    asio) has_header asio.hpp ;;
    json) has_header nlohmann/json.hpp ;;
    *) return 1 ;;
  esac
}

# set_up demo|tests: gets what is missing, and says what before it does.
newly_installed=
set_up() {
  local need needs install= unpack=
  needs=$(missing "$1")
  if [ -z "$needs" ]; then return; fi
  has apt-get || name_packages "$needs"
  for need in $needs; do
    if is_unpacked "$need"; then unpack+=$need$'\n'; else install+=$need$'\n'; fi
  done
  if [ -n "$install" ]; then install_packages "$(printf %s "$install" | packages apt-get)"; fi
  if [ -n "$unpack" ]; then unpack_headers "$(printf %s "$unpack" | packages apt-get)"; fi
  newly_installed=1
}

install_packages() {
  local packages=$1 backports=
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
}

# download FOLDER PACKAGE...: into the folder, by apt-get; needs root only where the machine has no lists of packages yet.
download() {
  local folder=$1
  shift
  try_download() { (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root "$@") >"$folder/log" 2>&1; }
  try_download "$@" || { as_root apt-get update -qq && try_download "$@"; } || { tail -n 5 "$folder/log" >&2 && return 1; }
}

unpack_headers() {
  local package downloads
  say "downloads with apt-get, and unpacks in $headers: $1"
  mkdir -p "$headers"
  downloads=$(mktemp -d)
  download "$downloads" $1 || fail "apt-get could not download: $1"
  for package in "$downloads"/*.deb; do
    dpkg -x "$package" "$downloads/unpacked"
    rm -rf "${headers:?}/$(basename "${package%%_*}")"
    mv "$downloads/unpacked" "$headers/$(basename "${package%%_*}")"
  done
  rm -rf "$downloads"
}

# Programs that tests put beside ours: proxies in front, Prometheus, Redis. Installed, each would become a service of this machine, on
# port 80 and the like and at every start; so those that it lacks are only unpacked, and nothing needs root. Without them their
# tests are skipped.
unpacked=build/unpacked
has_program() { PATH=$PATH:/usr/sbin has "$1" || [ -x "$unpacked/usr/bin/$1" ] || [ -x "$unpacked/usr/sbin/$1" ]; }
missing_program_packages() {
  has_program nginx || echo nginx
  has_program caddy || echo caddy
  has_program haproxy || printf '%s\n' haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
  { has_program prometheus && has_program promtool; } || echo prometheus
  has_program redis-server || printf '%s\n' redis-server redis-tools liblzf1 libjemalloc2 libatomic1
  # Of bookworm-backports, and not of every system.
  has_program valkey-server || ! apt-cache show valkey-server >/dev/null 2>&1 || printf '%s\n' valkey-server valkey-tools
}
unpack_programs() {
  local packages downloads package
  packages=$(missing_program_packages | tr '\n' ' ')
  if [ -z "$packages" ] || ! has apt-get; then return; fi
  say "downloads with apt-get, and unpacks in $unpacked: ${packages% }"
  mkdir -p "$unpacked"
  downloads=$(mktemp -d)
  if download "$downloads" $packages; then
    for package in "$downloads"/*.deb; do dpkg -x "$package" "$unpacked"; done
  else
    say "no such download: the tests with these programs are skipped"
  fi
  rm -rf "$downloads"
}

# configure PRESET ON|OFF: with the tests or without. A tree that is configured already stays, even if it has more.
configure() {
  local tree=build/$1
  if [ -z "$newly_installed" ] && [ "$tree/build.ninja" -nt CMakePresets.json ] &&
    { [ "$2" = OFF ] || grep -q '^SSE_BUILD_TESTS:[A-Z]*=ON' "$tree/CMakeCache.txt"; }; then
    return 0
  fi
  cmake --preset "$1" -DSSE_BUILD_TESTS="$2"
}
