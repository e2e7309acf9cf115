// The parser: what it gives out does not depend on how the bytes are cut, is UTF-8, and stays below the limit.
#include <sse/parser.hpp>

#include <string>
#include <vector>

#include "support.hpp"

namespace {

struct Read {
  std::vector<sse::Message> messages;
  bool too_long = false;
  std::string last_event_id;
  bool operator==(const Read&) const = default;
};

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto step = sse::wire::utf8_step(text);
    if (!step.valid) return false;
    text.remove_prefix(step.length);
  }
  return true;
}

template <class Cut>
Read read(std::string_view bytes, std::size_t limit, Cut&& cut) {
  sse::Parser parser(limit);
  Read read;
  cut(bytes, [&](std::string_view piece) {
    const auto error = parser.feed(piece, [&](sse::Message&& message) {
      EXPECT(message.data.size() + message.type.size() <= limit + std::string_view("message").size());
      EXPECT(is_utf8(message.data) && is_utf8(message.type) && is_utf8(message.last_event_id));
      read.messages.push_back(std::move(message));
    });
    read.too_long = read.too_long || error;
  });
  read.last_event_id = parser.last_event_id();
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t seed = input.byte();
  const std::size_t limit = seed % 2 ? 1 + seed : 1 << 20;
  const auto whole = [](std::string_view bytes, auto&& use) { use(bytes); };
  const auto pieces = [&](std::string_view bytes, auto&& use) { in_pieces(bytes, seed, use); };
  EXPECT(read(input.rest(), limit, whole) == read(input.rest(), limit, pieces));
  return 0;
}
