#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/event.hpp"
#include "sse/event_stream.hpp"

namespace sse {

/// A manager's settings. (A declared constructor keeps the options types from being aggregates: g++ 12 destroys an
/// aggregate temporary in an awaited call twice.)
struct Options {
  Options() = default;

  std::size_t max_queue_size =
      100;  ///< events that a connection may have waiting, at least 1; past it the oldest are dropped
  std::size_t max_connections = 0;       ///< 0: no limit; past it add_connection throws sse::Error
  std::size_t max_event_size = 1 << 20;  ///< bytes of one event's JSON; past it emit_event throws sse::Error
  bool named_events = false;  ///< also write the type as the frame's `event:` field, for addEventListener(type)
};

/// One connection's settings.
struct ConnectionOptions {
  ConnectionOptions() = default;

  std::string connection_id;                  ///< empty: a random UUID v4. One that is taken ends the older stream
  std::string request_id;                     ///< the caller's own; kept, not looked at
  std::optional<std::size_t> max_queue_size;  ///< unset: the manager's
  bool announce = true;                       ///< send the `connection` and `disconnect` events
};

/// What is known of one connection.
struct ConnectionRow {
  std::string connection_id, request_id;
  std::size_t queued = 0;   ///< events that wait
  std::size_t dropped = 0;  ///< events lost so far
};

/// A manager's connections; while others come and go not all of one moment.
struct ConnectionInfo {
  std::size_t active_connections = 0;
  std::size_t max_queue_size = 0;
  std::vector<std::string> connection_ids;
  std::vector<ConnectionRow> connections;
};

/// nlohmann::json's conversion; ids that are not UTF-8 are written with U+FFFD.
void to_json(nlohmann::json& json, const ConnectionRow& row);
void to_json(nlohmann::json& json, const ConnectionInfo& info);

/// Your logger's place. Each function may be empty, is called on the thread where the thing happened and on several at
/// once, with no lock held, and may call the manager; what it throws is ignored. Where another thread ends a connection
/// that is just being added, its removal may be told first.
struct Observer {
  Observer() = default;

  std::function<void(const ConnectionRow&)> connection_added;
  std::function<void(const ConnectionRow&, std::string_view reason)> connection_removed;
  std::function<void(const ConnectionRow&)> overflow;  ///< once a gap, at its first event
  std::function<void(std::string_view type, std::string_view what)> format_failure;
};

namespace detail {

/// What is not JSON already but can be made into it, by a `to_json` that may throw.
template <class T>
concept ConvertsToJson = !std::derived_from<T, nlohmann::json> && std::constructible_from<nlohmann::json, const T&>;

inline std::string random_uuid() {
  thread_local std::random_device random;
  std::string uuid = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  unsigned bits = 0, left = 0;
  for (char& c : uuid) {
    if (c != 'x' && c != 'y') continue;
    if (left == 0) bits = random(), left = 8;
    const unsigned digit = c == 'y' ? 8 | (bits & 3) : bits & 15;
    c = "0123456789abcdef"[digit];
    bits >>= 4, --left;
  }
  return uuid;
}

/// A manager's inside, shared with its streams, so that these may outlive it.
class Core : public std::enable_shared_from_this<Core> {
 public:
  explicit Core(Options settings) : options(checked(std::move(settings))) {
    for (auto& shard : shards_) shard.core = this, shard.total = &total_;
  }

  const Options options;

  std::size_t size() const noexcept { return total_.load(); }

