// SPDX-License-Identifier: MIT
// The bodies of Backlog. See backlog.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
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
  if (place.at < begin_.at) forget_loss(place);
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
  events_.push({has_company() ? copies_.make(event) : event, end_.sequence, std::exchange(caught_up_, 0)});
  trim();
  return lost;
}

SSE_DECL void Backlog::skip_lost(Place& place, Loss& lost) noexcept {
  const std::size_t count = count_lost(place);
  if (count == 0) return;
  lost.add(count, forget_loss(place), begin_.sequence);
  lost.reset = lost.reset || place.at < marker_end_;
  --lagging_;
  ++events_[0].readers;
  place = begin_;
}

SSE_DECL BatchPart Backlog::read_batch(Place& place, std::size_t readers) {
  BatchPart part =
      batches_.read(place.at, end_.at, gets_all_, [this](std::uint64_t at) -> const Event& { return slot(at).event; });
  move(place, part.size, readers);
  part.more = count(place) != 0;
  return part;
}

SSE_DECL std::size_t& Backlog::count_at(const Place& place) noexcept {
  if (place.at < begin_.at) return lagging_;
  return place.at == end_.at ? caught_up_ : slot(place.at).readers;
}

SSE_DECL void Backlog::move(Place& place, std::size_t count, std::size_t readers) noexcept {
  count_at(place) -= readers;
  place.at += count;
  place.sequence = slot(place.at - 1).sequence;
  count_at(place) += readers;
  trim();
}

SSE_DECL void Backlog::drop_oldest() noexcept {
  const Slot oldest = events_.pop();
  if (!gets_all_) note_loss(oldest);
  lagging_ += oldest.readers;
  if (lagging_ != 0 && EventFactory::kind(oldest.event) == EventKind::marker) marker_end_ = begin_.at + 1;
  begin_ = {begin_.at + 1, oldest.sequence};
  batches_.forget_before(begin_.at);
}

/// The oldest event is about to be dropped.
SSE_DECL void Backlog::note_loss(const Slot& oldest) noexcept {
  try {
    if (oldest.readers != 0) losses_.push_back({begin_.at, 0, oldest.readers});
  } catch (const std::bad_alloc&) {  // see losses_
  }
  if (oldest.sequence == begin_.sequence) return;
  for (auto lagging = losses_.rbegin(); lagging != losses_.rend() && lagging->first == 0; ++lagging)
    lagging->first = oldest.sequence;
}

SSE_DECL std::uint64_t Backlog::forget_loss(const Place& place) noexcept {
  const auto found = std::lower_bound(losses_.begin(), losses_.end(), place.at,
                                      [](const Lagging& one, std::uint64_t at) { return one.at < at; });
  if (found == losses_.end() || found->at != place.at) return begin_.sequence > place.sequence ? place.sequence + 1 : 0;
  const std::uint64_t first = found->first;
  if (--found->readers == 0) losses_.erase(found);
  return first;
}

SSE_DECL void Backlog::trim() noexcept {
  while (lagging_ == 0 && !events_.empty() && events_[0].readers == 0) drop_oldest();
  if (!events_.empty()) return;
  batches_.clear();
  copies_.shrink(has_company() ? 1 : 0);
}

SSE_DECL Backlog& Backlogs::get(std::size_t capacity) {
  Backlog* backlog = list_.find([&](const Backlog& one) { return one.capacity() == capacity; });
  if (!backlog) {
    backlog = new Backlog(capacity, sequence_, true);
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
