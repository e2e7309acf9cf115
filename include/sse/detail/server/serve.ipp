// SPDX-License-Identifier: MIT
// The bodies of http.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/drain.hpp"
#include "sse/detail/net/socket_options.hpp"
#include "sse/detail/net/tls_layer.hpp"
#include "sse/detail/server/accept_loop.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/event_manager.hpp"
#include "sse/http.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

using Timer = std::shared_ptr<asio::steady_timer>;

/// Ends the waits for a timer.
inline void end_wait(const Timer& timer) {
  timer->expires_at(asio::steady_timer::time_point::min());
}

/// Ends the sessions of a server that accepts no more, and waits until they have gone.
inline asio::awaitable<void> end_sessions(IntrusivePtr<Server> server, Timer timer) {
  const std::chrono::milliseconds grace = server->options.grace;
  server->cut_after(grace);
  error_code error;
  try {
    const auto stop = [](const IntrusivePtr<Session>& session) { session->stop(); };
    std::vector<IntrusivePtr<Session>> sessions = server->close();
    if (server->options.http2)  // each connection tells its peer at once, and spreads the end of its streams itself
      for (const IntrusivePtr<Session>& session : sessions) session->stop_http2();
    co_await end_each<asio::any_io_executor>(std::move(sessions), std::min(server->options.spread, grace), stop);
  } catch (const system_error& cancelled_again) {
    error = cancelled_again.code();
  } catch (const std::bad_alloc&) {  // they are cut instead
    error = asio::error::no_memory;
  }
  while (!server->sessions_done->is_passed()) {
    if (error) {
      co_await asio::this_coro::reset_cancellation_state();
      server->cut();
    }
    timer->expires_after(std::chrono::seconds(1));
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  co_await asio::this_coro::reset_cancellation_state();
}

/// Ends the waits for `timer` when the last session has gone. Made before the first, because later there may be no
/// memory for it, nor for an exception.
inline void end_wait_when_passed(Server& server, const Timer& timer) {
  server.sessions_done->when_passed([timer] {
    try {
      asio::post(timer->get_executor(), [timer] { end_wait(timer); });
    } catch (...) {  // no memory: the wait ends by itself
    }
  });
}

inline asio::awaitable<void> serve(AcceptLoop::Acceptor acceptor, EventManager& events, ServeOptions options) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const Timer timer = std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max());
  const IntrusivePtr<Server> server(new Server(events, std::move(options), acceptor.get_executor()));
  const IntrusivePtr<AcceptLoop> loop(
      new AcceptLoop(std::move(acceptor), server, executor, [timer] { end_wait(timer); }));
  end_wait_when_passed(*server, timer);
  asio::awaitable<void> end = end_sessions(server, timer);
  loop->start();
  error_code cancelled_or_failed;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, cancelled_or_failed));
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state();
  loop->stop();
  co_await std::move(end);
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (loop->error()) throw system_error(loop->error(), "sse::serve");
}

SSE_DECL asio::awaitable<void> serve_connection(asio::basic_stream_socket<asio::generic::stream_protocol> socket,
                                                std::unique_ptr<TlsLayer> tls, EventManager& events,
                                                ServeOptions options) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const Timer timer = std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max());
  const IntrusivePtr<Server> server(new Server(events, std::move(options), socket.get_executor(), 1));
  end_wait_when_passed(*server, timer);
  server->sessions_done->open_until_empty();
  asio::awaitable<void> end = end_sessions(server, timer);
  {
    const IntrusivePtr<Session> session = server->make_session();
    const auto protocol = socket.local_endpoint().protocol();
    session->stream().assign(protocol, socket.release());
    session->stream().non_blocking(true);
    set_stream_options(session->stream(), server->options.stream.send_timeout);
    if (tls) session->take_over(std::move(tls));
    server->add(*session);
    session->begin();
  }
  error_code cancelled_or_over;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, cancelled_or_over));
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state();
  co_await std::move(end);
  co_await asio::this_coro::throw_if_cancelled(throws);
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL asio::awaitable<void> serve(tcp::acceptor acceptor, EventManager& events, ServeOptions options) {
  return detail::serve(std::move(acceptor), events, std::move(options));
}

#if defined(SSE_LOCAL_SOCKETS)
SSE_DECL asio::awaitable<void> serve(asio::local::stream_protocol::acceptor acceptor, EventManager& events,
                                     ServeOptions options) {
  return detail::serve(std::move(acceptor), events, std::move(options));
}
#endif

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
