// SPDX-License-Identifier: MIT
// The inside of EventManager: connections, publishing, replay and observers. Streams keep it alive.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/detail/async/wakeups.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/owned.hpp"
#include "sse/detail/base/random.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/frame/notice.hpp"
#include "sse/detail/history/event_id.hpp"
#include "sse/detail/history/history.hpp"
#include "sse/detail/history/replay.hpp"
#include "sse/detail/history/replay_plan.hpp"
#include "sse/detail/hub/admission.hpp"
#include "sse/detail/hub/connection.hpp"
#include "sse/detail/hub/shard.hpp"
#include "sse/detail/queue/backlog.hpp"
#include "sse/error.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// The Unix time in ms; never the same twice in a process, and never less than before.
inline std::uint64_t next_start() noexcept {
  static std::atomic<std::uint64_t> last{0};
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  std::uint64_t before = last.load(), start;
  do {
    start = std::max(before + 1, static_cast<std::uint64_t>(now.count()));
  } while (!last.compare_exchange_weak(before, start));
  return start;
}

/// A manager's inside, shared with its streams, so that these may outlive it.
///
/// Locks are taken in the order order_mutex_, a shard's, the history's; of the shards one at a time.
class Hub : public std::enable_shared_from_this<Hub> {
 public:
  explicit Hub(Options settings) : options(checked(std::move(settings))), history_(options.history_size, next_start()) {
    for (auto& shard : shards_) {
      shard.core = this;
      shard.options = &options;
      shard.history = &history_;
      shard.keys = &keys_;
      shard.total = &total_;
      shard.unfinished = &unfinished_;
      shard.watches_loss = &watches_loss_;
    }
  }

  const Options options;

  std::size_t size() const noexcept { return total_.load(); }

  std::shared_ptr<Connection> add(ConnectionOptions settings) {
    if (settings.max_queue_size == 0u)
      throw Error(errc::queue_size_zero, "sse: ConnectionOptions::max_queue_size must be at least 1, is 0");
    if (settings.connection_id.empty()) settings.connection_id = random_uuid();
    try {
      return add_one(settings);
    } catch (const Refused& refusal) {
      refuse(settings, refusal.reason());
      throw;
    }
  }

  /// Counts one that is not let in, and tells the observer.
  void refuse(const ConnectionOptions& settings, RefusalReason reason) {
    refused_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
    const auto observer = observer_if(&Observer::connection_refused);
    if (!observer) return;
    ConnectionRow row;
    row.connection_id = settings.connection_id;
    row.request_id = settings.request_id;
    row.limit_key = settings.limit_key;
    tell(observer->connection_refused, row, reason);
  }

  /// Counts an event that is to be emitted. False: it would be made for nobody.
  bool begin_emit(const EmitOptions& settings) {
    emitted_.fetch_add(1, std::memory_order_relaxed);
    if (settings.topic.empty() || is_kept(settings)) return true;
    for (MapShard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      if (!shard.backlogs.empty() || !shard.wide.empty() || shard.topics.find(settings.topic)) return true;
    }
    return false;
  }

  /// Gives `event` its id, keeps it, and delivers it; returns how many connections it reached.
  std::size_t publish(Event event, const EmitOptions& settings) {
    std::size_t reached = 0;
    Pushes pushes(*this);
    FilterResults verdicts;
    {
      Wakeups wakeups;
      std::unique_lock order(order_mutex_, std::defer_lock);
      for (;;) {
        const std::uint64_t filters = filters_added_.load();
        if (filters != 0) ask_filters(event, settings.topic, verdicts);
        order.lock();
        if (filters == filters_added_.load()) break;
        order.unlock();
      }
      if (is_kept(settings)) {
        EventFactory::set_id(event, history_.start, history_.last() + 1);
        history_.keep(event);
      } else if (size() == 0) {
        return 0;
      }
      for (MapShard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        shard.backlogs.for_each([&](Backlog& backlog) { reached += pushes.append(shard, backlog, event, wakeups); });
        if (is_kept(settings)) shard.sequence = EventFactory::sequence(event);
        const auto push = [&](Connection& connection) {
          if (connection.serial() != 0) {
            const auto verdict = verdicts.find(connection.serial());
            if (verdict == verdicts.end() || !verdict->second.accepts) return;
          }
          reached += pushes.push(connection, event, wakeups);
        };
        if (settings.topic.empty()) {
          for (Connection* connection : shard.queued) push(*connection);
        } else {
          for (Connection* connection : shard.wide) push(*connection);
          if (const Topic* const topic = shard.topics.find(settings.topic))
            for (const Topic::Member& member : topic->members) push(*member.connection);
        }
        pushes.end_refused(wakeups);
      }
    }
    pushes.tell();
    return reached;
  }

