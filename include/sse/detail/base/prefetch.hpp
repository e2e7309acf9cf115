// SPDX-License-Identifier: MIT
// Asks the processor for memory that is used soon. Nothing is read, so the address may be any.

#pragma once

#include <cstddef>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Prefetches `size` bytes from `object` on.
inline void prefetch([[maybe_unused]] const void* object, [[maybe_unused]] std::size_t size) noexcept {
#if defined(__GNUC__)
  constexpr std::size_t line = 64;
  for (std::size_t at = 0; at < size; at += line) __builtin_prefetch(static_cast<const char*>(object) + at);
#endif
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
