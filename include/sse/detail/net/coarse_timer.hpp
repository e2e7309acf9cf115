// SPDX-License-Identifier: MIT
// One coarse timer for all deadlines of an execution context. See decisions/one-coarse-timer.md.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/net/deadline_wheel.hpp"
#include "sse/detail/net/handler_memory.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The deadlines of one execution context. One timer for all of them ticks when one may be due, and at least once a
/// second while there are any. Thread-safe.
class CoarseTimer : public std::enable_shared_from_this<CoarseTimer> {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::time_point never = Clock::time_point::max();
  static constexpr std::chrono::milliseconds interval{250};  ///< Between two ticks. No deadline is more exact.

  /// The time point `time` after `now`. `never` if `time` is 0 or less, or more than a year.
  static Clock::time_point after(std::chrono::milliseconds time, Clock::time_point now) noexcept {
    return time.count() > 0 && time < std::chrono::hours(24 * 365) ? now + time : never;
  }
  static Clock::time_point after(std::chrono::milliseconds time) noexcept { return after(time, Clock::now()); }

  /// References to the owners of deadlines, of whatever type. The timer lets go of them without its mutex: the last
  /// reference destroys a deadline, which calls remove(). Allocates nothing.
  class Owners {
   public:
    Owners() = default;
    Owners(const Owners&) = delete;
    ~Owners() { release(); }

    bool full() const noexcept { return count_ == owners_.size(); }
    /// Must not be called while it is full.
    template <class Pointer>
    void keep(Pointer pointer) noexcept {
      Owner& owner = owners_[count_++];
      static_assert(sizeof(Pointer) <= sizeof owner.pointer && alignof(Pointer) <= alignof(void*));
      ::new (static_cast<void*>(owner.pointer)) Pointer(std::move(pointer));
      owner.destroy = [](void* kept) { std::destroy_at(std::launder(static_cast<Pointer*>(kept))); };
    }
    void release() noexcept {
      while (count_ != 0) {
        Owner& owner = owners_[--count_];
        owner.destroy(owner.pointer);
      }
    }

   private:
    struct Owner {
      void (*destroy)(void* pointer);
      alignas(void*) std::byte pointer[sizeof(std::shared_ptr<void>)];
    };
    std::array<Owner, 64> owners_;
    std::size_t count_ = 0;
  };

  class Deadline : private DeadlineWheel::Entry {
   public:
    /// Must not be called under the timer's mutex, except by on_deadline.
    void expire_at(Clock::time_point when) noexcept {
      if (this->set(tick_at(when))) coarse_timer().move(*this);
    }
    /// True: the deadline has passed, and no new one was set.
    bool expired() const noexcept { return this->taken(); }

   protected:
    Deadline() = default;
    ~Deadline() = default;

    template <class Executor, class Function>
    void post(const Executor& executor, Function&& function) noexcept {
      try {
        asio::post(executor, std::forward<Function>(function));
      } catch (...) {  // without memory the next tick tries again
        expire_at(Clock::now());
      }
    }
    /// Called on the timer's thread, under the timer's mutex: it must only post. `owners` must get a reference to
    /// whatever the posted function keeps alive, because a function that can't be posted is destroyed here. At most
    /// one.
    virtual void on_deadline(Owners& owners) noexcept = 0;
    /// The timer that it was added to. Called after that only.
    virtual CoarseTimer& coarse_timer() noexcept = 0;

   private:
    friend class CoarseTimer;
  };

  /// Adds a deadline that is in no timer. The timer may keep `executor` longer than the deadline.
  void add(Deadline& entry, const asio::any_io_executor& executor) SSE_EXCLUDES(mutex_);
  /// Removes a deadline. Does nothing for one that was not added. A deadline that gives on_deadline's `owners` a
  /// reference must stay until it is destroyed.
  void remove(Deadline& entry) noexcept SSE_EXCLUDES(mutex_);
  void shut_down() noexcept SSE_EXCLUDES(mutex_);

 private:
  class OnTick;
  using Tick = DeadlineWheel::Tick;

  /// The first tick that is not before `when`. The clock's time since its epoch must be less than 34 years.
  static Tick tick_at(Clock::time_point when) noexcept {
    const Clock::duration time = when.time_since_epoch();
    if (time.count() <= 0) return 0;
    const auto tick = (time - Clock::duration(1)) / interval + 1;
    return tick <= DeadlineWheel::last_tick ? static_cast<Tick>(tick) : DeadlineWheel::never;
  }
  /// The tick that has begun.
  static Tick current_tick() noexcept { return static_cast<Tick>(Clock::now().time_since_epoch() / interval); }

  void move(Deadline& entry) noexcept SSE_EXCLUDES(mutex_);
  void start_tick() SSE_REQUIRES(mutex_);
  void try_start_tick() noexcept SSE_REQUIRES(mutex_);
  bool visit(Tick now, Owners& owners) noexcept SSE_EXCLUDES(mutex_);
  void on_tick() noexcept SSE_EXCLUDES(mutex_);

  Mutex mutex_;
  DeadlineWheel wheel_ SSE_GUARDED_BY(mutex_);
  std::size_t count_ SSE_GUARDED_BY(mutex_) = 0;  ///< Deadlines in the wheel.
  std::optional<asio::steady_timer> timer_ SSE_GUARDED_BY(mutex_);
  Tick next_tick_ SSE_GUARDED_BY(mutex_) = DeadlineWheel::never;  ///< The tick that the timer waits for. Never: none.
  bool stopped_ SSE_GUARDED_BY(mutex_) = false;
  const std::shared_ptr<HandlerMemory> memory_ = std::make_shared<HandlerMemory>();  ///< Of the tick's operation.
};

class CoarseTimerService : public asio::execution_context::service {
 public:
  using key_type = CoarseTimerService;
  static inline asio::execution_context::id id;

  explicit CoarseTimerService(asio::execution_context& context) : service(context) {}
  void shutdown() noexcept override { timer->shut_down(); }

  const std::shared_ptr<CoarseTimer> timer = std::make_shared<CoarseTimer>();
};

template <class Executor>
const std::shared_ptr<CoarseTimer>& coarse_timer_of(const Executor& executor) {
  return asio::use_service<CoarseTimerService>(asio::query(executor, asio::execution::context)).timer;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/net/coarse_timer.ipp"
#endif