  /// False: no such connection.
  bool deliver_to(std::string_view connection_id, const Event& event) {
    Pushes pushes(*this);
    {
      Wakeups wakeups;
      MapShard& shard = shard_of(connection_id);
      const std::lock_guard lock(shard.mutex);
      Connection* const found = shard.by_id.find(connection_id);
      if (!found) return false;
      pushes.push_alone(*found, event, wakeups);
      pushes.end_refused(wakeups);
    }
    sent_.fetch_add(1, std::memory_order_relaxed);
    pushes.tell();
    return true;
  }

  /// False: no such connection, or (where `wanted` is false) it did not want that topic by name.
  bool want(std::string_view connection_id, std::string_view topic, bool wanted) {
    MapShard& shard = shard_of(connection_id);
    const std::lock_guard order(order_mutex_);
    const std::lock_guard lock(shard.mutex);
    Connection* const found = shard.by_id.find(connection_id);
    if (!found) return false;
    if (!wanted) return found->unsubscribe(topic);
    found->subscribe(topic);
    if (found->serial() != 0) ++filters_added_;
    return true;
  }

  /// False: no such connection, or `only` is given and is not the one of that id.
  bool disconnect(std::string_view connection_id, EndReason why, std::string_view reason,
                  std::optional<std::chrono::milliseconds> retry = {}, const Connection* only = nullptr) {
    const Event last = goodbye(reason, retry);
    std::vector<ConnectionRow> removed;
    {
      Wakeups wakeups;
      MapShard& shard = shard_of(connection_id);
      const std::lock_guard lock(shard.mutex);
      Connection* const found = shard.by_id.find(connection_id);
      if (!found || (only && found != only)) return false;
      end(*found, why, last, wakeups, removed);
    }
    tell_removed(removed, reason);
    return true;
  }

  void disconnect_all(std::string_view reason) { end_all(EndReason::disconnected, goodbye(reason), reason, false); }

  /// From now on nobody is let in.
  void begin_drain() noexcept { draining_ = true; }
  /// The connections that a drain ends itself.
  std::vector<std::string> to_drain() {
    std::vector<std::string> ids;
    for (MapShard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      for (const Connection* connection : shard.connections)
        if (!connection->let_finish) ids.push_back(connection->connection_id);
    }
    return ids;
  }
  std::size_t unfinished() const noexcept { return unfinished_.load(); }
  /// Ends everything at once: what waits is discarded.
  void cut(std::string_view reason) { end_all(EndReason::drained, Event(), reason, true); }

