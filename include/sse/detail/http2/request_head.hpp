// SPDX-License-Identifier: MIT
// The fields of an HTTP/2 request, collected within bounds, as a Request. HTTP/1.1's parser checks them.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The fields of one request. What they are checked for, and the errors, are those of HTTP/1.1.
class RequestHead {
 public:
  /// Fields past RequestLimits::max_head_size are counted and not stored. False: the block is an attack, because it
  /// unpacks to 16 times as much.
  bool add(std::string_view name, std::string_view value, const RequestLimits& limits);

  bool is_of_head() const noexcept { return method_ == "HEAD"; }
  /// A body follows. Without a length it is chunked, as HTTP/1.1 has it.
  void announce_body() {
    if (!has_length_) fields_.append("Transfer-Encoding: chunked\r\n");
  }
  /// The request, once. Throws HttpError.
  Request take(std::string remote_address, const RequestLimits& limits);

 private:
  void add_pseudo(std::string_view name, std::string_view value);

  std::string method_, path_, authority_, host_;
  std::string cookies_;  ///< Of all fields `cookie` (RFC 9113, 8.2.3).
  std::string fields_;   ///< As lines of HTTP/1.1.
  std::size_t size_ = 0;
  bool has_length_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http2/request_head.ipp"
#endif
