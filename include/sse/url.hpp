// SPDX-License-Identifier: MIT
// A URL of http or https, as the client needs it. It depends on no network.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/error.hpp"
#include "sse/headers.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// An http or https URL, taken apart (RFC 3986). Thread safety: as of a std::string.
class Url {
 public:
  Url() = default;

  /// Takes an absolute URL apart. The fragment is left out; spaces and bytes past ASCII in the path and the query are
  /// percent-encoded. Throws Error for any other text, and for a user name or a password in it.
  explicit Url(std::string_view text);

  std::string scheme;      ///< `http` or `https`.
  std::string host;        ///< In lower case. An IPv6 address has no brackets.
  std::uint16_t port = 0;  ///< By default the scheme's own.
  std::string target;      ///< Path and query, as in a request line.

  /// The host, and the port if it is not the scheme's default: the value of a Host header.
  std::string authority() const;
  /// The whole URL as one text.
  std::string to_string() const;

  /// Resolves a reference, for example of a Location header, against this URL (RFC 3986, 5.2). Throws Error.
  Url resolve(std::string_view reference) const;

  /// True if scheme, host and port are the same (RFC 6454).
  bool same_origin(const Url& other) const noexcept;

 private:
  void take_authority(std::string_view authority);
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/url.ipp"
#endif
