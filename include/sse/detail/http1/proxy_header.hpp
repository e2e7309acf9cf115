// SPDX-License-Identifier: MIT
// The head that a load balancer puts before a connection's own bytes: the PROXY protocol, versions 1 and 2 (HAProxy,
// proxy-protocol.txt). It names the client.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Reads a PROXY header, bounded and strict. It knows no socket.
class ProxyHeader {
 public:
  /// Takes the next bytes; true: the header is complete. Throws HttpError.
  bool feed(std::string_view bytes);

  /// The client's address. Unset: the connection is the proxy's own (a health check), or not of TCP.
  const std::optional<std::string>& client_address() const noexcept { return address_; }
  /// The bytes after a complete header.
  std::string& rest() noexcept { return text_; }

 private:
  bool feed_text();
  bool feed_binary();
  void take_line(std::string_view line);

  std::string text_;
  std::optional<std::string> address_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/proxy_header.ipp"
#endif
