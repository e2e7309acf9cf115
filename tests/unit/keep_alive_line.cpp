#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <optional>
#include <sse/detail/client/keep_alive_line.hpp>
#include <string_view>

using namespace std::chrono_literals;

namespace {

std::optional<std::chrono::milliseconds> silence_of(std::string_view text, std::size_t piece) {
  sse::detail::KeepAliveLine line;
  for (std::size_t at = 0; at < text.size(); at += piece) line.read(text.substr(at, piece));
  return line.silence();
}

TEST_CASE("a server's keep-alive interval is read from the stream's first line only, and clamped") {
  for (const std::size_t piece : {1, 3, 1000}) {
    INFO(piece);
    CHECK(silence_of(": keep-alive 15000\n\ndata: x\n\n", piece) == 30s);
    CHECK(silence_of(": keep-alive 15000\r", piece) == 30s);
    CHECK(silence_of(": keep-alive 1\n", piece) == 1s);
    CHECK(silence_of(": keep-alive 9223372036854775807\n", piece) == 2h);
    for (const auto* const text :
         {"", "\n", ": keep-alive 15000", ": keep-alive\n", ": keep-alive \n", ": keep-alive 0\n", ": keep-alive -5\n",
          ": keep-alive 15x\n", ": keep-alive 1e3\n", ":keep-alive 15000\n", "data: x\n: keep-alive 15000\n",
          ": keep-alive 99999999999999999999\n", ": keep-alive 999999999999999999999999999999999999999999999\n"}) {
      INFO(text);
      CHECK(silence_of(text, piece) == std::nullopt);
    }
  }
}

}  // namespace
