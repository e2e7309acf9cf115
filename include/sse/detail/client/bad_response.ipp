// SPDX-License-Identifier: MIT
// The bodies of BadResponse, and the reading of Retry-After.

#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "sse/bad_response.hpp"
#include "sse/detail/client/http_date.hpp"
#include "sse/headers.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

SSE_DECL BadResponse::BadResponse(unsigned status, const std::string& why, detail::Headers headers, std::string body)
    : Error(errc::bad_response, why),
      status_(status),
      answer_(std::make_shared<Answer>(Answer{std::move(headers), std::move(body)})) {}

SSE_DECL const detail::Headers& BadResponse::headers() const noexcept {
  static const auto& none = *new detail::Headers;  // never destroyed: a thread may use it while the process ends
  return answer_ ? answer_->headers : none;
}

SSE_DECL const std::string& BadResponse::body() const noexcept {
  static const auto& none = *new std::string;
  return answer_ ? answer_->body : none;
}

SSE_DECL std::optional<std::chrono::milliseconds> BadResponse::retry_after() const noexcept {
  constexpr std::chrono::seconds none(0), most = std::chrono::hours(24 * 365);
  const std::string* const text = detail::find_header(headers(), "Retry-After");
  if (!text) return std::nullopt;
  if (const auto date = detail::parse_http_date(*text)) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::clamp(*date - std::chrono::duration_cast<std::chrono::seconds>(now), none, most);
  }
  if (text->empty() || !std::all_of(text->begin(), text->end(), detail::is_digit)) return std::nullopt;
  std::int64_t seconds = 0;
  const auto error = std::from_chars(text->data(), text->data() + text->size(), seconds).ec;
  return error == std::errc() && seconds < most.count() ? std::chrono::seconds(seconds) : most;
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
