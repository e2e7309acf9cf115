// SPDX-License-Identifier: MIT
// How far a process has come in its log, and whose turn it is to deliver. It knows no threads.

#pragma once

#include <cstdint>
#include <optional>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The cursor of a LogRunner. One thread at a time has the turn to deliver what follows it: the reading thread, or the
/// appending one with events of its own. The cursor moves when the turn is taken, so nobody delivers an event again.
/// Guarded by the runner's mutex.
class LogPosition {
 public:
  /// False: the log has not been opened, or has to be opened again.
  bool is_open() const noexcept { return cursor_.has_value(); }
  /// The `n` of the last event that is delivered, or will be by the thread whose turn it is.
  std::uint64_t cursor() const noexcept { return cursor_.value_or(0); }
  bool is_taken() const noexcept { return taken_; }

  /// Everything up to the event `n` has been delivered.
  void open(std::uint64_t n) noexcept { cursor_ = n; }
  /// Nobody knows what follows. Also ends the turn.
  void close() noexcept {
    cursor_.reset();
    taken_ = false;
  }

  /// True if events from `first` on may be delivered now.
  bool is_next(std::uint64_t first) const noexcept { return cursor_ && !taken_ && first == *cursor_ + 1; }
  /// Takes the turn, for the events up to `n`.
  void take(std::uint64_t n) noexcept {
    cursor_ = n;
    taken_ = true;
  }
  void end_turn() noexcept { taken_ = false; }

 private:
  std::optional<std::uint64_t> cursor_;
  bool taken_ = false;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
