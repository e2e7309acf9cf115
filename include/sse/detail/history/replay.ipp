// SPDX-License-Identifier: MIT
// The bodies of Replay. See replay.hpp.

#pragma once

#include <algorithm>
#include <cstdint>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/detail/history/replay.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Event Replay::take(const History& history, Loss& lost) noexcept {
  while (!done()) {
    Event event = history.from(next_);
    // Empty only after a fork: then the rest of the replay is gone.
    const std::uint64_t found = event.empty() ? end_ + 1 : std::min(EventFactory::sequence(event), end_ + 1);
    if (found == next_) {
      ++next_;
      skip_unwanted();
      return event;
    }
    while (next_ < found) {
      lost.add(next_++);
      ++lost.of_history;
      skip_unwanted();
    }
  }
  return {};
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
