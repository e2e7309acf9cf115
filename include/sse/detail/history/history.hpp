// SPDX-License-Identifier: MIT
// The last events of a manager, kept in memory for replay. It has a lock of its own.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "sse/detail/frame/batch.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/event.hpp"
#include "sse/ring_buffer.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The last events, each with its id; they are shared with the connections. Thread-safe.
class History {
 public:
  History(std::size_t size, std::uint64_t begin) : start(begin), kept_(std::max<std::size_t>(size, 1)) {}

  const std::uint64_t start;

  /// The number of the last event; 0: there was none.
  std::uint64_t last() const noexcept {
    const std::lock_guard lock(mutex_);
    return last_;
  }

  /// `event` has the next number.
  void keep(const Event& event) noexcept {
    const std::lock_guard lock(mutex_);
    kept_.push(event);
    ++last_;
    batches_.forget_before(first());
  }

  /// plan_replay in what is held now.
  ReplayPlan plan(std::string_view seen) const {
    const std::lock_guard lock(mutex_);
    return plan_replay(parse_event_id(seen), start, first(), last_);
  }
  ReplayPlan plan_all() const {
    const std::lock_guard lock(mutex_);
    return plan_replay(EventId{start, first() - 1}, start, first(), last_);
  }

  /// The event `n`, or the oldest if that is gone; `n` must be last() at most.
  Event from(std::uint64_t n) const noexcept {
    const std::lock_guard lock(mutex_);
    return at(std::max(n, first()));
  }
  /// The events from `n` to `last`, in part; nothing if `n` is gone.
  BatchPart batch(std::uint64_t n, std::uint64_t last) {
    const std::lock_guard lock(mutex_);
    if (n < first()) return {};
    return batches_.read(n, last + 1, [this](std::uint64_t i) -> const Event& { return at(i); });
  }

 private:
  std::uint64_t first() const noexcept { return last_ + 1 - kept_.size(); }
  const Event& at(std::uint64_t n) const noexcept { return kept_[static_cast<std::size_t>(n - first())]; }

  mutable std::mutex mutex_;
  RingBuffer<Event> kept_;
  std::uint64_t last_ = 0;
  BatchCache batches_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
