// SPDX-License-Identifier: MIT
// The escapes of URLs (RFC 3986, 2.1): `%41` is the byte 0x41.

#pragma once

#include <charconv>
#include <optional>
#include <string_view>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The byte of the escape that the text begins with; nothing where it begins with none.
inline std::optional<char> leading_escape(std::string_view text) noexcept {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  unsigned char byte = 0;
  const char* const digits = text.data() + 1;
  if (std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return std::nullopt;
  return static_cast<char>(byte);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
