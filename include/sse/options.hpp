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

  std::size_t max_queue_size = 100;  ///< events that a connection may have waiting, at least 1
  std::size_t max_queue_bytes = 0;   ///< bytes of their frames, but for the newest event, which may have more; 0: any
  std::size_t history_size = 0;      ///< events kept for replay; 0: none, and events have no id
  std::size_t max_connections = 0;   ///< 0: no limit; past it add_connection throws sse::Refused
  std::size_t max_connections_per_key = 0;  ///< of one ConnectionOptions::limit_key; 0: no limit; past it likewise
  std::size_t max_event_size = 1 << 20;     ///< bytes of one event's JSON; past it emit_event throws sse::Error
  bool named_events = false;  ///< also write the type as the frame's `event:` field, for addEventListener(type)
  /// The time, for timestamps and ConnectionOptions::expires_at; it must not throw or call
  /// the manager. Empty: the system's.
  std::function<std::chrono::system_clock::time_point()> clock;
};

/// What add_connection throws when a limit is reached: nobody who is there is ended for who comes.
class Refused : public Error {
 public:
  Refused(RefusalReason reason, const std::string& what) : Error(code_of(reason), what), reason_(reason) {}
  /// Which limit it was.
  RefusalReason reason() const noexcept { return reason_; }

 private:
  static errc code_of(RefusalReason reason) noexcept {
    constexpr errc codes[] = {errc::max_connections, errc::max_connections_per_key, errc::draining,
                              errc::origin_not_allowed};
    return codes[static_cast<std::size_t>(reason)];
  }

  RefusalReason reason_;
};

/// What happens to a connection when its queue is full and an event comes.
enum class OverflowPolicy {
  drop_oldest,  ///< the oldest event is lost, and an `overflow` says so in its place
  disconnect,   ///< what waits is delivered, then a `disconnect` that says why; with a history the client can resume
  keep_newest,  ///< of the events with the same EmitOptions::key only the newest stays; then as drop_oldest
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

  std::string connection_id;  ///< empty: a random UUID v4. One that is taken ends the older stream
  std::string request_id;     ///< the caller's own; kept, not looked at
  std::string limit_key;  ///< whose it is: a user, a tenant, an address; Options::max_connections_per_key. Empty: none

  /// The id of the last event that the client has seen, any text: what the history holds after it is replayed. What it
  /// no longer holds is told by an `overflow` with the exact number of ids (with a filter or topics: an upper bound);
  /// an id of another start by one with `"dropped":null,"reset":true`, followed by the whole history; one that can't be
  /// read or is ahead likewise, followed by live events. Empty: no id.
  std::optional<std::string> last_event_id;
  bool from_earliest = false;  ///< without last_event_id: replay all that the history holds

  /// Whether the connection gets an event; a throw counts as false. It is asked without a lock on the thread that
  /// emits, or for a replay on the one that adds the connection, on several at once, and perhaps just after the
  /// stream's end: it owns what it uses. It sees a live event without its id. It is not asked about send_event.
  std::function<bool(const Event&)> filter;
  /// The topics whose events it gets, beside those without a topic. Empty: every topic. EventManager::subscribe changes
  /// them; an empty string is a topic that no event has, to begin with none.
  std::vector<std::string> topics;

  std::optional<std::size_t> max_queue_size;                     ///< unset: the manager's
  std::optional<std::size_t> max_queue_bytes;                    ///< unset: the manager's
  OverflowPolicy overflow_policy = OverflowPolicy::drop_oldest;  ///< what a full queue does
  bool announce = true;                                          ///< send the `connection` and `disconnect` events

  /// When its right to the events runs out (a token's end): then it gets what waits, `disconnect`, and its end. `serve`
  /// and `write_events` see to it within a quarter of a second; a stream that you read yourself ends with the first
  /// read after it.
  std::optional<std::chrono::system_clock::time_point> expires_at;
  /// True: `drain` and a cancelled `serve` let it go on until it ends by itself or their time is up (a language model's
  /// running answer).
  bool let_finish = false;

  /// The stream's executor (EventStream::get_executor). Handlers without an executor of their own run on it, and so
  /// does the timer of `asio::cancel_after`. Its context must outlive the stream. Empty: `asio::system_executor`, whose
  /// threads Asio starts when it is first used.
  asio::any_io_executor executor;
};

/// One event's settings.
struct EmitOptions {
  EmitOptions() = default;

  std::string topic;       ///< who gets it: who wants the topic; empty: everyone
  std::string key;         ///< what it is a newer value of, for OverflowPolicy::keep_newest; empty: nothing
  bool transient = false;  ///< no id, and not in the history: progress, typing, ticks
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
