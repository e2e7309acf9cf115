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

/// Why a connection has ended.
enum class EndReason : std::uint8_t {
  disconnected,  ///< `disconnect`, `disconnect_all`, or the manager's end
  drained,       ///< `drain`, or `serve` was cancelled
  expired,       ///< ConnectionOptions::expires_at has come
  replaced,      ///< a new connection came with its id
  too_slow,      ///< OverflowPolicy::disconnect
  closed,        ///< its stream was closed or destroyed by the service
  peer_gone,     ///< the peer closed its connection, or that broke
  send_timeout,  ///< the peer took nothing for StreamOptions::send_timeout
  flooded,       ///< the peer sent more than 64 KiB after its request
  failed,        ///< out of memory
};

/// Why a connection has lost events.
enum class LossReason : std::uint8_t {
  queue_full,    ///< it reads too slowly
  history_gone,  ///< the history holds them no more: it came back too late, or reads its replay too slowly
  unread,        ///< they waited when its stream was closed; with an id, a client that comes back gets them
  unknown,       ///< its last event id is of another start, or can't be read: nobody can say how many
};

/// Why a connection was not let in.
enum class RefusalReason : std::uint8_t {
  max_connections,          ///< Options::max_connections
  max_connections_per_key,  ///< Options::max_connections_per_key
  draining,                 ///< the manager or `serve` is being shut down
  origin,                   ///< ServeOptions::allowed_origins
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
  static constexpr std::array<std::string_view, 4> all = {"queue_full", "history_gone", "unread", "unknown"};
};

template <>
struct Names<RefusalReason> {
  static constexpr std::array<std::string_view, 4> all = {"max_connections", "max_connections_per_key", "draining",
                                                          "origin"};
};

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
