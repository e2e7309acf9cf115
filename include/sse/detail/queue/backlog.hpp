// SPDX-License-Identifier: MIT
// The live events of many connections, kept once. Each reader is a place in it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/ref_count_pool.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/event.hpp"
#include "sse/ring_buffer.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The live events of connections that want the same ones and drop the oldest, as most connections do. They are kept
/// once for all of them, and each connection is a place among them. So an event costs the emitter the same for 10
/// connections as for 10,000, and the queued events take memory once. All readers of one backlog have the same
/// max_queue_size. Guarded by its shard's mutex.
class Backlog : public IntrusiveList<Backlog>::Hook {
 public:
  /// A reader's place: before the event number `at`, counted from the backlog's first.
  struct Place {
    std::uint64_t at = 0;
    std::uint64_t sequence = 0;  ///< Number of the last event with an id before the place.
  };

  /// `sequence` is the number of the last event with an id before the backlog. `gets_all`: it gets every event, as
  /// opposed to those of some topics.
  Backlog(std::size_t capacity, std::uint64_t sequence, bool gets_all)
      : copies_(capacity), events_(capacity), begin_{0, sequence}, end_(begin_), gets_all_(gets_all) {}
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  std::size_t capacity() const noexcept { return events_.capacity(); }
  std::size_t readers() const noexcept { return readers_; }
  bool gets_all() const noexcept { return gets_all_; }
  WaitList waits;  ///< The waits of the readers.

  /// Adds a reader and returns its place, which is the end.
  Place enter() noexcept {
    ++readers_, ++caught_up_;
    return end_;
  }
  void leave(const Place& place) noexcept;

  /// Appends an event. True: the oldest was dropped for it before all readers have read it.
  bool append(const Event& event) noexcept;
  /// The place of the readers that have just lost their first event, after `append` has returned true.
  std::uint64_t first_lost() const noexcept { return begin_.at - 1; }

  /// The number of events that wait at the place.
  std::size_t count(const Place& place) const noexcept {
    return static_cast<std::size_t>(end_.at - std::max(place.at, begin_.at));
  }
  std::size_t count_lost(const Place& place) const noexcept {
    return place.at < begin_.at ? static_cast<std::size_t>(begin_.at - place.at) : 0;
  }

  /// Adds the events that the reader has lost to `lost`, and moves the place behind them.
  void skip_lost(Place& place, Loss& lost) noexcept;

  // For a reader that has lost none:

  /// Passes the next `count` events, which must exist, to `take(const Event&)`, and moves the place.
  template <class Take>
  void read(Place& place, std::size_t count, Take&& take) noexcept {
    for (std::size_t i = 0; i < count; ++i) take(slot(place.at + i).event);
    if (count != 0) move(place, count, 1);
  }
  /// Returns the next events, of which there must be at least one, and moves the place, at which so many readers are.
  BatchPart read_batch(Place& place, std::size_t readers = 1);

 private:
  struct Slot {
    Event event;
    std::uint64_t sequence = 0;  ///< Number of the last event with an id up to this one.
    std::size_t readers = 0;     ///< The number of readers whose next event this is.
  };

  /// Readers that have lost their next event.
  struct Lagging {
    std::uint64_t at = 0;     ///< Their place.
    std::uint64_t first = 0;  ///< Number of the first lost event with an id. 0: none so far.
    std::size_t readers = 0;
  };

  /// True if copies with counts of their own pay: there may be many audiences of one reader.
  bool has_company() const noexcept { return gets_all_ || readers_ > 1; }
  Slot& slot(std::uint64_t at) noexcept { return events_[static_cast<std::size_t>(at - begin_.at)]; }
  std::size_t& count_at(const Place& place) noexcept;
  void move(Place& place, std::size_t count, std::size_t readers) noexcept;
  void drop_oldest() noexcept;
  void note_loss(const Slot& oldest) noexcept;
  /// A reader at this place lags no more. Returns the number of the first event with an id that it has lost.
  std::uint64_t forget_loss(const Place& place) noexcept;
  /// Frees the events that all readers have read.
  void trim() noexcept;

  RefCountPool copies_;
  RingBuffer<Slot> events_;
  BatchCache batches_;
  Place begin_, end_;  ///< The places of the first event in `events_` and behind the last.
  std::size_t readers_ = 0;
  std::size_t caught_up_ = 0;     ///< Readers at the end.
  std::size_t lagging_ = 0;       ///< Readers that have lost events which skip_lost has not counted yet.
  std::uint64_t marker_end_ = 0;  ///< The place behind the last marker of the log that was dropped.
  /// By their place. Empty if the backlog gets all events: then the numbers have no holes. Without memory a place
  /// may be missing here, and the loss is then told from the number behind the reader's last event on.
  std::vector<Lagging> losses_;
  const bool gets_all_;  ///< Immutable.
};

/// The place of several readers of a backlog that have all read the same. Guarded by its shard's mutex.
struct SharedPlace {
  Backlog* backlog = nullptr;  ///< Meaningless without readers.
  Backlog::Place place;
  std::size_t readers = 0;
};

/// The backlogs of a shard that get all events, one for each max_queue_size. Guarded by the shard's mutex.
class Backlogs {
 public:
  bool empty() const noexcept { return list_.empty(); }
  /// The first backlog of the list. Null: there is none.
  Backlog* first() const noexcept { return list_.first(); }
  /// The backlog behind another one. Null: that is the last.
  static Backlog* next(const Backlog& backlog) noexcept { return IntrusiveList<Backlog>::next(backlog); }

  /// Finds or makes the backlog of this capacity. The caller adds a reader, or releases it.
  Backlog& get(std::size_t capacity);
  /// Deletes a backlog without readers.
  void release(Backlog& backlog) noexcept;

  /// The number of the last event with an id that was delivered in this shard.
  std::uint64_t sequence() const noexcept { return sequence_; }
  void set_sequence(std::uint64_t sequence) noexcept { sequence_ = sequence; }

 private:
  IntrusiveList<Backlog> list_;  ///< Each has readers.
  std::uint64_t sequence_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/queue/backlog.ipp"
#endif
