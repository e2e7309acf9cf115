// SPDX-License-Identifier: MIT
// The templates of event_stream.hpp. A program that compiles the library once does not instantiate next() itself,
// unless its coroutines run on an executor of another type than Asio's usual one.

#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/initiate.hpp"
#include "sse/detail/async/next_operation.hpp"
#include "sse/detail/async/wait_operation.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event.hpp"
#include "sse/event_stream.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

template <class System>
EventStream::executor_type EventStream::get_executor() const noexcept {
  return detail::executor_of<System>(*connection_);
}

template <class Executor>
asio::awaitable<std::optional<Event>, Executor> EventStream::next_of(
    const std::shared_ptr<detail::Connection>& connection) {
  if (detail::finds_at_once(*connection)) return step<Executor>(connection);
  // The operation alone: a coroutine around it would be one more frame for each event.
  return asio::async_initiate<const asio::use_awaitable_t<Executor>, void(error_code, std::optional<Event>)>(
      detail::InitiateStep(connection), asio::use_awaitable_t<Executor>());
}

// The coroutine holds the connection and not the stream, which may be destroyed while it waits.
template <class Executor>
asio::awaitable<std::optional<Event>, Executor> EventStream::step(std::shared_ptr<detail::Connection> connection) {
  const asio::cancellation_state before = co_await asio::this_coro::cancellation_state;
  const auto cancelled_before = before.cancelled();  // a copy of `before` would share the state
  for (;;) {
    bool done = false;
    if (Event event = detail::take_event(*connection, done); !event.empty()) co_return event;
    if (done) co_return std::nullopt;
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(error_code)>(
        detail::InitiateWait(connection), asio::use_awaitable_t<Executor>());
    // It was cancelled between the wait's success and here: a caller that cancelled would discard the event.
    const asio::cancellation_state now = co_await asio::this_coro::cancellation_state;
    if (now.cancelled() != cancelled_before)
      throw system_error(asio::error::operation_aborted, "sse::EventStream::next");
  }
}

#if !defined(SSE_HEADER_ONLY)
extern template asio::awaitable<std::optional<Event>> EventStream::next_of(const std::shared_ptr<detail::Connection>&);
#endif

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
