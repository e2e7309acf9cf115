// SPDX-License-Identifier: MIT
// Header names and values of HTTP, in order, and the few rules of RFC 9110 that compare them. Requests, responses
// and the client share them.

#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline bool same_name(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

inline bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

inline bool is_token(std::string_view text) noexcept {
  constexpr std::string_view letters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return !text.empty() && text.find_first_not_of(letters) == text.npos;
}

inline std::string_view trimmed(std::string_view text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

using Headers = std::vector<std::pair<std::string, std::string>>;

inline const std::string* find_header(const Headers& headers, std::string_view name) noexcept {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return &value;
  return nullptr;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

using Headers = detail::Headers;  ///< names and values, in order

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
