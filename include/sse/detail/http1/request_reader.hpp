// SPDX-License-Identifier: MIT
// Parses a request from the bytes of its head. The rules are RFC 9112, sections 3 and 6.

#pragma once

#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/net/lowest_layer.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Reads one request head, bounded and strict. It knows no socket.
class RequestReader {
 public:
  explicit RequestReader(const RequestLimits& limits)
      : head_(limits.max_head_size, limits.max_headers), any_method_(limits.any_method) {}

  /// Takes the next bytes. True: the head is complete. Throws HttpError.
  bool feed(std::string_view bytes);

  /// The request of a complete head, once. Throws HttpError.
  Request take(std::string remote_address);

 private:
  void take_request_line(std::string_view line);
  void take_host();

  HeadParser head_;
  Request request_;
  std::string authority_;  ///< of a target in the absolute form
  const bool any_method_;
};

/// The answer to a head that did not arrive in time.
SSE_DECL HttpError head_timeout(const RequestLimits& limits);

/// The address as text; an IPv4 address that a socket of IPv6 has mapped is shown as IPv4.
SSE_DECL std::string address_text(const asio::ip::address& address);

/// The peer's address; empty: it has none.
template <class Stream>
std::string remote_address_of(Stream& stream) {
  if constexpr (requires(error_code error) { lowest_layer(stream).remote_endpoint(error).address().to_string(); }) {
    error_code error;
    const auto endpoint = lowest_layer(stream).remote_endpoint(error);
    if (!error) return address_text(endpoint.address());
  }
  return {};
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/request_reader.ipp"
#endif
