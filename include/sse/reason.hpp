// SPDX-License-Identifier: MIT
// The enumerations that say why a connection ended, lost events or was refused. Statistics, observers and metrics
// share them.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sse/detail/base/enum_names.hpp"
#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// The reason why a connection has ended.
enum class EndReason : std::uint8_t {
  disconnected,  ///< By `disconnect`, `disconnect_all`, or the manager's end.
  drained,       ///< By `drain`, or because `serve` was cancelled.
  expired,       ///< ConnectionOptions::expires_at has come.
  replaced,      ///< A new connection has the same id.
  too_slow,      ///< Its queue was full, under OverflowPolicy::disconnect, or it has lost events and is `raw`.
  closed,        ///< The service closed or destroyed its stream.
  peer_gone,     ///< The peer closed the connection, or it broke.
  send_timeout,  ///< The peer accepted no bytes for StreamOptions::send_timeout.
  flooded,       ///< The peer sent more than 64 KiB after its request.
  failed,        ///< Out of memory.
};

/// The reason why a connection has lost events.
enum class LossReason : std::uint8_t {
  queue_full,    ///< The connection reads too slowly.
  history_gone,  ///< The history no longer holds them: the client returned too late, or reads its replay too slowly.
  unread,        ///< They were queued when the stream was closed. A client that returns gets those with an id.
  unknown,       ///< The client's last event id is of another start or not readable: the number is not known.
  log,           ///< The log did not take them (Options::log), for any connection. Counted once an event, not a reader.
};

/// The reason why a connection was refused.
enum class RefusalReason : std::uint8_t {
  max_connections,          ///< Options::max_connections is reached.
  max_connections_per_key,  ///< Options::max_connections_per_key is reached.
  draining,                 ///< The manager or `serve` is being shut down.
  origin,                   ///< ServeOptions::allowed_origins does not name its origin.
};

}  // namespace sse::inline SSE_ABI

namespace sse::inline SSE_ABI::detail {

template <>
struct Names<EndReason> {
  static constexpr std::array<std::string_view, 10> all = {"disconnected", "drained", "expired",   "replaced",
                                                           "too_slow",     "closed",  "peer_gone", "send_timeout",
                                                           "flooded",      "failed"};
};

template <>
struct Names<LossReason> {
  static constexpr std::array<std::string_view, 5> all = {"queue_full", "history_gone", "unread", "unknown", "log"};
};

template <>
struct Names<RefusalReason> {
  static constexpr std::array<std::string_view, 4> all = {"max_connections", "max_connections_per_key", "draining",
                                                          "origin"};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
