// SPDX-License-Identifier: MIT
// Decides which events a returning client gets from the history, and which it has lost. It knows neither sockets nor
// locks.

#pragma once

#include <cstdint>
#include <optional>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The part of a history that one reader gets.
struct ReplayPlan {
  std::optional<EventId> after;  ///< The stream goes on after this event. Unset: after the last one, without a replay.
  std::uint64_t next = 0;        ///< The number of the first event to replay.
  Loss lost;                     ///< The events before `next` that are gone.
  /// This process has not read that far in the log yet. `next` then follows `after`, and nothing is replayed.
  bool ahead = false;
  bool held = false;  ///< The log is not open: the plan is made later.

  /// Whether the stream goes on after the client's id without a loss, for the `connection` event. Unset: there is no
  /// id (`asked` is false), or the plan is made later.
  std::optional<bool> resumed(bool asked) const noexcept {
    return asked && !held ? std::optional(!lost.any()) : std::nullopt;
  }
  /// The live events after this number are for the stream. `last`: the history's last one.
  std::uint64_t live_after(std::uint64_t last) const noexcept {
    return held ? ~std::uint64_t{0} : ahead ? next - 1 : last;
  }
};

/// Plans the replay of a client that has seen the event `seen` (unset: its id is not readable), from a history that
/// holds `first` to `last` (nothing: first is last + 1).
///
/// The client gets the id `after` before it is told of the loss: if it is cut between the two, it sends the same id
/// again and is told then.
ReplayPlan plan_replay(std::optional<EventId> seen, std::uint64_t start, std::uint64_t first, std::uint64_t last);

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/history/replay_plan.ipp"
#endif
