// SPDX-License-Identifier: MIT
// The bodies of detail/net/deadline_wheel.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/net/deadline_wheel.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Chooses the tick at which an entry is looked at: at its deadline, but not in a bucket that take_due has come to, and
/// within one turn of the wheel. Its owner may move the deadline meanwhile.
SSE_DECL DeadlineWheel::Tick DeadlineWheel::place(Entry& entry) noexcept {
  for (Tick due = entry.due_.load();;) {
    const Tick looked_at = due > last_tick ? never : std::clamp(due, tick_ + 1, tick_ + size - 1);
    entry.looked_at_.store(looked_at);
    const Tick moved = entry.due_.load();
    if (moved == due || moved >= looked_at) return looked_at;
    due = moved;
  }
}

SSE_DECL void DeadlineWheel::insert(Entry& entry) noexcept {
  bucket(place(entry)).insert(entry);
}

SSE_DECL bool DeadlineWheel::erase(Entry& entry) noexcept {
  entry.looked_at_.store(0);
  return IntrusiveList<Entry>::erase(entry);
}

SSE_DECL void DeadlineWheel::move(Entry& entry) noexcept {
  if (erase(entry)) insert(entry);
}

SSE_DECL DeadlineWheel::Entry* DeadlineWheel::take_due(Tick now) noexcept {
  if (now > tick_ && now - tick_ > size) tick_ = now - size;  // one turn visits each bucket
  for (;; ++tick_) {
    while (Entry* const entry = bucket(tick_).first()) {
      erase(*entry);
      Tick due = entry->due_.load();
      if (due <= tick_ && entry->due_.compare_exchange_strong(due, Entry::taken_)) return entry;
      insert(*entry);
    }
    if (tick_ >= now) return nullptr;
  }
}

SSE_DECL DeadlineWheel::Tick DeadlineWheel::next(Tick count) const noexcept {
  Tick tick = tick_ + 1;
  while (tick < tick_ + count && buckets_[tick % size].empty()) ++tick;
  return tick;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
