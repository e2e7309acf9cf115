// SPDX-License-Identifier: MIT
// Random bits of the system, and identifiers made of them. They are good enough for secrets.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sse/detail/base/platform.hpp"
#include "sse/error.hpp"
#include "sse/version.hpp"

#if !defined(SSE_GETENTROPY)
#include <random>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline std::array<std::uint64_t, 2> random_bits() {
  std::array<std::uint64_t, 2> random{};
#if defined(SSE_GETENTROPY)
  if (::getentropy(&random, sizeof random) != 0)
    throw Error(errc::no_random_bytes, "sse: the system gives no random bytes");
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

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
