// SPDX-License-Identifier: MIT
// The bodies of the test kit's Answer. Interim answers are RFC 9110, section 15.2.

#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "sse/client_options.hpp"
#include "sse/detail/http1/head_parser.hpp"
#include "sse/detail/testing/answer.hpp"
#include "sse/detail/testing/text.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::testing::detail {

SSE_DECL std::size_t Answer::take(std::string_view bytes, std::size_t count) {
  std::size_t used = 0;
  try {
    while (used < bytes.size() && !bad_ && (!body_ || messages_.size() < count)) {
      if (!body_) {
        used = bytes.size() - take_head(bytes.substr(used));
        continue;
      }
      // A message ends with a line.
      const std::size_t end = std::min(bytes.find_first_of("\r\n", used), bytes.size() - 1) + 1;
      body_->feed(bytes.substr(used, end - used), [&](std::string_view part) { take_body(part); });
      used = end;
    }
  } catch (const sse::detail::BadHead& bad) {
    bad_ =
        std::make_exception_ptr(BadResponse(head_ ? head_->status : 0, "sse::testing: " + peer_ + ": " + bad.what()));
  }
  return bad_ ? bytes.size() : used;
}

SSE_DECL std::size_t Answer::take_head(std::string_view bytes) {
  if (!head_) head_.emplace(64 * 1024, 200);
  begun_ = true;
  if (!head_->parser.feed(bytes, [&](std::string_view line) { head_->take_status_line(line); })) return 0;
  const std::size_t left = head_->parser.rest().size();
  if (head_->status < 200 && head_->status != 101)
    head_.reset();
  else
    begin_body();
  return left;
}

SSE_DECL void Answer::begin_body() {
  const unsigned status = head_->status;
  if (bodiless_ || status == 204 || status == 304) {
    sse::detail::HeadParser none(64, 1);
    none.feed("x\r\nContent-Length: 0\r\n\r\n", [](std::string_view) {});
    body_.emplace(none);
  } else {
    body_.emplace(head_->parser);
  }
  const std::string other = sse::detail::content_type_error(head_->parser);
  not_stream_ = status == 200 ? shown(other) : "with status " + std::to_string(status);
}

SSE_DECL void Answer::take_body(std::string_view part) {
  if (!not_stream_.empty()) {
    text_.append(part);
    return;
  }
  if (behind_.size() < 200) behind_.append(part);
  const std::error_code error = parser_.feed(part, [&](Message&& message) {
    messages_.push_back(std::move(message));
    behind_.clear();
  });
  if (error) bad_ = std::make_exception_ptr(BadResponse(200, "sse::testing: " + peer_ + ": " + error.message()));
}

}  // namespace sse::inline SSE_ABI::testing::detail

#include "sse/detail/base/pop_options.hpp"
