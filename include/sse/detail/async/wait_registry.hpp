// SPDX-License-Identifier: MIT
// The pending waits of one execution context, so that they end with it. See decisions/waits-end-with-their-context.md.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class WaitPlace;

/// The wait places whose handlers run on one execution context. When the context is destroyed, their waits are
/// destroyed with it: a wait owns its coroutine, which owns its stream, which owns the wait, and nothing else would
/// break that circle. Thread-safe.
class WaitRegistry {
 public:
  void join(WaitPlace& place) noexcept;
  void leave(WaitPlace& place) noexcept;

  /// Bracket the posting of completions to the context, whose destruction waits for the end.
  void begin_completions(std::size_t count) noexcept { completions_.fetch_add(count, std::memory_order_relaxed); }
  void end_completions(std::size_t count) noexcept {
    if (completions_.fetch_sub(count) == count && stopping_.load()) notify();
  }

  bool completing() const noexcept { return completions_.load() != 0; }

  void shut_down() noexcept;

 private:
  void notify() noexcept;

  Mutex mutex_;
  std::condition_variable completed_;
  IntrusiveList<WaitPlace> places_ SSE_GUARDED_BY(mutex_);
  std::atomic<std::size_t> completions_{0};
  std::atomic<bool> stopping_{false};
};

/// Asio's hook for the end of an execution context.
class WaitService : public asio::execution_context::service {
 public:
  using key_type = WaitService;
  static inline asio::execution_context::id id;

  explicit WaitService(asio::execution_context& context) : service(context) {}
  void shutdown() noexcept override { registry->shut_down(); }

  const std::shared_ptr<WaitRegistry> registry = std::make_shared<WaitRegistry>();  ///< Immutable.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
