// SPDX-License-Identifier: MIT
// The bodies of LogDelivery. See log_delivery.hpp.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/replay.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/log_delivery.hpp"
#include "sse/detail/hub/publisher.ipp"
#include "sse/detail/hub/replay_filter.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/event.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL Event LogDelivery::encode_loss(std::string_view why, std::string_view members, EventKind kind,
                                        bool has_id) const {
  EncodeOptions form = notice_form(options_);
  form.kind = kind;
  form.has_id = has_id;
  return encode_notice("overflow", form, why, members);
}

SSE_DECL Event LogDelivery::encode_lost(std::uint64_t count) const {
  return encode_loss("Events were dropped because the log did not take them in time",
                     ",\"dropped\":" + std::to_string(count), EventKind::envelope, true);
}

SSE_DECL Event LogDelivery::restore(const StoredText& stored) const {
  if (stored.data.size() > options_.max_event_size)
    return encode_loss("An event of the log is longer than Options::max_event_size", ",\"dropped\":1",
                       EventKind::envelope, !stored.is_transient);
  EncodeOptions form = notice_form(options_);
  form.has_id = !stored.is_transient;
  form.topic = stored.topic;
  form.key = stored.key;
  return stored.is_message ? encode_message(stored.type, form, stored.data)
                           : encode_text(stored.type, form, stored.data);
}

SSE_DECL void LogDelivery::fill_history(std::vector<ReadEvent>& newest, std::uint64_t tail) {
  History& history = publisher_.history();
  history.begin_after(newest.empty() ? tail : newest.front().id.n - 1);
  for (ReadEvent& one : newest) history.add_logged(one.event, one.id);
}

SSE_DECL void LogDelivery::log_opened(std::vector<ReadEvent>& newest, std::uint64_t tail) {
  const bool is_first = [this] {
    const MutexLock order(publisher_.order());
    return !waiters_.is_open();
  }();
  is_first ? begin(newest, tail) : begin_again(newest, tail);
}

SSE_DECL void LogDelivery::begin(std::vector<ReadEvent>& newest, std::uint64_t tail) {
  fill_history(newest, tail);
  std::vector<LogWaiters::Held> held;
  {
    const MutexLock order(publisher_.order());
    for (Shard& shard : shards_) {
      const SpinLock lock(shard.mutex);
      shard.backlogs.set_sequence(publisher_.history().last());
    }
    held = waiters_.open();
  }
  for (LogWaiters::Held& one : held) release(one, true);
}

/// A connection that enters the map meanwhile has the number of an event before the marker's, and gets the marker.
SSE_DECL void LogDelivery::begin_again(std::vector<ReadEvent>& newest, std::uint64_t tail) {
  // Events with a later start than the last one that was delivered were appended since: they are new to every client.
  const std::uint64_t last_start = publisher_.history().last_event().id.start;
  const auto new_ones = std::find_if(
      newest.begin(), newest.end(), [&](const ReadEvent& one) { return last_start != 0 && one.id.start > last_start; });
  std::vector<ReadEvent> unseen(std::make_move_iterator(new_ones), std::make_move_iterator(newest.end()));
  newest.erase(new_ones, newest.end());
  fill_history(newest, unseen.empty() ? tail : unseen.front().id.n - 1);
  tell_all_reset();
  log_read(unseen);
}

SSE_DECL void LogDelivery::tell_all_reset() {
  Kept kept;
  Wakeups wakeups;
  publisher_.deliver(encode_loss("The log was replaced or has lost events: their number is unknown",
                                 ",\"dropped\":null,\"reset\":true", EventKind::marker, true),
                     [&](Event& marker) {
                       const History::LastEvent last = publisher_.history().last_event();
                       EventFactory::set_id(marker, last.id.start, last.id.n, last.sequence);
                       tell_reset(waiters_.take_ahead([](const auto&) { return true; }), last.sequence, wakeups, kept);
                       return true;
                     });
}

SSE_DECL void LogDelivery::log_read(std::vector<ReadEvent>& events) {
  Kept kept;
  Wakeups wakeups;
  for (ReadEvent& one : events) {
    if (one.is_transient) {
      publisher_.publish_transient(std::move(one.event));
      continue;
    }
    publisher_.deliver(std::move(one.event), [&](Event& event) {
      History& history = publisher_.history();
      if (waiters_.any_ahead()) meet(one.id, history.last() + 1, wakeups, kept);
      history.add_logged(event, one.id);
      return true;
    });
  }
}

