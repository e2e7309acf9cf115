// SPDX-License-Identifier: MIT
// The live events that many connections wait for, kept once. Each reader is a place in it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/intrusive_list.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/ref_count_pool.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/event.hpp"
#include "sse/ring_buffer.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The live events of connections that get every event and drop the oldest, which is most of them: kept once for all,
/// and each connection is a place in it. So an event costs the emitter the same for 10 connections as for 10,000, and a
/// queue costs memory once. All have the same max_queue_size. Guarded by its shard's mutex.
class Backlog : public IntrusiveList<Backlog>::Hook {
 public:
  /// Where a reader is: before the event number `at`, counted from the backlog's first.
  struct Place {
    std::uint64_t at = 0;
    std::uint64_t sequence = 0;  ///< of the last event with an id before that
  };

  /// `sequence`: of the last event with an id before it.
  Backlog(std::size_t capacity, std::uint64_t sequence)
      : copies_(capacity), events_(capacity), begin_{0, sequence}, end_(begin_) {}
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  std::size_t capacity() const noexcept { return events_.capacity(); }
  std::size_t readers() const noexcept { return readers_; }
  WaitList waits;  ///< of the readers

  /// A new reader's place: what comes from now on.
  Place enter() noexcept {
    ++readers_, ++caught_up_;
    return end_;
  }
  void leave(const Place& place) noexcept {
    --count_at(place);
    --readers_;
    trim();
  }

  /// Appends an event; true: the oldest was dropped for it before all have read it.
  bool append(const Event& event) noexcept {
    const bool full = !events_.make_room();
    const bool lost = full && events_[0].readers != 0;
    if (full) drop_oldest();
    ++end_.at;
    if (const std::uint64_t sequence = EventFactory::sequence(event); sequence != 0) end_.sequence = sequence;
    events_.push({copies_.make(event), end_.sequence, std::exchange(caught_up_, 0)});
    trim();
    return lost;
  }
  /// The place of those that have just lost their first event, where `append` says so.
  std::uint64_t first_lost() const noexcept { return begin_.at - 1; }

  std::size_t count(const Place& place) const noexcept {
    return static_cast<std::size_t>(end_.at - std::max(place.at, begin_.at));
  }
  std::size_t count_lost(const Place& place) const noexcept {
    return place.at < begin_.at ? static_cast<std::size_t>(begin_.at - place.at) : 0;
  }

  /// Adds what the reader has lost to `lost`, and moves it on past that.
  void skip_lost(Place& place, Loss& lost) noexcept {
    const std::size_t count = count_lost(place);
    if (count == 0) return;
    const bool had_id = begin_.sequence > place.sequence;
    lost.add(count, had_id ? place.sequence + 1 : 0, begin_.sequence);
    --lagging_;
    ++events_[0].readers;
    place = begin_;
  }

  // Of a reader that has lost none:

  /// Hands the next `count` events, which must wait, to `take(const Event&)`, and moves the reader on.
  template <class Take>
  void read(Place& place, std::size_t count, Take&& take) noexcept {
    for (std::size_t i = 0; i < count; ++i) take(slot(place.at + i).event);
    if (count != 0) move(place, count);
  }
  /// The next events, one at least of which must wait, and moves the reader on.
  BatchPart read_batch(Place& place) {
    BatchPart part =
        batches_.read(place.at, end_.at, [this](std::uint64_t at) -> const Event& { return slot(at).event; });
    move(place, part.size);
    part.more = count(place) != 0;
    return part;
  }

 private:
  struct Slot {
    Event event;
    std::uint64_t sequence = 0;  ///< of the last event with an id up to this one
    std::size_t readers = 0;     ///< whose next event this is
  };

  Slot& slot(std::uint64_t at) noexcept { return events_[static_cast<std::size_t>(at - begin_.at)]; }
  std::size_t& count_at(const Place& place) noexcept {
    if (place.at < begin_.at) return lagging_;
    return place.at == end_.at ? caught_up_ : slot(place.at).readers;
  }
  void move(Place& place, std::size_t count) noexcept {
    --count_at(place);
    place.at += count;
    place.sequence = slot(place.at - 1).sequence;
    ++count_at(place);
    trim();
  }
  void drop_oldest() noexcept {
    const Slot oldest = events_.pop();
    lagging_ += oldest.readers;
    begin_ = {begin_.at + 1, oldest.sequence};
    batches_.forget_before(begin_.at);
  }
  // What all have read is given back at once.
  void trim() noexcept {
    while (lagging_ == 0 && !events_.empty() && events_[0].readers == 0) drop_oldest();
    if (!events_.empty()) return;
    batches_.clear();
    copies_.shrink(1);
  }

  RefCountPool copies_;
  RingBuffer<Slot> events_;
  BatchCache batches_;
  Place begin_, end_;  ///< of `events_`
  std::size_t readers_ = 0;
  std::size_t caught_up_ = 0;  ///< readers at the end
  std::size_t lagging_ = 0;    ///< readers that have lost events and have not been told yet
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
