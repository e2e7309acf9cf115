// SPDX-License-Identifier: MIT
// The settings of a manager, of one connection and of one event. Plain data with defaults; each member states its unit
// and the meaning of 0.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/enum_names.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/hub/filter.hpp"
#include "sse/error.hpp"
#include "sse/event.hpp"
#include "sse/observer.hpp"
#include "sse/reason.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

class Compression;
class EventLog;

/// A manager's settings. (A declared constructor keeps the options types from being aggregates: g++ 12 destroys an
/// aggregate temporary in an awaited call twice.)
struct Options {
  Options() = default;

  std::size_t max_queue_size = 100;  ///< Events that one connection may have waiting; at least 1.
  std::size_t max_queue_bytes = 0;   ///< Bytes of their frames. The newest event may exceed it. 0: no limit.
  std::size_t history_size = 0;      ///< Events kept for replay. 0: none, and events have no id.
  /// Bytes of the frames that the history keeps. The newest event may exceed it. 0: no limit. The default is 64 MiB,
  /// enough for 1,000 events of 64 KiB.
  std::size_t history_bytes = std::size_t{64} << 20;
  std::size_t max_connections = 0;          ///< Past it add_connection throws sse::Refused. 0: no limit.
  std::size_t max_connections_per_key = 0;  ///< The same for one ConnectionOptions::limit_key. 0: no limit.
  std::size_t max_event_size = 1 << 20;     ///< Bytes of one event's JSON. Past it emit_event throws sse::Error.
  bool named_events = false;  ///< Also write the type as the frame's `event:` field, for addEventListener(type).
  /// A log that gives events their place and outlives the process: a SqliteLog, a RedisLog, or one of your own. Events
  /// are then delivered only after they are in the log, in one order by all processes that share it, and the history
  /// begins with the log's newest events. `history_size` must be at least 1. Null: the history is memory.
  ///
  /// Filters and the observer's calls for live events then run on a thread of the manager's own, one at a time. A
  /// manager with a log must be made after a fork().
  std::shared_ptr<EventLog> log;
  /// Events that may wait for the log, with the transient ones behind them. Past it the oldest are lost, counted
  /// (LogStats::lost), and told to every client in their place.
  std::size_t max_unlogged_events = 10'000;
  std::size_t max_unlogged_bytes = std::size_t{16} << 20;  ///< Bytes of their frames. The newest may exceed it.
  /// The time that a connection waits for a log that is not open yet. Then it is told a reset and goes on without.
  std::chrono::milliseconds log_open_timeout{10'000};
  /// The time that the manager's destructor waits for the events that are not in the log yet, and for the log's
  /// threads.
  std::chrono::milliseconds log_close_timeout{2'000};
  /// Compresses the events once for all clients that accept it: sse::gzip() of gzip.hpp, which says when to use it.
  /// Null: no compression.
  std::shared_ptr<const Compression> compression;
  /// The clock of timestamps and ConnectionOptions::expires_at. It is called on any thread, also under the library's
  /// locks: it must not throw or call the manager. Empty: the system's clock.
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
  disconnect,   ///< Queued events are delivered, then a `disconnect`. With a history the client can resume.
  keep_newest,  ///< Queued events that have a newer one of their EmitOptions::key are dropped, then the oldest.
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<OverflowPolicy> {
  static constexpr std::array<std::string_view, 3> all = {"drop_oldest", "disconnect", "keep_newest"};
};

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

/// A filter of many connections: an event asks it once for all of them, and they share their queued events. For
/// ConnectionOptions::filter, which says what it may do. A copy is the same filter.
///
/// @par Thread safety     As its function.
class SharedFilter {
 public:
  /// `filter` says whether the connections get an event. An empty one refuses every event.
  explicit SharedFilter(std::function<bool(const Event&)> filter)
      : filter_(new detail::Filter(std::move(filter), true)) {}
  // Without a move: a filter is never empty.
  SharedFilter(const SharedFilter&) noexcept = default;
  SharedFilter& operator=(const SharedFilter&) noexcept = default;

  /// Asks the filter.
  bool operator()(const Event& event) const { return (*filter_)(event); }

 private:
  friend class detail::Filter;
  detail::IntrusivePtr<detail::Filter> filter_;
};

/// One connection's settings.
struct ConnectionOptions {
  ConnectionOptions() = default;

  /// Names the connection. A new connection replaces an older one with the same id, which ends. Empty: a random UUID
  /// v4.
  std::string connection_id;
  std::string request_id;  ///< For the caller's own use. The library does not interpret it.
  /// Names the owner (a user, a tenant, an address) for Options::max_connections_per_key. Empty: no owner.
  std::string limit_key;

  /// The id of the last event that the client has seen. It may be any text. The history replays the events after it. If
  /// it no longer holds some of them, the client gets an `overflow` with their exact number (with a filter or topics:
  /// an upper bound). For an id of another start it gets one with `"dropped":null,"reset":true`, then the whole
  /// history; for an id that is ahead or not readable the same `overflow`, then live events. Empty: no id.
  std::optional<std::string> last_event_id;
  bool from_earliest = false;  ///< Without last_event_id: replay all that the history holds.

  /// Says whether the connection gets an event; an exception means no. It is called without a lock on the thread that
  /// emits, or for a replay on the one that adds the connection; on several at once, and perhaps just after the
  /// stream's end, so it must own what it uses. A live event has no id yet when it is called. It is not called for
  /// send_event. Connections with the same SharedFilter cost an event one call, and a replay one for each connection.
  std::function<bool(const Event&)> filter;
  /// The topics that the connection subscribes to. It gets their events, and the events without a topic. Empty: every
  /// topic. EventManager::subscribe changes them. An empty string is a topic that no event has: `{""}` subscribes to
  /// nothing yet.
  std::vector<std::string> topics;

  std::optional<std::size_t> max_queue_size;                     ///< Unset: the manager's.
  std::optional<std::size_t> max_queue_bytes;                    ///< Unset: the manager's.
  OverflowPolicy overflow_policy = OverflowPolicy::drop_oldest;  ///< The handling of a full queue.
  bool announce = true;                                          ///< Send the `connection` and `disconnect` events.
  /// Send only what is emitted, for a stream whose format another API prescribes: no `connection`, `disconnect` or
  /// `overflow` event. A loss cannot be told then: the stream ends where it has lost events (EndReason::too_slow).
  bool raw = false;

  /// The time at which the client's right to the events ends, for example with its token. The connection then gets the
  /// queued events that were emitted before this time, `disconnect`, and the end. `serve` and `write_events` end it
  /// within a quarter of a second; a stream that you read yourself ends with the first read after this time.
  std::optional<std::chrono::system_clock::time_point> expires_at;
  /// Let the stream go on in a `drain`, or when `serve` is cancelled, until it ends by itself or the deadline has
  /// passed. For example for a language model's running answer.
  bool let_finish = false;

  /// Whether `serve` and `write_events` may compress the stream (Options::compression). False where it holds secrets
  /// beside text that a stranger chose, or behind a proxy that holds back small pieces of compressed text.
  bool compress = true;

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
