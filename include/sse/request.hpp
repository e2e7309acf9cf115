// SPDX-License-Identifier: MIT
// The head of an HTTP request, as a service sees it. read_request.hpp reads one from a stream.

#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/headers.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A name or a value of a query (WHATWG URL, 5.1): `+` is a space, `%` with two hex digits a byte, and all of it UTF-8.
inline std::string form_decoded(std::string_view text) {
  std::string bytes, decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char* const digits = text.data() + i + 1;
    unsigned char byte = 0;
    if (text[i] == '%' && text.size() - i > 2 && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2)
      bytes.push_back(static_cast<char>(byte)), i += 2;
    else
      bytes.push_back(text[i] == '+' ? ' ' : text[i]);
  }
  wire::append_utf8(decoded, bytes);
  return decoded;
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// A request head.
struct Request {
  Request() = default;
  /// Of a request that another parser has read (Beast's, for example): its headers are for the caller to add.
  Request(std::string_view method_name, std::string_view request_target) : method(method_name) {
    set_target(request_target);
  }

  std::string method;                           ///< as it was sent: GET, POST
  std::string target;                           ///< as it was sent
  std::string path;                             ///< of the target, not percent-decoded
  std::string query;                            ///< of the target, without the `?`
  unsigned minor_version = 1;                   ///< of HTTP/1
  Headers headers;                              ///< as they were sent
  std::optional<std::uint64_t> content_length;  ///< bytes of the body; unset: none were announced
  bool chunked = false;                         ///< the body is sent in chunks
  std::string rest;                             ///< what came after the head: the body's first bytes
  std::string remote_address;  ///< the peer's IP address: of a proxy, where there is one. Empty: unknown

  /// Sets `target`, and of it `path` and `query`; it may be in the absolute form, as a proxy gets it.
  void set_target(std::string_view text) {
    target = text;
    if (const std::size_t host = text.find("://"); !text.starts_with('/') && host != text.npos)
      text.remove_prefix(std::min(text.find_first_of("/?", host + 3), text.size()));
    const std::size_t mark = std::min(text.find('?'), text.size());
    path = mark == 0 ? "/" : text.substr(0, mark);
    query = text.substr(std::min(mark + 1, text.size()));
  }

  /// The first header of that name (any case), or null.
  const std::string* header(std::string_view name) const noexcept { return detail::find_header(headers, name); }

  /// Every value of that parameter of the query, decoded as a form's (WHATWG URL, 5.1): any bytes may have been in it,
  /// and it is UTF-8 now. It has no more bytes than the query.
  std::vector<std::string> query_values(std::string_view name) const {
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
  /// The first of them.
  std::optional<std::string> query_value(std::string_view name) const {
    std::vector<std::string> values = query_values(name);
    if (values.empty()) return std::nullopt;
    return std::move(values.front());
  }
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
