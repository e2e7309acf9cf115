// SPDX-License-Identifier: MIT
// The cookies of a client (RFC 6265), so that a load balancer finds the same server again. Each is sent only to the
// origin that has set it.

#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The cookies that servers have set. A cookie is sent to the same scheme, host and port only: Domain is ignored, and
/// Secure holds by itself. Expires and Max-Age count as "for the session" unless they delete the cookie: a client lives
/// no longer.
class CookieJar {
 public:
  static constexpr std::size_t max_size = 4096;  ///< Bytes of all names and values; older cookies give way.

  /// Takes the Set-Cookie headers of an answer from `url`.
  void take(const Url& url, const Headers& headers, std::chrono::system_clock::time_point now);
  /// The Cookie header of a request to `url`. Empty: none. `own`: the user's own Cookie header, which comes first and
  /// wins.
  std::string header_for(const Url& url, std::string_view own) const;

 private:
  struct Cookie {
    Url origin;  ///< Its target is the cookie's path.
    std::string name, value;
    std::size_t size() const noexcept { return name.size() + value.size(); }
  };

  void take_one(const Url& url, std::string_view text, std::chrono::system_clock::time_point now);
  void erase(const Url& origin, std::string_view name);

  std::deque<Cookie> cookies_;  ///< The oldest first.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/cookies.ipp"
#endif
