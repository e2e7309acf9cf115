// SPDX-License-Identifier: MIT
// The losses of one connection: counted, told to its reader by a notice, and reported to the observer.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Counts the losses of one connection, and keeps those that its reader and the observer have not been told yet.
/// Guarded by its shard's mutex.
class LossReport {
 public:
  /// The calls of the observer that are due once the lock is released.
  struct Due {
    bool gap_found = false;  ///< Observer::overflow is due.
    Owned<std::vector<LostEvents>> losses;
  };

  /// Sets the events that the connection has lost before its first one. Its reader is told at once.
  void begin_with(const Loss& lost) noexcept {
    untold_loss_ = lost;
    notify_at_once_ = lost.any();
    dropped_ += lost.count;
  }

  /// From now on the number of lost events is not known. Its reader is told at once.
  void lose_count() noexcept { untold_loss_.reset = notify_at_once_ = true; }

  Loss& untold_loss() noexcept { return untold_loss_; }
  const Loss& untold_loss() const noexcept { return untold_loss_; }
  /// Whether a notice is due before the next event (`has_event`), or without one.
  bool notice_is_due(bool has_event, bool is_open) const noexcept {
    return untold_loss_.any() && (has_event || notify_at_once_ || !is_open);
  }
  /// Encodes the `overflow` notice of the untold loss. `history` knows the ids of the lost events.
  /// `next`: the event that follows it, or empty.
  Event encode_overflow(const Options& options, const History& history, const Event& next) const;
  /// Forgets the untold loss: the reader has got the notice, or never will.
  void forget() noexcept {
    untold_loss_ = {};
    notify_at_once_ = false;
  }

  void count(std::size_t lost) noexcept { dropped_ += lost; }
  std::size_t dropped() const noexcept { return dropped_; }

  /// Observer::overflow is due.
  void found_gap() noexcept { gap_found_ = true; }
  /// Notes that Observer::loss is due. If the allocation fails, the observer misses one loss.
  void report(const Loss& lost, const History& history) noexcept;
  void report(const Loss& lost, LossReason why, std::size_t count, const History& history) noexcept;
  Due take_due() noexcept { return {std::exchange(gap_found_, false), std::move(losses_to_report_)}; }

 private:
  [[no_unique_address]] Loss untold_loss_;  ///< Events lost before the next one, or before the replay.
  bool notify_at_once_ = false;             ///< untold_loss_ is told at once, not only before the next event.
  bool gap_found_ = false;
  std::size_t dropped_ = 0;  ///< Events lost so far, without those that only the backlog has counted.
  Owned<std::vector<LostEvents>> losses_to_report_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/history/loss_report.ipp"
#endif
