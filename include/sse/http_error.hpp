// SPDX-License-Identifier: MIT
// The exception that answers a request with an HTTP status. `admit` throws it to refuse a client.

#pragma once

#include <string>
#include <utility>

#include "sse/error.hpp"
#include "sse/headers.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Thrown to answer a request with an error status. The peer gets `what()` as the body.
class [[nodiscard("throw it")]] HttpError : public Error {
 public:
  [[nodiscard("throw it")]] HttpError(unsigned status, const std::string& why, Headers headers = {})
      : Error(errc::http_error, why), status_(status), headers_(std::move(headers)) {}
  /// The status of the response.
  unsigned status() const noexcept {
    return status_;
  }
  /// More headers of the response, such as WWW-Authenticate, Retry-After or Location.
  const Headers& headers() const noexcept {
    return headers_;
  }

 private:
  unsigned status_;
  Headers headers_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
