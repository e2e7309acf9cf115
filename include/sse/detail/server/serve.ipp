// SPDX-License-Identifier: MIT
// The bodies of http.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/base/platform.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/hub/drain.hpp"
#include "sse/detail/net/socket_options.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/event_manager.hpp"
#include "sse/http.hpp"
#include "sse/http_options.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// True: the acceptor cannot be used any more, or the accept loop was cancelled.
inline bool is_fatal_to_accepting(error_code error) {
  return error == asio::error::operation_aborted || error == asio::error::bad_descriptor ||
         error == asio::error::not_socket || error == asio::error::invalid_argument ||
         error == asio::error::operation_not_supported;
}

/// True: the next accept may succeed at once. False: descriptors or memory are short, or the network is down. That may
/// pass, and until then trying at once would only use up the processor.
inline bool may_accept_at_once(error_code error) {
  return !error || error == asio::error::would_block || error == asio::error::try_again ||
         error == asio::error::connection_aborted || error == asio::error::connection_reset;
}

inline asio::awaitable<void> accept_all(tcp::acceptor& acceptor, IntrusivePtr<Server> server) {
  constexpr int max_accepts = 64;  // In a row. Then other work of the executor has its turn.
  const std::chrono::milliseconds send_timeout = server->options.stream.send_timeout;
  asio::steady_timer pause(server->executor);
  IntrusivePtr<Session> next;
  acceptor.non_blocking(true);
  set_stream_options(acceptor, send_timeout);
  // True: sockets have the acceptor's options. Those that the system accepted before it had them do not.
  bool inherits = false;
  for (;;) {
    error_code error;
    if (!next) next = server->make_session();
    co_await acceptor.async_accept(next->stream(), asio::redirect_error(asio::use_awaitable, error));
    for (int left = max_accepts; !error;) {
      const IntrusivePtr<Session> session = std::move(next);
      if (!inherits) set_stream_options(session->stream(), send_timeout);
      session->stream().non_blocking(true);  // saves two calls of the system: Asio's own and the writer's
      if (server->add(*session)) session->begin();
      if (--left == 0) break;
      next = server->make_session();
      acceptor.accept(next->stream(), error);
    }
    if (accepted_inherit_options && error == asio::error::would_block) inherits = true;
    if (is_fatal_to_accepting(error)) throw system_error(error, "sse::serve");
    if (may_accept_at_once(error)) continue;
    pause.expires_after(std::chrono::milliseconds(100));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

/// Ends `wait` on `executor` when the last session has gone.
inline void end_wait_when_done(Server& server, const asio::any_io_executor& executor,
                               const std::shared_ptr<asio::steady_timer>& wait) {
  server.sessions_done->when_passed([executor, wait] {
    try {
      asio::post(executor, [wait] { wait->expires_at(asio::steady_timer::time_point::min()); });
    } catch (...) {  // without memory the wait ends by itself, after a second
    }
  });
}

/// Ends the sessions of a server that accepts no more, and waits until all have gone.
inline asio::awaitable<void> end_sessions(IntrusivePtr<Server> server) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto wait = std::make_shared<asio::steady_timer>(executor);
  end_wait_when_done(*server, executor, wait);
  std::vector<IntrusivePtr<Session>> sessions = server->close();
  const std::chrono::milliseconds grace = server->options.grace;
  server->cut_after(grace);
  error_code error;
  try {
    const auto stop = [](const IntrusivePtr<Session>& session) { session->stop(); };
    co_await end_each<asio::any_io_executor>(std::move(sessions), std::min(server->options.spread, grace), stop);
  } catch (const system_error& cancelled_again) {
    error = cancelled_again.code();
  }
  while (!server->sessions_done->is_passed()) {
    if (error) {
      co_await asio::this_coro::reset_cancellation_state();
      server->cut();
    }
    wait->expires_after(std::chrono::seconds(1));
    co_await wait->async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  co_await asio::this_coro::reset_cancellation_state();
}

}  // namespace sse::inline SSE_ABI::detail

namespace sse::inline SSE_ABI {

SSE_DECL asio::awaitable<void> serve(tcp::acceptor acceptor, EventManager& events, ServeOptions options) {
  const detail::IntrusivePtr<detail::Server> server(
      new detail::Server(events, std::move(options), acceptor.get_executor()));
  std::exception_ptr failure;
  try {
    co_await detail::accept_all(acceptor, server);
  } catch (const system_error& error) {
    if (error.code() != asio::error::operation_aborted) failure = std::current_exception();
  } catch (...) {
    failure = std::current_exception();
  }
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state();
  error_code ignored;
  acceptor.close(ignored);
  co_await detail::end_sessions(server);
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
