// SPDX-License-Identifier: MIT
// The functions that a service sets to log connections, refusals and losses, and the rows that they are given. Also the
// result of EventManager::get_connection_info().

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sse/log_state.hpp"
#include "sse/reason.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// One connection, as the observer and get_connection_info see it.
struct ConnectionRow {
  std::string connection_id;       ///< ConnectionOptions::connection_id, or the UUID in its place.
  std::string request_id;          ///< ConnectionOptions::request_id.
  std::string limit_key;           ///< ConnectionOptions::limit_key.
  std::size_t queued = 0;          ///< Events that wait, without those of the history.
  std::size_t dropped = 0;         ///< Events lost so far.
  std::optional<EndReason> ended;  ///< Set once the connection has left the manager.
};

/// Events that one connection has lost.
struct LostEvents {
  LossReason reason{};      ///< The reason.
  std::uint64_t count = 0;  ///< The number of events. 0 with LossReason::unknown.
  std::string first_id;     ///< The first lost id. Empty: none of the events had an id.
  std::string last_id;      ///< The last lost id, likewise.
};

/// A manager's connections. While connections are added and removed, the rows are not all of one moment.
struct ConnectionInfo {
  std::size_t active_connections = 0;       ///< The number of rows.
  std::size_t max_queue_size = 0;           ///< Options::max_queue_size.
  std::vector<std::string> connection_ids;  ///< The ids, in the order of `connections`.
  std::vector<ConnectionRow> connections;   ///< A row for each connection.
};

/// nlohmann::json's conversion; ids that are not UTF-8 are written with U+FFFD.
template <class Json>
void to_json(Json& json, const ConnectionRow& row) {
  std::string connection_id, request_id, limit_key;
  wire::append_utf8(connection_id, row.connection_id);
  wire::append_utf8(request_id, row.request_id);
  wire::append_utf8(limit_key, row.limit_key);
  json = {
      {"connection_id", connection_id}, {"request_id", request_id}, {"queued", row.queued}, {"dropped", row.dropped}};
  if (!limit_key.empty()) json["limit_key"] = limit_key;
}

template <class Json>
void to_json(Json& json, const ConnectionInfo& info) {
  json = {{"active_connections", info.active_connections},
          {"max_queue_size", info.max_queue_size},
          {"connection_ids", Json::array()},
          {"connections", info.connections}};
  for (const auto& row : json["connections"]) json["connection_ids"].push_back(row["connection_id"]);
}

/// Functions that a service sets to log connections, refusals and losses. Each may be empty. They are called without a
/// lock on the thread that caused the call, on several threads at once, and may call the manager. Their exceptions are
/// ignored. If another thread ends a connection while it is being added, `connection_removed` may be called before
/// `connection_added`.
struct Observer {
  Observer() = default;

  std::function<void(const ConnectionRow&)> connection_added;  ///< A connection was added.
  /// A connection has ended; ConnectionRow::ended says why, `reason` in words.
  std::function<void(const ConnectionRow&, std::string_view reason)> connection_removed;
  std::function<void(const ConnectionRow&, RefusalReason)> connection_refused;  ///< A connection was refused.
  std::function<void(const ConnectionRow&)> overflow;  ///< A gap has begun. Called once a gap, at its first lost event.

  /// A gap has ended. Called once a gap, with its exact number of events: when its reader is told, or when the stream
  /// is closed before that.
  std::function<void(const ConnectionRow&, const LostEvents&)> loss;
  /// An event's data could not be formatted; the emitter gets the exception.
  std::function<void(std::string_view type, std::string_view what)> format_failure;
  /// The log's state has changed, or this observer has been set; `what` is the reason, with the log's name. Called on a
  /// thread of the manager's own, and for `closed` on the one that destroys it.
  std::function<void(LogState, std::string_view what)> log_state;
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
