#!/usr/bin/env bash
# tests/docs/style.sh: the layout of every C++ file (clang-format 14), and the checks of .clang-tidy on every header (clang-tidy 14).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for tool in clang-format clang-tidy; do
  command -v $tool >/dev/null || { echo "tests/docs/style.sh: there is no $tool" >&2; exit 2; }
done
git ls-files '*.hpp' '*.cpp' | xargs clang-format --dry-run -Werror
source=$(mktemp --suffix=.cpp)
trap 'rm -f "$source"' EXIT
for header in include/sse/*.hpp; do echo "#include <${header#include/}>"; done >"$source"
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
clang-tidy --quiet "$source" --config-file=.clang-tidy -- -std=c++20 -DASIO_HAS_CO_AWAIT=1 -I"$PWD/include" 2>/dev/null
echo "style: clean"
