// SPDX-License-Identifier: MIT
// The pending wait of one reader, alone or in the list of a backlog. Its owner's mutex guards it.

#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/wait_registry.hpp"
#include "sse/detail/async/waiter.hpp"
#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/base/thread_annotations.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class SharedWait;

/// The pending wait of one reader, alone or in a WaitList. The owner's mutex guards it: the callers of `take`, `join`
/// and `was_cancelled` hold it, and every other member locks it itself. The reader may leave its waiting to a
/// SharedWait.
class WaitPlace : public IntrusiveList<WaitPlace>::Hook {
 public:
  explicit WaitPlace(SpinMutex& mutex) noexcept : mutex_(mutex) {}
  WaitPlace(const WaitPlace&) = delete;
  WaitPlace& operator=(const WaitPlace&) = delete;
  ~WaitPlace() { leave_registry(); }

  /// Takes the pending waiter, which the caller must complete. Null: none is pending.
  Waiter* take() noexcept {
    assert_locked();
    if (shared_) return take_shared();
    Waiter* const waiter = unlink();
    if (waiter && waiter->registry) waiter->registry->begin_completions(1);
    return waiter;
  }

  /// Joins `list`: from now on a WaitList::take_all takes its waiter, too. Null: leaves the list.
  void join(WaitList* list);

  /// Names the next wait. Reader's thread only.
  std::uint64_t next_key() noexcept { return last_key_ += 2; }

  /// Cancels the wait `key`, unless a later one was started.
  void cancel(std::uint64_t key) noexcept;
  /// True if the wait `key` was cancelled, even after its completion.
  bool was_cancelled(std::uint64_t key) const noexcept {
    assert_locked();
    return !shared_ && key_ == (key | cancelled);
  }

  /// Publishes `waiter`, whose handler runs on `context`, or posts its completion at once if `is_ready()`. If it
  /// throws, the waiter stays with the caller.
  template <class IsReady>
  void wait(Waiter* waiter, std::uint64_t key, asio::execution_context* context, IsReady&& is_ready) {
    for (;;) {
      bool completes = true;
      error_code result;
      {
        const SpinLock lock(mutex_);
        if (is_ready()) {
          key_ = key;
        } else if (is_pending()) {
          result = asio::error::already_started;
        } else if (context != context_) {
          completes = false;
        } else {
          waiter->registry = registry_;
          if (list_) {
            list_->add(*waiter);
            round_ = list_->round();
          }
          waiter_ = waiter;
          key_ = key;
          return;
        }
      }
      if (completes && !waiter->post(result)) throw std::bad_alloc();
      if (completes) return;
      enter_registry(context);
    }
  }

  /// True if the reader has left its waiting to a SharedWait.
  bool is_shared() const noexcept { return shared() != nullptr; }
  /// The SharedWait; null: it waits by itself.
  SharedWait* shared() const noexcept {
    assert_locked();
    return shared_;
  }

  /// Takes the pending waiter and forgets the registry. The registry calls this while its context is being destroyed.
  void drop_registry(Wakeups& wakeups) noexcept;

 private:
  friend class SharedWait;

  static constexpr std::uint64_t cancelled = 1;  ///< Keys are even.

  /// Tells Clang that the caller holds mutex_, by its owner's name for it.
  void assert_locked() const noexcept SSE_ASSERT_CAPABILITY(mutex_) {}

  inline Waiter* take_shared() noexcept SSE_REQUIRES(mutex_);  // in shared_wait.hpp
  bool is_pending() const noexcept SSE_REQUIRES(mutex_) {
    return !shared_ && waiter_ && (!list_ || round_ == list_->round());
  }

  Waiter* unlink() noexcept SSE_REQUIRES(mutex_) {
    if (shared_) return nullptr;
    Waiter* const waiter = is_pending() ? waiter_ : nullptr;
    waiter_ = nullptr;
    if (waiter && list_) list_->remove(*waiter);
    return waiter;
  }
  void leave_registry() noexcept;
  void enter_registry(asio::execution_context* context);

  SpinMutex& mutex_;
  SharedWait* shared_ SSE_GUARDED_BY(mutex_) = nullptr;  ///< Null: the reader waits by itself.
  // While `shared_` is set, the second member of each union is in use. Guarded by mutex_, which Clang cannot check
  // here.
  union {
    Waiter* waiter_ = nullptr;
    WaitPlace* next_called_;
  };
  union {
    /// The key of the wait that was started last, with the bit `cancelled` if it was cancelled.
    std::uint64_t key_ = 0;
    void* owner_;
  };
  WaitList* list_ SSE_GUARDED_BY(mutex_) = nullptr;
  union {
    /// The round of `list_` in which `waiter_` was published. In a later round the list has taken the waiter.
    std::uint64_t round_ = 0;
    WaitPlace** called_place_;  ///< The pointer to this place. Null: it was not called.
  };
  std::shared_ptr<WaitRegistry> registry_ SSE_GUARDED_BY(mutex_);
  asio::execution_context* context_ SSE_GUARDED_BY(mutex_) = nullptr;
  std::uint64_t last_key_ = 0;  ///< Reader's thread only.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#include "sse/detail/async/shared_wait.hpp"
#if defined(SSE_HEADER_ONLY)
#include "sse/detail/async/wait_place.ipp"
#include "sse/detail/async/wait_registry.ipp"
#include "sse/detail/async/waiter.ipp"
#endif
