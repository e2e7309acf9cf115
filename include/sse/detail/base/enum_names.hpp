// SPDX-License-Identifier: MIT
// Prints the library's enumerations: as a text, to a stream, and by std::format where the standard library has it.

#pragma once

#include <cstddef>
#include <iosfwd>
#include <string_view>
#include <version>

#if defined(__cpp_lib_format)  // such a library's <chrono> includes it, too
#include <format>
#endif

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The names of an enumeration's values, which count from 0: an array `all`.
template <class Enum>
struct Names;

template <class Enum>
concept NamedEnum = requires {
  Names<Enum>::all;
};

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// The enumerator's name, as it is written in its enumeration.
template <detail::NamedEnum Enum>
constexpr std::string_view to_string(Enum value) noexcept {
  return detail::Names<Enum>::all[static_cast<std::size_t>(value)];
}

template <class Traits, detail::NamedEnum Enum>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, Enum value) {
  return out << to_string(value);
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(__cpp_lib_format)
template <sse::detail::NamedEnum Enum>
struct std::formatter<Enum, char> : std::formatter<std::string_view, char> {
  template <class Context>
  auto format(Enum value, Context& context) const {
    return std::formatter<std::string_view, char>::format(sse::to_string(value), context);
  }
};
#endif
