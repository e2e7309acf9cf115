// SPDX-License-Identifier: MIT
// The bodies of detail/server/handling.hpp. src.hpp compiles them once; else the header includes them.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/detail/http1/response_text.hpp"
#include "sse/detail/net/stream_timeout.hpp"
#include "sse/detail/server/answer_headers.hpp"
#include "sse/detail/server/handling.hpp"
#include "sse/detail/server/server.hpp"
#include "sse/detail/server/session.hpp"
#include "sse/detail/server/write_text.hpp"
#include "sse/handled_request.hpp"
#include "sse/http_error.hpp"
#include "sse/http_options.hpp"
#include "sse/request.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// A strand of its own. It is made over an io_context's executor itself where there is one: a strand over the
/// type-erased executor is too large for any_io_executor to hold without an allocation, and posts for more.
inline asio::any_io_executor make_handler_strand(const asio::any_io_executor& executor) {
  if (const auto* const io = executor.target<asio::io_context::executor_type>()) return asio::make_strand(*io);
  return asio::make_strand(executor);
}

SSE_DECL std::shared_ptr<HandlerDriver> make_handling(HandlerPlace&& place, Request request,
                                                      ConnectionOptions connection, StreamOptions options,
                                                      const HandlerRoute& route) {
  auto handled = std::make_unique<HandledRequest>(std::move(request), std::move(connection), std::move(options),
                                                  std::move(place.socket), make_handler_strand(place.server->executor),
                                                  std::move(place.tls));
  return std::make_shared<Handling>(std::move(place.server), std::move(handled), route.handler);
}

SSE_DECL Handling::~Handling() {
  server_->handler_done();
}

SSE_DECL void Handling::start(IntrusivePtr<Session> keep) {
  const asio::any_io_executor executor = request_->stream.get_executor();
  asio::co_spawn(
      executor, [this] { return run(); },
      asio::bind_cancellation_slot(cancel_.slot(), [self = shared_from_this(), keep = std::move(keep)](
                                                       std::exception_ptr) { self->done_ = true; }));
}

SSE_DECL void Handling::stop() {
  asio::post(request_->stream.get_executor(), [self = shared_from_this()] {
    HandlerStream& stream = self->request_->stream;
    if (std::exchange(stream.stopping_, true)) return;
    const std::function<void()> function = std::exchange(stream.on_stopping_, nullptr);
    if (function) function();
  });
}

SSE_DECL void Handling::abort() {
  asio::post(request_->stream.get_executor(), [self = shared_from_this()] {
    if (std::exchange(self->aborted_, true)) return;
    error_code ignored;
    self->request_->stream.socket_.close(ignored);
    if (!self->done_) self->cancel_.emit(asio::cancellation_type::terminal);
  });
}

SSE_DECL asio::awaitable<void> Handling::run() {
  HandlerStream& stream = request_->stream;
  std::exception_ptr failure;
  try {
    co_await handler_(*request_);
    if (!stream.written_) throw Error(errc::http_error, "sse: a handler has returned without a response");
  } catch (...) {
    failure = std::current_exception();
  }
  stream.on_stopping_ = nullptr;
  if (aborted_) co_return;
  if (failure) {
    report(failure);
    if (stream.written_) {  // the peer sees a body that was cut
      error_code ignored;
      stream.socket_.shutdown(asio::socket_base::shutdown_both, ignored);
      co_return;
    }
    co_await answer_failure(failure);
  }
  co_await linger();
}

SSE_DECL asio::awaitable<void> Handling::answer_failure(std::exception_ptr failure) {
  const HttpError error = with_cors(error_of(failure), request_->options);
  const bool head_only = request_->request.method == "HEAD";
  co_await write_text<asio::any_io_executor>(request_->stream,
                                             response_text(error, "text/plain; charset=utf-8", head_only));
}

/// Waits, for at most 2 s, until the peer has read the response and closed, as a session does.
SSE_DECL asio::awaitable<void> Handling::linger() {
  HandlerStream& stream = request_->stream;
  error_code error;
  if (stream.tls_) stream.tls_->close_notify();
  stream.socket_.shutdown(asio::socket_base::shutdown_send, error);
  StreamTimeout<HandlerStream> deadline(stream, stream.get_executor(), std::chrono::seconds(2));
  std::array<char, 4096> ignored;
  constexpr std::size_t max_size = 1 << 20;
  for (std::size_t size = 0; !error && size < max_size;)
    size += co_await stream.async_read_some(asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, error));
}

SSE_DECL void Handling::report(const std::exception_ptr& failure) noexcept {
  try {
    if (const HandlerFailure& failed = server_->options.handler_failure) failed(request_->request, failure);
  } catch (...) {  // the client gets the same answer if the logger fails
  }
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
