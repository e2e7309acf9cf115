// SPDX-License-Identifier: MIT
// Walks the history for one returning client, through its filter's answers. The shard's mutex guards it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// One reader's place in the history while it reads that. Guarded by its shard's mutex.
class Replay {
 public:
  /// From the event `next` to `last`. `wanted`: a bit for each of them; empty: all.
  Replay(std::uint64_t next, std::uint64_t last, std::vector<bool> wanted)
      : next_(next), base_(next), end_(last), wanted_(std::move(wanted)) {
    skip_unwanted();
  }
  bool done() const noexcept { return next_ > end_; }

  bool wants_all() const noexcept { return wanted_.empty(); }

  /// The next events, in part, where it wants all; nothing: `take` has to be asked.
  BatchPart take_batch(History& history) {
    BatchPart part = history.batch(next_, end_);
    next_ += part.size;
    return part;
  }

  /// The next event; empty: that was all. What the history has let go of meanwhile is added to `lost`.
  Event take(const History& history, Loss& lost) noexcept {
    while (!done()) {
      Event event = history.from(next_);
      const std::uint64_t found = std::min(EventFactory::sequence(event), end_ + 1);
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

 private:
  void skip_unwanted() noexcept {
    while (!done() && !wanted_.empty() && !wanted_[static_cast<std::size_t>(next_ - base_)]) ++next_;
  }

  std::uint64_t next_;
  const std::uint64_t base_, end_;
  const std::vector<bool> wanted_;
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
