// SPDX-License-Identifier: MIT
// An HTTP proxy through which the client connects, by CONNECT. The environment or the user names it.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/url.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// An HTTP proxy that carries any connection, by CONNECT (RFC 9110, 9.3.6). Thread safety: as of a std::string.
/// from_environment reads the environment, which no other thread may change meanwhile.
class Proxy {
 public:
  /// No proxy: connections are direct.
  Proxy() = default;
  /// A proxy such as `http://proxy:3128` or `http://user:password@proxy:3128`; without a scheme it is http, without a
  /// port 80. Throws Error for anything else.
  explicit Proxy(std::string_view location);

  /// The proxy that the environment names for a URL: `https_proxy` or `http_proxy` by its scheme, else `all_proxy`;
  /// also in capitals, except HTTP_PROXY, which the client of a CGI script can set. There is no proxy for localhost,
  /// for loopback addresses, and for the hosts in `no_proxy`: a list of names (each with its subdomains), addresses and
  /// networks such as 10.0.0.0/8, each with an optional `:PORT`, or `*` for all. Throws Error for a proxy that cannot
  /// be used.
  static Proxy from_environment(const Url& url);

  /// The proxy's own host and port; nullopt: no proxy.
  const std::optional<Url>& location() const noexcept { return location_; }
  /// The value of Proxy-Authorization; empty: none.
  const std::string& authorization() const noexcept { return authorization_; }

 private:
  std::optional<Url> location_;
  std::string authorization_;
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

/// True for localhost, for a loopback address, and for a host that `no_proxy` names.
SSE_DECL bool is_without_proxy(const Url& url, std::string_view no_proxy);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/proxy.ipp"
#endif
