// SPDX-License-Identifier: MIT
// The bodies of Backlog. See backlog.hpp.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/batch.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/history/loss.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void Backlog::leave(const Place& place) noexcept {
  --count_at(place);
  --readers_;
  trim();
}

SSE_DECL bool Backlog::append(const Event& event) noexcept {
  const bool full = !events_.make_room();
  const bool lost = full && events_[0].readers != 0;
  if (full) drop_oldest();
  ++end_.at;
  if (const std::uint64_t sequence = EventFactory::sequence(event); sequence != 0) end_.sequence = sequence;
  events_.push({copies_.make(event), end_.sequence, std::exchange(caught_up_, 0)});
  trim();
  return lost;
}

SSE_DECL void Backlog::skip_lost(Place& place, Loss& lost) noexcept {
  const std::size_t count = count_lost(place);
  if (count == 0) return;
  const bool had_id = begin_.sequence > place.sequence;
  lost.add(count, had_id ? place.sequence + 1 : 0, begin_.sequence);
  lost.reset = lost.reset || place.at < marker_end_;
  --lagging_;
  ++events_[0].readers;
  place = begin_;
}

SSE_DECL BatchPart Backlog::read_batch(Place& place) {
  BatchPart part =
      batches_.read(place.at, end_.at, [this](std::uint64_t at) -> const Event& { return slot(at).event; });
  move(place, part.size);
  part.more = count(place) != 0;
  return part;
}

SSE_DECL std::size_t& Backlog::count_at(const Place& place) noexcept {
  if (place.at < begin_.at) return lagging_;
  return place.at == end_.at ? caught_up_ : slot(place.at).readers;
}

SSE_DECL void Backlog::move(Place& place, std::size_t count) noexcept {
  --count_at(place);
  place.at += count;
  place.sequence = slot(place.at - 1).sequence;
  ++count_at(place);
  trim();
}

SSE_DECL void Backlog::drop_oldest() noexcept {
  const Slot oldest = events_.pop();
  lagging_ += oldest.readers;
  if (lagging_ != 0 && EventFactory::kind(oldest.event) == EventKind::marker) marker_end_ = begin_.at + 1;
  begin_ = {begin_.at + 1, oldest.sequence};
  batches_.forget_before(begin_.at);
}

SSE_DECL void Backlog::trim() noexcept {
  while (lagging_ == 0 && !events_.empty() && events_[0].readers == 0) drop_oldest();
  if (!events_.empty()) return;
  batches_.clear();
  copies_.shrink(1);
}

SSE_DECL Backlog& Backlogs::get(std::size_t capacity) {
  Backlog* backlog = list_.find([&](const Backlog& one) { return one.capacity() == capacity; });
  if (!backlog) {
    backlog = new Backlog(capacity, sequence_);
    list_.insert(*backlog);
  }
  return *backlog;
}

SSE_DECL void Backlogs::release(Backlog& backlog) noexcept {
  if (backlog.readers() != 0) return;
  IntrusiveList<Backlog>::erase(backlog);
  delete &backlog;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
