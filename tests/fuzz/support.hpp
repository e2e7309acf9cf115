#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// Stops the fuzzer unless a property of every input holds.
#define EXPECT(condition)                                                                 \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

/// An input, taken apart from the front.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  std::uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? 0 : static_cast<std::uint8_t>(one.front());
  }
  std::string_view take(std::size_t size) {
    const std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(part.size());
    return part;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Calls `use(piece)` for pieces of `text` whose sizes depend on `seed`.
template <class Use>
void in_pieces(std::string_view text, std::uint8_t seed, Use&& use) {
  for (std::uint32_t state = seed + 1u; !text.empty();) {
    state = state * 1664525u + 1013904223u;
    const std::string_view piece = text.substr(0, 1 + (state >> 24) % 7);
    text.remove_prefix(piece.size());
    use(piece);
  }
}