SSE_DECL void LogDelivery::log_missed(std::uint64_t count) {
  Kept kept;
  Wakeups wakeups;
  publisher_.deliver(encode_loss("Events were lost because this process read the log too slowly",
                                 ",\"dropped\":" + std::to_string(count), EventKind::marker, false),
                     [&](Event& marker) {
                       History& history = publisher_.history();
                       const std::uint64_t n = history.last_event().id.n + count;
                       history.skip(count);
                       EventFactory::set_sequence(marker, history.last());
                       tell_reset(waiters_.take_ahead([&](const auto& one) { return one.seen.n <= n; }), history.last(),
                                  wakeups, kept);
                       return true;
                     });
}

SSE_DECL void LogDelivery::meet(const EventId& id, std::uint64_t sequence, Wakeups& wakeups, Kept& kept) {
  std::vector<LogWaiters::Ahead> met = waiters_.take_ahead([&](const auto& one) { return one.seen.n <= id.n; });
  std::erase_if(met, [&](const auto& one) { return one.seen.n == id.n && one.seen.start == id.start; });
  tell_reset(met, sequence - 1, wakeups, kept);
}

SSE_DECL void LogDelivery::tell_reset(const std::vector<LogWaiters::Ahead>& waiting, std::uint64_t last,
                                      Wakeups& wakeups, Kept& kept) {
  for (const LogWaiters::Ahead& one : waiting) {
    std::shared_ptr<Connection> connection = one.connection.lock();
    if (!connection) continue;
    kept.push_back(connection);
    const SpinLock lock(connection->shard->mutex);
    connection->assert_locked();
    connection->tell_reset(last, wakeups);
  }
}

SSE_DECL void LogDelivery::release(LogWaiters::Held& held, bool is_open) {
  const std::shared_ptr<Connection> connection = held.connection.lock();
  if (!connection) return;
  History& history = publisher_.history();
  const ConnectionOptions& settings = held.settings;
  const std::string seen = settings.last_event_id.value_or(std::string());
  ReplayPlan plan;
  if (!is_open)
    plan.lost.reset = !seen.empty();
  else if (!seen.empty())
    plan = history.plan(seen);
  else if (settings.from_earliest)
    plan = history.plan_all();
  Event connect_event;
  if (settings.announce)
    connect_event = encode_connection(options_, connection->connection_id, plan.resumed(!seen.empty()));
  History::LastEvent last = history.last_event();
  Owned<Replay> replay;
  if (plan.after && !plan.ahead) {
    ReplayFilter filter(settings, history);
    if (filter.asks()) filter.ask(plan.next, last.sequence);
    replay = Owned<Replay>(new Replay(plan.next, last.sequence, filter.take()));
    if (replay->done()) replay = {};
  }
  Wakeups wakeups;
  {
    const MutexLock order(publisher_.order());
    const SpinLock lock(connection->shard->mutex);
    connection->assert_locked();
    if (is_open && !plan.after) plan.after = last.id;
    if (!is_open) last = history.last_event();  // the reading thread may have opened it meanwhile
    const std::uint64_t after = plan.ahead ? plan.next - 1 : last.sequence;
    const bool released =
        connection->release_held(std::move(connect_event), plan.after, plan.lost, std::move(replay), after, wakeups);
    if (released && plan.ahead)
      waiters_.add({connection, *plan.after, LogWaiters::Clock::now() + LogWaiters::longest_ahead});
  }
  if (plan.lost.any()) notifier_.overflow(*connection);
}

SSE_DECL void LogDelivery::deliver_local(LocalEvent& local) {
  if (local.dropped != 0)
    local.event = encode_loss("Events were dropped because the log did not take those before them in time",
                              ",\"dropped\":" + std::to_string(local.dropped), EventKind::marker, false);
  if (local.connection_id.empty())
    publisher_.publish_transient(std::move(local.event));
  else
    publisher_.deliver_to(local.connection_id, local.event);
}

SSE_DECL void LogDelivery::log_state(LogState state, std::string_view what) noexcept {
  notifier_.log_state(state, what);
}

SSE_DECL bool LogDelivery::log_tick() {
  const LogWaiters::Clock::time_point now = LogWaiters::Clock::now();
  std::vector<LogWaiters::Held> held;
  bool any = false;
  {
    Kept kept;
    Wakeups wakeups;
    const MutexLock order(publisher_.order());
    held = waiters_.expired_held(now);
    tell_reset(waiters_.take_ahead([&](const auto& one) { return one.limit <= now; }), publisher_.history().last(),
               wakeups, kept);
    any = waiters_.any();
  }
  for (LogWaiters::Held& one : held) release(one, false);
  return any;
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
