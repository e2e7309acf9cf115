// SPDX-License-Identifier: MIT
// Checks the Origin and the Host of a request, against pages that a browser runs for somebody else. `serve` checks the
// origin by ServeOptions::allowed_origins.

#pragma once

#include <string>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/http_error.hpp"
#include "sse/request.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Throws HttpError for a request that a page of a foreign origin may have sent: 403 if it has an Origin header that is
/// not one of `origins` (`https://example.org`), 421 if its Host is not one of `hosts`. A host with a port
/// (`localhost:8080`) is that port only, one without is every port; case does not matter. No `hosts` are any host.
///
/// A server on the user's own machine needs both: a page can make its own name resolve to 127.0.0.1 (DNS rebinding),
/// and then its requests are of one origin with the server. Their Host is the page's name.
SSE_DECL void check_origin(const Request& request, const std::vector<std::string>& origins,
                           const std::vector<std::string>& hosts = {});

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/http1/origin.ipp"
#endif