  Stats stats() {
    Stats stats;
    stats.emitted = emitted_.load(std::memory_order_relaxed);
    stats.sent = sent_.load(std::memory_order_relaxed);
    stats.format_failures = format_failures_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < refused_.size(); ++i)
      stats.refused[static_cast<RefusalReason>(i)] = refused_[i].load(std::memory_order_relaxed);
    for (MapShard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      stats.opened += shard.counts.opened;
      stats.delivered += shard.counts.delivered;
      stats.written_bytes += shard.counts.written_bytes;
      stats.lost += shard.counts.lost;
      stats.ended += shard.counts.ended;
      stats.connections += shard.connections.size();
      for (const Connection* connection : shard.connections) {
        stats.lost[LossReason::queue_full] += connection->uncounted();
        const std::size_t queued = connection->waiting();
        stats.queued += queued;
        for (std::size_t i = 0; i < Stats::depths.size() && queued >= Stats::depths[i]; ++i) ++stats.queued_at_least[i];
      }
    }
    return stats;
  }

  ConnectionInfo info() {
    ConnectionInfo info;
    info.max_queue_size = options.max_queue_size;
    for (MapShard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      for (const Connection* connection : shard.connections) info.connections.push_back(row(*connection));
    }
    for (const ConnectionRow& row : info.connections) info.connection_ids.push_back(row.connection_id);
    info.active_connections = info.connections.size();
    return info;
  }

  void set_observer(Observer observer) {
    IntrusivePtr<SharedObserver> shared(new SharedObserver(std::move(observer)));
    const std::lock_guard lock(observer_mutex_);
    watches_overflow_ = shared->overflow != nullptr;
    watches_loss_ = shared->loss != nullptr;
    std::swap(observer_, shared);
  }

  /// The event that `make(const EncodeOptions&)` gives. What that throws goes on to the caller, after the observer and
  /// `deliver_error` were told.
  template <class Make, class DeliverError>
  Event encode(std::string_view type, const EmitOptions& settings, Make&& make, DeliverError&& deliver_error) {
    EncodeOptions form = notice_form(options);
    form.has_id = is_kept(settings);
    form.topic = settings.topic;
    form.key = settings.key;
    try {
      Event event = make(form);
      const std::size_t size = event.json().size();
      if (size <= options.max_event_size) return event;
      throw Error(errc::event_too_large, "sse: an event's JSON has " + std::to_string(size) +
                                             " bytes, Options::max_event_size is " +
                                             std::to_string(options.max_event_size));
    } catch (const std::exception& error) {
      tell_format_failure(type, error.what());
      deliver_error(format_error(form));
      throw;
    } catch (...) {
      tell_format_failure(type, "not a std::exception");
      deliver_error(format_error(form));
      throw;
    }
  }

 private:
  struct MapShard final : Shard {
    void on_removed(const Connection& connection, std::string_view reason) noexcept override {
      core->left(connection, reason);
    }
    void on_gap(const Connection& connection) noexcept override { core->found_gap(connection); }
    void on_loss(const Connection& connection, const std::vector<LostEvents>& lost) noexcept override {
      core->tell_loss(connection, lost);
    }
    void on_expired(const Connection& connection) noexcept override { core->expire(connection); }
    Hub* core = nullptr;
  };

  struct SharedObserver : RefCounted, Observer {
    explicit SharedObserver(Observer&& observer) : Observer(std::move(observer)) {}
  };

  /// What a filter has said of one event.
  struct FilterResult {
    IntrusivePtr<Filter> filter;  ///< until it has
    bool given = false, accepts = false;
  };
  using FilterResults = std::unordered_map<std::uint64_t, FilterResult>;  ///< by their connection's serial

  /// What pushing an event to some connections leads to.
  class Pushes {
   public:
    explicit Pushes(Hub& core) noexcept : hub_(core), watched_(core.watches_overflow_.load()) {}

    // All of these under the shard's lock.

    /// Returns how many the event reached.
    std::size_t append(MapShard& shard, Backlog& backlog, const Event& event, Wakeups& wakeups) noexcept {
      if (backlog.append(event) && watched_) {
        for (const Connection* connection : shard.connections)
          if (connection->loses_first(backlog, backlog.first_lost())) note(gaps_, *connection);
      }
      backlog.waits.take_all(wakeups);
      return backlog.readers();
    }
    std::size_t push(Connection& connection, const Event& event, Wakeups& wakeups) noexcept {
      return pushed(connection, connection.push(event, wakeups));
    }
    void push_alone(Connection& connection, const Event& event, Wakeups& wakeups) noexcept {
      pushed(connection, connection.push_alone(event, wakeups));
    }
    /// When nothing goes through the shard's connections any more.
    void end_refused(Wakeups& wakeups) noexcept {
      while (refused_) {
        Connection& connection = *std::exchange(refused_, refused_->next_refused());
        Event last;
        try {
          last = hub_.goodbye(too_slow);
        } catch (const std::bad_alloc&) {  // it ends all the same
        }
        end(connection, EndReason::too_slow, last, wakeups, ended_);
      }
    }
    void tell() const {
      hub_.tell_overflow(gaps_);
      hub_.tell_removed(ended_, too_slow);
    }

   private:
    static constexpr std::string_view too_slow = "This connection reads too slowly: its queue is full";

    std::size_t pushed(Connection& connection, Connection::Push result) noexcept {
      if (result == Connection::Push::queued_after_gap && watched_) note(gaps_, connection);
      if (result == Connection::Push::refused) {
        connection.next_refused() = refused_;
        refused_ = &connection;
      }
      return result == Connection::Push::queued || result == Connection::Push::queued_after_gap ? 1 : 0;
    }
    Hub& hub_;
    const bool watched_;
    std::vector<ConnectionRow> gaps_, ended_;
    Connection* refused_ = nullptr;
  };

  std::shared_ptr<Connection> add_one(const ConnectionOptions& settings) {
    MapShard& shard = shard_of(settings.connection_id);
    auto connection = std::make_shared<Connection>(std::shared_ptr<Shard>(shared_from_this(), &shard), settings);
    if (settings.announce) {
      std::string id = ",\"connection_id\":";
      append_quoted(id, connection->connection_id);
      EncodeOptions form = notice_form(options);
      form.has_id = keeps_history();
      connection->first = encode_notice("connection", form, "Connection established", id);
    }
    const ReplayPlan plan = plan_for(settings);
    connection->begin_with(plan.lost);
    const bool asks = plan.after && (settings.filter || !settings.topics.empty());
    if (asks) check_place(shard, *connection);  // who is refused does not ask about a whole history
    std::vector<bool> wanted;
    std::vector<ConnectionRow> removed;
    // Once it is in the map, events fill its queue: it is asked about what is held before. But where events come faster
    // than the filter answers that would never end.
    std::optional<std::uint64_t> last;  // number of the history when it was put into the map
    for (int round = 0; asks && !last && round < 4; ++round) {
      const std::uint64_t asked = history_.last();
      ask_for_replay(settings, plan.next, asked, wanted);
      last = insert(shard, *connection, settings, plan, removed, asked);
    }
    if (!last) last = insert(shard, *connection, settings, plan, removed);
    tell_removed(removed, replaced);
    try {
      if (const auto observer = observer_if(&Observer::connection_added))
        tell(observer->connection_added, row_of(*connection));
    } catch (const std::bad_alloc&) {  // the observer misses one; the connection is in the map and has to live
    }
    if (plan.lost.any()) found_gap(*connection);
    if (!plan.after) return connection;
    try {
      if (asks) ask_for_replay(settings, plan.next, *last, wanted);
      Owned<Replay> replay(new Replay(plan.next, *last, std::move(wanted)));
      const std::lock_guard lock(shard.mutex);
      if (!replay->done()) connection->replay = std::move(replay);
    } catch (const std::bad_alloc&) {
      connection->close(EndReason::failed, "Out of memory", {});
      throw;
    }
    return connection;
  }

  static constexpr std::string_view replaced = "Replaced by a new connection with the same id";

  static Options checked(Options options) {
    if (options.max_queue_size == 0)
      throw Error(errc::queue_size_zero, "sse: Options::max_queue_size must be at least 1, is 0");
    return options;
  }

  MapShard& shard_of(std::string_view connection_id) noexcept {
    return shards_[std::hash<std::string_view>()(connection_id) % shards_.size()];
  }

  bool keeps_history() const noexcept { return options.history_size != 0; }
  bool is_kept(const EmitOptions& settings) const noexcept { return keeps_history() && !settings.transient; }

  ReplayPlan plan_for(const ConnectionOptions& settings) const {
    const std::string seen = settings.last_event_id.value_or(std::string());
    if (!seen.empty()) return keeps_history() ? history_.plan(seen) : plan_replay(std::nullopt, 0, 1, 0);
    return keeps_history() && settings.from_earliest ? history_.plan_all() : ReplayPlan();
  }

  /// Asks about the history's events from `next` to `last` that have no bit yet.
  void ask_for_replay(const ConnectionOptions& settings, std::uint64_t next, std::uint64_t last,
                      std::vector<bool>& wanted) const {
    for (std::uint64_t n = next + wanted.size(); n <= last; n = next + wanted.size()) {
      const Event event = history_.from(n);
      const std::uint64_t found = std::min(EventFactory::sequence(event), last + 1);
      wanted.resize(static_cast<std::size_t>(found - next), true);  // what has gone meanwhile may have been wanted
      if (found > last) return;
      bool of_topic = settings.topics.empty() || event.topic().empty();
      for (const std::string& topic : settings.topics) of_topic = of_topic || topic == event.topic();
      wanted.push_back(of_topic && (!settings.filter || Filter::ask(settings.filter, event)));
    }
  }

  /// Puts the connection into the map; returns the number of the history's last event. Nullopt: that is past `asked`.
  std::optional<std::uint64_t> insert(MapShard& shard, Connection& connection, const ConnectionOptions& settings,
                                      const ReplayPlan& plan, std::vector<ConnectionRow>& removed,
                                      std::uint64_t asked = std::numeric_limits<std::uint64_t>::max()) {
    Wakeups wakeups;
    std::unique_lock order(order_mutex_, std::defer_lock);
    if (settings.filter) order.lock();  // what is on its way has asked the filters that were there
    const std::lock_guard lock(shard.mutex);
    Connection* const older = shard.by_id.find(connection.connection_id);
    const Event last_of_older = older ? goodbye(replaced) : Event();
    const Connection::Inherited inherited = inherits(older, connection);
    // Before it looks at the history: what is kept later does not find nobody here.
    reserve_place(connection, inherited);
    const std::uint64_t last = history_.last();
    if (last > asked) {
      give_back_place(connection, inherited);
      return std::nullopt;
    }
    if (older) end(*older, EndReason::replaced, last_of_older, wakeups, removed, inherited);
    try {
      if (keeps_history() && settings.announce) {
        const EventId id = plan.after.value_or(EventId{history_.start, last});
        EventFactory::set_id(connection.first, id.start, id.n);
      }
      connection.enter_map(settings.topics, last);
    } catch (...) {
      give_back_place(connection, {});
      connection.open = false;
      throw;
    }
    if (settings.filter) connection.set_serial(++filters_added_);
    return last;
  }

  /// What `connection` takes over from the one with its id, if there is one.
  static Connection::Inherited inherits(const Connection* older, const Connection& connection) noexcept {
    return {older != nullptr, older && older->limit_key() == connection.limit_key()};
  }
  bool counts_key(const Connection& connection, const Connection::Inherited& inherited) const noexcept {
    return options.max_connections_per_key != 0 && !inherited.key && !connection.limit_key().empty();
  }

  /// Throws Refused when there is no place for one more.
  void check_place(const Connection::Inherited& inherited, std::size_t taken) const {
    if (draining_.load()) throw Refused(RefusalReason::draining, "sse: the manager is being drained");
    if (!inherited.place && options.max_connections != 0 && taken >= options.max_connections)
      throw Refused(RefusalReason::max_connections,
                    "sse: Options::max_connections, " + std::to_string(options.max_connections) + ", is reached");
  }
  void check_place(MapShard& shard, const Connection& connection) const {
    const std::lock_guard lock(shard.mutex);
    const Connection::Inherited inherited = inherits(shard.by_id.find(connection.connection_id), connection);
    check_place(inherited, total_.load());
    if (counts_key(connection, inherited) && keys_.count(connection.limit_key()) >= options.max_connections_per_key)
      throw key_full();
  }
  Refused key_full() const {
    return {
        RefusalReason::max_connections_per_key,
        "sse: Options::max_connections_per_key, " + std::to_string(options.max_connections_per_key) + ", is reached"};
  }
  void reserve_place(const Connection& connection, const Connection::Inherited& inherited) {
    std::size_t now = total_.load();
    do {
      check_place(inherited, now);
    } while (!inherited.place && !total_.compare_exchange_weak(now, now + 1));
    if (!counts_key(connection, inherited)) return;
    try {
      if (keys_.enter(connection.limit_key(), options.max_connections_per_key)) return;
      throw key_full();
    } catch (...) {
      if (!inherited.place) total_.fetch_sub(1);
      throw;
    }
  }
  void give_back_place(const Connection& connection, const Connection::Inherited& inherited) noexcept {
    if (!inherited.place) total_.fetch_sub(1);
    if (counts_key(connection, inherited)) keys_.leave(connection.limit_key());
  }

  /// Asks those that want the topic and have not been asked yet.
  void ask_filters(const Event& event, std::string_view topic, FilterResults& verdicts) {
    for (MapShard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      for (const Connection* connection : shard.filtered) {
        if (!connection->wants(topic)) continue;
        if (FilterResult& verdict = verdicts[connection->serial()]; !verdict.given)
          verdict.filter = connection->filter();
      }
    }
    for (auto& [serial, verdict] : verdicts) {
      if (verdict.given) continue;
      verdict.given = true;
      verdict.accepts = verdict.filter->accepts(event);
      verdict.filter = {};
    }
  }

  Event format_error(EncodeOptions form) const {
    form.has_id = false;
    return encode_notice("error", form, "Failed to format event");
  }
  Event goodbye(std::string_view reason, std::optional<std::chrono::milliseconds> retry = {}) const {
    EncodeOptions form = notice_form(options);
    form.retry = retry;
    return encode_notice("disconnect", form, reason);
  }

  // Under the shard's lock, as everything that takes a row of a connection that others may end.
  static void end(Connection& connection, EndReason why, const Event& last, Wakeups& wakeups,
                  std::vector<ConnectionRow>& removed, const Connection::Inherited& inherited = {}) {
    note(removed, connection, why);
    connection.leave_map(why, inherited);
    if (connection.announce) connection.back = last;
    wakeups.add(connection.waits.take());
  }

  void end_all(EndReason why, const Event& last, std::string_view reason, bool cut) {
    std::vector<ConnectionRow> removed;
    {
      Wakeups wakeups;
      for (MapShard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        if (cut) shard.cut = true;
        while (!shard.connections.empty()) end(*shard.connections.back(), why, last, wakeups, removed);
      }
    }
    tell_removed(removed, reason);
  }

  static ConnectionRow row(const Connection& connection) {
    ConnectionRow row;
    row.connection_id = connection.connection_id;
    row.request_id = connection.request_id();
    row.limit_key = connection.limit_key();
    row.queued = connection.queued();
    row.dropped = connection.dropped();
    row.ended = connection.ended();
    return row;
  }
  static ConnectionRow row_of(const Connection& connection) {
    const std::lock_guard lock(connection.shard->mutex);
    return row(connection);
  }
  static void note(std::vector<ConnectionRow>& rows, const Connection& connection, std::optional<EndReason> why = {}) {
    try {
      rows.push_back(row(connection));
      rows.back().ended = why;
    } catch (const std::bad_alloc&) {  // the observer misses one; the connections come first
    }
  }

  IntrusivePtr<SharedObserver> observer() const {
    const std::lock_guard lock(observer_mutex_);
    return observer_;
  }
  template <class Function>
  IntrusivePtr<SharedObserver> observer_if(Function Observer::*function) const {
    auto current = observer();
    return current && (*current).*function ? current : IntrusivePtr<SharedObserver>();
  }
  template <class Function, class... Arguments>
  static void tell(const Function& function, const Arguments&... arguments) noexcept {
    try {
      function(arguments...);
    } catch (...) {  // an observer's failure is not the emitter's
    }
  }
  void tell_removed(const std::vector<ConnectionRow>& rows, std::string_view reason) const {
    if (rows.empty()) return;
    if (const auto observer = observer_if(&Observer::connection_removed))
      for (const ConnectionRow& row : rows) tell(observer->connection_removed, row, reason);
  }
  void tell_overflow(const std::vector<ConnectionRow>& rows) const {
    if (rows.empty()) return;
    if (const auto observer = observer_if(&Observer::overflow))
      for (const ConnectionRow& row : rows) tell(observer->overflow, row);
  }
  void tell_format_failure(std::string_view type, std::string_view what) {
    format_failures_.fetch_add(1, std::memory_order_relaxed);
    if (const auto observer = observer_if(&Observer::format_failure)) tell(observer->format_failure, type, what);
  }
  void left(const Connection& connection, std::string_view reason) noexcept {
    try {
      if (const auto observer = observer_if(&Observer::connection_removed))
        tell(observer->connection_removed, row_of(connection), reason);
    } catch (const std::bad_alloc&) {
    }
  }
  void tell_loss(const Connection& connection, const std::vector<LostEvents>& lost) noexcept {
    try {
      if (const auto observer = observer_if(&Observer::loss)) {
        const ConnectionRow row = row_of(connection);
        for (const LostEvents& events : lost) tell(observer->loss, row, events);
      }
    } catch (const std::bad_alloc&) {
    }
  }
  void expire(const Connection& connection) noexcept {
    try {
      disconnect(connection.connection_id, EndReason::expired, "The connection's time is up", {}, &connection);
    } catch (const std::bad_alloc&) {  // the next read tries again
    }
  }
  void found_gap(const Connection& connection) noexcept {
    try {
      if (const auto observer = observer_if(&Observer::overflow)) tell(observer->overflow, row_of(connection));
    } catch (const std::bad_alloc&) {
    }
  }

  std::mutex order_mutex_;  ///< one event at a time, so that every connection sees the same order
  History history_;
  std::array<MapShard, 16> shards_;
  std::atomic<std::size_t> total_{0};
  std::atomic<std::uint64_t> filters_added_{0};  ///< changes under order_mutex_, when filters begin to see a topic
  mutable std::mutex observer_mutex_;
  IntrusivePtr<SharedObserver> observer_;
  std::atomic<bool> watches_overflow_{false}, watches_loss_{false}, draining_{false};
  std::atomic<std::size_t> unfinished_{0};
  KeyCounts keys_;
  std::atomic<std::uint64_t> emitted_{0}, sent_{0}, format_failures_{0};
  std::array<std::atomic<std::uint64_t>, Tally<RefusalReason>::size> refused_{};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
