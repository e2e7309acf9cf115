// SPDX-License-Identifier: MIT
// The head of an HTTP request, as a service sees it. read_request.hpp reads one from a stream.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// A request head.
struct Request {
  Request() = default;
  /// Makes a request that another parser has read, for example Beast's. The caller adds its headers.
  Request(std::string_view method_name, std::string_view request_target) : method(method_name) {
    set_target(request_target);
  }

  std::string method;                           ///< As it was sent: GET, POST.
  std::string target;                           ///< As it was sent.
  std::string path;                             ///< The path of the target, not percent-decoded.
  std::string query;                            ///< The query of the target, without the `?`.
  unsigned minor_version = 1;                   ///< The minor version of HTTP/1.
  Headers headers;                              ///< As they were sent.
  std::optional<std::uint64_t> content_length;  ///< Bytes of the body. Unset: no length was sent.
  bool chunked = false;                         ///< True: the body is sent in chunks.
  std::string rest;                             ///< The bytes after the head: the beginning of the body.
  std::string remote_address;                   ///< The peer's IP address, which may be a proxy's. Empty: unknown.

  /// Sets `target`, `path` and `query`. `text` may be in the absolute form, as sent to a proxy.
  void set_target(std::string_view text);

  /// The first header of that name (any case), or null.
  const std::string* header(std::string_view name) const noexcept { return detail::find_header(headers, name); }

  /// The first cookie of that name (case-sensitive), as the browser sent it. Nullopt: there is none. The text is the
  /// client's: check it as any other input.
  std::optional<std::string> cookie(std::string_view name) const;

  /// Every value of that parameter of the query, decoded as a form's (WHATWG URL, 5.1). The result is UTF-8, whatever
  /// bytes were sent: ill-formed ones become U+FFFD.
  std::vector<std::string> query_values(std::string_view name) const;
  /// The first value of that parameter. Nullopt: there is none.
  std::optional<std::string> query_value(std::string_view name) const;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/request.ipp"
#endif
