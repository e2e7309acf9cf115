// SPDX-License-Identifier: MIT
// Copies of events whose reference counts belong to one backlog. It keeps a few blocks of counts and reuses them.

#pragma once

#include <atomic>
#include <cstddef>
#include <new>
#include <utility>

#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/event_text.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Makes copies of events that have counts of their own (EventCounts). Guarded by its shard's mutex.
class RefCountPool {
 public:
  /// `events`: about the number of copies that exist at a time.
  explicit RefCountPool(std::size_t events) noexcept : max_blocks_(events / EventCounts::size + 2) {}
  RefCountPool(const RefCountPool&) = delete;
  RefCountPool& operator=(const RefCountPool&) = delete;
  ~RefCountPool() { shrink(0); }

  /// Makes a copy. If the allocation fails, it is counted by the event's own count.
  Event make(const Event& event) noexcept {
    if (used_ == EventCounts::size && !next_block()) return event;
    return EventFactory::copy(event, *last_, used_++);
  }
  /// Frees all but `blocks` of the blocks that are kept for use.
  void shrink(std::size_t blocks) noexcept {
    while (size_ > blocks) take_first()->remove();
    if (blocks == 0) used_ = EventCounts::size;
  }

 private:
  bool next_block() noexcept {
    const bool is_free = first_ && first_->used.load(std::memory_order_acquire) == 1;
    EventCounts* const block = is_free ? take_first() : new (std::nothrow) EventCounts;
    if (!block) return false;
    block->next = nullptr;
    (first_ ? last_->next : first_) = block;
    last_ = block;
    ++size_;
    shrink(max_blocks_);
    used_ = 0;
    return true;
  }
  EventCounts* take_first() noexcept {
    --size_;
    return std::exchange(first_, first_->next);
  }

  const std::size_t max_blocks_;
  /// New copies are counted in the last block; the first is the next to be free.
  EventCounts *first_ = nullptr, *last_ = nullptr;
  std::size_t size_ = 0;                  ///< Blocks in the list.
  std::size_t used_ = EventCounts::size;  ///< Counts of the last block that are used.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
