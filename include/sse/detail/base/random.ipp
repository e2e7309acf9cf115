// SPDX-License-Identifier: MIT
// The bodies of random.hpp: getentropy where the system has it, std::random_device elsewhere.

#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "sse/detail/base/platform.hpp"
#include "sse/detail/base/process.hpp"
#include "sse/detail/base/random.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/error.hpp"
#include "sse/version.hpp"

// <random> costs a build more than most of this library.
#if !defined(SSE_GETENTROPY)
#include <random>
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::array<std::uint64_t, 2> random_bits() {
  std::array<std::uint64_t, 2> random{};
#if defined(SSE_GETENTROPY)
  if (::getentropy(&random, sizeof random) != 0)
    throw Error(errc::no_random_bytes, std::string("sse: getentropy() failed: ") + std::strerror(errno));
#else
  std::random_device device;  // not thread_local, because MinGW destroys those in no fixed order
  for (auto& half : random) half = std::uint64_t{device()} << 32 | device();
#endif
  return random;
}

SSE_DECL std::array<std::uint64_t, 2> random_bits_or_clock() noexcept {
  try {
    return random_bits();
  } catch (...) {
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    const auto up = std::chrono::steady_clock::now().time_since_epoch().count();
    constexpr std::uint64_t spread = 0x9e3779b97f4a7c15;
    return {static_cast<std::uint64_t>(now) * spread ^ process_id(),
            (static_cast<std::uint64_t>(up) ^ reinterpret_cast<std::uintptr_t>(&now)) * spread};
  }
}

SSE_DECL std::string random_uuid() {
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
