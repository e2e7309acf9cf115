// SPDX-License-Identifier: MIT
// The bodies of detail/net/coarse_timer.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "sse/config.hpp"
#include "sse/detail/async/unposted.hpp"
#include "sse/detail/async/wait_place.hpp"  // with the bodies that Unposted leads to
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/deadline_wheel.hpp"
#include "sse/detail/net/handler_memory.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void CoarseTimer::add(Deadline& entry, const asio::any_io_executor& executor) {
  const MutexLock lock(mutex_);
  if (!stopped_ && !timer_) {
    wheel_.start(current_tick());
    timer_.emplace(executor);
  }
  wheel_.insert(entry);
  ++count_;
  if (stopped_) return;
  try {
    start_tick();
  } catch (...) {
    wheel_.erase(entry);
    if (--count_ == 0) timer_.reset();
    throw;
  }
}

SSE_DECL void CoarseTimer::remove(Deadline& entry) noexcept {
  const MutexLock lock(mutex_);
  if (wheel_.erase(entry)) --count_;
  if (count_ != 0) return;
  timer_.reset();
  next_tick_ = DeadlineWheel::never;
}

SSE_DECL void CoarseTimer::move(Deadline& entry) noexcept {
  const MutexLock lock(mutex_);
  wheel_.move(entry);
  try_start_tick();
}

SSE_DECL void CoarseTimer::shut_down() noexcept {
  const MutexLock lock(mutex_);
  stopped_ = true;
  timer_.reset();
}

/// Needs no memory: deadlines must be heard of where others get none, too.
class CoarseTimer::OnTick {
 public:
  using allocator_type = HandlerAllocator<void>;
  allocator_type get_allocator() const noexcept { return allocator_type(memory_); }

  explicit OnTick(CoarseTimer& timer) noexcept : timer_(timer.weak_from_this()), memory_(timer.memory_) {}
  // A wait that was cancelled for an earlier one is a tick, too: there may have been no memory for both.
  void operator()(error_code) const {
    if (const auto timer = timer_.lock()) timer->on_tick();
  }

 private:
  std::weak_ptr<CoarseTimer> timer_;
  std::shared_ptr<HandlerMemory> memory_;
};

/// Waits for the next tick at which something may be due, unless it waits for that or an earlier one. It is at most a
/// second away, because completions that found no memory (Unposted) wait for a tick.
SSE_DECL void CoarseTimer::start_tick() {
  constexpr Tick most = std::chrono::seconds(1) / interval;
  const Tick tick = wheel_.next(most);
  if (tick >= next_tick_) return;
  next_tick_ = DeadlineWheel::never;
  timer_->expires_at(Clock::time_point(interval * std::int64_t{tick}));
  timer_->async_wait(OnTick(*this));
  next_tick_ = tick;
}

SSE_DECL void CoarseTimer::try_start_tick() noexcept {
  try {
    if (timer_) start_tick();
  } catch (...) {  // without memory the wait that this one replaces, or the next add(), starts it
  }
}

SSE_DECL void CoarseTimer::on_tick() noexcept {
  Unposted::retry();
  const Tick now = current_tick();
  for (Owners owners; visit(now, owners);) owners.release();
}

/// Calls the deadlines that are due, until `owners` is full. True: there may be more.
SSE_DECL bool CoarseTimer::visit(Tick now, Owners& owners) noexcept {
  const MutexLock lock(mutex_);
  if (!timer_) return false;
  while (DeadlineWheel::Entry* const entry = wheel_.take_due(now)) {
    static_cast<Deadline*>(entry)->on_deadline(owners);
    wheel_.insert(*entry);
    if (owners.full()) return true;
  }
  if (next_tick_ <= now) next_tick_ = DeadlineWheel::never;
  try_start_tick();
  return false;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