  std::shared_ptr<Connection> add(ConnectionOptions settings) {
    if (settings.max_queue_size == 0u) throw Error("sse: ConnectionOptions::max_queue_size must be at least 1, is 0");
    if (settings.connection_id.empty()) settings.connection_id = random_uuid();
    MapShard& shard = shard_of(settings.connection_id);
    const auto connection = std::make_shared<Connection>(
        std::shared_ptr<Shard>(shared_from_this(), &shard), std::move(settings.connection_id),
        std::move(settings.request_id), settings.max_queue_size.value_or(options.max_queue_size));
    connection->announce = settings.announce;
    connection->named = options.named_events;
    if (settings.announce) {
      std::string id = ",\"connection_id\":";
      append_quoted(id, connection->connection_id);
      connection->front = encode_notice("connection", options.named_events, "Connection established", id);
    }
    constexpr std::string_view replaced = "Replaced by a new connection with the same id";
    std::vector<ConnectionRow> removed;
    {
      Wakeups wakeups;
      const std::lock_guard lock(shard.mutex);
      if (const auto older = shard.by_id.find(connection->connection_id); older != shard.by_id.end()) {
        end(*older->second, goodbye(replaced), wakeups, removed, true);
      } else {
        reserve_place();
      }
      try {
        connection->index = shard.connections.size();
        shard.connections.push_back(connection.get());
        shard.by_id.emplace(connection->connection_id, connection.get());
      } catch (...) {
        shard.connections.resize(connection->index);
        total_.fetch_sub(1);
        connection->open = false;
        throw;
      }
    }
    tell_removed(removed, replaced);
    try {
      if (const auto observer = observer_if(&Observer::connection_added))
        tell(observer->connection_added, row_of(*connection));
    } catch (const std::bad_alloc&) {  // the observer misses one; the connection is in the map and has to live
    }
    return connection;
  }

  /// The connections that `event` reached.
  std::size_t deliver(const Event& event) {
    const bool watched = watches_overflow_.load(std::memory_order_relaxed);
    std::size_t reached = 0;
    std::vector<ConnectionRow> gaps;
    {
      Wakeups wakeups;
      const std::lock_guard order(order_mutex_);
      if (size() == 0) return 0;
      for (MapShard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        reached += shard.connections.size();
        for (Connection* connection : shard.connections)
          if (connection->push(event, wakeups) && watched) note(gaps, *connection);
      }
    }
    tell_overflow(gaps);
    return reached;
  }

  /// False: no such connection.
  bool deliver_to(std::string_view connection_id, const Event& event) {
    std::vector<ConnectionRow> gaps;
    {
      Wakeups wakeups;
      MapShard& shard = shard_of(connection_id);
      const std::lock_guard lock(shard.mutex);
      const auto found = shard.by_id.find(connection_id);
      if (found == shard.by_id.end()) return false;
      if (found->second->push(event, wakeups)) note(gaps, *found->second);
    }
    tell_overflow(gaps);
    return true;
  }

  bool disconnect(std::string_view connection_id, std::string_view reason) {
    const Event last = goodbye(reason);
    std::vector<ConnectionRow> removed;
    {
      Wakeups wakeups;
      MapShard& shard = shard_of(connection_id);
      const std::lock_guard lock(shard.mutex);
      const auto found = shard.by_id.find(connection_id);
      if (found == shard.by_id.end()) return false;
      end(*found->second, last, wakeups, removed);
    }
    tell_removed(removed, reason);
    return true;
  }

  void disconnect_all(std::string_view reason) {
    const Event last = goodbye(reason);
    std::vector<ConnectionRow> removed;
    {
      Wakeups wakeups;
      for (MapShard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        while (!shard.connections.empty()) end(*shard.connections.back(), last, wakeups, removed);
      }
    }
    tell_removed(removed, reason);
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
    auto shared = std::make_shared<const Observer>(std::move(observer));
    const std::lock_guard lock(observer_mutex_);
    watches_overflow_ = shared->overflow != nullptr;
    observer_.swap(shared);
  }

  /// An event around `make_data()`, which gives one line of JSON. What it throws goes on to the caller, after the
  /// observer and `deliver_error` were told.
  template <class MakeData, class DeliverError>
  Event encode(std::string_view type, MakeData&& make_data, DeliverError&& deliver_error) {
    try {
      Event event = encode_data(type, options.named_events, make_data());
      const std::size_t size = event.json().size();
      if (size <= options.max_event_size) return event;
      throw Error("sse: an event's JSON has " + std::to_string(size) + " bytes, Options::max_event_size is " +
                  std::to_string(options.max_event_size));
    } catch (const std::exception& error) {
      tell_format_failure(type, error.what());
      deliver_error(encode_notice("error", options.named_events, "Failed to format event"));
      throw;
    } catch (...) {
      tell_format_failure(type, "not a std::exception");
      deliver_error(encode_notice("error", options.named_events, "Failed to format event"));
      throw;
    }
  }

 private:
  struct MapShard final : Shard {
    void on_removed(const Connection& connection, std::string_view reason) noexcept override {
      core->left(connection, reason);
    }
    Core* core = nullptr;
  };

