// SPDX-License-Identifier: MIT
// The bodies of FanOut. See fan_out.hpp.

#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/hub/audience.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/fan_out.hpp"
#include "sse/detail/hub/filter.hpp"
#include "sse/detail/hub/filter_results.hpp"
#include "sse/detail/hub/notifier.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/hub/subscriptions.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/detail/queue/reader_queue.hpp"
#include "sse/event.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline constexpr std::string_view too_slow_text = "This connection reads too slowly: its queue is full";

SSE_DECL std::size_t FanOut::deliver(Shard& shard, const Event& event, const HashedName& topic,
                                     const FilterResults& filters, Wakeups& wakeups) {
  std::size_t reached = 0;
  for (Backlog* backlog = shard.backlogs.first(); backlog; backlog = shard.backlogs.next(*backlog))
    reached += append(shard, *backlog, event, wakeups);
  if (const std::uint64_t sequence = EventFactory::sequence(event); sequence != 0)
    shard.backlogs.set_sequence(sequence);
  for (Audience* audience = shard.audiences.first_wide(); audience; audience = shard.audiences.next(*audience))
    reached += append(shard, *audience, event, filters, wakeups);
  if (topic.text.empty()) {
    for (Audience* audience = shard.audiences.first(); audience; audience = shard.audiences.next(*audience))
      reached += append(shard, *audience, event, filters, wakeups);
    for (Connection* connection : shard.queued) reached += push(*connection, event, filters, wakeups);
  } else {
    for (Connection* connection : shard.wide) reached += push(*connection, event, filters, wakeups);
    if (const Topic* const subscribed = shard.topics.find(topic))
      for (const Topic::Member& member : subscribed->members)
        reached += member.connection ? push_topic(*member.connection, event, filters, wakeups)
                                     : append(shard, static_cast<Audience&>(*member.set), event, filters, wakeups);
  }
  end_refused(wakeups);
  return reached;
}

SSE_DECL void FanOut::deliver_to(Shard&, Connection& connection, const Event& event, Wakeups& wakeups) {
  connection.assert_locked();
  pushed(connection, connection.push_alone(event, wakeups));
  end_refused(wakeups);
}

SSE_DECL void FanOut::notify() const noexcept {
  notifier_.overflow(gaps_);
  notifier_.removed(ended_, too_slow_text);
}

SSE_DECL std::size_t FanOut::append(Shard& shard, Backlog& backlog, const Event& event, Wakeups& wakeups) noexcept {
  if (backlog.append(event) && watched_) {
    for (const Connection* connection : shard.connections) {
      connection->assert_locked();
      if (connection->loses_first(backlog, backlog.first_lost())) Notifier::add_row(gaps_, *connection);
    }
  }
  backlog.waits.take_all(wakeups);
  return backlog.readers();
}

SSE_DECL std::size_t FanOut::append(Shard& shard, Audience& audience, const Event& event, const FilterResults& filters,
                                    Wakeups& wakeups) noexcept {
  const Filter* const filter = audience.filter();
  if (filter && EventFactory::kind(event) != EventKind::marker && !filters.accepts(*filter)) return 0;
  return append(shard, static_cast<Backlog&>(audience), event, wakeups);
}

SSE_DECL std::size_t FanOut::push(Connection& connection, const Event& event, const FilterResults& filters,
                                  Wakeups& wakeups) noexcept {
  connection.assert_locked();
  const Subscriptions& subscriptions = *connection.subscriptions();
  if (const Filter* const filter = subscriptions.filter.get(); filter && EventFactory::kind(event) != EventKind::marker)
    if (!filters.accepts(*connection.shard, *filter, subscriptions.filtered_index)) return 0;
  return pushed(connection, connection.push(event, wakeups));
}

SSE_DECL std::size_t FanOut::push_topic(Connection& connection, const Event& event, const FilterResults& filters,
                                        Wakeups& wakeups) noexcept {
  connection.assert_locked();
  return connection.in_map() ? push(connection, event, filters, wakeups) : 0;
}

SSE_DECL std::size_t FanOut::pushed(Connection& connection, PushResult result) noexcept {
  connection.assert_locked();
  if (result == PushResult::queued_after_gap && watched_) Notifier::add_row(gaps_, connection);
  if (result == PushResult::refused) connection.subscriptions()->next_refused = std::exchange(refused_, &connection);
  return result == PushResult::queued || result == PushResult::queued_after_gap ? 1 : 0;
}

SSE_DECL void FanOut::end_refused(Wakeups& wakeups) noexcept {
  while (refused_) {
    Connection& connection = *refused_;
    connection.assert_locked();
    refused_ = connection.subscriptions()->next_refused;
    Event last;
    try {
      last = encode_notice("disconnect", notice_form(options_), too_slow_text);
    } catch (const std::bad_alloc&) {  // the connection ends without a `disconnect`
    }
    Notifier::add_row(ended_, connection, EndReason::too_slow);
    connection.leave_map(EndReason::too_slow, {}, last, wakeups);
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
