// SPDX-License-Identifier: MIT
// The bodies of Outbox. See outbox.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/log/log_driver.hpp"
#include "sse/detail/log/outbox.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL void Outbox::push(Event&& event) {
  const std::size_t size = event.frame().size();
  items_.push_back({std::move(event), last_ + 1});
  ++last_;
  bytes_ += size;
  drop_past_limits();
}

SSE_DECL bool Outbox::push_local(LocalEvent&& local) {
  if (settled()) return false;
  const std::size_t size = local.event.frame().size();
  locals_.push_back({std::move(local), last_});
  bytes_ += size;
  drop_past_limits();
  return true;
}

/// The newest event stays, whatever its size.
SSE_DECL void Outbox::drop_past_limits() noexcept {
  for (;;) {
    const std::size_t events = items_.size() - (begins_with_gap() ? 1 : 0), locals = locals_.size() - local_gaps_;
    if (events + locals <= 1) return;
    if (events + locals + in_flight_ <= max_events_ && bytes_ <= max_bytes_) return;
    const std::size_t oldest = begins_with_gap() ? 1 : 0;
    if (events != 0 && (locals == 0 || items_[oldest].place <= locals_[local_gaps_].after))
      drop_oldest_item();
    else
      drop_oldest_local();
  }
}

/// One gap takes the place of all dropped events, and grows.
SSE_DECL void Outbox::drop_oldest_item() noexcept {
  ++lost_;
  if (begins_with_gap()) {
    Item gap = {{}, items_[1].place, items_[0].dropped + 1};
    bytes_ -= items_[1].event.frame().size();
    items_.pop_front();
    items_.front() = std::move(gap);
  } else {
    bytes_ -= items_[0].event.frame().size();
    items_[0].event = Event();
    items_[0].dropped = 1;
  }
}

SSE_DECL void Outbox::drop_oldest_local() noexcept {
  ++lost_;
  WaitingLocal& oldest = locals_[local_gaps_];
  bytes_ -= oldest.local.event.frame().size();
  if (local_gaps_ != 0 && locals_[local_gaps_ - 1].after == oldest.after) {
    ++locals_[local_gaps_ - 1].local.dropped;
    locals_.erase(std::next(locals_.begin(), static_cast<std::ptrdiff_t>(local_gaps_)));
  } else {
    oldest.local = {{}, {}, 1};
    ++local_gaps_;
  }
}

SSE_DECL bool Outbox::has_batch() const noexcept {
  if (items_.empty() || in_flight_ != 0) return false;
  if (delivering_local_) return false;
  return locals_.empty() || items_.front().place <= locals_.front().after;
}

SSE_DECL std::vector<Outbox::Item> Outbox::take_batch(std::size_t most) {
  constexpr std::size_t max_bytes = std::size_t{1} << 20;
  const std::size_t max_size = std::min<std::size_t>(256, most);
  const std::uint64_t end = locals_.empty() ? last_ : locals_.front().after;
  std::vector<Item> batch;
  batch.reserve(std::min(max_size, items_.size()));
  for (std::size_t bytes = 0; !items_.empty() && items_.front().place <= end;) {
    const std::size_t size = items_.front().event.frame().size();
    if (!batch.empty() && (batch.size() == max_size || bytes + size > max_bytes)) break;
    bytes += size;
    bytes_ -= size;
    batch.push_back(std::move(items_.front()));
    items_.pop_front();
  }
  in_flight_ = batch.size();
  if (!batch.empty()) in_flight_end_ = batch.back().place;
  return batch;
}

SSE_DECL void Outbox::batch_appended() noexcept {
  in_flight_ = 0;
  appended_ = in_flight_end_;
}

SSE_DECL void Outbox::delivered_up_to(std::uint64_t place) noexcept {
  delivered_ = std::max(delivered_, place);
}

SSE_DECL std::optional<LocalEvent> Outbox::take_local() {
  if (locals_.empty() || locals_.front().after > delivered_) return std::nullopt;
  std::optional<LocalEvent> local(std::move(locals_.front().local));
  bytes_ -= local->event.frame().size();
  locals_.pop_front();
  if (local_gaps_ != 0) --local_gaps_;
  delivering_local_ = true;
  return local;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
