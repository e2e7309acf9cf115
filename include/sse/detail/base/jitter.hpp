// SPDX-License-Identifier: MIT
// Random times, so that clients do not come back together. Also a bound that keeps sums of times from overflowing.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "sse/detail/base/random.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Clamps `time` to 0 up to a year, so that sums of such times do not overflow.
inline std::chrono::milliseconds within_a_year(std::chrono::milliseconds time) noexcept {
  return std::clamp<std::chrono::milliseconds>(time, std::chrono::milliseconds(0), std::chrono::hours(24 * 365));
}

/// A random time from half of `time` to one and a half of it, so that clients that are sent away together do not come
/// back together. Throws as random_bits does.
inline std::chrono::milliseconds jittered(std::chrono::milliseconds time) {
  time = within_a_year(time);
  const auto range = static_cast<std::uint64_t>(time.count()) + 1;
  return time / 2 + std::chrono::milliseconds(random_bits()[0] % range);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
