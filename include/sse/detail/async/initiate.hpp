// SPDX-License-Identifier: MIT
// The initiations of a reader's operations, and the functions that they call. They only name the type Connection, so
// that a program that reads streams does not compile it.

#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "sse/config.hpp"
#include "sse/detail/async/waiter.hpp"
#include "sse/detail/base/separate_compilation.hpp"
#include "sse/event.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI::detail {

class Connection;
class WaitPlace;

/// Cancels one wait, unless a later one has replaced it. It owns nothing, because the cancellation slot may keep it
/// long after the stream is gone.
class WaitCanceller {
 public:
  WaitCanceller(const std::shared_ptr<Connection>& connection, std::uint64_t key) noexcept;
  void operator()(asio::cancellation_type type) const noexcept;

 private:
  std::weak_ptr<WaitPlace> place_;
  std::uint64_t key_;
};

/// ConnectionOptions::executor, or empty.
asio::any_io_executor given_executor(const Connection& connection) noexcept;

/// The executor of the connection's stream. A template, so that only a program that asks for it compiles the
/// conversion of a system_executor, which takes 0.4 s.
template <class System = asio::system_executor>
asio::any_io_executor executor_of(const Connection& connection) noexcept {
  asio::any_io_executor given = given_executor(connection);
  return given ? given : asio::any_io_executor(System());
}

/// Names the reader's next wait.
SSE_DECL std::uint64_t next_wait_key(Connection& connection) noexcept;

/// Publishes `waiter`, whose handler runs on `context`, or completes it at once where the connection is ready. An
/// exception leaves it with the caller.
SSE_DECL void start_wait(Connection& connection, Waiter* waiter, std::uint64_t key, asio::execution_context* context);

/// True if a read would find something at once: an event, or the end, also that of a connection whose time has come.
SSE_DECL bool finds_at_once(const Connection& connection);

/// Prefetches the memory that taking an event needs.
SSE_DECL void prefetch(const Connection& connection) noexcept;

/// Takes the event that the wait `key` was for. Empty: none is available, and `done` says whether the stream has ended.
/// `cancelled`: it was cancelled, even after its completion, and no event is taken.
SSE_DECL Event take_awaited_event(Connection& connection, std::uint64_t key, bool& cancelled, bool& done);

/// Takes the connection's next event. Empty: none is available, and `done` says whether the stream has ended.
SSE_DECL Event take_event(Connection& connection, bool& done);

/// Starts an operation on a connection. It is a class and not a lambda because Asio asks an initiation for its
/// executor, and it has a constructor because g++ 12 destroys an aggregate temporary in an awaited call twice.
class Initiation {
 public:
  using executor_type = asio::any_io_executor;
  template <class System = asio::system_executor>
  executor_type get_executor() const noexcept {
    return executor_of<System>(*connection_);
  }

  explicit Initiation(std::shared_ptr<Connection> connection) noexcept : connection_(std::move(connection)) {}

 protected:
  std::shared_ptr<Connection> connection_;
};

/// Starts a wait.
class InitiateWait : public Initiation {
 public:
  using Initiation::Initiation;
  template <class Handler>
  void operator()(Handler&& handler) const;  // in wait_operation.hpp
};

/// Starts a wait that takes the event.
class InitiateNext : public Initiation {
 public:
  using Initiation::Initiation;
  template <class Handler>
  void operator()(Handler&& handler) const;  // in next_operation.hpp
};

/// Starts a wait that takes the event, or nullopt at the end of the stream.
class InitiateStep : public Initiation {
 public:
  using Initiation::Initiation;
  template <class Handler>
  void operator()(Handler&& handler) const;  // in next_operation.hpp
};

/// The executor of a handler, or the stream's. (A handler with a member knows its own: the stream's is not made then.)
template <class Handler>
auto executor_for(const Handler& handler, const Connection& connection) noexcept {
  if constexpr (requires(const Handler& one) { static_cast<typename Handler::executor_type>(one.get_executor()); })
    return handler.get_executor();
  else
    return asio::get_associated_executor(handler, executor_of(connection));
}

/// The default completion token: Asio's, or use_awaitable where Asio has none (before 1.31).
using DefaultToken =
    std::conditional_t<std::is_void_v<asio::default_completion_token_t<asio::any_io_executor>>, asio::use_awaitable_t<>,
                       asio::default_completion_token_t<asio::any_io_executor>>;

}  // namespace sse::inline SSE_ABI::detail

#include "sse/detail/base/pop_options.hpp"
