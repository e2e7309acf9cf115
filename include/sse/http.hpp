// SPDX-License-Identifier: MIT
// Serves events over HTTP/1.1: `serve` for an acceptor, or the parts that it is made of. It includes the core.

#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "sse/config.hpp"
#include "sse/detail/base/intrusive_ptr.hpp"
#include "sse/detail/hub/drain.hpp"
#include "sse/detail/net/coarse_timer.hpp"
#include "sse/detail/server/accept.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/event_manager.hpp"
#include "sse/event_stream.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/metrics.hpp"
#include "sse/read_request.hpp"
#include "sse/request.hpp"
#include "sse/response.hpp"
#include "sse/sse.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// Offers the events of `events` to every client that connects: accepts, answers GET of `options.path` with a stream,
/// HEAD with its head, and the preflight of a page that may read; 404 elsewhere, 405 with Allow, 503 past the manager's
/// max_connections, the status of HttpError to a head that is none, and what `options.admit` says. It survives a lack
/// of descriptors and peers that give up.
///
/// It returns when it is cancelled (terminal): it stops accepting, ends its streams with `disconnect` over the time
/// `options.spread`, and waits until they are delivered, at most `options.grace`; a second cancellation cuts them at
/// once. Errors: sse::system_error when the acceptor can't be used. Thread safety: its sessions run on a few strands
/// over the acceptor's executor, whichever that is; where that has several threads, the call itself needs a strand, on
/// which it is cancelled. `events` must outlive the call, which needs a coroutine of its own: it clears that
/// coroutine's cancellation state.
template <class Executor>
asio::awaitable<void> serve(asio::basic_socket_acceptor<tcp, Executor> acceptor, EventManager& events,
                            ServeOptions options = {}) {
  const auto server = std::make_shared<detail::Server>(events, std::move(options), acceptor.get_executor());
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
  EventStream gone = server->latch.add_connection();
  while (gone.try_next()) {
  }
  std::vector<detail::IntrusivePtr<detail::Session>> sessions = server->all();
  const std::chrono::milliseconds grace = server->options.grace;
  if (grace.count() <= 0) server->cut();
  server->expire_at(detail::CoarseTimer::after(grace));
  server->timer->add(*server, acceptor.get_executor());
  bool cancelled_again = false;
  try {
    const auto stop = [](const detail::IntrusivePtr<detail::Session>& session) { session->stop(); };
    co_await detail::end_each<asio::any_io_executor>(std::move(sessions), std::min(server->options.spread, grace),
                                                     stop);
  } catch (const system_error&) {
    cancelled_again = true;
  }
  if (cancelled_again) {
    co_await asio::this_coro::reset_cancellation_state();
    server->cut();
  }
  while (!server->empty()) {
    error_code cancelled;
    co_await gone.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (!cancelled) break;
    co_await asio::this_coro::reset_cancellation_state();
    server->cut();
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
