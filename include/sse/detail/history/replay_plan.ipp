// SPDX-License-Identifier: MIT
// The body of plan_replay. See replay_plan.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL ReplayPlan plan_replay(std::optional<EventId> seen, std::uint64_t start, std::uint64_t first,
                                std::uint64_t last) {
  ReplayPlan plan;
  const bool known = seen && seen->start == start;
  plan.lost.reset = !known || seen->n > last;
  if (plan.lost.reset) plan.lost.last = last;
  if (!seen || (known && seen->n > last)) return plan;
  plan.after = seen;
  plan.next = known ? std::max(seen->n + 1, first) : first;
  if (plan.lost.reset) plan.lost.last = first - 1;
  if (known && plan.next > seen->n + 1) {
    plan.lost.add(static_cast<std::size_t>(first - 1 - seen->n), seen->n + 1, first - 1);
    plan.lost.of_history = plan.lost.count;
  }
  return plan;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
