// SPDX-License-Identifier: MIT
// Completions that could not be posted for lack of memory, and a guard that detects whether a post has failed. The next
// emit, or the next tick of a coarse timer, posts them again.

#pragma once

#include <atomic>

#include "sse/detail/async/waiter.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A function, other than a waiter's completion, that could not be posted.
class UnpostedFunction : public IntrusiveList<UnpostedFunction>::Hook {
 public:
  /// Posts it. False: there is still no memory. It is called under the mutex of Unposted, and must only post.
  virtual bool try_post() noexcept = 0;

 protected:
  UnpostedFunction() = default;
  UnpostedFunction(const UnpostedFunction&) = delete;
  ~UnpostedFunction() = default;
};

/// The completions and functions of the process that could not be posted. Thread-safe.
class Unposted {
 public:
  static void add(UnpostedFunction& function) noexcept;
  static void remove(UnpostedFunction& function) noexcept;
  /// Keeps a waiter that is to be completed with `error`. It allocates nothing.
  static void add(Waiter& waiter, int error) noexcept;
  /// Posts everything that is kept.
  static void retry() noexcept {
    if (any_.load(std::memory_order_relaxed)) all().post();
  }
  /// Destroys the waiters that are kept for an execution context that is being destroyed. False: `retry` is posting
  /// some of them.
  static bool remove(const WaitRegistry& registry) noexcept;

 private:
  static Unposted& all() noexcept;
  void post() noexcept;

  static inline std::atomic<bool> any_{false};

  Mutex mutex_;
  Waiter* first_ SSE_GUARDED_BY(mutex_) = nullptr;
  IntrusiveList<UnpostedFunction> functions_ SSE_GUARDED_BY(mutex_);
};

/// Detects, while a thread posts a function that owns waiters, whether Asio destroys the function because there is no
/// memory for it. Then the waiters must stay as they are. A function that Asio destroys later is destroyed with its
/// context, and its waiters with it.
class Posting {
 public:
  explicit Posting(const Waiter* first) noexcept : first_(first), outer_(current()) { current() = this; }
  Posting(const Posting&) = delete;
  Posting& operator=(const Posting&) = delete;
  ~Posting() { current() = outer_; }

  /// True: the function was destroyed while it was being posted.
  bool dropped() const noexcept { return dropped_; }

  /// Called by the function's destructor. True: it no longer owns the waiters.
  static bool drops(const Waiter* first) noexcept {
    Posting* const posting = current();
    if (!posting || posting->first_ != first) return false;
    return posting->dropped_ = true;
  }

 private:
  static Posting*& current() noexcept {
    static thread_local Posting* posting = nullptr;
    return posting;
  }

  const Waiter* const first_;
  Posting* const outer_;
  bool dropped_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/async/unposted.ipp"
#endif
