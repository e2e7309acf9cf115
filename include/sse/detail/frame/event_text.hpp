// SPDX-License-Identifier: MIT
// The bytes that the copies of an event share, and how the copies are counted. A shard's readers count apart from
// others, so that threads do not take one counter from each other.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

struct EventText;

/// How many copies of an event there are. Each event has one; some of its copies may have another (EventCounts).
struct EventCount {
  static constexpr std::uint32_t own = ~0u;

  std::atomic<std::uint32_t> copies{1};
  std::uint32_t place = own;  ///< in an EventCounts

  inline EventText& shared() noexcept;
  void remove() noexcept {
    if (copies.fetch_sub(1, std::memory_order_acq_rel) == 1) end();
  }
  inline void end() noexcept;
};

/// What the copies of an Event share. The text has head room for an id, the frame, the type, the topic and the key, and
/// the data of a message of several lines.
struct EventText : EventCount {
  struct Part {
    std::size_t begin = 0, size = 0;
  };
  std::uint64_t sequence = 0;
  Part frame;
  std::string text;
  Part id, json, type, topic, key;
};

/// Counts for copies that stay among themselves, those of one shard's readers: threads that read different shards would
/// take the event's own count from each other with each copy. Each stands for one copy of its event.
struct alignas(64) EventCounts {
  static constexpr std::size_t size = 32;

  std::array<EventCount, size> counts;  ///< first: a count finds the rest from its place
  std::array<EventText*, size> texts{};
  std::atomic<std::size_t> used{1};  ///< of `counts`, and one for the shard
  EventCounts* next = nullptr;       ///< of the shard's

  static EventCounts& of(EventCount& count) noexcept {
    return *reinterpret_cast<EventCounts*>(reinterpret_cast<std::uintptr_t>(&count) - count.place * sizeof count);
  }
  void remove() noexcept {
    if (used.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
};

inline EventText& EventCount::shared() noexcept {
  return place == own ? static_cast<EventText&>(*this) : *EventCounts::of(*this).texts[place];
}

inline void EventCount::end() noexcept {
  EventText& text = shared();
  if (place == own) {
    delete &text;
  } else {
    EventCounts::of(*this).remove();
    text.remove();
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
