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
  void set_target(std::string_view text);

  /// The first header of that name (any case), or null.
  const std::string* header(std::string_view name) const noexcept { return detail::find_header(headers, name); }

  /// Every value of that parameter of the query, decoded as a form's (WHATWG URL, 5.1): any bytes may have been in it,
  /// and it is UTF-8 now. It has no more bytes than the query.
  std::vector<std::string> query_values(std::string_view name) const;
  /// The first of them.
  std::optional<std::string> query_value(std::string_view name) const;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/request.ipp"
#endif
