#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/event.hpp"

namespace sse::detail {

/// Events in line whose frames go out in one gathered write.
class Batch {
 public:
  static constexpr std::size_t max_size = 64;  ///< what Asio passes to the system at most

  explicit Batch(std::size_t size) {
    events_.reserve(size);
    frames_.reserve(size);
  }

  /// At most `size` of them.
  void add(Event event) noexcept {
    frames_.push_back(asio::buffer(event.frame()));
    events_.push_back(std::move(event));
  }
  std::size_t size() const noexcept { return events_.size(); }
  std::span<const asio::const_buffer> frames() const noexcept { return frames_; }

 private:
  std::vector<Event> events_;
  std::vector<asio::const_buffer> frames_;
};

/// One reader's part of a batch.
struct BatchPart {
  std::shared_ptr<const Batch> batch;
  std::size_t begin = 0, size = 0;
  bool more = false;  ///< something waits behind it

  std::span<const asio::const_buffer> frames() const noexcept { return batch->frames().subspan(begin, size); }
};

/// The batches of a line of events that were read last: the next reader is probably at the same places, and then writes
/// the same. Each has what waits of one chunk of the line. Not thread-safe.
class BatchCache {
 public:
  /// The events from `at` to `end` or to the end of the chunk, at least 1; `event(n)` is the event at `n`.
  template <class EventAt>
  BatchPart read(std::uint64_t at, std::uint64_t end, EventAt&& event) {
    const std::uint64_t chunk_end = std::min(end, (at / Batch::max_size + 1) * Batch::max_size);
    Entry& entry = entry_of(at);
    if (!entry.batch || at < entry.begin || entry.begin + entry.batch->size() < chunk_end) {
      const auto batch = std::make_shared<Batch>(static_cast<std::size_t>(chunk_end - at));
      for (std::uint64_t n = at; n < chunk_end; ++n) batch->add(event(n));
      entry = {batch, at};
    }
    return {entry.batch, static_cast<std::size_t>(at - entry.begin), static_cast<std::size_t>(chunk_end - at)};
  }
  /// The events before `at` are gone: no batch is kept that has only those.
  void forget_before(std::uint64_t at) noexcept {
    if (at % Batch::max_size != 0 || at == 0) return;
    Entry& entry = entry_of(at - 1);
    if (entry.begin < at) entry.batch.reset();
  }
  void clear() noexcept {
    for (Entry& entry : entries_) entry.batch.reset();
  }

 private:
  struct Entry {
    std::shared_ptr<const Batch> batch;
    std::uint64_t begin = 0;  ///< the place of its first event
  };
  Entry& entry_of(std::uint64_t at) noexcept { return entries_[at / Batch::max_size % entries_.size()]; }

  std::array<Entry, 4> entries_;  ///< a reader writes so many in a row before others have their turn
};

}  // namespace sse::detail
