#!/usr/bin/env bash
# tests/docs/style.sh [--tidy]: the style of all files: their layout (clang-format 14), and what a search can find.
#
#   --tidy   also the checks of .clang-tidy on the headers (clang-tidy 14), which take minutes
#
# Each finding is a line; the exit status is 0 only if there is none. Without clang-format the rest is checked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tidy=
case ${1-} in
  '') ;;
  --tidy) tidy=1 ;;
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit 0 ;;
  *) echo "tests/docs/style.sh: unknown argument '$1': --tidy" >&2 && exit 2 ;;
esac
if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  echo "tests/docs/style.sh: skipped, this is not a checkout of git"
  exit 77
fi

findings=$(mktemp)
trap 'rm -f "$findings"' EXIT
found() { sed "s|^|$1: |" >>"$findings"; }
code=(':(glob)**/*.hpp' ':(glob)**/*.ipp' ':(glob)**/*.cpp')
text=("${code[@]}" ':(glob)**/*.md' ':(glob)**/*.sh' ':(glob)**/*.mjs' ':(glob)**/*.js' ':(glob)**/*.cmake' ':(glob)**/CMakeLists.txt' ':(glob)**/*.yml')
search() { git grep --untracked -nI "$@" || true; }

search -E '[[:space:]]+$' -- "${text[@]}" | found "space at the end of a line"
search -wE 'TODO|FIXME|XXX' -- "${text[@]}" ':!tests/docs/style.sh' | found "unfinished"
search -E '(^|[^[:alnum:]./_~-])/(root|home|Users|work)/[[:alnum:]]' -- "${text[@]}" ':!tests/docs/style.sh' | found "path of one machine"
git ls-files --cached --others --exclude-standard -- 'include/*.hpp' 'include/*.ipp' | while read -r header; do
  [ ! -e "$header" ] || head -n 1 "$header" | grep -q '^// SPDX-License-Identifier: MIT$' || echo "$header"
done | found "no SPDX line at the head"
[ "$(wc -c <README.md)" -le 14000 ] || wc -c README.md | found "more than 14000 bytes"

# A comment opens with a noun or a verb.
search -E '(///<?|//) (What|Who|Whose|Where|what|who|whose|where)([^[:alpha:]]|$)' -- "${code[@]}" |
  { grep -E '///<? (What|Who|Whose|Where|what|who|whose|where)|// (What|Who|Whose|Where)' || true; } |
  found "comment opens with a question word"

# A room includes only rooms below it in the table of the page about the inside.
rooms=$(sed -n 's|^. `\([a-z0-9]*\)/` .*|\1|p' include/sse/detail/README.md | tr '\n' ' ')
[ "$(wc -w <<<"$rooms")" -ge 10 ] || echo "$rooms" | found "include/sse/detail/README.md has no table of the rooms"
search -E '^ *# *include "sse/detail/' -- 'include/sse/detail/*.hpp' 'include/sse/detail/*.ipp' |
  awk -F/ -v rooms="$rooms" 'BEGIN { n = split(rooms, list, " "); for (i = 1; i <= n; i++) place[list[i]] = i }
    !place[$4] || !place[$7] || place[$7] < place[$4]' | found "a room includes one above it"

# The socket tests are ported by one file.
search -E '^ *# *include <(sys/|arpa/|netinet/|(fcntl|poll|signal|spawn|unistd)[.]h)' -- 'tests/socket/*' ':!tests/socket/platform.hpp' |
  found "a system's header outside of tests/socket/platform.hpp"

# Another version lays out some lines in another way.
format=
for name in clang-format-14 clang-format; do
  [ -n "$format" ] || ! "$name" --version 2>/dev/null | grep -q 'version 14[.]' || format=$name
done
if [ -n "$format" ]; then
  # Not --dry-run: it reports the comment at the end of an inline namespace, and changes nothing.
  git ls-files --cached --others --exclude-standard -- "${code[@]}" | while read -r file; do
    [ ! -e "$file" ] || "$format" "$file" | cmp -s - "$file" || echo "$file"
  done | found "not as clang-format lays it out"
else
  echo "tests/docs/style.sh: there is no clang-format 14: the layout is not checked"
fi

if [ -n "$tidy" ]; then
  source=$(mktemp --suffix=.cpp)
  trap 'rm -f "$findings" "$source"' EXIT
  for header in include/sse/*.hpp; do
    [[ $header = *src.hpp ]] || echo "#include <${header#include/}>"
  done >"$source"
  cat >>"$source" <<'END'
namespace sse_style {  // what is a template is only looked at where it is used
[[maybe_unused]] sse::asio::awaitable<void> use(sse::tcp::socket& socket, sse::EventManager& events) {
  const sse::Request request = co_await sse::read_request(socket);
  co_await sse::write_events(socket, events, request);
  co_await sse::write_response(socket, 404, "no");
  co_await sse::serve(sse::tcp::acceptor(socket.get_executor()), events);
  co_await events.drain(std::chrono::seconds(1));
}
}  // namespace sse_style
END
  clang-tidy --quiet "$source" --config-file=.clang-tidy -- -std=c++20 -DASIO_HAS_CO_AWAIT=1 -I"$PWD/include" 2>/dev/null > >(found clang-tidy) || true
fi

if [ -s "$findings" ]; then
  cat "$findings"
  exit 1
fi
echo "style: clean"
