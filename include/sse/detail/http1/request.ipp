// SPDX-License-Identifier: MIT
// The bodies of request.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/percent.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/request.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A name or a value of a query (WHATWG URL, 5.1): `+` is a space, `%` with two hex digits a byte, and all of it UTF-8.
inline std::string form_decoded(std::string_view text) {
  std::string bytes, decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const std::optional<char> byte = leading_escape(text.substr(i)))
      bytes.push_back(*byte), i += 2;
    else
      bytes.push_back(text[i] == '+' ? ' ' : text[i]);
  }
  wire::append_utf8(decoded, bytes);
  return decoded;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL void Request::set_target(std::string_view text) {
  target = text;
  if (const std::size_t host = text.find("://"); !text.starts_with('/') && host != text.npos)
    text.remove_prefix(std::min(text.find_first_of("/?", host + 3), text.size()));
  const std::size_t mark = std::min(text.find('?'), text.size());
  path = mark == 0 ? "/" : text.substr(0, mark);
  query = text.substr(std::min(mark + 1, text.size()));
}

SSE_DECL std::optional<std::string> Request::cookie(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (!detail::same_name(key, "Cookie")) continue;
    for (std::string_view left = value; !left.empty();) {
      const std::string_view one = left.substr(0, left.find(';'));
      left.remove_prefix(std::min(one.size() + 1, left.size()));
      const std::size_t equals = one.find('=');
      if (equals != one.npos && detail::trimmed(one.substr(0, equals)) == name)
        return std::string(detail::trimmed(one.substr(equals + 1)));
    }
  }
  return std::nullopt;
}

SSE_DECL std::vector<std::string> Request::query_values(std::string_view name) const {
  std::vector<std::string> values;
  for (std::string_view left = query; !left.empty();) {
    const std::string_view one = left.substr(0, left.find('&'));
    left.remove_prefix(std::min(one.size() + 1, left.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    if (!one.empty() && detail::form_decoded(one.substr(0, equals)) == name)
      values.push_back(detail::form_decoded(one.substr(std::min(equals + 1, one.size()))));
  }
  return values;
}

SSE_DECL std::optional<std::string> Request::query_value(std::string_view name) const {
  std::vector<std::string> values = query_values(name);
  if (values.empty()) return std::nullopt;
  return std::move(values.front());
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
