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

/// A response that is due to the peer instead of what was asked for; `what()` says why, to the peer too.
class HttpError : public Error {
 public:
  HttpError(unsigned status, const std::string& why, Headers headers = {})
      : Error(why), status_(status), headers_(std::move(headers)) {}
  /// The response's.
  unsigned status() const noexcept { return status_; }
  /// Further ones of the response: WWW-Authenticate, Retry-After, Location.
  const Headers& headers() const noexcept { return headers_; }

 private:
  unsigned status_;
  Headers headers_;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
