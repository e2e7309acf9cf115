// SPDX-License-Identifier: MIT
// The bodies of History. See history.hpp.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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

SSE_DECL History::History(std::size_t max_size, std::size_t max_bytes, bool of_log)
    : start_(next_start()),
      fork_generation_(fork_generation()),
      max_bytes_(max_bytes),
      of_log_(of_log),
      kept_(std::max<std::size_t>(max_size, 1)) {}

SSE_DECL void History::renew_after_fork() noexcept {
  const std::uint64_t now = fork_generation();
  if (fork_generation_.load(std::memory_order_relaxed) == now) return;
  const MutexLock lock(mutex_);
  if (fork_generation_.exchange(now) == now) return;
  drop_all();
  start_.store(next_start(), std::memory_order_relaxed);
}

SSE_DECL void History::drop_oldest() noexcept {
  if (of_log_) dropped_ = parse_event_id(kept_[0].id()).value_or(EventId{});
  bytes_ -= kept_.pop().frame().size();
}

SSE_DECL void History::drop_all() noexcept {
  while (!kept_.empty()) drop_oldest();
  dropped_ = {};
  batches_.clear();
}

SSE_DECL void History::add(Event& event) {
  const std::uint64_t n = last() + 1;
  EventFactory::set_id(event, start(), n, n);  // outside the lock, because one event is added at a time
  const MutexLock lock(mutex_);
  keep(event);
}

SSE_DECL void History::keep(const Event& event) noexcept {
  if (!kept_.empty() && !kept_.make_room()) drop_oldest();
  kept_.push(event);
  bytes_ += event.frame().size();
  ++last_;
  while (max_bytes_ != 0 && bytes_ > max_bytes_ && kept_.size() > 1) drop_oldest();
  batches_.forget_before(first());
}

SSE_DECL void History::add_logged(Event& event, const EventId& id) {
  EventFactory::set_id(event, id.start, id.n, last() + 1);  // outside the lock, because one event is added at a time
  const MutexLock lock(mutex_);
  keep(event);
}

SSE_DECL void History::begin_after(std::uint64_t n) noexcept {
  const MutexLock lock(mutex_);
  drop_all();
  // The first time the numbers are the log's own. Later one number is left out, so that no reader takes the first event
  // for one that it has seen.
  if (last_ == 0)
    last_ = n;
  else
    ++last_;
  base_ = last_ - n;
}

SSE_DECL void History::skip(std::uint64_t count) noexcept {
  const MutexLock lock(mutex_);
  drop_all();
  last_ += count;
}

SSE_DECL EventId History::last_id() const noexcept {
  if (!of_log_) return {start(), last_};
  const std::optional<EventId> id = kept_.empty() ? std::nullopt : parse_event_id(kept_[kept_.size() - 1].id());
  return id.value_or(EventId{0, last_ - base_});
}

SSE_DECL History::LastEvent History::last_event() const noexcept {
  const MutexLock lock(mutex_);
  return {last_, last_id()};
}

SSE_DECL std::string History::id_of(std::uint64_t sequence) const {
  if (!of_log_) return to_string(EventId{start(), sequence});
  const MutexLock lock(mutex_);
  if (sequence + 1 == first()) {
    const bool is_begin = sequence == base_;
    return dropped_.start != 0 || is_begin ? to_string(is_begin ? EventId{} : dropped_) : std::string();
  }
  return sequence < first() || sequence > last_ ? std::string() : std::string(at(sequence).id());
}

SSE_DECL Event History::find(std::string_view id) const noexcept {
  const std::optional<EventId> wanted = parse_event_id(id);
  if (!wanted) return {};
  const MutexLock lock(mutex_);
  const std::uint64_t n = wanted->n + base_;  // without a log base_ is 0
  if (kept_.empty() || n < first() || n > last_ || at(n).id() != id) return {};
  return at(n);
}

SSE_DECL ReplayPlan History::plan(std::string_view seen) const {
  const MutexLock lock(mutex_);
  if (of_log_) return plan_logged(parse_event_id(seen));
  return plan_replay(parse_event_id(seen), start(), first(), last_);
}

SSE_DECL ReplayPlan History::plan_logged(std::optional<EventId> seen) const {
  constexpr std::uint64_t most_ahead = std::uint64_t{1} << 32;  // no process lags by more; the client chose the number
  const EventId newest = last_id();
  ReplayPlan plan;
  if (!seen) {
    plan.lost.reset = true;
    plan.lost.last = last_;
    return plan;
  }
  plan.after = seen;
  plan.next = first();
  const std::uint64_t distance = newest.n - std::min(seen->n, newest.n);
  if (seen->n > newest.n) {
    plan.ahead = seen->start >= newest.start && seen->n - newest.n <= most_ahead;
    if (plan.ahead) {
      plan.next = last_ + (seen->n - newest.n) + 1;
      return plan;
    }
    plan.lost.reset = true;
  } else if (!is_known(*seen, distance)) {
    plan.lost.reset = true;
  } else if (distance <= kept_.size()) {
    plan.next = last_ - distance + 1;
    return plan;
  } else {
    plan.lost.add(static_cast<std::size_t>(distance - kept_.size()), 0, 0);
    plan.lost.of_history = plan.lost.count;
  }
  plan.lost.last = first() - 1;
  return plan;
}

SSE_DECL bool History::is_known(const EventId& seen, std::uint64_t distance) const noexcept {
  const auto start_of = [](const Event& event) { return parse_event_id(event.id()).value_or(EventId{}).start; };
  if (distance < kept_.size()) return start_of(at(last_ - distance)) == seen.start;
  if (distance == kept_.size() && dropped_.start != 0) return dropped_.start == seen.start;
  // The event is gone. Starts rise within one log, so one that is later than the oldest event's is of another log.
  return kept_.empty() || seen.start <= start_of(kept_[0]);
}

SSE_DECL ReplayPlan History::plan_all() const {
  const MutexLock lock(mutex_);
  ReplayPlan plan = plan_replay(EventId{1, first() - 1}, 1, first(), last_);
  plan.after = !of_log_              ? EventId{start(), first() - 1}
               : kept_.empty()       ? last_id()
               : dropped_.start != 0 ? dropped_
                                     : EventId{0, first() - 1 - base_};
  return plan;
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
  return batches_.read(n, last + 1, true,
                       [this](std::uint64_t i) SSE_NO_THREAD_SAFETY_ANALYSIS -> const Event& { return at(i); });
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
