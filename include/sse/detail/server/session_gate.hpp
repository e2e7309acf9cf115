// SPDX-License-Identifier: MIT
// Counts the sessions of `serve`, and calls a function when the last one has gone. `serve` waits for that before it
// returns.

#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Counts sessions. The gate is passed once it is closed and the last session has left. Thread-safe.
class SessionGate {
 public:
  /// Counts a session.
  void enter() noexcept {
    const SpinLock lock(mutex_);
    ++inside_;
  }
  /// Uncounts a session that has entered.
  void leave() noexcept {
    std::function<void()> passed;
    {
      const SpinLock lock(mutex_);
      if (--inside_ == 0 && (closed_ || until_empty_)) passed = std::move(when_passed_);
    }
    if (passed) passed();
  }

  /// From now on the gate is passed when nobody is inside, closed or not.
  void open_until_empty() noexcept {
    const SpinLock lock(mutex_);
    until_empty_ = true;
  }
  void close() noexcept {
    const SpinLock lock(mutex_);
    closed_ = true;
  }
  bool is_closed() noexcept {
    const SpinLock lock(mutex_);
    return closed_;
  }
  /// True: the gate is closed, or open until it is empty, and no session is inside.
  bool is_passed() noexcept {
    const SpinLock lock(mutex_);
    return (closed_ || until_empty_) && inside_ == 0;
  }
  /// Sets the function that the last `leave` calls, without a lock, when the gate is passed. It must not throw. It is
  /// not called if the gate is passed already.
  void when_passed(std::function<void()> function) noexcept {
    const SpinLock lock(mutex_);
    when_passed_ = std::move(function);
  }

 private:
  SpinMutex mutex_;
  bool closed_ SSE_GUARDED_BY(mutex_) = false;
  bool until_empty_ SSE_GUARDED_BY(mutex_) = false;
  std::size_t inside_ SSE_GUARDED_BY(mutex_) = 0;
  std::function<void()> when_passed_ SSE_GUARDED_BY(mutex_);
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
