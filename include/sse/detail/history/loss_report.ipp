// SPDX-License-Identifier: MIT
// The bodies of LossReport. See loss_report.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/loss_report.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Event LossReport::encode_overflow(const Options& options, const History& history, const Event& next) const {
  const Loss& lost = untold_loss_;
  std::string members = ",\"dropped\":" + (lost.reset ? "null" : std::to_string(lost.count));
  if (lost.reset) members += ",\"reset\":true";
  if (lost.first != 0 && !lost.reset) {
    const std::string first = history.id_of(lost.first), last = history.id_of(lost.last);
    if (!first.empty() && !last.empty()) members += ",\"first_id\":\"" + first + "\",\"last_id\":\"" + last + '"';
  }
  const std::string_view why = lost.reset        ? "The number of events that this client has missed is unknown"
                               : notify_at_once_ ? "The history does not go back to the last event of this client"
                                                 : "Events were dropped because this connection reads too slowly";
  // The place after the loss: a client that is cut here is not told again. OverflowPolicy::keep_newest also drops
  // events that are newer than the next one.
  std::optional<EventId> place;
  if (options.history_size != 0 && (lost.last != 0 || lost.reset) &&
      (next.empty() || EventFactory::sequence(next) != 0))
    place =
        parse_event_id(history.id_of(next.empty() ? lost.last : std::min(lost.last, EventFactory::sequence(next) - 1)));
  EncodeOptions form = notice_form(options);
  form.has_id = place.has_value();
  Event notice = encode_notice("overflow", form, why, members);
  if (place) EventFactory::set_id(notice, place->start, place->n, 0);
  return notice;
}

SSE_DECL void LossReport::report(const Loss& lost, LossReason why, std::size_t count, const History& history) noexcept {
  try {
    if (!losses_to_report_) losses_to_report_ = Owned<std::vector<LostEvents>>(new std::vector<LostEvents>);
    LostEvents events{why, count, {}, {}};
    if (lost.first != 0 && !lost.reset)
      events.first_id = history.id_of(lost.first), events.last_id = history.id_of(lost.last);
    losses_to_report_->push_back(std::move(events));
  } catch (const std::bad_alloc&) {  // see the declaration
  }
}

SSE_DECL void LossReport::report(const Loss& lost, const History& history) noexcept {
  if (lost.reset) report(lost, LossReason::unknown, 0, history);
  if (lost.of_history != 0) report(lost, LossReason::history_gone, lost.of_history, history);
  if (lost.count != lost.of_history) report(lost, LossReason::queue_full, lost.count - lost.of_history, history);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
