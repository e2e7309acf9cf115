// SPDX-License-Identifier: MIT
// One coarse timer for all deadlines of an execution context. See decisions/one-coarse-timer.md.

#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_list.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The deadlines of one execution context: one timer for all, which looks at them with each tick while there are any.
class CoarseTimer : public std::enable_shared_from_this<CoarseTimer> {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::time_point never = Clock::time_point::max();
  static constexpr std::chrono::milliseconds interval{250};  ///< of its ticks

  /// 0 and less, and what is longer than a year: never.
  static Clock::time_point after(std::chrono::milliseconds time) noexcept {
    return time.count() > 0 && time < std::chrono::hours(24 * 365) ? Clock::now() + time : never;
  }

  class Deadline : public IntrusiveList<Deadline>::Hook {
   public:
    void expire_at(Clock::time_point when) noexcept {
      deadline_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
    }
    /// The deadline has come, and there is no new one.
    bool expired() const noexcept { return deadline_.load(std::memory_order_relaxed) == past; }

   protected:
    Deadline() = default;
    ~Deadline() = default;

    template <class Executor, class Function>
    void post(const Executor& executor, Function&& function) noexcept {
      try {
        asio::post(executor, std::forward<Function>(function));
      } catch (...) {  // no memory: the next tick tries again
        expire_at(Clock::now());
      }
    }
    /// Called by the sweep's thread, with the sweep locked: it must only post.
    virtual void on_deadline() noexcept = 0;

   private:
    friend class CoarseTimer;
    static constexpr Clock::rep past = never.time_since_epoch().count() - 1;  ///< does not come again
    std::atomic<Clock::rep> deadline_{never.time_since_epoch().count()};
  };

  /// The timer may keep `executor` for longer than the entry stays.
  void add(Deadline& entry, const asio::any_io_executor& executor) {
    const std::lock_guard lock(mutex_);
    entries_.insert(entry);
    if (stopped_ || timer_) return;
    try {
      timer_.emplace(executor);
      tick();
    } catch (...) {
      timer_.reset();
      entries_.erase(entry);
      throw;
    }
  }
  void remove(Deadline& entry) noexcept {
    const std::lock_guard lock(mutex_);
    entries_.erase(entry);
    if (entries_.empty()) timer_.reset();
  }
  void shut_down() noexcept {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    timer_.reset();
  }

 private:
  void tick() {
    timer_->expires_after(interval);
    timer_->async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (!self || error) return;
      const std::lock_guard lock(self->mutex_);
      if (!self->timer_) return;
      const Clock::rep now = Clock::now().time_since_epoch().count();
      self->entries_.for_each([now](Deadline& entry) {
        Clock::rep deadline = entry.deadline_.load(std::memory_order_relaxed);
        if (deadline <= now && entry.deadline_.compare_exchange_strong(deadline, Deadline::past)) entry.on_deadline();
      });
      self->tick();
    });
  }

  std::mutex mutex_;
  IntrusiveList<Deadline> entries_;
  std::optional<asio::steady_timer> timer_;
  bool stopped_ = false;
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
