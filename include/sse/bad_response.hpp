// SPDX-License-Identifier: MIT
// The exception for an answer that is not a stream of events: its status, its headers, and the beginning of its body.
// The client and the test kit throw it.

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/error.hpp"
#include "sse/headers.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Thrown when the server's answer is not a stream of events; `what()` gives the reason.
class BadResponse : public Error {
 public:
  BadResponse(unsigned status, const std::string& why) : Error(errc::bad_response, why), status_(status) {}
  BadResponse(unsigned status, const std::string& why, detail::Headers headers, std::string body = {});

  /// The answer's status. It may be 200, if another part of the answer is wrong. 0: it is not HTTP.
  unsigned status() const noexcept { return status_; }
  /// The answer's headers, in order. Empty if its head cannot be read.
  const detail::Headers& headers() const noexcept;
  /// The beginning of the answer's body, at most ClientOptions::max_error_body_size bytes.
  const std::string& body() const noexcept;
  /// The wait that the server asks for by Retry-After, from now, at most a year. Nullopt: it does not ask.
  std::optional<std::chrono::milliseconds> retry_after() const noexcept;

 private:
  struct Answer {
    detail::Headers headers;
    std::string body;
  };

  unsigned status_;
  std::shared_ptr<const Answer> answer_;  ///< Shared, so that a copy throws nothing. Null: nothing of it was read.
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

/// Thrown for an answer, or a break in it, after which a new attempt may succeed.
struct Unavailable final : BadResponse {
  using BadResponse::BadResponse;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/bad_response.ipp"
#endif
