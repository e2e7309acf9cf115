// SPDX-License-Identifier: MIT
// The bodies of Queue. See queue.hpp.

#pragma once

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/detail/queue/queue.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void Queue::push(const Event& event, Loss& lost) noexcept {
  if (max_bytes_ != 0 || keyed_) make_room(event, lost);
  try {
    if (keyed_) {
      keyed_->push(event);
    } else {
      if (!ring_.make_room()) lost.add(ring_[0]);
      ring_.push(event);
    }
    if (max_bytes_ != 0) bytes_ += event.frame().size();
  } catch (...) {
    lost.add(event);
  }
}

SSE_DECL void Queue::make_room(const Event& event, Loss& lost) noexcept {
  const auto lose = [&](const Event& old) {
    uncount(old);
    lost.add(old);
  };
  if (keyed_ && !fits(event)) {
    for (Event old = keyed_->pop_superseded(); !old.empty(); old = keyed_->pop_superseded()) lose(old);
    if (const Event old = keyed_->pop_newest_of_key(event); !old.empty()) lose(old);
  }
  while (!fits(event)) lose(keyed_ ? keyed_->pop() : ring_.pop());
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
