// SPDX-License-Identifier: MIT
// The body of KeepAliveLine. The line is untrusted: it is bounded, and its number is clamped.

#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/client/keep_alive_line.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void KeepAliveLine::read(std::string_view bytes) {
  constexpr std::string_view before = ": keep-alive ";
  constexpr std::size_t max_size = before.size() + 20;
  if (is_read_) return;
  const std::size_t end = bytes.find_first_of("\r\n");
  line_.append(bytes.substr(0, std::min(end, max_size)));
  if (end == bytes.npos && line_.size() <= max_size) return;
  is_read_ = true;
  if (!line_.starts_with(before)) return;
  std::int64_t interval = 0;
  const char* const last = line_.data() + line_.size();
  const auto [rest, error] = std::from_chars(line_.data() + before.size(), last, interval);
  if (error != std::errc() || rest != last || interval <= 0) return;
  using Milliseconds = std::chrono::milliseconds;
  constexpr Milliseconds least = std::chrono::seconds(1), most = std::chrono::hours(2);
  silence_ = std::clamp(Milliseconds(std::min<std::int64_t>(interval, most.count()) * 2), least, most);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
