// SPDX-License-Identifier: MIT
// Accepts sockets, reads their requests and closes them in good order. `serve` starts it.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/platform.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/net/socket_options.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/detail/server/answer.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/read_request.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Waits, for a bounded time, until the peer has read a response and closed: closing while its bytes are unread would
/// make the system throw the response away (RFC 9112, 9.6).
inline asio::awaitable<void> linger(Session::Socket& socket) {
  error_code error;
  socket.shutdown(tcp::socket::shutdown_send, error);
  StreamTimeout<Session::Socket> deadline(socket, co_await asio::this_coro::executor, std::chrono::seconds(2));
  std::array<char, 4096> ignored;
  for (std::size_t left = 1 << 20; !error && !deadline.passed() && left > ignored.size();)
    left -= co_await socket.async_read_some(asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, error));
}

inline asio::awaitable<void> serve_one(IntrusivePtr<Session> session) {
  Session::Socket& socket = session->socket;
  std::string text;
  Response error_response;
  try {
    const Request request = co_await read_request(socket, session->server->options.limits);
    error_response.head_only = request.method == "HEAD";
    std::optional<std::string> response = answer(*session, request);
    if (!response) co_return;
    text = std::move(*response);
  } catch (const HttpError& error) {
    error_response.body = std::string(error.what()) + '\n';
    error_response.headers = error.headers();
    text = response_text(error.status(), error_response);
  }
  co_await write_text(socket, std::move(text));
  co_await linger(socket);
}

template <class Executor>
asio::awaitable<void> accept_all(asio::basic_socket_acceptor<tcp, Executor>& acceptor, std::shared_ptr<Server> server) {
  constexpr int max_accepts = 64;  // in a row, then others have their turn
  asio::steady_timer pause(server->executor);
  std::size_t lane = 0;
  IntrusivePtr<Session> next;
  const auto prepare_next = [&] {
    if (!next) next = IntrusivePtr<Session>(new Session(server, server->lanes[lane++ % server->lanes.size()]));
  };
  acceptor.non_blocking(true);
  set_stream_options(acceptor, server->options.stream.send_timeout);
  bool inherits = false;  // the acceptor's options; those that the system had accepted before have not got them
  for (;;) {
    error_code error;
    prepare_next();
    co_await acceptor.async_accept(next->socket, asio::redirect_error(asio::use_awaitable, error));
    for (int left = max_accepts; !error;) {
      const IntrusivePtr<Session> session = std::move(next);
      if (!inherits) set_stream_options(session->socket, server->options.stream.send_timeout);
      session->socket.non_blocking(true);  // before Asio makes it so for itself, and once more for the writer
      if (server->add(*session))
        asio::co_spawn(session->get_executor(), serve_one(session), [server](std::exception_ptr) {});
      if (--left == 0) break;
      prepare_next();
      acceptor.accept(next->socket, error);
    }
    if (accepted_inherit_options && error == asio::error::would_block) inherits = true;
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor ||
        error == asio::error::not_socket || error == asio::error::invalid_argument ||
        error == asio::error::operation_not_supported)
      throw system_error(error, "sse::serve");
    if (error && error != asio::error::would_block && error != asio::error::try_again &&
        error != asio::error::connection_aborted && error != asio::error::connection_reset) {
      // No descriptors, no memory, or the network is down: that passes, and trying at once would only burn the
      // processor.
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
