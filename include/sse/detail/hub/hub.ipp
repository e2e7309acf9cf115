// SPDX-License-Identifier: MIT
// The bodies of Hub. See hub.hpp.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/jitter.hpp"
#include "sse/detail/base/mutex.hpp"
#include "sse/detail/base/name_hash.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/random.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/base/spin_mutex.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/replay.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/detail/hub/replay_filter.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/error.hpp"
#include "sse/event.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

inline constexpr std::string_view replaced_text = "Replaced by a new connection with the same id";
inline constexpr std::uint64_t no_limit = (std::numeric_limits<std::uint64_t>::max)();

SSE_DECL Options Hub::checked(Options options) {
  if (options.max_queue_size == 0)
    throw Error(errc::queue_size_zero, "sse: Options::max_queue_size must be at least 1, is 0");
  if (options.log && options.history_size == 0)
    throw Error(errc::log_without_history,
                "sse: Options::history_size must be at least 1 with Options::log, is 0: clients are served from it");
  return options;
}

SSE_DECL Hub::Hub(Options settings)
    : options(checked(std::move(settings))),
      admission_(options),
      chains_(options.compression ? std::make_unique<Chains>(options.compression) : nullptr),
      publisher_(options, shards_, admission_, notifier_, chains_.get()),
      log_delivery_(options, shards_, publisher_, notifier_) {
  for (Shard& shard : shards_) {
    shard.number = static_cast<std::size_t>(&shard - shards_.begin());
    shard.options = &options;
    shard.hub = this;
    shard.admission = &admission_;
    shard.notifier = &notifier_;
    shard.history = &publisher_.history();
  }
}

SSE_DECL void Hub::start_log() {
  if (!options.log) return;
  LogSettings settings;
  settings.history_size = options.history_size;
  settings.max_events = options.max_unlogged_events;
  settings.max_bytes = options.max_unlogged_bytes;
  const std::shared_ptr<LogReader> reader(shared_from_this(), &log_delivery_);
  publisher_.set_log(detail::start_log.load()(options.log, settings, reader));
}

SSE_DECL void Hub::stop_log() noexcept {
  if (LogDriver* const log = publisher_.log())
    log->stop(LogDriver::Clock::now() + within_a_year(options.log_close_timeout));
}

SSE_DECL void Hub::set_observer(Observer observer) {
  notifier_.set_observer(std::move(observer));
  if (LogDriver* const log = publisher_.log()) log->tell_state();
}

/// A random id. It is varied until its shard is the one of `lane`, as one of 16 is.
SSE_DECL std::string Hub::random_id(std::optional<std::size_t> lane) const {
  std::string id = random_uuid();
  if (!lane) return id;
  const std::size_t wanted = *lane % ShardMap::size;
  for (int left = 256; left > 0 && shards_.index_of(HashedName(id)) != wanted; --left) {
    constexpr std::string_view digits = "0123456789abcdef";
    char* digit = &id.back();
    *digit = digits[(digits.find(*digit) + 1) % digits.size()];
    if (left % 16 == 1) {
      --digit;
      *digit = digits[(digits.find(*digit) + 1) % digits.size()];
    }
  }
  return id;
}

SSE_DECL std::shared_ptr<Connection> Hub::add(ConnectionOptions settings, std::optional<std::size_t> lane) {
  if (settings.max_queue_size == 0u)
    throw Error(errc::queue_size_zero, "sse: ConnectionOptions::max_queue_size must be at least 1, is 0");
  if (settings.connection_id.empty()) settings.connection_id = random_id(lane);
  if (settings.raw) settings.announce = false;
  try {
    return add_one(settings);
  } catch (const Refused& refusal) {
    refuse(settings, refusal.reason());
    throw;
  }
}

SSE_DECL void Hub::refuse(const ConnectionOptions& settings, RefusalReason reason) {
  admission_.count_refusal(reason);
  notifier_.refused(settings, reason);
}

