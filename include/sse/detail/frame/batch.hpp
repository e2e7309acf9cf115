// SPDX-License-Identifier: MIT
// Several frames gathered for one write. Readers at the same place share a batch.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/event.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Consecutive events whose frames go out in one gathered write.
class Batch : public RefCounted {
 public:
  /// max_size is large: one system call costs as much as about 30 frames. max_bytes is small: frames in a batch can no
  /// longer be dropped when the peer is slow.
  static constexpr std::size_t max_size = 256, max_bytes = 32 * 1024;

  explicit Batch(std::size_t size) {
    events_.reserve(size);
    frames_ = new asio::const_buffer[size];
  }
  ~Batch() { delete[] frames_; }

  /// Appends an event. Call it at most as often as the constructor's `size` says.
  void add(Event event) noexcept {
    const std::string_view frame = event.frame();
    frames_[size()] = asio::const_buffer(frame.data(), frame.size());
    events_.push_back(std::move(event));
    bytes_ += frame.size();
  }
  std::size_t size() const noexcept { return events_.size(); }
  bool full() const noexcept { return size() >= max_size || bytes_ >= max_bytes; }
  std::size_t bytes() const noexcept { return bytes_; }
  const asio::const_buffer* frames() const noexcept { return frames_; }  ///< size() buffers.

 private:
  std::vector<Event> events_;
  asio::const_buffer* frames_ = nullptr;  ///< An array.
  std::size_t bytes_ = 0;
};

/// One reader's part of a batch.
struct BatchPart {
  IntrusivePtr<Batch> batch;
  std::size_t begin = 0, size = 0;
  bool more = false;  ///< More events wait behind it.

  const asio::const_buffer* frames() const noexcept { return batch->frames() + begin; }  ///< `size` buffers.
  std::size_t bytes() const noexcept {
    if (size == 0) return 0;
    if (size == batch->size()) return batch->bytes();
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < size; ++i) bytes += frames()[i].size();
    return bytes;
  }
};

/// Keeps the batches that were read last, because the next reader is probably at the same place and writes the same
/// frames. Not thread-safe.
class BatchCache {
 public:
  /// Returns the events from `at` to `end`, at least one, or the first of them. `event(n)` is the event at `n`.
  template <class EventAt>
  BatchPart read(std::uint64_t at, std::uint64_t end, EventAt&& event) {
    Entry* place = &entries_[next_];
    for (Entry& entry : entries_) {
      if (!entry.batch || at < entry.begin || at >= entry.end()) continue;
      if (entry.batch->full() || entry.end() >= end) return entry.part(at, end);
      place = &entry;  // more events have come
    }
    if (place == &entries_[next_]) next_ = (next_ + 1) % entries_.size();
    const IntrusivePtr<Batch> batch(
        new Batch(static_cast<std::size_t>(std::min<std::uint64_t>(end - at, Batch::max_size))));
    for (std::uint64_t n = at; n < end && !batch->full(); ++n) batch->add(event(n));
    *place = {batch, at};
    return place->part(at, end);
  }
  /// Drops the batches that hold only events before `at`, which are gone.
  void forget_before(std::uint64_t at) noexcept {
    for (Entry& entry : entries_)
      if (entry.batch && entry.end() <= at) entry.batch = {};
  }
  void clear() noexcept {
    for (Entry& entry : entries_) entry.batch = {};
  }

 private:
  struct Entry {
    IntrusivePtr<Batch> batch;
    std::uint64_t begin = 0;  ///< The place of the batch's first event.

    std::uint64_t end() const noexcept { return begin + batch->size(); }
    BatchPart part(std::uint64_t from, std::uint64_t to) const noexcept {
      return {batch, static_cast<std::size_t>(from - begin), static_cast<std::size_t>(std::min(to, end()) - from)};
    }
  };

  /// Several, because a reader writes some batches in a row before others have their turn.
  std::array<Entry, 4> entries_;
  std::size_t next_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
