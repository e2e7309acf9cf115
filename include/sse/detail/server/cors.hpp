// SPDX-License-Identifier: MIT
// What a page of another origin may read (Fetch, CORS protocol). `serve` and write_events share it.

#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/server/cors_headers.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/event_manager.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/request.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// What a page of another origin may read. Throws HttpError for one that may nothing.
inline StreamOptions stream_options(Server& server, const Request& request, const ConnectionOptions& connection) {
  StreamOptions stream = server.options.stream;
  const std::vector<std::string>& allowed = server.options.allowed_origins;
  if (allowed.empty()) return stream;
  stream.headers.emplace_back("Vary", "Origin");
  const std::string* const origin = request.header("Origin");
  if (!origin) return stream;
  if (std::find(allowed.begin(), allowed.end(), *origin) == allowed.end()) {
    HubAccess::of(server.events).refuse(connection, RefusalReason::origin);
    throw HttpError(403, "Pages of this origin may not read the events");
  }
  stream.allow_origin = *origin;
  return stream;
}

/// The answer to what a browser asks before a page of another origin sends headers of its own: `Authorization`,
/// `Last-Event-ID` (Fetch, 4.8, CORS-preflight fetch). Nullopt: it is not asked, or no origin may read. Throws
/// HttpError.
inline std::optional<std::string> preflight(Server& server, const Request& request) {
  if (request.method != "OPTIONS" || request.path != server.options.path || !request.header("Origin") ||
      !request.header("Access-Control-Request-Method"))
    return std::nullopt;
  const StreamOptions stream = stream_options(server, request, ConnectionOptions());
  if (stream.allow_origin.empty()) return std::nullopt;
  Response response;
  add_cors(response.headers, stream);
  response.headers.emplace_back("Access-Control-Allow-Methods", "GET, HEAD");
  if (const std::string* const names = request.header("Access-Control-Request-Headers"))
    response.headers.emplace_back("Access-Control-Allow-Headers", *names);
  response.headers.emplace_back("Access-Control-Max-Age", "7200");
  return response_text(204, response);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
