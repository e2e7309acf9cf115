// SPDX-License-Identifier: MIT
// Reads the history for one returning client, without the events that its filter has refused. The shard's mutex guards
// it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// One reader's place in the history during its replay. Guarded by its shard's mutex.
class Replay {
 public:
  /// Replays the events from `next` to `last`. `wanted` has a bit for each of them; empty: all are wanted.
  Replay(std::uint64_t next, std::uint64_t last, std::vector<bool> wanted)
      : next_(next), base_(next), end_(last), wanted_(std::move(wanted)) {
    skip_unwanted();
  }
  bool done() const noexcept { return next_ > end_; }

  bool wants_all() const noexcept { return wanted_.empty(); }

  /// Takes the next events, if all of them are wanted. Empty: the history has dropped the next one; call `take`.
  BatchPart take_batch(History& history) {
    BatchPart part = history.batch(next_, end_);
    next_ += part.size;
    return part;
  }

  /// Takes the next event. Empty: none is left. Events that the history has dropped meanwhile are added to `lost`.
  Event take(const History& history, Loss& lost) noexcept;

 private:
  void skip_unwanted() noexcept {
    while (!done() && !wanted_.empty() && !wanted_[static_cast<std::size_t>(next_ - base_)]) ++next_;
  }

  std::uint64_t next_;
  const std::uint64_t base_, end_;  ///< Immutable.
  const std::vector<bool> wanted_;  ///< Immutable. The first bit is that of `base_`.
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/history/replay.ipp"
#endif
