// SPDX-License-Identifier: MIT
// The bodies of CookieJar: RFC 6265, 5.2 to 5.4.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/detail/client/cookies.hpp"
#include "sse/detail/client/http_date.hpp"
#include "sse/headers.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Takes the part of `rest` before the next `;`, without white space around it.
inline std::string_view next_part(std::string_view& rest) noexcept {
  const std::string_view part = rest.substr(0, rest.find(';'));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return trimmed(part);
}

/// `name` of `name=value`; all of it where there is no `=`.
inline std::string_view name_of_pair(std::string_view pair) noexcept {
  return trimmed(pair.substr(0, pair.find('=')));
}

inline std::string_view value_of_pair(std::string_view pair) noexcept {
  const std::size_t equals = pair.find('=');
  return equals == pair.npos ? std::string_view() : trimmed(pair.substr(equals + 1));
}

inline std::string_view path_of_target(std::string_view target) noexcept {
  return target.substr(0, target.find('?'));
}

/// RFC 6265, 5.1.4.
inline bool path_matches(std::string_view path, std::string_view cookie_path) noexcept {
  return path.starts_with(cookie_path) &&
         (path.size() == cookie_path.size() || cookie_path.ends_with('/') || path[cookie_path.size()] == '/');
}

SSE_DECL void CookieJar::take(const Url& url, const Headers& headers, std::chrono::system_clock::time_point now) {
  for (const auto& [name, value] : headers)
    if (same_name(name, "Set-Cookie")) take_one(url, value, now);
}

SSE_DECL void CookieJar::take_one(const Url& url, std::string_view text, std::chrono::system_clock::time_point now) {
  const std::string_view pair = next_part(text);
  const std::string_view name = name_of_pair(pair);
  if (name.empty() || pair.find('=') == pair.npos || pair.size() > max_size) return;
  Cookie cookie{url, std::string(name), std::string(value_of_pair(pair))};
  const std::string_view own_path = path_of_target(url.target);
  std::string_view path = own_path.substr(0, std::max<std::size_t>(own_path.rfind('/'), 1));
  bool has_age = false, deletes = false;
  while (!text.empty()) {
    const std::string_view attribute = next_part(text);
    const std::string_view key = name_of_pair(attribute), value = value_of_pair(attribute);
    if (same_name(key, "Path") && value.starts_with('/')) path = value;
    if (same_name(key, "Max-Age") && !value.empty()) {  // it goes before Expires
      has_age = true;
      deletes = value.front() == '-' || value.find_first_not_of('0') == value.npos;
    }
    const auto date = same_name(key, "Expires") && !has_age ? parse_http_date(value) : std::nullopt;
    if (date) deletes = *date <= std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  }
  cookie.origin.target = path;
  erase(cookie.origin, cookie.name);
  if (deletes) return;
  cookies_.push_back(std::move(cookie));
  std::size_t size = 0;
  for (const Cookie& each : cookies_) size += each.size();
  for (; size > max_size; cookies_.pop_front()) size -= cookies_.front().size();
}

SSE_DECL void CookieJar::erase(const Url& origin, std::string_view name) {
  std::erase_if(cookies_, [&](const Cookie& cookie) {
    return cookie.name == name && cookie.origin.same_origin(origin) && cookie.origin.target == origin.target;
  });
}

SSE_DECL std::string CookieJar::header_for(const Url& url, std::string_view own) const {
  std::string header(own);
  const auto is_own = [&](std::string_view name) {
    for (std::string_view rest = own; !rest.empty();)
      if (name_of_pair(next_part(rest)) == name) return true;
    return false;
  };
  for (const Cookie& cookie : cookies_) {
    if (!cookie.origin.same_origin(url) || !path_matches(path_of_target(url.target), cookie.origin.target) ||
        is_own(cookie.name))
      continue;
    if (!header.empty()) header.append("; ");
    header.append(cookie.name).append("=").append(cookie.value);
  }
  return header;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
