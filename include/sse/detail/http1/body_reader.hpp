// SPDX-License-Identifier: MIT
// Collects the body of a request, bounded. It reads no socket.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_reader.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The body of a request, from the bytes after its head. Its memory grows with the bytes that have arrived.
class BodyReader {
 public:
  /// Takes the beginning of the body that was read with the head. Throws HttpError.
  BodyReader(const Request& request, const BodyLimits& limits);

  /// Takes the next bytes. Throws HttpError.
  void feed(std::string_view bytes);
  bool done() const noexcept { return decoder_.done(); }
  /// True: the peer waits for a 100 before it sends the body.
  bool expects_continue() const noexcept { return expects_continue_; }
  std::string take() noexcept { return std::move(body_); }

 private:
  BodyDecoder decoder_;
  const std::size_t max_size_;
  bool expects_continue_ = false;
  std::string body_;
};

/// The answer to a body that did not arrive in time.
SSE_DECL HttpError body_timeout(const BodyLimits& limits);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/body_reader.ipp"
#endif
