#pragma once

#include <algorithm>
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

/// The last batch that was read of a line of events: the next reader is probably at the same place, and then writes the
/// same. Not thread-safe.
class BatchCache {
 public:
  /// The events from `at` on, of which `waiting` wait, at least 1; `event(n)` is the event at `n`.
  template <class EventAt>
  BatchPart read(std::uint64_t at, std::size_t waiting, EventAt&& event) {
    const std::size_t most = std::min(waiting, Batch::max_size);
    const bool inside = batch_ && at >= begin_ && at < begin_ + batch_->size();
    // A part of it is good enough, but not an ever smaller one.
    if (!inside || begin_ + batch_->size() - at < std::min(most, Batch::max_size / 2)) {
      const auto batch = std::make_shared<Batch>(most);
      for (std::size_t i = 0; i < most; ++i) batch->add(event(at + i));
      batch_ = batch;
      begin_ = at;
    }
    const auto skipped = static_cast<std::size_t>(at - begin_);
    return {batch_, skipped, std::min(waiting, batch_->size() - skipped)};
  }
  void forget_before(std::uint64_t at) noexcept {
    if (begin_ < at) batch_.reset();
  }
  void clear() noexcept { batch_.reset(); }

 private:
  std::shared_ptr<const Batch> batch_;
  std::uint64_t begin_ = 0;  ///< its first event's place
};

}  // namespace sse::detail
