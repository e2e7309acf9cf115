// SPDX-License-Identifier: MIT
// The settings of a manager, of one connection and of one event. Plain data with defaults; each member says its
// unit and what 0 means.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/enum_names.hpp"
#include "sse/error.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// A manager's settings. (A declared constructor keeps the options types from being aggregates: g++ 12 destroys an
/// aggregate temporary in an awaited call twice.)
struct Options {
  Options() = default;

  std::size_t max_queue_size = 100;  ///< Events that one connection may have waiting; at least 1.
  std::size_t max_queue_bytes = 0;   ///< Bytes of their frames, but for the newest event, which may have more. 0: any.
  std::size_t history_size = 0;      ///< Events kept for replay. 0: none, and events have no id.
  /// Bytes of the frames that the history keeps, but for the newest event, which may have more. 0: any. The default is
  /// 64 MiB: enough for 1,000 events of 64 KiB.
  std::size_t history_bytes = std::size_t{64} << 20;
  std::size_t max_connections = 0;          ///< Past it add_connection throws sse::Refused. 0: no limit.
  std::size_t max_connections_per_key = 0;  ///< The same for one ConnectionOptions::limit_key. 0: no limit.
  std::size_t max_event_size = 1 << 20;     ///< Bytes of one event's JSON. Past it emit_event throws sse::Error.
  bool named_events = false;  ///< Also write the type as the frame's `event:` field, for addEventListener(type).
  /// The clock of timestamps and ConnectionOptions::expires_at. It must not throw or call the manager. Empty: the
  /// system's.
  std::function<std::chrono::system_clock::time_point()> clock;
};

/// Thrown by add_connection when a limit is reached. Existing connections are never closed to make room.
class Refused : public Error {
 public:
  Refused(RefusalReason reason, const std::string& what) : Error(code_of(reason), what), reason_(reason) {}
  /// The limit that was reached.
  RefusalReason reason() const noexcept { return reason_; }

 private:
  static errc code_of(RefusalReason reason) noexcept {
    constexpr errc codes[] = {errc::max_connections, errc::max_connections_per_key, errc::draining,
                              errc::origin_not_allowed};
    return codes[static_cast<std::size_t>(reason)];
  }

  RefusalReason reason_;
};

/// The handling of an event that comes to a connection whose queue is full.
enum class OverflowPolicy {
  drop_oldest,  ///< The oldest event is dropped, and an `overflow` in its place says so.
  disconnect,   ///< What waits is delivered, then a `disconnect` that says why. With a history the client can resume.
  keep_newest,  ///< Of the events with the same EmitOptions::key only the newest stays; then as drop_oldest.
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<OverflowPolicy> {
  static constexpr std::array<std::string_view, 3> all = {"drop_oldest", "disconnect", "keep_newest"};
};

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// One connection's settings.
struct ConnectionOptions {
  ConnectionOptions() = default;

  /// Names the connection. A new connection with the id of an older one ends that. Empty: a random UUID v4.
  std::string connection_id;
  std::string request_id;  ///< Kept for the caller, and not looked at.
  /// Names the owner (a user, a tenant, an address) for Options::max_connections_per_key. Empty: no owner.
  std::string limit_key;

  /// The id of the last event that the client has seen, any text: the history replays the events after it. Events that
  /// it no longer holds are told by an `overflow` with their exact number (with a filter or topics: an upper bound). An
  /// id of another start is told by one with `"dropped":null,"reset":true`, followed by the whole history; an id that
  /// is ahead or not readable likewise, followed by live events. Empty: no id.
  std::optional<std::string> last_event_id;
  bool from_earliest = false;  ///< Without last_event_id: replay all that the history holds.

  /// Says whether the connection gets an event; an exception means no. It is called without a lock on the thread that
  /// emits, or for a replay on the one that adds the connection; on several at once, and perhaps just after the
  /// stream's end: it owns what it uses. It sees a live event without its id. It is not asked about send_event.
  std::function<bool(const Event&)> filter;
  /// The topics that the connection subscribes to. It gets their events, and those without a topic. Empty: every topic.
  /// EventManager::subscribe changes them. An empty string is a topic that no event has, to begin with none.
  std::vector<std::string> topics;

  std::optional<std::size_t> max_queue_size;                     ///< Unset: the manager's.
  std::optional<std::size_t> max_queue_bytes;                    ///< Unset: the manager's.
  OverflowPolicy overflow_policy = OverflowPolicy::drop_oldest;  ///< The handling of a full queue.
  bool announce = true;                                          ///< Send the `connection` and `disconnect` events.

  /// The end of its right to the events (a token's end). Then it gets the events that waited, `disconnect`, and its
  /// end; an event that is emitted at or after this time is not delivered to it. `serve` and `write_events` end it
  /// within a quarter of a second; a stream that you read yourself ends with the first read after it.
  std::optional<std::chrono::system_clock::time_point> expires_at;
  /// Let the stream go on in a `drain` or when `serve` is cancelled, until it ends by itself or their time is up: for a
  /// language model's running answer.
  bool let_finish = false;

  /// The stream's executor (EventStream::get_executor). Handlers without an executor of their own run on it, and so
  /// does the timer of `asio::cancel_after`. Its context must outlive the stream. Empty: `asio::system_executor`, whose
  /// threads Asio starts when it is first used.
  asio::any_io_executor executor;
};

/// One event's settings.
struct EmitOptions {
  EmitOptions() = default;

  /// Delivered only to connections subscribed to this topic. Empty: to every connection.
  std::string topic;
  /// Names the value that this event updates (for example "EUR/USD"). Under OverflowPolicy::keep_newest a queued event
  /// is dropped when a newer one with the same key arrives. Empty: no key.
  std::string key;
  bool transient = false;  ///< Without an id, and not kept in the history: for progress, typing, ticks.
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
