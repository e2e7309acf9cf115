// SPDX-License-Identifier: MIT
// The bodies of ConnectAttempt. Its coroutine shares the client's options, which own the functions that run.

#pragma once

#include <exception>
#include <memory>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/client/connect_attempt.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

SSE_DECL std::shared_ptr<ConnectAttempt> ConnectAttempt::start(std::shared_ptr<const ClientOptions> options,
                                                               const asio::any_io_executor& executor, Url url,
                                                               bool makes_headers, asio::steady_timer& timer) {
  auto self = std::make_shared<ConnectAttempt>();
  self->timer_ = &timer;
  auto on_end = [self](const std::exception_ptr& error, AnyStream stream) {
    self->done_ = true;
    self->error_ = error;
    self->stream_ = std::move(stream);
    if (self->timer_) self->timer_->cancel();
  };
  asio::co_spawn(executor, run(std::move(options), self, std::move(url), makes_headers),
                 asio::bind_executor(executor, asio::bind_cancellation_slot(self->stop_.slot(), std::move(on_end))));
  return self;
}

SSE_DECL asio::awaitable<AnyStream> ConnectAttempt::run(std::shared_ptr<const ClientOptions> options,
                                                        std::shared_ptr<ConnectAttempt> self, Url url,
                                                        bool makes_headers) {
  if (makes_headers && options->make_headers) self->headers_ = co_await options->make_headers();
  co_return co_await options->connect(std::move(url));
}

SSE_DECL void ConnectAttempt::give_up() {
  detach();
  if (!done_) stop_.emit(asio::cancellation_type::terminal);
}

SSE_DECL AnyStream ConnectAttempt::take_stream() {
  if (error_) std::rethrow_exception(error_);
  return std::move(stream_);
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
