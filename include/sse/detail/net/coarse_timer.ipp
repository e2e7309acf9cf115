// SPDX-License-Identifier: MIT
// The bodies of detail/net/coarse_timer.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "sse/config.hpp"
#include "sse/detail/async/unposted.hpp"
#include "sse/detail/async/wait_place.hpp"  // with the bodies that Unposted leads to
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/net/handler_memory.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void CoarseTimer::add(Deadline& entry, const asio::any_io_executor& executor) {
  const MutexLock lock(mutex_);
  entries_.insert(entry);
  if (stopped_ || timer_) return;
  try {
    timer_.emplace(executor);
    start_tick();
  } catch (...) {
    timer_.reset();
    entries_.erase(entry);
    throw;
  }
}

SSE_DECL void CoarseTimer::remove(Deadline& entry) noexcept {
  const MutexLock lock(mutex_);
  entries_.erase(entry);
  if (entries_.empty()) timer_.reset();
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
  void operator()(error_code error) const {
    const auto timer = timer_.lock();
    if (timer && !error) timer->on_tick();
  }

 private:
  std::weak_ptr<CoarseTimer> timer_;
  std::shared_ptr<HandlerMemory> memory_;
};

SSE_DECL void CoarseTimer::start_tick() {
  timer_->expires_after(interval);
  timer_->async_wait(OnTick(*this));
}

// The owner of the last deadline of a visit is kept until the next visit has begun, so that it can go on there.
SSE_DECL void CoarseTimer::on_tick() {
  Unposted::retry();
  const Clock::rep now = Clock::now().time_since_epoch().count();
  std::array<Owners, 2> owners;
  Deadline* last = nullptr;
  for (std::size_t i = 0; visit(now, last, owners[i]); owners[i].release()) i = 1 - i;
}

/// Visits the deadlines behind `last`, until `owners` is full. True: there may be more.
SSE_DECL bool CoarseTimer::visit(Clock::rep now, Deadline*& last, Owners& owners) {
  const MutexLock lock(mutex_);
  if (!timer_) return false;
  for (Deadline* entry = last ? entries_.next(*last) : entries_.first(); entry; entry = entries_.next(*entry)) {
    Clock::rep deadline = entry->deadline_.load(std::memory_order_relaxed);
    if (deadline <= now && entry->deadline_.compare_exchange_strong(deadline, Deadline::past))
      entry->on_deadline(owners);
    last = entry;
    if (owners.full()) return true;
  }
  try {
    start_tick();
  } catch (...) {  // without memory the next add() starts it again
    timer_.reset();
  }
  return false;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
