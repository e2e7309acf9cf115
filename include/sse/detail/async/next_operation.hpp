// SPDX-License-Identifier: MIT
// The operation behind EventStream::async_next and next: a wait whose handler takes the event when it runs, so that an
// event is never taken for an operation that was cancelled.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/initiate.hpp"
#include "sse/detail/async/wait_operation.hpp"
#include "sse/event.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

/// Handles a wait: takes an event and calls `handler`. It passes the handler's associations on. `is_step`: the handler
/// takes a std::optional<Event>, and the end is no error.
template <class Handler, bool is_step>
class NextHandler {
 public:
  using executor_type = asio::associated_executor_t<Handler, asio::any_io_executor>;
  executor_type get_executor() const noexcept { return executor_for(handler_, *connection_); }
  using allocator_type = asio::associated_allocator_t<Handler>;
  allocator_type get_allocator() const noexcept { return asio::get_associated_allocator(handler_); }
  using cancellation_slot_type = asio::associated_cancellation_slot_t<Handler>;
  cancellation_slot_type get_cancellation_slot() const noexcept {
    return asio::get_associated_cancellation_slot(handler_);
  }

  NextHandler(std::shared_ptr<Connection> connection, Handler&& handler)
      : connection_(std::move(connection)), handler_(std::move(handler)) {}

  /// Starts the wait. If that throws, the handler is destroyed.
  void start() {
    key_ = next_wait_key(*connection_);
    Connection& connection = *connection_;
    const std::uint64_t key = key_;
    auto* const operation = make_wait(std::shared_ptr<Connection>(connection_), key, *this);
    try {
      start_wait(connection, operation, key, operation->context());
    } catch (...) {
      Waiter::destroy_all(operation);
      throw;
    }
  }

  void operator()(error_code error) {
    Event event;
    bool cancelled = false, done = false;
    if (!error) try {
        event = take_awaited_event(*connection_, key_, cancelled, done);
        if (cancelled) error = asio::error::operation_aborted;
      } catch (...) {
        error = asio::error::no_memory;
      }
    if (!error && event.empty()) {
      if (!done) return wait_again();  // the event was taken meanwhile, or the history has dropped it
      if (!is_step) error = asio::error::eof;
    }
    complete(error, std::move(event));
  }

  void prefetch() const noexcept { detail::prefetch(*connection_); }

 private:
  void complete(error_code error, Event event) {
    if constexpr (is_step)
      std::move(handler_)(error, event.empty() ? std::optional<Event>() : std::optional<Event>(std::move(event)));
    else
      std::move(handler_)(error, std::move(event));
  }
  void wait_again() {
    const std::shared_ptr<Connection> connection = connection_;
    const std::uint64_t key = key_ = next_wait_key(*connection);
    WaitOperation<NextHandler>* operation = nullptr;
    try {
      operation = make_wait(connection, key, *this);
      start_wait(*connection, operation, key, operation->context());
    } catch (...) {
      if (operation)
        operation->run(operation, asio::error::no_memory);
      else
        complete(asio::error::no_memory, Event());
    }
  }

  std::shared_ptr<Connection> connection_;
  std::uint64_t key_ = 0;  ///< Names the wait.
  Handler handler_;
};

template <class Handler>
void InitiateNext::operator()(Handler&& handler) const {
  NextHandler<std::decay_t<Handler>, false>(connection_, std::forward<Handler>(handler)).start();
}

template <class Handler>
void InitiateStep::operator()(Handler&& handler) const {
  NextHandler<std::decay_t<Handler>, true>(connection_, std::forward<Handler>(handler)).start();
}

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