SSE_DECL std::shared_ptr<Connection> Hub::add_one(const ConnectionOptions& settings) {
  Shard& shard = shards_.of(HashedName(settings.connection_id));
  const auto connection = std::make_shared<Connection>(std::shared_ptr<Shard>(shared_from_this(), &shard), settings);
  ReplayPlan plan = plan_for(settings);
  announce(*connection, settings, plan);
  for (; plan.held || plan.ahead; announce(*connection, settings, plan = plan_for(settings)))
    if (add_waiting(shard, connection, settings)) return connection;
  connection->begin_with(plan.lost);
  ReplayFilter filter(settings, publisher_.history());
  const bool asks = plan.after && filter.asks();
  if (asks || !settings.topics.empty()) check_place(shard, *connection);
  connection->subscribe_first(settings.topics);
  // Once the connection is in the map, events fill its queue, so its filter is asked about the history before that. If
  // events come faster than the filter answers, that would never end: after four rounds the rest is asked afterwards.
  std::optional<std::uint64_t> last;  // number of the history's last event at the moment when it was put into the map
  for (int round = 0; asks && !last && round < 4; ++round) {
    const std::uint64_t asked = publisher_.history().last();
    filter.ask(plan.next, asked);
    last = insert(shard, *connection, settings, plan, asked);
  }
  if (!last) last = insert(shard, *connection, settings, plan, no_limit);
  notifier_.added(*connection);
  if (plan.lost.any()) notifier_.overflow(*connection);
  if (!plan.after) return connection;
  try {
    if (asks) filter.ask(plan.next, *last);
    Owned<Replay> replay(new Replay(plan.next, *last, filter.take()));
    const SpinLock lock(shard.mutex);
    connection->assert_locked();
    if (!replay->done()) connection->set_replay(std::move(replay));
  } catch (const std::bad_alloc&) {
    connection->close(EndReason::failed, "Out of memory", {});
    throw;
  }
  return connection;
}

SSE_DECL void Hub::announce(Connection& connection, const ConnectionOptions& settings, const ReplayPlan& plan) const {
  if (!settings.announce) return;
  const bool asked = !settings.last_event_id.value_or(std::string()).empty();
  connection.set_connect_event(encode_connection(options, connection.connection_id, plan.resumed(asked)));
}

SSE_DECL bool Hub::add_waiting(Shard& shard, const std::shared_ptr<Connection>& connection,
                               const ConnectionOptions& settings) {
  using Clock = LogWaiters::Clock;
  connection->subscribe_first(settings.topics);
  LogWaiters::Held held{connection, settings, Clock::now() + within_a_year(options.log_open_timeout)};
  Notifier::Rows removed;
  ReplayPlan plan;
  {
    Wakeups wakeups;
    const MutexLock order(publisher_.order());
    plan = plan_for(settings);
    if (!plan.held && !plan.ahead) return false;
    LogWaiters& waiters = log_delivery_.waiters();
    waiters.reserve_one();
    const SpinLock lock(shard.mutex);
    connection->assert_locked();
    insert_locked(shard, *connection, settings, plan, no_limit, wakeups, removed);
    if (settings.filter) publisher_.count_filter();
    if (plan.held) {
      connection->hold();
      waiters.add(std::move(held));
    } else {
      waiters.add(LogWaiters::Ahead{connection, *plan.after, Clock::now() + LogWaiters::longest_ahead});
    }
  }
  notifier_.removed(removed, replaced_text);
  notifier_.added(*connection);
  if (plan.ahead) publisher_.log()->read_now();
  return true;
}

SSE_DECL ReplayPlan Hub::plan_for(const ConnectionOptions& settings) {
  if (publisher_.log() && !log_delivery_.is_open()) {
    ReplayPlan later;
    later.held = true;
    return later;
  }
  publisher_.history().renew_after_fork();
  const std::string seen = settings.last_event_id.value_or(std::string());
  if (!seen.empty())
    return publisher_.keeps_history() ? publisher_.history().plan(seen) : plan_replay(std::nullopt, 0, 1, 0);
  return publisher_.keeps_history() && settings.from_earliest ? publisher_.history().plan_all() : ReplayPlan();
}

/// The places that `connection` takes over from an older connection with the same id.
inline Inherited inherited_from(const Connection* older, const Connection& connection) noexcept {
  return {older != nullptr, older && older->limit_key() == connection.limit_key()};
}

SSE_DECL void Hub::check_place(Shard& shard, const Connection& connection) {
  const HashedName id(connection.connection_id);
  const SpinLock lock(shard.mutex);
  admission_.check_room(connection.limit_key(), inherited_from(shard.by_id.find(id), connection));
}

SSE_DECL std::optional<std::uint64_t> Hub::insert(Shard& shard, Connection& connection,
                                                  const ConnectionOptions& settings, const ReplayPlan& plan,
                                                  std::uint64_t asked) {
  Notifier::Rows removed;
  std::optional<std::uint64_t> last;
  {
    Wakeups wakeups;
    if (settings.filter) {
      // an event that is being published has asked only the filters before this one
      const MutexLock order(publisher_.order());
      const SpinLock lock(shard.mutex);
      last = insert_locked(shard, connection, settings, plan, asked, wakeups, removed);
      // Counted when it can be found: an emitter that sees the new number asks it.
      if (last) publisher_.count_filter();
    } else {
      const SpinLock lock(shard.mutex);
      last = insert_locked(shard, connection, settings, plan, asked, wakeups, removed);
    }
  }
  notifier_.removed(removed, replaced_text);
  return last;
}

