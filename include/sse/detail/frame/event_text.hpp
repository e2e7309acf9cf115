// SPDX-License-Identifier: MIT
// The bytes that the copies of an event share, and how the copies are counted. The readers of one backlog have counts
// of their own, so that threads do not contend for one counter.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sse/detail/base/owned.hpp"
#include "sse/detail/frame/packed_group.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

struct EventText;

/// The number of an event's copies. Each event has one count; some of its copies may have another (EventCounts).
struct EventCount {
  static constexpr std::uint32_t own = ~0u;

  std::atomic<std::uint32_t> copies{1};
  std::uint32_t place = own;  ///< Index in an EventCounts, or `own`. Immutable once copied.

  inline EventText& shared() noexcept;
  void remove() noexcept {
    if (copies.fetch_sub(1, std::memory_order_acq_rel) == 1) end();
  }
  inline void end() noexcept;
};

/// The kind of an event's text.
enum class EventKind : std::uint8_t {
  envelope,  ///< JSON with the type, the data and the timestamp around it, by emit_event.
  message,   ///< Data as they are, by emit_message.
  marker,    ///< A loss of the log, told to every connection in its place. One that is dropped becomes a reset.
};

/// The bytes that the copies of an Event share. The text has head room for an id, the frame, the type, the topic and
/// the key, and the data of a message of several lines. Immutable once it is published.
struct EventText : EventCount {
  struct Part {
    std::size_t begin = 0, size = 0;
  };
  /// The event's number in its manager, dense from 1. 0: the event has no id. It never goes back, as the second number
  /// of the id may do where a log gives the ids.
  std::uint64_t sequence = 0;
  Part frame;
  std::string text;
  Part id, json, type, topic, key;
  std::uint64_t key_hash = 0;                  ///< secret_hash of the key, where there is one.
  std::chrono::system_clock::time_point time;  ///< The time of its making, by the manager's clock.
  Owned<ChainLink> links;                      ///< Its places in the chains of compressed streams.
  EventKind kind = EventKind::envelope;
};

/// A block of counts for the copies that the readers of one backlog make. If they used the event's own count, threads
/// that read different shards would contend for its cache line with each copy. Each count here stands for one copy of
/// its event.
struct alignas(64) EventCounts {
  static constexpr std::size_t size = 32;

  /// The first member, so that EventCounts::of finds the block by a count's place.
  std::array<EventCount, size> counts;
  std::array<EventText*, size> texts{};
  std::atomic<std::size_t> used{1};  ///< Counts in use, plus one for the RefCountPool.
  EventCounts* next = nullptr;       ///< The pool's next block. Guarded by the shard's mutex.

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
