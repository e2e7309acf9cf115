// SPDX-License-Identifier: MIT
// Finds a control character in a text, eight bytes at a time: `find_first_of` calls a function for each byte.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Returns the position of the first byte from `begin` on for which `is_wanted` is true, or npos. It may be true for
/// bytes below 0x0E only.
template <class Predicate>
std::size_t find_control(std::string_view text, std::size_t begin, Predicate is_wanted) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t block = 0;
  while (begin < text.size()) {
    std::size_t end = text.size();
    if (end - begin >= sizeof block) {
      end = begin + sizeof block;
      std::memcpy(&block, text.data() + begin, sizeof block);
      if (((block - 0x0E * ones) & ~block & (0x80 * ones)) == 0) {  // no byte is below 0x0E
        begin = end;
        continue;
      }
    }
    for (; begin < end; ++begin)
      if (is_wanted(text[begin])) return begin;
  }
  return text.npos;
}

/// True for a text of ASCII without control characters below 0x0E.
inline bool is_plain(std::string_view text) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101;
  std::uint64_t block = 0, found = 0;
  while (text.size() >= sizeof block) {
    std::memcpy(&block, text.data(), sizeof block);
    found |= (block - 0x0E * ones) | block;
    text.remove_prefix(sizeof block);
  }
  block = 0x20 * ones;
  std::memcpy(&block, text.data(), text.size());
  found |= (block - 0x0E * ones) | block;
  return (found & (0x80 * ones)) == 0;
}

/// Returns the position of the first byte from `begin` on that a line can't have: CR, LF or NUL; or npos.
inline std::size_t find_line_break(std::string_view text, std::size_t begin = 0) noexcept {
  return find_control(text, begin, [](char byte) { return byte == '\n' || byte == '\r' || byte == '\0'; });
}

/// Returns the position of the first CR or LF, or npos.
inline std::size_t find_line_end(std::string_view text) noexcept {
  return find_control(text, 0, [](char byte) { return byte == '\n' || byte == '\r'; });
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
