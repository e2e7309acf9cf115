// SPDX-License-Identifier: MIT
// The queue of one connection that cannot share a backlog, bounded in events and bytes. It reports what it drops.

#pragma once

#include <cstddef>

#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/detail/queue/keyed_queue.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/ring_buffer.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The live events that wait for one reader, bounded in number and bytes. Not thread-safe.
class Queue {
 public:
  Queue(std::size_t max_size, std::size_t max_bytes, OverflowPolicy policy)
      : ring_(max_size), max_bytes_(max_bytes), keeps_newest_(policy == OverflowPolicy::keep_newest) {}

  std::size_t size() const noexcept { return keeps_newest_ ? keyed_.size() : ring_.size(); }
  bool empty() const noexcept { return size() == 0; }

  /// Whether `event` fits without a loss.
  bool fits(const Event& event) noexcept {
    if (empty()) return true;
    if (max_bytes_ != 0 && bytes_ + event.frame().size() > max_bytes_) return false;
    return keeps_newest_ ? keyed_.size() < ring_.capacity() : ring_.make_room();
  }

  /// Appends `event`; what has to go for it (or itself, without memory) is added to `lost`.
  void push(const Event& event, Loss& lost) noexcept {
    if (max_bytes_ != 0 || keeps_newest_) make_room(event, lost);
    try {
      if (keeps_newest_) {
        keyed_.push(event);
      } else {
        if (!ring_.make_room()) lost.add(EventFactory::sequence(ring_[0]));
        ring_.push(event);
      }
      if (max_bytes_ != 0) bytes_ += event.frame().size();
    } catch (...) {
      lost.add(EventFactory::sequence(event));
    }
  }

  /// It must not be empty.
  Event pop() noexcept {
    Event event = keeps_newest_ ? keyed_.pop() : ring_.pop();
    uncount(event);
    return event;
  }

  void clear() noexcept {
    while (!empty()) pop();
  }

 private:
  void make_room(const Event& event, Loss& lost) noexcept {
    const auto lose = [&](const Event& old) {
      uncount(old);
      lost.add(EventFactory::sequence(old));
    };
    if (keeps_newest_ && !fits(event)) {
      for (Event old = keyed_.pop_superseded(); !old.empty(); old = keyed_.pop_superseded()) lose(old);
      if (const Event old = keyed_.pop_newest_of(event.key()); !old.empty()) lose(old);
    }
    while (!fits(event)) lose(keeps_newest_ ? keyed_.pop() : ring_.pop());
  }
  void uncount(const Event& event) noexcept {
    if (max_bytes_ != 0) bytes_ -= event.frame().size();
  }

  RingBuffer<Event> ring_;
  std::size_t bytes_ = 0;  ///< counted where they are bounded
  const std::size_t max_bytes_;
  const bool keeps_newest_;
  KeyedQueue keyed_;  ///< where it keeps the newest; otherwise ring_
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
