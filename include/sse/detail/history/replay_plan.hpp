// SPDX-License-Identifier: MIT
// Decides what a returning client gets from the history, and what it is told to have lost. It knows neither
// sockets nor locks.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "sse/detail/history/event_id.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Events that a reader has lost and has not been told of.
struct Loss {
  std::size_t count = 0;
  std::size_t of_history = 0;         ///< of `count`, those that a history held no more
  std::uint64_t first = 0, last = 0;  ///< of those that had an id; 0: none had one
  bool reset = false;                 ///< nobody can say how many

  bool any() const noexcept { return count != 0 || reset; }
  void add(std::uint64_t sequence) noexcept { add(1, sequence, sequence); }
  void add(const Loss& next) noexcept {  ///< one that is no reset
    add(next.count, next.first, next.last);
    of_history += next.of_history;
  }
  void add(std::size_t more, std::uint64_t from, std::uint64_t to) noexcept {
    count += more;
    if (from == 0) return;
    first = first == 0 ? from : std::min(first, from);
    last = std::max(last, to);
  }
};

/// What a history gives to one reader.
struct ReplayPlan {
  std::optional<EventId>
      after;               ///< the stream goes on after it; unset: after the last event, with nothing of the history
  std::uint64_t next = 0;  ///< the history's first event for the stream
  Loss lost;               ///< before that
};

/// Where a client goes on that has seen the event `seen` (unset: it can't be read), in a history that holds `first` to
/// `last` (nothing: first is last + 1).
///
/// `after` is sent before the loss is told: a client that is cut between the two asks the same again, and is told then.
inline ReplayPlan plan_replay(std::optional<EventId> seen, std::uint64_t start, std::uint64_t first,
                              std::uint64_t last) {
  ReplayPlan plan;
  const bool known = seen && seen->start == start;
  plan.lost.reset = !known || seen->n > last;
  if (!seen || (known && seen->n > last)) return plan;
  plan.after = seen;
  plan.next = known ? std::max(seen->n + 1, first) : first;
  if (known && plan.next > seen->n + 1) {
    plan.lost.add(static_cast<std::size_t>(first - 1 - seen->n), seen->n + 1, first - 1);
    plan.lost.of_history = plan.lost.count;
  }
  return plan;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
