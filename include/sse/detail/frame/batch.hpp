// SPDX-License-Identifier: MIT
// Several frames gathered for one write. Readers at the same place share a batch.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/packed_group.hpp"
#include "sse/event.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Consecutive events whose frames go out in one gathered write.
class Batch : public RefCounted {
 public:
  /// max_size is large: one system call costs as much as about 30 frames. max_bytes is small: frames in a batch can no
  /// longer be dropped when the peer is slow.
  static constexpr std::size_t max_size = 256, max_bytes = 32 * 1024;

  explicit Batch(std::size_t size) : Batch(size, size) {}
  virtual ~Batch() {
    delete[] frames_;
    delete[] text_.load(std::memory_order_relaxed);
  }

  /// Appends an event. Call it at most as often as the constructor's `size` says.
  void add(Event event) noexcept {
    const std::string_view frame = event.frame();
    add_frame(frame.data(), frame.size());
    events_.push_back(std::move(event));
  }
  std::size_t size() const noexcept { return size_; }
  bool full() const noexcept { return closed_ || size() >= max_size || bytes_ >= max_bytes; }
  std::size_t bytes() const noexcept { return bytes_; }
  const asio::const_buffer* frames() const noexcept { return frames_; }  ///< size() buffers.
  const Event& event(std::size_t i) const noexcept { return events_[i]; }

  /// The bytes of all frames in one piece, for who can't write them in place. The first reader that asks copies them
  /// for all. Throws std::bad_alloc.
  const char* text() const {
    if (const char* const made = text_.load(std::memory_order_acquire)) return made;
    char* const copy = new char[bytes_];
    char* end = copy;
    for (std::size_t i = 0; i < size_; ++i)
      end = std::copy_n(static_cast<const char*>(frames_[i].data()), frames_[i].size(), end);
    const char* made = nullptr;
    if (text_.compare_exchange_strong(made, copy, std::memory_order_acq_rel)) return copy;
    delete[] copy;
    return made;
  }

  /// Drops the last events, and is full from now on, if it would end inside of a group of compressed events. It keeps
  /// at least one group or a part of one. `gets_all`: the batch is of all events, and not of those of some topics.
  void end_at_group(bool gets_all) noexcept {
    for (const ChainLink* last = EventFactory::links(events_.back()); last;
         last = last->next ? &*last->next : nullptr) {
      const PackedGroup* const group = last->group();
      if (!group || group->last == last->number || (last->chain == ChainLink::all) != gets_all) continue;
      std::size_t end = size_ - 1;
      std::uint64_t first = last->number;
      for (; end > 0 && first > group->first; --end, --first) {
        const ChainLink* const before = EventFactory::link(events_[end - 1], last->chain);
        if (!before || before->number != first - 1) break;
      }
      if (end == 0) return;
      if (first != group->first) continue;  // a chain that has other events, too
      for (; size_ > end; events_.pop_back()) bytes_ -= frames_[--size_].size();
      closed_ = true;
      return;
    }
  }

  /// The same events compressed, for the readers whose inflaters know the text before them. Null: not made yet.
  IntrusivePtr<Batch> packed() const noexcept {
    return packed_state_.load(std::memory_order_acquire) == PackedState::kept ? packed_ : IntrusivePtr<Batch>();
  }
  /// Keeps the compressed form for other readers. Of several the first is kept.
  void keep_packed(const IntrusivePtr<Batch>& packed) const noexcept {
    PackedState expected = PackedState::none;
    if (!packed_state_.compare_exchange_strong(expected, PackedState::written, std::memory_order_acq_rel)) return;
    packed_ = packed;
    packed_state_.store(PackedState::kept, std::memory_order_release);
  }

 protected:
  Batch(std::size_t events, std::size_t frames) {
    events_.reserve(events);
    frames_ = new asio::const_buffer[frames];
  }
  void add_frame(const void* data, std::size_t size) noexcept {
    frames_[size_++] = asio::const_buffer(data, size);
    bytes_ += size;
  }

 private:
  std::vector<Event> events_;
  asio::const_buffer* frames_ = nullptr;  ///< An array.
  std::size_t size_ = 0, bytes_ = 0;
  enum class PackedState : std::uint8_t { none, written, kept };

  mutable IntrusivePtr<Batch> packed_;  ///< Immutable once packed_state_ is `kept`.
  mutable std::atomic<PackedState> packed_state_{PackedState::none};
  mutable std::atomic<const char*> text_{nullptr};  ///< An array, and immutable, once it is made.
  bool closed_ = false;
};

/// One reader's part of a batch.
struct BatchPart {
  IntrusivePtr<Batch> batch;
  std::size_t begin = 0, size = 0;
  bool more = false;    ///< More events wait behind it.
  bool packed = false;  ///< It is part of a compressed stream.

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
  /// `gets_all`: the events are all of the manager, and not those of some topics.
  template <class EventAt>
  BatchPart read(std::uint64_t at, std::uint64_t end, bool gets_all, EventAt&& event) {
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
    batch->end_at_group(gets_all);
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