  static Options checked(Options options) {
    if (options.max_queue_size == 0) throw Error("sse: Options::max_queue_size must be at least 1, is 0");
    return options;
  }

  MapShard& shard_of(std::string_view connection_id) noexcept {
    return shards_[std::hash<std::string_view>()(connection_id) % shards_.size()];
  }

  void reserve_place() {
    std::size_t now = total_.load();
    do {
      if (options.max_connections != 0 && now >= options.max_connections)
        throw Error("sse: Options::max_connections, " + std::to_string(options.max_connections) + ", is reached");
    } while (!total_.compare_exchange_weak(now, now + 1));
  }

  Event goodbye(std::string_view reason) const { return encode_notice("disconnect", options.named_events, reason); }

  // Under the shard's lock, as everything that takes a row of a connection that others may end.
  void end(Connection& connection, const Event& last, Wakeups& wakeups, std::vector<ConnectionRow>& removed,
           bool keep_place = false) {
    note(removed, connection);
    connection.leave_map(keep_place);
    if (connection.announce) connection.back = last;
    wakeups.add(connection.take_waiter());
  }

  static ConnectionRow row(const Connection& connection) {
    ConnectionRow row;
    row.connection_id = connection.connection_id;
    row.request_id = connection.request_id;
    row.queued = connection.ring.size();
    row.dropped = connection.dropped;
    return row;
  }
  static ConnectionRow row_of(const Connection& connection) {
    const std::lock_guard lock(connection.shard->mutex);
    return row(connection);
  }
  void note(std::vector<ConnectionRow>& rows, const Connection& connection) {
    try {
      rows.push_back(row(connection));
    } catch (const std::bad_alloc&) {  // the observer misses one; the connections come first
    }
  }

  std::shared_ptr<const Observer> observer() const {
    const std::lock_guard lock(observer_mutex_);
    return observer_;
  }
  template <class Function>
  std::shared_ptr<const Observer> observer_if(Function Observer::*function) const {
    auto current = observer();
    return current && (*current).*function ? current : nullptr;
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
  void tell_format_failure(std::string_view type, std::string_view what) const {
    if (const auto observer = observer_if(&Observer::format_failure)) tell(observer->format_failure, type, what);
  }
  void left(const Connection& connection, std::string_view reason) noexcept {
    try {
      if (const auto observer = observer_if(&Observer::connection_removed))
        tell(observer->connection_removed, row_of(connection), reason);
    } catch (const std::bad_alloc&) {
    }
  }

  std::mutex order_mutex_;  ///< one event at a time, so that every connection sees the same order
  std::array<MapShard, 16> shards_;
  std::atomic<std::size_t> total_{0};
  mutable std::mutex observer_mutex_;
  std::shared_ptr<const Observer> observer_;
  std::atomic<bool> watches_overflow_{false};
};

}  // namespace detail

/// Fans events out to connections. Every member may be called from any thread, at any time, and none of them waits for
/// a reader.
///
/// `emit_event`, `emit_json` and `send_event` throw what a user's `to_json` throws, and sse::Error for a discarded json
/// or an event past Options::max_event_size; the observer's `format_failure` is told too, and the connections that the
/// event was for get
/// `{"type":"error","message":"Failed to format event","timestamp":…}`. Nothing is thrown because of a reader.
class EventManager {
 public:
  /// Throws sse::Error when `max_queue_size` is 0.
  EventManager() : EventManager(Options()) {}
  explicit EventManager(std::integral auto max_queue_size) : EventManager(with_queue_size(max_queue_size)) {}
  explicit EventManager(Options options) : core_(std::make_shared<detail::Core>(std::move(options))) {}
  // What EventManager({}) means, which without it would be as near to a copy as to the options.
  explicit EventManager(std::nullptr_t) : EventManager() {}
  EventManager(const EventManager&) = delete;
  EventManager& operator=(const EventManager&) = delete;
  /// Ends the streams as `disconnect_all` does.
  ~EventManager() { core_->disconnect_all("The event manager was destroyed"); }

