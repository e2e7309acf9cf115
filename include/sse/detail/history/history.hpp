// SPDX-License-Identifier: MIT
// The last events of a manager, kept in memory for replay. It has a lock of its own.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
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
///
/// With a log the ids are the log's. An event's number (EventText::sequence) is then the log's `n` plus a constant. The
/// constant changes only where the log was rewritten, so that the numbers rise where the log's go back. An id is known
/// by its number, and compared with the event's.
class History {
 public:
  /// Holds at most `max_size` events and `max_bytes` bytes of their frames (0: no limit). The newest event may exceed
  /// the bytes. `of_log`: a log gives the ids.
  History(std::size_t max_size, std::size_t max_bytes, bool of_log = false);

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
  LastEvent last_event() const noexcept;
  /// The id of the event `sequence` as text, also of the one before the oldest that it holds. Empty: it is not known.
  /// With a log, before its first event: 0-0.
  std::string id_of(std::uint64_t sequence) const;

  /// Drops the events and takes another start if this process is a new child of a fork. Call it before ids are given or
  /// compared.
  void renew_after_fork() noexcept;

  /// Gives `event` the next id and keeps it. One caller at a time.
  void add(Event& event);

  // With a log. One caller at a time:

  /// Gives `event` its id of the log and keeps it. Its `n` must follow the last one.
  void add_logged(Event& event, const EventId& id);
  /// Begins with the log's events after `n`, and drops all others. The numbers go on.
  void begin_after(std::uint64_t n) noexcept;
  /// Drops all events: the `count` that follow in the log are lost.
  void skip(std::uint64_t count) noexcept;

  /// The event of that id. Empty: the history does not hold it.
  Event find(std::string_view id) const noexcept;

  /// Plans a replay of the events after the id `seen`, as plan_replay does. With a log it may be one that this process
  /// has not read yet (ReplayPlan::ahead).
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
  void drop_all() noexcept SSE_REQUIRES(mutex_);
  void keep(const Event& event) noexcept SSE_REQUIRES(mutex_);
  ReplayPlan plan_logged(std::optional<EventId> seen) const SSE_REQUIRES(mutex_);
  /// Whether the id that is `distance` before the last event is one of this log's.
  bool is_known(const EventId& seen, std::uint64_t distance) const noexcept SSE_REQUIRES(mutex_);
  EventId last_id() const noexcept SSE_REQUIRES(mutex_);

  std::atomic<std::uint64_t> start_;
  std::atomic<std::uint64_t> fork_generation_;  ///< The fork_generation() in which `start_` was made.
  const std::size_t max_bytes_;                 ///< Immutable.
  const bool of_log_;                           ///< Immutable.
  mutable Mutex mutex_;
  RingBuffer<Event> kept_ SSE_GUARDED_BY(mutex_);
  std::size_t bytes_ SSE_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_ SSE_GUARDED_BY(mutex_) = 0;
  BatchCache batches_ SSE_GUARDED_BY(mutex_);
  std::uint64_t base_ SSE_GUARDED_BY(mutex_) = 0;  ///< With a log: an event's number less its `n`, modulo 2^64.
  EventId dropped_ SSE_GUARDED_BY(mutex_){};       ///< With a log: the event before the oldest. Start 0: not known.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/history/history.ipp"
#endif
