#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sse/detail/system.hpp"
#include "sse/event.hpp"

#if !defined(SSE_GETENTROPY)
#include <random>
#endif

namespace sse::detail {

inline std::array<std::uint64_t, 2> random_bits() {
  std::array<std::uint64_t, 2> random{};
#if defined(SSE_GETENTROPY)
  if (::getentropy(&random, sizeof random) != 0) throw Error("sse: the system gives no random bytes");
#else
  thread_local std::random_device device;
  for (auto& half : random) half = std::uint64_t{device()} << 32 | device();
#endif
  return random;
}

/// Version 4 (RFC 9562, 5.4).
inline std::string random_uuid() {
  const std::array<std::uint64_t, 2> random = random_bits();
  std::string uuid = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  std::size_t used = 0;
  for (char& c : uuid) {
    if (c != 'x' && c != 'y') continue;
    const auto digit = static_cast<unsigned>(random[used / 16] >> (4 * (used % 16)) & 15);
    c = "0123456789abcdef"[c == 'y' ? 8 | (digit & 3) : digit];
    ++used;
  }
  return uuid;
}

/// What can be added up without an overflow.
inline std::chrono::milliseconds within_a_year(std::chrono::milliseconds time) noexcept {
  return std::clamp<std::chrono::milliseconds>(time, std::chrono::milliseconds(0), std::chrono::hours(24 * 365));
}

/// From half of `time` to one and a half of it, so that clients that are sent away together don't come back together.
inline std::chrono::milliseconds jittered(std::chrono::milliseconds time) {
  time = within_a_year(time);
  const auto range = static_cast<std::uint64_t>(time.count()) + 1;
  return time / 2 + std::chrono::milliseconds(random_bits()[0] % range);
}

}  // namespace sse::detail
