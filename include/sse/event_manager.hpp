// SPDX-License-Identifier: MIT
// The manager: it takes events from any thread and hands them to its connections. The work is done in detail/hub/.

#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/frame/json_text.hpp"
#include "sse/detail/hub/drain.hpp"
#include "sse/event.hpp"
#include "sse/event_stream.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/stats.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Hub;
struct HubAccess;

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// Fans events out to connections. Every member may be called from any thread, at any time, and none of them waits for
/// a reader.
///
/// `emit_event`, `emit_json` and `send_event` throw the exceptions of a user's `to_json`, and sse::Error for a
/// discarded json or an event that exceeds Options::max_event_size. Then the observer's `format_failure` is called too,
/// and the connections that would have got the event get `{"type":"error","message":"Failed to format
/// event","timestamp":…}`. Nothing is thrown because of a reader.
class EventManager {
 public:
  /// Throws sse::Error when `max_queue_size` is 0.
  EventManager();
  explicit EventManager(std::integral auto max_queue_size) : EventManager(with_queue_size(max_queue_size)) {}
  explicit EventManager(Options options);
  // Without it EventManager({}) would be ambiguous between a copy and the options.
  explicit EventManager(std::nullptr_t) : EventManager() {}
  EventManager(const EventManager&) = delete;
  EventManager& operator=(const EventManager&) = delete;
  /// Ends the streams as `disconnect_all` does. With a log it first waits, at most for Options::log_close_timeout,
  /// until all that was emitted is in the log and delivered.
  ~EventManager();

  /// Adds a connection. Its stream reads the events that the history holds for it (ConnectionOptions::last_event_id),
  /// then every event that is emitted from now on. Between the two no event is lost or doubled, even while other
  /// threads emit.
  ///
  /// @par Errors
  /// sse::Refused past Options::max_connections or Options::max_connections_per_key, and once `drain` has begun.
  /// sse::Error for a max_queue_size of 0.
  [[nodiscard]] EventStream add_connection();
  [[nodiscard]] EventStream add_connection(ConnectionOptions options);
  [[nodiscard]] EventStream add_connection(std::string connection_id, std::string request_id);
  // A template, so that add_connection({}) can only mean the options.
  template <class Id>
  [[nodiscard]] EventStream add_connection(Id&& connection_id) requires std::constructible_from<std::string, Id> {
    return add_connection(std::string(std::forward<Id>(connection_id)), std::string());
  }

  /// Sends an event to every connection that wants it and returns their number. Bytes that are not UTF-8 become U+FFFD.
  /// With a history (Options::history_size) the event gets the next id and is kept, unless it is transient. Without a
  /// history, an event for a topic without subscribers is not encoded.
  template <std::derived_from<nlohmann::json> Json = nlohmann::json>
  std::size_t emit_event(std::string_view type, const Json& data, const EmitOptions& options = {}) {
    return publish(type, detail::JsonText(static_cast<const nlohmann::json&>(data)), options);
  }
  /// The same for any type that nlohmann::json converts from, by a `to_json` that may throw. A nlohmann::ordered_json
  /// keeps its order.
  template <detail::ConvertsToJson Data>
  std::size_t emit_event(std::string_view type, const Data& data, const EmitOptions& options = {}) {
    return publish(type, detail::JsonText(data), options);
  }
  /// The same for data that are JSON already: one JSON text, which is not validated. CR, LF and NUL become spaces.
  std::size_t emit_json(std::string_view type, std::string_view json, const EmitOptions& options = {});
  /// Sends a message without type and timestamp around its data, for APIs that prescribe their format. The type is
  /// written as the `event:` field (empty: no field), and each line of `data` (ended by CR LF, CR or LF) as a `data:`
  /// line. Event::json() is then the data.
  std::size_t emit_message(std::string_view type, std::string_view data, const EmitOptions& options = {});

  /// Sends an event to one connection, regardless of its topics and its filter. The event has no id and is not kept.
  /// False: no connection has that id.
  template <std::derived_from<nlohmann::json> Json = nlohmann::json>
  bool send_event(std::string_view connection_id, std::string_view type, const Json& data) {
    return send(connection_id, type, detail::JsonText(static_cast<const nlohmann::json&>(data)));
  }
  template <detail::ConvertsToJson Data>
  bool send_event(std::string_view connection_id, std::string_view type, const Data& data) {
    return send(connection_id, type, detail::JsonText(data));
  }
  /// Sends a message to one connection, as `emit_message` writes it. False: no connection has that id.
  bool send_message(std::string_view connection_id, std::string_view type, std::string_view data);

