// SPDX-License-Identifier: MIT
// The pending waits of one execution context, so that they end with it. See decisions/waits-end-with-their-
// context.md.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "sse/detail/base/intrusive_list.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class WaitPlace;

/// The places that are waited at on one execution context. When the context is destroyed, their waits are destroyed
/// with it: a wait owns its coroutine, which owns its stream, which owns the wait, and nothing else would break that
/// circle.
class WaitRegistry {
 public:
  inline void join(WaitPlace& place) noexcept;
  inline void leave(WaitPlace& place) noexcept;

  /// Between these two completions are on their way to the context, which is kept from going away meanwhile.
  void begin_completions(std::size_t count) noexcept { completions_.fetch_add(count, std::memory_order_relaxed); }
  void end_completions(std::size_t count) noexcept {
    if (completions_.fetch_sub(count) != count || !stopping_.load()) return;
    const std::lock_guard lock(mutex_);
    completed_.notify_all();
  }

  inline void shut_down() noexcept;

 private:
  std::mutex mutex_;
  std::condition_variable completed_;
  IntrusiveList<WaitPlace> places_;
  std::atomic<std::size_t> completions_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