SSE_DECL std::optional<std::uint64_t> Hub::insert_locked(Shard& shard, Connection& connection,
                                                         const ConnectionOptions& settings, const ReplayPlan& plan,
                                                         std::uint64_t asked, Wakeups& wakeups,
                                                         Notifier::Rows& removed) {
  connection.assert_locked();
  const History& history = publisher_.history();
  Connection* const older = shard.by_id.find(HashedName(connection.connection_id));
  const Event last_of_older = older ? encode_disconnect(replaced_text) : Event();
  const Inherited inherited = inherited_from(older, connection);
  // The place is taken first: if that throws Refused, nothing has changed yet.
  admission_.enter(connection.limit_key(), inherited);
  const History::LastEvent last = history.last_event();
  if (last.sequence > asked) {
    admission_.leave(connection.limit_key(), inherited);
    return std::nullopt;
  }
  if (older) {
    older->assert_locked();
    Notifier::add_row(removed, *older, EndReason::replaced);
    older->leave_map(EndReason::replaced, inherited, last_of_older, wakeups);
  }
  try {
    if (publisher_.keeps_history() && settings.announce && !plan.held) {
      connection.set_connect_id(plan.after.value_or(last.id));
    }
    connection.enter_map(plan.live_after(last.sequence));
  } catch (...) {
    admission_.leave(connection.limit_key(), {});
    connection.give_up();
    throw;
  }
  return last.sequence;
}

SSE_DECL std::string Hub::last_id() {
  if (!publisher_.keeps_history()) return {};
  publisher_.history().renew_after_fork();
  return to_string(publisher_.history().last_event().id);
}

SSE_DECL std::string Hub::moved_place(Connection& connection) {
  if (!publisher_.keeps_history()) return {};
  {
    const SpinLock lock(connection.shard->mutex);
    connection.assert_locked();
    if (connection.shares_all()) return {};  // most connections: emitters are not to wait for them
  }
  publisher_.history().renew_after_fork();
  const MutexLock order(publisher_.order());  // no event is in the history that is not delivered yet
  const History::LastEvent last = publisher_.history().last_event();
  const SpinLock lock(connection.shard->mutex);
  connection.assert_locked();
  const std::optional<EventId> place = connection.moved_place(last);
  return place ? to_string(*place) : std::string();
}

SSE_DECL bool Hub::subscribe(std::string_view connection_id, std::string_view topic) {
  const HashedName id(connection_id), name(topic);
  Shard& shard = shards_.of(id);
  const MutexLock order(publisher_.order());
  const SpinLock lock(shard.mutex);
  Connection* const found = shard.by_id.find(id);
  if (!found) return false;
  found->assert_locked();
  found->subscribe(name);
  if (found->has_filter()) publisher_.count_filter();
  return true;
}

SSE_DECL bool Hub::unsubscribe(std::string_view connection_id, std::string_view topic) {
  const HashedName id(connection_id), name(topic);
  Shard& shard = shards_.of(id);
  const MutexLock order(publisher_.order());
  const SpinLock lock(shard.mutex);
  Connection* const found = shard.by_id.find(id);
  if (!found) return false;
  found->assert_locked();
  return found->unsubscribe(name);
}

SSE_DECL bool Hub::disconnect(std::string_view connection_id, EndReason why, std::string_view reason,
                              std::optional<std::chrono::milliseconds> retry, const Connection* only) {
  const Event last = encode_disconnect(reason, retry);
  const HashedName id(connection_id);
  Notifier::Rows removed;
  {
    Wakeups wakeups;
    Shard& shard = shards_.of(id);
    const SpinLock lock(shard.mutex);
    Connection* const found = shard.by_id.find(id);
    if (!found || (only && found != only)) return false;
    found->assert_locked();
    Notifier::add_row(removed, *found, why);
    found->leave_map(why, {}, last, wakeups);
  }
  notifier_.removed(removed, reason);
  return true;
}

SSE_DECL void Hub::disconnect_all(std::string_view reason) {
  end_all(EndReason::disconnected, encode_disconnect(reason), reason, false);
}

SSE_DECL void Hub::cut(std::string_view reason) {
  end_all(EndReason::drained, Event(), reason, true);
}

