#pragma once

#include <string_view>

#include "headers.hpp"
#include "reply.hpp"

namespace dashboard {

struct Shared;

inline constexpr std::string_view events_path = "/_sse/events";

inline std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

/// Requests for these are the proxy's own: no event tells of them.
inline bool is_own(std::string_view target) {
  const std::string_view path = path_of(target);
  return path == "/_sse" || path.starts_with("/_sse/");
}

/// The page, its files and its state; for the events the head alone (they are a stream, not a reply).
Reply own_reply(const RequestHead& request, const Shared& shared);

}  // namespace dashboard
