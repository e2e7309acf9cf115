// SPDX-License-Identifier: MIT
// The socket options of a stream of events. `serve` sets them on the acceptor where sockets inherit them.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

#include "sse/config.hpp"
#include "sse/detail/base/platform.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Child processes do not inherit the socket.
template <class Socket>
void set_close_on_exec([[maybe_unused]] Socket& socket) noexcept {
#if defined(SSE_CLOSE_ON_EXEC)
  ::fcntl(socket.native_handle(), F_SETFD, SSE_CLOSE_ON_EXEC);
#endif
}

/// Sets the options of a stream's socket. Errors are ignored: a socket without them works.
template <class Socket>
void set_stream_options(Socket& socket, [[maybe_unused]] std::chrono::milliseconds send_timeout) {
  error_code ignored;
  if constexpr (requires { socket.set_option(asio::ip::tcp::no_delay(true), ignored); }) {
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    [[maybe_unused]] const auto set = [&](int name, unsigned value) {
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, name, reinterpret_cast<const char*>(&value), sizeof value);
    };
#if defined(SSE_TCP_USER_TIMEOUT)
    // Detects a peer that has vanished. It is far longer than the writer's own time-out, because Linux takes the small
    // window of a slow peer for none.
    constexpr std::int64_t longest = std::numeric_limits<int>::max() / 10;
    set(SSE_TCP_USER_TIMEOUT, static_cast<unsigned>(10 * std::clamp<std::int64_t>(send_timeout.count(), 0, longest)));
#endif
#if defined(SSE_TCP_NOTSENT_LOWAT)
    // Keeps the events for a slow peer in the stream's queue, where the oldest are dropped, and out of the system's
    // buffer, which grows to megabytes.
    set(SSE_TCP_NOTSENT_LOWAT, 64 * 1024);
#endif
  }
}

/// Keeps less in the system's buffer than set_stream_options does, because compressed events are short: a client that
/// does not read is to find recent ones.
template <class Socket>
void keep_little_unsent([[maybe_unused]] Socket& socket) noexcept {
#if defined(SSE_TCP_NOTSENT_LOWAT)
  if constexpr (requires { socket.native_handle(); }) {
    const unsigned value = 16 * 1024;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, SSE_TCP_NOTSENT_LOWAT, reinterpret_cast<const char*>(&value),
                 sizeof value);
  }
#endif
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
