// SPDX-License-Identifier: MIT
// The last events of a manager, kept in memory for replay. It has a lock of its own.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/thread_annotations.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/event.hpp"
#include "sse/ring_buffer.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The last events, each with its id. Their bytes are shared with the connections. Thread-safe.
///
/// In the child of a fork() its ids get another start, and its events are dropped: otherwise parent and child would
/// give the same id to different events. The numbers go on, because the connections compare them.
class History {
 public:
  /// Holds at most `max_size` events and `max_bytes` bytes of their frames (0: no limit). The newest event may exceed
  /// the bytes.
  History(std::size_t max_size, std::size_t max_bytes);

  /// The start of the ids. It changes after a fork().
  std::uint64_t start() const noexcept { return start_.load(std::memory_order_relaxed); }
  /// The number of the last event. 0: there was none.
  std::uint64_t last() const noexcept {
    const MutexLock lock(mutex_);
    return last_;
  }

  /// The last event's number and its id, after which a new stream goes on.
  struct LastEvent {
    std::uint64_t sequence;
    EventId id;
  };
  LastEvent last_event() const noexcept {
    const std::uint64_t n = last();
    return {n, {start(), n}};
  }
  /// The id of the event `sequence` as text.
  std::string id_of(std::uint64_t sequence) const { return to_string(EventId{start(), sequence}); }

  /// Drops the events and takes another start if this process is a new child of a fork. Call it before ids are given or
  /// compared.
  void renew_after_fork() noexcept;

  /// Gives `event` the next id and keeps it. One caller at a time.
  void add(Event& event);

  /// Plans a replay of the events after the id `seen`, as plan_replay does.
  ReplayPlan plan(std::string_view seen) const;
  /// Plans a replay of all events that it holds.
  ReplayPlan plan_all() const;

  /// The event `n`, or the oldest one if `n` is gone. `n` must be at most last(). Empty: the history holds no event,
  /// after a fork.
  Event from(std::uint64_t n) const noexcept;
  /// As many of the events from `n` to `last` as fit into one batch. Empty if `n` is gone.
  BatchPart batch(std::uint64_t n, std::uint64_t last);

 private:
  std::uint64_t first() const noexcept SSE_REQUIRES(mutex_) { return last_ + 1 - kept_.size(); }
  const Event& at(std::uint64_t n) const noexcept SSE_REQUIRES(mutex_) {
    return kept_[static_cast<std::size_t>(n - first())];
  }
  void drop_oldest() noexcept SSE_REQUIRES(mutex_);

  std::atomic<std::uint64_t> start_;
  std::atomic<std::uint64_t> fork_generation_;  ///< The fork_generation() in which `start_` was made.
  const std::size_t max_bytes_;                 ///< Immutable.
  mutable Mutex mutex_;
  RingBuffer<Event> kept_ SSE_GUARDED_BY(mutex_);
  std::size_t bytes_ SSE_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_ SSE_GUARDED_BY(mutex_) = 0;
  BatchCache batches_ SSE_GUARDED_BY(mutex_);
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/history/history.ipp"
#endif