SSE_DECL void Hub::end_all(EndReason why, const Event& last, std::string_view reason, bool cut) {
  Notifier::Rows removed;
  {
    Wakeups wakeups;
    for (Shard& shard : shards_) {
      const SpinLock lock(shard.mutex);
      if (cut) shard.cut = true;
      while (!shard.connections.empty()) {
        Connection& connection = *shard.connections.back();
        connection.assert_locked();
        Notifier::add_row(removed, connection, why);
        connection.leave_map(why, {}, last, wakeups);
      }
    }
  }
  notifier_.removed(removed, reason);
}

SSE_DECL std::size_t Hub::disconnect_topic(std::string_view topic, std::string_view reason) {
  const Event last = encode_disconnect(reason);
  const HashedName name(topic);
  std::size_t count = 0;
  Notifier::Rows removed;
  {
    Wakeups wakeups;
    for (Shard& shard : shards_) {
      const SpinLock lock(shard.mutex);
      // One that leaves the map gives its place to the last one, which was visited before.
      for (std::size_t i = shard.connections.size(); i-- != 0;) {
        Connection& connection = *shard.connections[i];
        connection.assert_locked();
        if (!connection.names_topic(name)) continue;
        Notifier::add_row(removed, connection, EndReason::disconnected);
        connection.leave_map(EndReason::disconnected, {}, last, wakeups);
        ++count;
      }
    }
  }
  notifier_.removed(removed, reason);
  return count;
}

SSE_DECL void Hub::end_broken(const Connection& connection) noexcept {
  try {
    disconnect(connection.connection_id, EndReason::too_slow, "Events are lost, which a raw stream does not tell", {},
               &connection);
  } catch (const std::bad_alloc&) {
  }
}

SSE_DECL void Hub::expire(const Connection& connection) noexcept {
  try {
    disconnect(connection.connection_id, EndReason::expired, "The connection's time is up", {}, &connection);
  } catch (const std::bad_alloc&) {
  }
}

SSE_DECL std::vector<std::string> Hub::to_drain() {
  std::vector<std::string> ids;
  for (Shard& shard : shards_) {
    const SpinLock lock(shard.mutex);
    for (const Connection* connection : shard.connections)
      if (!connection->lets_finish()) ids.push_back(connection->connection_id);
  }
  return ids;
}

SSE_DECL bool Hub::has_readers_of(const std::vector<std::string>& topics) {
  for (const std::string& topic : topics) {
    const HashedName name(topic);
    const bool has_some = std::any_of(shards_.begin(), shards_.end(), [&](Shard& shard) {
      const SpinLock lock(shard.mutex);
      return shard.topics.find(name) != nullptr;
    });
    if (!has_some) return false;
  }
  return true;
}

SSE_DECL Stats Hub::stats() {
  Stats stats;
  publisher_.add_to(stats);
  stats.refused = admission_.refused();
  if (const LogDriver* const log = publisher_.log()) stats.log = log->stats();
  stats.lost[LossReason::log] = stats.log.lost;
  if (chains_) {
    stats.compression = chains_->stats();
    stats.written_bytes -= chains_->saved_bytes();  // the shards count the frames
  }
  for (Shard& shard : shards_) {
    const SpinLock lock(shard.mutex);
    stats.opened += shard.counts.opened;
    stats.delivered += shard.counts.delivered;
    stats.written_bytes += shard.counts.written_bytes;
    stats.lost += shard.counts.lost;
    stats.ended += shard.counts.ended;
    stats.connections += shard.connections.size();
    for (const Connection* connection : shard.connections) {
      connection->assert_locked();
      stats.lost[LossReason::queue_full] += connection->uncounted();
      const std::size_t queued = connection->waiting();
      stats.queued += queued;
      for (std::size_t i = 0; i < Stats::depths.size() && queued >= Stats::depths[i]; ++i) ++stats.queued_at_least[i];
    }
  }
  return stats;
}

SSE_DECL ConnectionInfo Hub::info() {
  ConnectionInfo info;
  info.max_queue_size = options.max_queue_size;
  for (Shard& shard : shards_) {
    const SpinLock lock(shard.mutex);
    for (const Connection* connection : shard.connections) info.connections.push_back(Notifier::row(*connection));
  }
  for (const ConnectionRow& row : info.connections) info.connection_ids.push_back(row.connection_id);
  info.active_connections = info.connections.size();
  return info;
}

SSE_DECL Event Hub::encode_disconnect(std::string_view reason, std::optional<std::chrono::milliseconds> retry) const {
  EncodeOptions form = notice_form(options);
  form.retry = retry;
  return encode_notice("disconnect", form, reason);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
