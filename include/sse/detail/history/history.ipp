// SPDX-License-Identifier: MIT
// The bodies of History. See history.hpp.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/process.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL History::History(std::size_t max_size, std::size_t max_bytes)
    : start_(next_start()),
      fork_generation_(fork_generation()),
      max_bytes_(max_bytes),
      kept_(std::max<std::size_t>(max_size, 1)) {}

SSE_DECL void History::renew_after_fork() noexcept {
  const std::uint64_t now = fork_generation();
  if (fork_generation_.load(std::memory_order_relaxed) == now) return;
  const MutexLock lock(mutex_);
  if (fork_generation_.exchange(now) == now) return;
  while (!kept_.empty()) drop_oldest();
  batches_.clear();
  start_.store(next_start(), std::memory_order_relaxed);
}

SSE_DECL void History::drop_oldest() noexcept {
  bytes_ -= kept_.pop().frame().size();
}

SSE_DECL void History::add(Event& event) {
  const std::uint64_t n = last() + 1;
  EventFactory::set_id(event, start(), n, n);  // outside the lock, because one event is added at a time
  const MutexLock lock(mutex_);
  if (!kept_.empty() && !kept_.make_room()) drop_oldest();
  kept_.push(event);
  bytes_ += event.frame().size();
  ++last_;
  while (max_bytes_ != 0 && bytes_ > max_bytes_ && kept_.size() > 1) drop_oldest();
  batches_.forget_before(first());
}

SSE_DECL ReplayPlan History::plan(std::string_view seen) const {
  const MutexLock lock(mutex_);
  return plan_replay(parse_event_id(seen), start(), first(), last_);
}

SSE_DECL ReplayPlan History::plan_all() const {
  const MutexLock lock(mutex_);
  return plan_replay(EventId{start(), first() - 1}, start(), first(), last_);
}

SSE_DECL Event History::from(std::uint64_t n) const noexcept {
  const MutexLock lock(mutex_);
  if (kept_.empty()) return {};
  return at(std::max(n, first()));
}

SSE_DECL BatchPart History::batch(std::uint64_t n, std::uint64_t last) {
  const MutexLock lock(mutex_);
  if (n < first()) return {};
  // Called at once, under the lock, which Clang does not see in a lambda.
  return batches_.read(n, last + 1,
                       [this](std::uint64_t i) SSE_NO_THREAD_SAFETY_ANALYSIS -> const Event& { return at(i); });
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
