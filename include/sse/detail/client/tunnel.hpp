// SPDX-License-Identifier: MIT
// A tunnel through an HTTP proxy, for a connection of any protocol.

#pragma once

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/proxy.hpp"
#include "sse/url.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Asks the proxy at the other end of `socket` for a connection to the URL's host and port. Throws system_error and
/// BadResponse.
SSE_DECL asio::awaitable<void> open_tunnel(tcp::socket& socket, const Url& url, const Proxy& proxy);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/client/tunnel.ipp"
#endif