  /// Subscribes a connection to a topic, from the next event on. A connection without topics already gets every event,
  /// and still does. False: no connection has that id.
  bool subscribe(std::string_view connection_id, std::string_view topic);
  /// Unsubscribes a connection from a topic. A connection whose last topic is removed gets only events that have no
  /// topic. False: no connection has that id, or it has not subscribed to the topic by name. Throws std::bad_alloc;
  /// then nothing has changed.
  bool unsubscribe(std::string_view connection_id, std::string_view topic);

  /// The event of that id, with its topic, as long as the history holds it: to decide whether a client may resume after
  /// it. Empty: it is gone, or was never emitted.
  Event find(std::string_view id) const noexcept;

  /// Ends one stream: its reader gets the queued events, then `disconnect` with `reason`, then the end. False: no
  /// connection has that id.
  bool disconnect(std::string_view connection_id, std::string_view reason = {});
  /// Ends each stream that has subscribed to a topic by name, as `disconnect` does, and returns their number. For a
  /// topic whose last event has been emitted: its readers get that first. With a log, only after `flush`.
  std::size_t disconnect_topic(std::string_view topic, std::string_view reason = {});
  /// Ends every stream; the manager goes on. If no other thread adds a connection, none is left when this returns.
  void disconnect_all(std::string_view reason = {});

  /// Ends every stream for a restart, and refuses new ones from now on (add_connection throws Refused, draining). Over
  /// the time `spread` (at least 100 streams a second) each stream gets its queued events, then `disconnect` with a
  /// `retry:` of its own, so that the clients do not all reconnect at once. Streams with ConnectionOptions::let_finish
  /// go on until they end by themselves. Returns when all have ended, or at the `deadline`, which cuts the others. The
  /// result is the number of streams that were cut.
  ///
  /// @par Errors          sse::system_error with `operation_aborted` when it is cancelled.
  /// @par Cancellation    terminal, partial, total. New connections are refused after that, too.
  /// @par Object lifetime The manager may be destroyed meanwhile.
  /// @par Thread safety   Any thread.
  template <class Executor = asio::any_io_executor>
  asio::awaitable<std::size_t, Executor> drain(std::chrono::milliseconds deadline,
                                               std::chrono::milliseconds spread = {},
                                               std::string reason = "The server is shutting down") {
    return detail::drain<Executor>(hub_, deadline, spread, std::move(reason));
  }

  /// Waits until the events that were emitted before this call are in the log (Options::log) and delivered, at most for
  /// `timeout`. The result is the number of those that are not. Without a log it is 0, at once.
  ///
  /// @par Errors          sse::system_error with `operation_aborted` when it is cancelled.
  /// @par Cancellation    terminal, partial, total. The events go on their way.
  /// @par Object lifetime The manager may be destroyed meanwhile.
  /// @par Thread safety   Any thread.
  template <class Executor = asio::any_io_executor>
  asio::awaitable<std::size_t, Executor> flush(std::chrono::milliseconds timeout) {
    return detail::flush<Executor>(detail::LogFlush(hub_), timeout);
  }

  /// The counters since the manager was made. This call visits every connection. While events are emitted, the numbers
  /// are not all of one moment.
  Stats stats() const;

  /// The id of the last event of the history, or of the place before the first one. For a snapshot of your state: read
  /// this first and then the state, and send both; a client that goes on from this id misses no event. Empty: there is
  /// no history.
  std::string last_id() const;

  /// The number of connections.
  std::size_t get_connection_count() const;
  /// A row for each connection. It takes each shard's lock in turn.
  ConnectionInfo get_connection_info() const;

  /// Replaces the observer. A call to the old one may still run, even after the manager's destruction, so an observer
  /// must own what it uses.
  void set_observer(Observer observer);

 private:
  friend struct detail::HubAccess;
  EventStream add_near(ConnectionOptions options, std::optional<std::size_t> lane);

  template <std::integral Size>
  static Options with_queue_size(Size size) {
    Options options;
    options.max_queue_size = std::in_range<std::size_t>(size) ? static_cast<std::size_t>(size) : 0;
    return options;
  }
  std::size_t publish(std::string_view type, detail::JsonText data, const EmitOptions& options);
  bool send(std::string_view connection_id, std::string_view type, detail::JsonText data);

  std::shared_ptr<detail::Hub> hub_;  ///< Immutable. Shared with the streams, which may outlive the manager.
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

/// Gives `serve` the hub of a manager.
struct HubAccess {
  static Hub& of(EventManager& manager) noexcept { return *manager.hub_; }
  /// EventManager::add_connection, see Hub::add.
  static EventStream add(EventManager& manager, ConnectionOptions&& options, std::optional<std::size_t> lane) {
    return manager.add_near(std::move(options), lane);
  }
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"

#if defined(SSE_HEADER_ONLY)
#include "sse/detail/hub/event_manager.ipp"
#endif
