// SPDX-License-Identifier: MIT
// The bodies of origin.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/headers.hpp"
#include "sse/http_error.hpp"
#include "sse/origin.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// `host` without its port. An IPv6 address keeps its brackets.
inline std::string_view without_port(std::string_view host) noexcept {
  const std::size_t colon = host.rfind(':');
  return colon == host.npos || host.ends_with(']') ? host : host.substr(0, colon);
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL void check_origin(const Request& request, const std::vector<std::string>& origins,
                           const std::vector<std::string>& hosts) {
  for (const auto& [name, value] : request.headers)  // each of them, where a request has several
    if (detail::same_name(name, "Origin") && std::find(origins.begin(), origins.end(), value) == origins.end())
      throw HttpError(403, "Pages of this origin may not send this request", {{"Vary", "Origin"}});
  if (hosts.empty()) return;
  const std::string* const host = request.header("Host");
  const auto is_host = [&](std::string_view allowed) {
    return host && (detail::same_name(*host, allowed) || detail::same_name(detail::without_port(*host), allowed));
  };
  if (!std::any_of(hosts.begin(), hosts.end(), is_host)) throw HttpError(421, "This server does not serve this host");
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
