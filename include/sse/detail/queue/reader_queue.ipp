// SPDX-License-Identifier: MIT
// The bodies of ReaderQueue. See reader_queue.hpp.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "sse/detail/async/wait_place.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/detail/queue/reader_queue.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void ReaderQueue::share(Backlog& backlog, WaitPlace& waits) {
  waits.join(&backlog.waits);
  backlog_ = &backlog;
  place_ = backlog.enter();
}

SSE_DECL void ReaderQueue::leave_backlog(WaitPlace& waits) noexcept {
  waits.join(nullptr);
  std::exchange(backlog_, nullptr)->leave(place_);
}

SSE_DECL std::size_t ReaderQueue::skip_lost(Loss& lost) noexcept {
  const std::size_t count = backlog_->count_lost(place_);
  backlog_->skip_lost(place_, lost);
  return count;
}

SSE_DECL void ReaderQueue::make_private() {
  if (!private_) private_ = Owned<PrivateQueue>(new PrivateQueue(max_size_, 0, OverflowPolicy::drop_oldest));
}

SSE_DECL std::size_t ReaderQueue::move_to_private(WaitPlace& waits) noexcept {
  PrivateQueue& own = *private_;
  std::size_t lost = skip_lost(own.lost);
  const std::size_t before = own.lost.count;
  backlog_->read(place_, backlog_->count(place_), [&](const Event& event) { own.queue.push(event, own.lost); });
  lost += own.lost.count - before;
  leave_backlog(waits);
  return lost;
}

SSE_DECL PushResult ReaderQueue::push(const Event& event, std::size_t& dropped) noexcept {
  PrivateQueue& own = *private_;
  const std::uint64_t sequence = EventFactory::sequence(event);
  if (sequence != 0 && sequence <= own.after) return PushResult::skipped;
  if (own.policy == OverflowPolicy::disconnect && !own.queue.fits(event)) return PushResult::refused;
  const std::size_t before = own.lost.count;
  own.queue.push(event, own.lost);
  dropped += own.lost.count - before;
  return before == 0 && own.lost.count != 0 ? PushResult::queued_after_gap : PushResult::queued;
}

SSE_DECL Event ReaderQueue::pop(Loss& lost) noexcept {
  if (!private_) return {};
  lost.add(std::exchange(private_->lost, {}));
  return private_->queue.empty() ? Event() : private_->queue.pop();
}

SSE_DECL void ReaderQueue::drop_since(SystemTime limit) noexcept {
  if (!private_) return;
  // Each event is popped and pushed again once, which keeps the order, also in a KeyedQueue.
  for (std::size_t left = private_->queue.size(); left > 0; --left) {
    const Event event = private_->queue.pop();
    Loss none;  // stays empty, because pop() made room
    if (EventFactory::time(event) < limit) private_->queue.push(event, none);
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
