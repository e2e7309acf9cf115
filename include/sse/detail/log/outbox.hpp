// SPDX-License-Identifier: MIT
// The events of one process that are not in the log yet, in the order in which they were emitted. It knows no threads.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/log_driver.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The outbox of a LogRunner, bounded. Each event for the log has a place, dense from 1. Local events wait behind the
/// place of the event that was emitted before them. Guarded by the runner's mutex.
///
/// `last() >= appended() >= delivered()`: the places up to which events were emitted, are in the log, and are
/// delivered. Events that were dropped count with the event that tells of them.
class Outbox {
 public:
  struct Item {
    Event event;
    std::uint64_t place = 0;
    /// Not 0: so many events were dropped here, the last of them at `place`. `event` is then empty.
    std::uint64_t dropped = 0;
  };

  Outbox(std::size_t max_events, std::size_t max_bytes) noexcept : max_events_(max_events), max_bytes_(max_bytes) {}

  /// Adds an event, and drops the oldest past the limits.
  void push(Event&& event);
  /// Adds a local event, likewise. False: nothing waits, and it was not added.
  bool push_local(LocalEvent&& local);

  /// True if take_batch has something. Nothing passes a local event: later events wait until it is delivered.
  bool has_batch() const noexcept;
  /// Takes events for one append, at most `most`.
  std::vector<Item> take_batch(std::size_t most);
  /// The batch that was taken last is in the log.
  void batch_appended() noexcept;

  /// All up to `place` has been delivered.
  void delivered_up_to(std::uint64_t place) noexcept;
  /// Takes the next local event that is due. It counts as waiting until `local_delivered`. Nullopt: none is due.
  std::optional<LocalEvent> take_local();
  void local_delivered() noexcept { delivering_local_ = false; }

  std::uint64_t last() const noexcept { return last_; }
  std::uint64_t appended() const noexcept { return appended_; }
  std::uint64_t delivered() const noexcept { return delivered_; }
  bool has_local() const noexcept { return delivering_local_ || !locals_.empty(); }
  /// Everything that was emitted is in the log and delivered.
  bool settled() const noexcept { return delivered_ == last_ && !has_local(); }
  /// The number of events that wait for the log or for those that do.
  std::size_t size() const noexcept { return items_.size() + locals_.size() + in_flight_; }
  /// The number of dropped events.
  std::uint64_t lost() const noexcept { return lost_; }

 private:
  struct WaitingLocal {
    LocalEvent local;
    std::uint64_t after;  ///< The place of the event before it.
  };

  void drop_past_limits() noexcept;
  void drop_oldest_item() noexcept;
  void drop_oldest_local() noexcept;
  bool begins_with_gap() const noexcept { return !items_.empty() && items_.front().dropped != 0; }

  const std::size_t max_events_, max_bytes_;  ///< Immutable.
  std::deque<Item> items_;                    ///< Only the first may be a gap.
  std::deque<WaitingLocal> locals_;           ///< The first `local_gaps_` are gaps.
  std::size_t local_gaps_ = 0;
  bool delivering_local_ = false;
  std::size_t in_flight_ = 0;  ///< Events of the batch that was taken.
  std::uint64_t in_flight_end_ = 0;
  std::size_t bytes_ = 0;  ///< Of the frames in items_ and locals_.
  std::uint64_t last_ = 0, appended_ = 0, delivered_ = 0, lost_ = 0;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/log/outbox.ipp"
#endif