  /// Adds a connection; its stream reads what is emitted from now on. Throws sse::Error past Options::max_connections.
  EventStream add_connection() { return add_connection(ConnectionOptions()); }
  EventStream add_connection(ConnectionOptions options) { return EventStream(core_->add(std::move(options))); }
  EventStream add_connection(std::string connection_id, std::string request_id) {
    ConnectionOptions options;
    options.connection_id = std::move(connection_id);
    options.request_id = std::move(request_id);
    return add_connection(std::move(options));
  }
  // A template, so that add_connection({}) has only the options to mean.
  template <class Id>
  requires std::constructible_from<std::string, Id> EventStream add_connection(Id&& connection_id) {
    return add_connection(std::string(std::forward<Id>(connection_id)), std::string());
  }

  /// Sends an event to every connection and returns how many it reached. Text that is not UTF-8 becomes U+FFFD.
  std::size_t emit_event(std::string_view type, const nlohmann::json& data) {
    return emit(type, [&] { return detail::dump(data); });
  }
  /// The same for any type that nlohmann::json converts from; a `to_json` that throws is then reported as the class
  /// says.
  template <detail::ConvertsToJson Data>
  std::size_t emit_event(std::string_view type, const Data& data) {
    return emit(type, [&] { return detail::dump(nlohmann::json(data)); });
  }
  /// The same for data that are encoded already: one valid JSON text, which is not validated; CR, LF and NUL become
  /// spaces.
  std::size_t emit_json(std::string_view type, std::string_view json) {
    return emit(type, [&] { return on_one_line(json); });
  }

  /// Sends an event to one connection; false: there is none of that id.
  bool send_event(std::string_view connection_id, std::string_view type, const nlohmann::json& data) {
    return send(connection_id, type, [&] { return detail::dump(data); });
  }
  template <detail::ConvertsToJson Data>
  bool send_event(std::string_view connection_id, std::string_view type, const Data& data) {
    return send(connection_id, type, [&] { return detail::dump(nlohmann::json(data)); });
  }

  /// Ends one stream: it delivers what waits, then `disconnect` with `reason`, then its end. False: there is no such
  /// connection.
  bool disconnect(std::string_view connection_id, std::string_view reason = {}) {
    return core_->disconnect(connection_id, reason.empty() ? "Disconnected by the server" : reason);
  }
  /// Ends every stream there is; the manager goes on. With no other thread adding one, it has none when this returns.
  void disconnect_all(std::string_view reason = {}) {
    core_->disconnect_all(reason.empty() ? "Disconnected by the server" : reason);
  }

  std::size_t get_connection_count() const { return core_->size(); }
  ConnectionInfo get_connection_info() const { return core_->info(); }

  /// Replaces the observer. A call to the old one may still run, and may come after this manager's end: it owns what it
  /// uses.
  void set_observer(Observer observer) { core_->set_observer(std::move(observer)); }

 private:
  template <std::integral Size>
  static Options with_queue_size(Size size) {
    Options options;
    options.max_queue_size = std::in_range<std::size_t>(size) ? static_cast<std::size_t>(size) : 0;
    return options;
  }
  static std::string on_one_line(std::string_view json) {
    std::string line;
    line.reserve(json.size());
    wire::append_line(line, json);
    return line;
  }
  template <class MakeData>
  std::size_t emit(std::string_view type, MakeData&& make_data) {
    return core_->deliver(core_->encode(type, make_data, [&](const Event& error) { core_->deliver(error); }));
  }
  template <class MakeData>
  bool send(std::string_view connection_id, std::string_view type, MakeData&& make_data) {
    return core_->deliver_to(connection_id, core_->encode(type, make_data, [&](const Event& error) {
      core_->deliver_to(connection_id, error);
    }));
  }

  std::shared_ptr<detail::Core> core_;
};

inline void to_json(nlohmann::json& json, const ConnectionRow& row) {
  std::string connection_id, request_id;
  wire::append_utf8(connection_id, row.connection_id);
  wire::append_utf8(request_id, row.request_id);
  json = {
      {"connection_id", connection_id}, {"request_id", request_id}, {"queued", row.queued}, {"dropped", row.dropped}};
}

inline void to_json(nlohmann::json& json, const ConnectionInfo& info) {
  json = {{"active_connections", info.active_connections},
          {"max_queue_size", info.max_queue_size},
          {"connection_ids", nlohmann::json::array()},
          {"connections", info.connections}};
  for (const auto& row : json["connections"]) json["connection_ids"].push_back(row["connection_id"]);
}

}  // namespace sse
