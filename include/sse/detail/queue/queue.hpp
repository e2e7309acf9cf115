// SPDX-License-Identifier: MIT
// The queue of one connection that cannot share a backlog, bounded in events and bytes. It adds the events that it
// drops to a Loss.

#pragma once

#include <cstddef>

#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/history/loss.hpp"
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
      : ring_(max_size),
        max_bytes_(max_bytes),
        keyed_(policy == OverflowPolicy::keep_newest ? new KeyedQueue : nullptr) {}

  std::size_t size() const noexcept { return keyed_ ? keyed_->size() : ring_.size(); }
  bool empty() const noexcept { return size() == 0; }

  /// True if `event` fits without a loss.
  bool fits(const Event& event) noexcept {
    if (empty()) return true;
    if (max_bytes_ != 0 && bytes_ + event.frame().size() > max_bytes_) return false;
    return keyed_ ? keyed_->size() < ring_.capacity() : ring_.make_room();
  }

  /// Appends `event`, and adds the events that are dropped for it to `lost`. If an allocation fails, `event` itself is
  /// dropped.
  void push(const Event& event, Loss& lost) noexcept;

  /// Takes the oldest event; the queue must not be empty.
  Event pop() noexcept {
    Event event = keyed_ ? keyed_->pop() : ring_.pop();
    uncount(event);
    return event;
  }

 private:
  void make_room(const Event& event, Loss& lost) noexcept;
  void uncount(const Event& event) noexcept {
    if (max_bytes_ != 0) bytes_ -= event.frame().size();
  }

  RingBuffer<Event> ring_;
  std::size_t bytes_ = 0;          ///< Bytes of the queued frames. Counted only if max_bytes_ is not 0.
  const std::size_t max_bytes_;    ///< Immutable.
  const Owned<KeyedQueue> keyed_;  ///< Holds the events under OverflowPolicy::keep_newest, in place of ring_.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/queue/queue.ipp"
#endif
