// SPDX-License-Identifier: MIT
// The bodies of detail/server/open_tap.hpp. src.hpp compiles them once; else response.hpp and http.hpp include them.

#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "sse/compression.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/gzip/event_chain.hpp"
#include "sse/detail/hub/chains.hpp"
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

/// Opens a tap for a connection, with those that get the same events. Null: there are no others, or too many sets of
/// topics.
inline Owned<EventTap> open_tap(Hub& hub, const ConnectionOptions& connection) {
  if (connection.filter || connection.overflow_policy == OverflowPolicy::keep_newest) return {};
  Chains& chains = *hub.chains();
  const std::size_t max_queue_size = connection.max_queue_size.value_or(hub.options.max_queue_size);
  const std::vector<std::string>& topics = connection.topics;
  if (topics.empty()) return chains.open(max_queue_size);
  if (topics.size() > Chains::max_topics || std::count(topics.begin(), topics.end(), "") != 0) return {};
  return chains.open(topics, max_queue_size, hub.has_readers_of(topics));
}

SSE_DECL Owned<EventTap> open_tap(EventManager& manager, const Request& request, const ConnectionOptions& connection,
                                  StreamOptions& stream) {
  Hub& hub = HubAccess::of(manager);
  if (!hub.chains()) return {};
  const bool has_coding = find_header(stream.headers, "Content-Encoding") != nullptr;
  stream.headers.emplace_back("Vary", "Accept-Encoding");
  if (has_coding || !connection.compress || !asks_for_gzip(request)) return {};
  Owned<EventTap> tap = open_tap(hub, connection);
  if (tap) stream.headers.emplace_back("Content-Encoding", "gzip");
  return tap;
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
