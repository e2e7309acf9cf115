// SPDX-License-Identifier: MIT
// The queue of one reader's live events: a place in a shared backlog, or a queue of its own. It moves between the two.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "sse/detail/async/wait_place.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/detail/queue/queue.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The result of pushing an event to one connection.
enum class PushResult {
  skipped,           ///< The event is before the stream, or in its replay.
  queued,            ///< It waits.
  queued_after_gap,  ///< It waits, and the first event of a gap was dropped for it.
  refused,           ///< It did not fit, under OverflowPolicy::disconnect.
};

/// The queue of a connection that shares no backlog. Guarded by its shard's mutex.
struct PrivateQueue {
  PrivateQueue(std::size_t max_size, std::size_t max_bytes, OverflowPolicy overflow_policy)
      : queue(max_size, max_bytes, overflow_policy), policy(overflow_policy) {}

  Queue queue;
  Loss lost;                    ///< The events lost before the queue's oldest event.
  std::uint64_t after = 0;      ///< Live events up to this number are before the stream, or in its replay.
  const OverflowPolicy policy;  ///< Immutable.
};

/// The live events that wait for one reader. Guarded by its shard's mutex.
///
/// A reader shares a backlog while others may want the same events, and drops the oldest. It gets a queue of its own
/// when an event is sent to it alone or its topics change, and returns to a backlog when that queue is empty.
class ReaderQueue {
 public:
  ReaderQueue(std::size_t max_size, std::size_t max_bytes, OverflowPolicy policy, bool may_share)
      : max_size_(max_size), may_share_(may_share) {
    if (!may_share_) private_ = Owned<PrivateQueue>(new PrivateQueue(max_size, max_bytes, policy));
  }
  ReaderQueue(const ReaderQueue&) = delete;
  ReaderQueue& operator=(const ReaderQueue&) = delete;

  bool may_share() const noexcept { return may_share_; }
  bool is_shared() const noexcept { return backlog_ != nullptr; }
  /// The backlog that it shares, or null.
  Backlog* backlog() const noexcept { return backlog_; }
  std::size_t max_size() const noexcept { return max_size_; }

  std::size_t size() const noexcept {
    return backlog_ ? backlog_->count(place()) : private_ ? private_->queue.size() : 0;
  }
  /// Events lost in the backlog that skip_lost has not counted yet.
  std::size_t uncounted() const noexcept { return backlog_ ? backlog_->count_lost(place()) : 0; }
  /// True if a private queue has lost events that pop() has not told yet.
  bool has_lost() const noexcept { return private_ && private_->lost.any(); }
  /// True if the reader has just lost the event `at` of `backlog`, the first of a gap.
  bool loses_first(const Backlog& backlog, std::uint64_t at) const noexcept {
    return backlog_ == &backlog && place().at == at;
  }

  /// True if it reads its backlog at a SharedPlace, where the place moves without it. It must leave that before it
  /// reads, or leaves the backlog.
  bool in_shared_place() const noexcept { return in_shared_place_; }
  /// Enters a place of its backlog, which must be where it is itself.
  void enter_shared_place(SharedPlace& shared) noexcept {
    ++shared.readers;
    shared_place_ = &shared;
    in_shared_place_ = true;
  }
  /// Leaves the place, which it must be at, and is where that is now.
  void leave_shared_place() noexcept {
    SharedPlace& shared = *shared_place_;
    --shared.readers;
    in_shared_place_ = false;
    place_ = shared.place;
  }
  /// The place that it shares, which must be so.
  SharedPlace* shared_place() const noexcept { return shared_place_; }
  const Backlog::Place& place() const noexcept { return in_shared_place_ ? shared_place_->place : place_; }

  // In a backlog:

  /// Enters a backlog of its max_size at the end. If it throws, nothing has changed.
  void share(Backlog& backlog, WaitPlace& waits);
  /// Leaves the backlog, which the caller releases. Call skip_lost first.
  void leave_backlog(WaitPlace& waits) noexcept;
  /// Adds the events lost in the backlog to `lost`, moves behind them, and returns their number.
  std::size_t skip_lost(Loss& lost) noexcept;
  /// Moves a reader that has caught up behind the events up to the number `last`, none of which is in the backlog.
  /// False: it is there.
  bool pass(std::uint64_t last) noexcept { return place_.sequence < last && (place_.sequence = last, true); }
  template <class Take>
  void read_shared(std::size_t count, Take&& take) noexcept {
    backlog_->read(place_, count, take);
  }
  BatchPart read_shared_batch() { return backlog_->read_batch(place_); }

  // In a queue of its own:

  /// Makes the private queue if there is none.
  void make_private();
  /// Moves from the backlog, which the caller releases, to the private queue, with the events that wait, and returns
  /// how many were lost. Call make_private first.
  std::size_t move_to_private(WaitPlace& waits) noexcept;
  void drop_private() noexcept { private_ = {}; }
  /// From now on `push` skips events up to the number `last`: they are before the stream, or in its replay.
  void begin_after(std::uint64_t last) noexcept { private_->after = last; }
  /// True if it has a private queue, and gets the live events behind the number `last`.
  bool has_passed(std::uint64_t last) const noexcept { return private_ && private_->after <= last; }
  /// Pushes an event into the private queue, and adds the number of events that were dropped for it to `dropped`.
  PushResult push(const Event& event, std::size_t& dropped) noexcept;
  /// Takes the oldest event of the private queue, and adds the events lost before it to `lost`. Empty: none waits.
  Event pop(Loss& lost) noexcept;
  /// Takes the oldest event of the private queue, which has one and has lost none.
  Event pop_plain() noexcept { return private_->queue.pop(); }
  /// True if the private queue is empty and the reader may return to a backlog whose last event is `sequence`.
  bool can_share_again(std::uint64_t sequence) const noexcept {
    return may_share_ && private_ && private_->queue.empty() && !has_lost() && private_->after <= sequence;
  }

  /// Discards the events that were made at `limit` or later, because the reader has no right to them.
  void drop_since(SystemTime limit) noexcept;

 private:
  Backlog* backlog_ = nullptr;  ///< Null: the events wait in private_, or the reader is in no map.
  union {
    Backlog::Place place_{};     ///< The reader's place in the backlog.
    SharedPlace* shared_place_;  ///< The place that it shares, while in_shared_place_ is true.
  };
  Owned<PrivateQueue> private_;
  const std::size_t max_size_;  ///< Immutable.
  const bool may_share_;        ///< Immutable.
  bool in_shared_place_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/queue/reader_queue.ipp"
#endif
