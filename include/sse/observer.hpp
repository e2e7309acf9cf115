// SPDX-License-Identifier: MIT
// The functions that a service sets to hear of connections, refusals and losses, and the rows that they are given.
// Also the answer of EventManager::get_connection_info().

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sse/reason.hpp"
#include "sse/version.hpp"
#include "sse/wire.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// What is known of one connection.
struct ConnectionRow {
  std::string connection_id;       ///< ConnectionOptions::connection_id, or the UUID in its place
  std::string request_id;          ///< ConnectionOptions::request_id
  std::string limit_key;           ///< ConnectionOptions::limit_key
  std::size_t queued = 0;          ///< events that wait, without those of the history
  std::size_t dropped = 0;         ///< events lost so far
  std::optional<EndReason> ended;  ///< why, where the connection has left the manager
};

/// Events that one connection has lost.
struct LostEvents {
  LossReason reason{};      ///< why
  std::uint64_t count = 0;  ///< with LossReason::unknown 0
  std::string first_id;     ///< of those that had an id; empty: none had
  std::string last_id;      ///< likewise
};

/// A manager's connections; while others come and go not all of one moment.
struct ConnectionInfo {
  std::size_t active_connections = 0;       ///< how many there are
  std::size_t max_queue_size = 0;           ///< Options::max_queue_size
  std::vector<std::string> connection_ids;  ///< in the order of `connections`
  std::vector<ConnectionRow> connections;   ///< one for each
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

/// Your logger's place. Each function may be empty, is called on the thread where the thing happened and on several at
/// once, with no lock held, and may call the manager; what it throws is ignored. Where another thread ends a connection
/// that is just being added, its removal may be told first.
struct Observer {
  Observer() = default;

  std::function<void(const ConnectionRow&)> connection_added;                             ///< one that was let in
  std::function<void(const ConnectionRow&, std::string_view reason)> connection_removed;  ///< ConnectionRow::ended too
  std::function<void(const ConnectionRow&, RefusalReason)> connection_refused;            ///< one that was not let in
  std::function<void(const ConnectionRow&)> overflow;  ///< once a gap, at its first event

  /// Once a gap, with the exact number: when its reader is told, or its stream is closed before that.
  std::function<void(const ConnectionRow&, const LostEvents&)> loss;
  std::function<void(std::string_view type, std::string_view what)> format_failure;  ///< what the emitter is thrown
};

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
