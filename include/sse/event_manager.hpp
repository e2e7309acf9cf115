// SPDX-License-Identifier: MIT
// The manager: it takes events from any thread and hands them to its connections. The work is done in detail/hub/.

#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/frame/encode.hpp"
#include "sse/detail/hub/drain.hpp"
#include "sse/detail/hub/hub.hpp"
#include "sse/event.hpp"
#include "sse/event_stream.hpp"
#include "sse/observer.hpp"
#include "sse/options.hpp"
#include "sse/reason.hpp"
#include "sse/stats.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

struct HubAccess;

/// What is not JSON already but can be made into it, by a `to_json` that may throw.
template <class T>
concept ConvertsToJson = !std::derived_from<T, nlohmann::json> && std::constructible_from<nlohmann::json, const T&>;

/// A function that Hub::encode calls.
template <class MakeData>
auto as_data(std::string_view type, MakeData make_data) {
  return [=](const EncodeOptions& form) { return encode_data(type, form, make_data()); };
}

inline auto as_message(std::string_view type, std::string_view data) {
  return [=](const EncodeOptions& form) { return encode_message(type, form, data); };
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// Fans events out to connections. Every member may be called from any thread, at any time, and none of them waits for
/// a reader.
///
/// `emit_event`, `emit_json` and `send_event` throw what a user's `to_json` throws, and sse::Error for a discarded json
/// or an event past Options::max_event_size; the observer's `format_failure` is told too, and the connections that the
/// event was for get `{"type":"error","message":"Failed to format event","timestamp":…}`. Nothing is thrown because of
/// a reader.
class EventManager {
 public:
  /// Throws sse::Error when `max_queue_size` is 0.
  EventManager() : EventManager(Options()) {}
  explicit EventManager(std::integral auto max_queue_size) : EventManager(with_queue_size(max_queue_size)) {}
  explicit EventManager(Options options) : hub_(std::make_shared<detail::Hub>(std::move(options))) {}
  // What EventManager({}) means, which without it would be as near to a copy as to the options.
  explicit EventManager(std::nullptr_t) : EventManager() {}
  EventManager(const EventManager&) = delete;
  EventManager& operator=(const EventManager&) = delete;
  /// Ends the streams as `disconnect_all` does.
  ~EventManager() { hub_->disconnect_all("The event manager was destroyed"); }

  /// Adds a connection; its stream reads what is emitted from now on, and before that what the history holds for it
  /// (ConnectionOptions::last_event_id): between the two nothing is lost or doubled, whoever emits meanwhile. Throws
  /// sse::Error past Options::max_connections.
  [[nodiscard]] EventStream add_connection() { return EventStream(hub_->add(ConnectionOptions())); }
  [[nodiscard]] EventStream add_connection(ConnectionOptions options) {
    return EventStream(hub_->add(std::move(options)));
  }
  [[nodiscard]] EventStream add_connection(std::string connection_id, std::string request_id) {
    ConnectionOptions options;
    options.connection_id = std::move(connection_id);
    options.request_id = std::move(request_id);
    return EventStream(hub_->add(std::move(options)));
  }
  // A template, so that add_connection({}) has only the options to mean.
  template <class Id>
  [[nodiscard]] EventStream add_connection(Id&& connection_id) requires std::constructible_from<std::string, Id> {
    return add_connection(std::string(std::forward<Id>(connection_id)), std::string());
  }

  /// Sends an event to every connection that wants it and returns how many it reached. Text that is not UTF-8 becomes
  /// U+FFFD. With a history (Options::history_size) the event gets the next id and is kept, unless it is transient. For
  /// a topic that nobody wants, and without a history to keep it, nothing is encoded.
  template <std::derived_from<nlohmann::json> Json = nlohmann::json>
  std::size_t emit_event(std::string_view type, const Json& data, const EmitOptions& options = {}) {
    return emit(type, options, detail::as_data(type, [&] { return detail::dump<nlohmann::json>(data); }));
  }
  /// The same for any type that nlohmann::json converts from; a `to_json` that throws is then reported as the class
  /// says.
  template <detail::ConvertsToJson Data>
  std::size_t emit_event(std::string_view type, const Data& data, const EmitOptions& options = {}) {
    return emit(type, options, detail::as_data(type, [&] { return detail::dump(nlohmann::json(data)); }));
  }
  /// The same for data that are encoded already: one valid JSON text, which is not validated; CR, LF and NUL become
  /// spaces.
  std::size_t emit_json(std::string_view type, std::string_view json, const EmitOptions& options = {}) {
    return emit(type, options, detail::as_data(type, [&] { return on_one_line(json); }));
  }
  /// Sends a message as it is, for APIs whose format is given: the type as its `event:` field (empty: none), and `data`
  /// with a `data:` line for each of its lines (CR LF, CR and LF end one), without type and timestamp around it. The
  /// event's `json()` is then the data.
  std::size_t emit_message(std::string_view type, std::string_view data, const EmitOptions& options = {}) {
    return emit(type, options, detail::as_message(type, data));
  }

  /// Sends an event to one connection, whatever its topics and its filter; it has no id and is not kept. False: there
  /// is no connection of that id.
  template <std::derived_from<nlohmann::json> Json = nlohmann::json>
  bool send_event(std::string_view connection_id, std::string_view type, const Json& data) {
    return send(connection_id, type, detail::as_data(type, [&] { return detail::dump<nlohmann::json>(data); }));
  }
  template <detail::ConvertsToJson Data>
  bool send_event(std::string_view connection_id, std::string_view type, const Data& data) {
    return send(connection_id, type, detail::as_data(type, [&] { return detail::dump(nlohmann::json(data)); }));
  }
  /// `emit_message` to one connection.
  bool send_message(std::string_view connection_id, std::string_view type, std::string_view data) {
    return send(connection_id, type, detail::as_message(type, data));
  }

  /// Adds a topic to those that a connection wants, from the next event on; one that wants every topic goes on to.
  /// False: there is no connection of that id.
  bool subscribe(std::string_view connection_id, std::string_view topic) {
    return hub_->want(connection_id, topic, true);
  }
  /// Takes a topic from those that a connection wants; without any it gets what has no topic. False: there is no
  /// connection of that id, or the topic is none of those that it named.
  bool unsubscribe(std::string_view connection_id, std::string_view topic) {
    return hub_->want(connection_id, topic, false);
  }

  /// Ends one stream: it delivers what waits, then `disconnect` with `reason`, then its end. False: there is no such
  /// connection.
  bool disconnect(std::string_view connection_id, std::string_view reason = {}) {
    return hub_->disconnect(connection_id, EndReason::disconnected, or_usual(reason));
  }
  /// Ends every stream there is; the manager goes on. With no other thread adding one, it has none when this returns.
  void disconnect_all(std::string_view reason = {}) { hub_->disconnect_all(or_usual(reason)); }

  /// Ends every stream for a restart, and lets no new one in from now on (add_connection throws Refused, draining).
  /// Over the time `spread` (few take less: at least 100 a second) each is told `disconnect` and a `retry:` of its own,
  /// so that the clients don't come back in one moment; what waits is delivered first. Those with
  /// ConnectionOptions::let_finish go on until they end by themselves. Returns when all have ended, or at the
  /// `deadline`, which cuts what is left; then how many that were.
  ///
  /// Cancellation: terminal, partial and total, errors: sse::system_error with `operation_aborted`; nobody is let in
  /// after that either.
  template <class Executor = asio::any_io_executor>
  asio::awaitable<std::size_t, Executor> drain(std::chrono::milliseconds deadline,
                                               std::chrono::milliseconds spread = {},
                                               std::string reason = "The server is shutting down") {
    return detail::drain<Executor>(hub_, deadline, spread, std::move(reason));
  }

  /// What has been counted since the manager was made. It costs an emit nothing that could be measured, and itself
  /// looks at each connection; a number may be ahead of another while events come.
  Stats stats() const { return hub_->stats(); }

  /// How many connections there are.
  std::size_t get_connection_count() const { return hub_->size(); }
  /// A row for each connection. It takes each shard's lock in turn.
  ConnectionInfo get_connection_info() const { return hub_->info(); }

  /// Replaces the observer. A call to the old one may still run, and may come after this manager's end: it owns what it
  /// uses.
  void set_observer(Observer observer) { hub_->set_observer(std::move(observer)); }

 private:
  friend struct detail::HubAccess;

  static std::string_view or_usual(std::string_view reason) noexcept {
    return reason.empty() ? "Disconnected by the server" : reason;
  }
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
  template <class Make>
  std::size_t emit(std::string_view type, const EmitOptions& options, Make&& make) {
    if (!hub_->begin_emit(options)) return 0;
    return hub_->publish(hub_->encode(type, options, make,
                                      [&](Event error) {
                                        EmitOptions transient = options;
                                        transient.transient = true;
                                        hub_->publish(std::move(error), transient);
                                      }),
                         options);
  }
  template <class Make>
  bool send(std::string_view connection_id, std::string_view type, Make&& make) {
    EmitOptions transient;
    transient.transient = true;
    return hub_->deliver_to(connection_id, hub_->encode(type, transient, make, [&](const Event& error) {
      hub_->deliver_to(connection_id, error);
    }));
  }

  std::shared_ptr<detail::Hub> hub_;
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

/// For `serve`.
struct HubAccess {
  static Hub& of(EventManager& manager) noexcept { return *manager.hub_; }
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
