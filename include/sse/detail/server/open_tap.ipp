// SPDX-License-Identifier: MIT
// The bodies of detail/server/open_tap.hpp. src.hpp compiles them once; else response.hpp and http.hpp include them.

#pragma once

#include <string>
#include <vector>

#include "sse/compression.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/detail/server/open_tap.hpp"
#include "sse/event_manager.hpp"
#include "sse/headers.hpp"
#include "sse/http_options.hpp"
#include "sse/options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Whether the request's `Accept-Encoding` allows gzip. Several headers are one list (RFC 9110, 5.3).
inline bool asks_for_gzip(const Request& request) {
  std::string codings;
  for (const auto& [name, value] : request.headers)
    if (same_name(name, "Accept-Encoding")) codings.append(value).append(",");
  return accepts_gzip(codings);
}

/// Whether a connection gets every event of its manager, which are compressed together.
inline bool gets_all(const ConnectionOptions& connection) noexcept {
  return connection.topics.empty() && !connection.filter && connection.overflow_policy != OverflowPolicy::keep_newest;
}

SSE_DECL Owned<EventTap> open_tap(EventManager& manager, const Request& request, const ConnectionOptions& connection,
                                  StreamOptions& stream) {
  Hub& hub = HubAccess::of(manager);
  if (!hub.chain()) return {};
  const bool has_coding = find_header(stream.headers, "Content-Encoding") != nullptr;
  stream.headers.emplace_back("Vary", "Accept-Encoding");
  if (has_coding || !connection.compress || !gets_all(connection) || !asks_for_gzip(request)) return {};
  stream.headers.emplace_back("Content-Encoding", "gzip");
  return hub.chain()->open_tap(connection.max_queue_size.value_or(hub.options.max_queue_size));
}

SSE_DECL void leave_plain(StreamOptions& stream) {
  const auto is = [](const auto& header, const char* name, const char* value) {
    return header.first == name && header.second == value;
  };
  Headers& headers = stream.headers;  // open_tap has added the last two
  if (headers.size() >= 2 && is(headers.back(), "Content-Encoding", "gzip") &&
      is(headers[headers.size() - 2], "Vary", "Accept-Encoding"))
    headers.pop_back();
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
