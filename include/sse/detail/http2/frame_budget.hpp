// SPDX-License-Identifier: MIT
// Bounds the frames of an HTTP/2 peer that cost work and bring nothing: floods of PING, SETTINGS, PRIORITY, resets.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A token bucket. WINDOW_UPDATE frames are free where DATA was sent, because a fast reader gives back its windows.
class FrameBudget {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::int64_t most = 1'000;       ///< Frames at once.
  static constexpr std::int64_t each_second = 100;  ///< Frames for ever.

  explicit FrameBudget(Clock::time_point now) noexcept : since_(now) {}

  /// A DATA frame was sent: its reader may open the windows of its stream and of the connection.
  void sent_data() noexcept { updates_ = std::min(updates_ + 2, most); }
  /// Counts a WINDOW_UPDATE. False: too many.
  bool take_update(Clock::time_point now) noexcept {
    if (updates_ == 0) return take(1, now);
    --updates_;
    return true;
  }
  /// Counts frames that bring nothing. False: too many.
  bool take(std::int64_t frames, Clock::time_point now) noexcept {
    left_ -= frames;
    if (left_ > 0) return true;
    const auto seconds = std::chrono::duration_cast<std::chrono::duration<double>>(now - since_).count();
    since_ = now;
    left_ = static_cast<std::int64_t>(
        std::min(static_cast<double>(left_) + seconds * each_second, static_cast<double>(most)));
    return left_ > 0;
  }

 private:
  std::int64_t left_ = most;
  std::int64_t updates_ = 0;
  Clock::time_point since_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
