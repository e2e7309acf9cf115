// SPDX-License-Identifier: MIT
// A number of lost events, as an `overflow` tells a reader. It knows neither connections nor locks.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "sse/detail/frame/encode.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Events that a reader has lost and has not been told of.
struct Loss {
  std::size_t count = 0;
  std::size_t of_history = 0;         ///< Those of `count` that the history no longer held.
  std::uint64_t first = 0, last = 0;  ///< Numbers (EventText::sequence) of the lost events that had an id. 0: none.
  bool reset = false;                 ///< The number of lost events is not known. The stream goes on after `last`.

  bool any() const noexcept { return count != 0 || reset; }
  void add(std::uint64_t sequence) noexcept { add(1, sequence, sequence); }
  /// Adds a dropped event. With a dropped marker of the log its number of events is lost.
  void add(const Event& event) noexcept {
    if (EventFactory::kind(event) == EventKind::marker)
      reset = true;
    else
      add(EventFactory::sequence(event));
  }
  /// Adds a loss that is no reset of a history.
  void add(const Loss& next) noexcept {
    add(next.count, next.first, next.last);
    of_history += next.of_history;
    reset = reset || next.reset;
  }
  void add(std::size_t more, std::uint64_t from, std::uint64_t to) noexcept {
    count += more;
    if (from == 0) return;
    first = first == 0 ? from : (std::min)(first, from);
    last = (std::max)(last, to);
  }
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
