// SPDX-License-Identifier: MIT
// The bodies of process.hpp. Systems without fork() have one generation.

#pragma once

#include <atomic>
#include <cstdint>

#include "sse/detail/base/process.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/version.hpp"

#if !defined(_WIN32) && __has_include(<unistd.h>)
#include <pthread.h>
#include <unistd.h>
#define SSE_FORKS
#endif

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::uint64_t process_id() noexcept {
#if defined(SSE_FORKS)
  return static_cast<std::uint64_t>(::getpid());
#else
  return 0;
#endif
}

/// Counts the forks between this process and the first. It has no destructor.
SSE_DECL std::atomic<std::uint64_t>& forks() noexcept {
  static std::atomic<std::uint64_t> count{0};
  return count;
}

SSE_DECL std::uint64_t fork_generation() noexcept {
#if defined(SSE_FORKS)
  [[maybe_unused]] static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { forks().fetch_add(1, std::memory_order_relaxed); });
#endif
  return forks().load(std::memory_order_relaxed);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
